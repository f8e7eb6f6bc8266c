"""Public data sets whose versions are known by their counts.

The name of a data set says little: two versions of it share one, and people pass on copies that
are neither. How many images each class has in each part tells them apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Counts = Mapping[str, Mapping[str, int]]
"""Images by part ("train", "test"; "all" where a folder has no parts) and class."""


@dataclass(frozen=True, kw_only=True)
class KnownSet:
    """One version of a public data set.

    Attributes:
        name: How it is called in messages.
        counts: Images by part and class.
    """

    name: str
    counts: Counts

    @property
    def total(self) -> int:
        """Images in all."""
        return total(self.counts)


@dataclass(frozen=True, kw_only=True)
class Recognition:
    """What a folder turned out to be.

    Attributes:
        name: Of the known set with these counts, or of the one that the folder is named after.
        verdict: "recognised", or "differs" where the folder's name promises other counts.
        note: One sentence for people.
    """

    name: str
    verdict: Literal["recognised", "differs"]
    note: str


BRAIN_TUMOR_MRI = KnownSet(
    name="Brain Tumor MRI Dataset, 7,023 images",
    counts={
        "train": {"glioma": 1321, "meningioma": 1339, "notumor": 1595, "pituitary": 1457},
        "test": {"glioma": 300, "meningioma": 306, "notumor": 405, "pituitary": 300},
    },
)
"""Version 1 of masoudnickparvar/brain-tumor-mri-dataset on Kaggle: the one that papers until 2025
used. Its counts stand in the class tables of many public repositories that trained on it."""

BRAIN_TUMOR_MRI_BALANCED = KnownSet(
    name="Brain Tumor MRI Dataset, 7,200 images (balanced, 2026)",
    counts={
        "train": dict.fromkeys(("glioma", "meningioma", "notumor", "pituitary"), 1400),
        "test": dict.fromkeys(("glioma", "meningioma", "notumor", "pituitary"), 400),
    },
)
"""Version 2 of the same, put up in February 2026 and since then what a download without a version
gives. Its counts are those in the READMEs of public repositories that trained on it in 2026."""

KNOWN_SETS = (BRAIN_TUMOR_MRI, BRAIN_TUMOR_MRI_BALANCED)

_CLOSE = 0.01  # of a version's images: the set looks like that version with some missing

_ITS_NAMES = {"braintumormri", "braintumormridataset"}
"""What a folder of either version is called, in lower case and with letters only."""


def recognise(counts: Counts, folder_name: str) -> Recognition | None:
    """Say which known set a folder holds.

    Args:
        counts: Readable images by part and class.
        folder_name: The folder's own name, without its parents.

    Returns:
        The set with exactly these counts, whatever the folder is called; else a warning where the
        folder is named after a known set; else None.
    """
    for known in KNOWN_SETS:
        if _plain(counts) == _plain(known.counts):
            return Recognition(
                name=known.name,
                verdict="recognised",
                note=f"The counts are those of the {known.name}.",
            )
    if "".join(filter(str.isalnum, folder_name.lower())) not in _ITS_NAMES:
        return None
    own = total(counts)
    versions = " or ".join(_version(known, own) for known in KNOWN_SETS)
    return Recognition(
        name=BRAIN_TUMOR_MRI.name,
        verdict="differs",
        note=(
            "The folder is named like the Brain Tumor MRI Dataset, whose versions have "
            f"{versions} images, but it holds {own:,} ({describe(counts)}): its figures cannot be "
            "compared with published ones."
        ),
    )


def _version(known: KnownSet, images: int) -> str:
    """A version's images; by class where their number alone does not tell the difference."""
    near = abs(known.total - images) < _CLOSE * known.total
    return f"{known.total:,} ({describe(known.counts)})" if near else f"{known.total:,}"


def total(counts: Counts) -> int:
    """Images in all parts and classes."""
    return sum(number for classes in counts.values() for number in classes.values())


def describe(counts: Counts) -> str:
    """The counts as text: part by part, classes in alphabetical order."""
    return "; ".join(
        f"{part}: " + ", ".join(f"{label} {number}" for label, number in sorted(classes.items()))
        for part, classes in sorted(counts.items(), reverse=True)
    )


def _plain(counts: Counts) -> dict[str, dict[str, int]]:
    """The counts without classes and parts that have no image."""
    filled = {part: {k: n for k, n in classes.items() if n} for part, classes in counts.items()}
    return {part: classes for part, classes in filled.items() if classes}
