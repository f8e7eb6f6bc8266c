"""Which images belong together, and the division that keeps them so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scans.copies.search import Copies, connect, find_copies
from scans.division.split import Division, split
from scans.files.groups import GROUPS_NAME, read_groups
from scans.files.listing import refuse_stray_link
from scans.manifest import Manifest

__all__ = ["GROUPS_NAME", "divide", "group_images", "groups_file_of", "read_told_groups"]


def groups_file_of(manifest: Manifest, given: Path | None = None) -> Path | None:
    """Return the CSV of groups: the one that is given, else the data folder's own, else None.

    Raises:
        DataError: The data folder's own is a link that leads out of it.
    """
    own = manifest.root / GROUPS_NAME
    if given is not None or not own.is_file():
        return given
    if own.is_symlink():
        refuse_stray_link(own, manifest.root)
    return own


def read_told_groups(manifest: Manifest, groups_file: Path) -> dict[str, str]:
    """Read which group a CSV gives to each file of a data folder, those it can give one to.

    Raises:
        DataError: The CSV cannot be used; see `scans.files.groups.read_groups`.
    """
    # A file that cannot be read is of no group, but naming it is no fault of the CSV's.
    unreadable = (one.file for one in manifest.unreadable)
    return read_groups(groups_file, [*manifest.columns["file"], *unreadable])


def group_images(
    manifest: Manifest, copies: Copies, groups_file: Path | None = None
) -> NDArray[np.int32]:
    """Number the groups of images that must stay on one side of a division.

    Without a CSV, copies make a group, exact and near ones. A CSV overrides that guess for the
    files that it names: they belong together as it says, and near copies under two of its groups
    are taken for different pictures. Files of equal pixels stay together whatever it says.

    Args:
        manifest: Of the data folder.
        copies: Among its images.
        groups_file: CSV of file and group, a patient for instance.

    Returns:
        Number of each row's group, (images,).

    Raises:
        DataError: The CSV cannot be used; see `scans.files.groups.read_groups`.
    """
    if groups_file is None:
        return copies.groups
    files = manifest.columns["file"]
    told = read_told_groups(manifest, groups_file)
    named = np.array([file in told for file in files])
    pictures = int(copies.picture.max()) + 1
    settled = np.zeros(pictures, dtype=bool)
    settled[copies.picture[named]] = True
    guessed = copies.near[~(settled[copies.near[:, 0]] & settled[copies.near[:, 1]])]
    # Pictures and the CSV's groups are linked: a row of the CSV links a picture to its group.
    numbers = {group: pictures + n for n, group in enumerate(sorted(set(told.values())))}
    rows = [
        (picture, numbers[told[file]])
        for picture, file in zip(copies.picture.tolist(), files, strict=True)
        if file in told
    ]
    links = np.concatenate([guessed, np.array(rows, dtype=np.int64).reshape(-1, 2)])
    return connect(pictures + len(numbers), links)[copies.picture]


def divide(
    manifest: Manifest,
    division: Division,
    *,
    groups_file: Path | None = None,
    cache: Path | None = None,
) -> pa.Table:
    """Find the copies among a manifest's images and divide them; see `scans.division.split.split`.

    Args:
        manifest: Of the data folder.
        division: How to divide.
        groups_file: CSV of file and group; None takes the data folder's own, where it has one.
        cache: Folder of the caches; None does without.

    Raises:
        DataError: The images cannot be divided, or the CSV cannot be used.
    """
    copies = find_copies(manifest, cache=cache)
    groups = group_images(manifest, copies, groups_file_of(manifest, groups_file))
    return split(manifest, groups, division)
