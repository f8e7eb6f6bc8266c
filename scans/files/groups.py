"""Groups from a CSV file: which files show the same person, and must stay in one part."""

from collections.abc import Collection
from pathlib import Path

from scans.files.csv_files import read_rows

GROUPS_NAME = "groups.csv"
"""A CSV of this name in the data folder says which images are of one patient."""


def read_groups(path: Path, files: Collection[str]) -> dict[str, str]:
    """Read which group each file belongs to.

    Args:
        path: A CSV file with the columns `file` and `group`, as `scans.files.csv_files.read_rows`
            describes it.
        files: Paths of the data folder's files, relative to it, with forward slashes.

    Returns:
        The group by file, spelt as in `files`; a file that is not named has no entry.

    Raises:
        DataError: As `read_rows` does; a file that is not among `files` is named with its line.
    """
    rows = read_rows(path.expanduser().absolute(), files, required="group")
    return {row.file: row.values["group"] for row in rows}
