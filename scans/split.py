"""The split: which image trains, which one validates, which one is kept for the test."""

from collections import Counter

import pyarrow as pa

from neurosweep.errors import DataError
from scans.manifest import Manifest, content_hash

TEST_SHARE = 0.2
"""Share of all images set aside for the test where the folder has no Testing."""

CONTENT_KEY = b"neurosweep.content"
"""Schema metadata of a split: hash of its images' bytes, compared when they are decoded."""


def split(manifest: Manifest, validation: float, seed: int) -> pa.Table:
    """Split the images by class, the same way for the same seed.

    Args:
        manifest: Of the data folder. Its test part is kept as it is; where the folder has none,
            `TEST_SHARE` of the images is set aside first.
        validation: Share of the images that are not for the test, between 0 and 1 (exclusive).
        seed: Chooses the images.

    Returns:
        Columns file, label, part ("train", "validation" or "test"), sorted by part and file.

    Raises:
        DataError: `validation` is out of range, or a class has too few images to split.
    """
    if not 0 < validation < 1:
        raise DataError(f"The validation share must lie between 0 and 1, but it is {validation}.")
    rows = manifest.table.select(["file", "label", "part"]).to_pylist()
    test = {row["file"] for row in rows if row["part"] == "test"}
    labels = {row["file"]: str(row["label"]) for row in rows if row["part"] != "test"}
    if not test:
        test = _draw(labels, share=TEST_SHARE, seed=seed)
    rest = {file: label for file, label in labels.items() if file not in test}
    parts = dict.fromkeys(test, "test") | dict.fromkeys(
        _draw(rest, share=validation, seed=seed), "validation"
    )
    return _table(manifest, parts)


def _draw(labels: dict[str, str], *, share: float, seed: int) -> set[str]:
    """Choose a share of the files, in the proportions of their classes."""
    from sklearn.model_selection import train_test_split  # takes a second to import

    files = sorted(labels)
    try:
        _, drawn = train_test_split(
            files, test_size=share, random_state=seed, stratify=[labels[file] for file in files]
        )
    except ValueError as error:
        counts = ", ".join(f"{label} {n}" for label, n in sorted(Counter(labels.values()).items()))
        raise DataError(
            f"A share of {share} of the images must hold some of every class, but there are only: "
            f"{counts} ({error}); add images or change the share."
        ) from error
    return set(drawn)


def _table(manifest: Manifest, parts: dict[str, str]) -> pa.Table:
    """Build the table of the split; a file without a part trains."""
    files = manifest.table["file"].to_pylist()
    table = pa.table(
        {
            "file": files,
            "label": manifest.table["label"],
            "part": [parts.get(file, "train") for file in files],
        }
    ).sort_by([("part", "ascending"), ("file", "ascending")])
    content = content_hash(files, manifest.table["bytes_hash"].to_pylist())
    return table.replace_schema_metadata({CONTENT_KEY: content.encode()})
