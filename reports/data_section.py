"""The images behind a run, as typed figures for the report's section "Data"."""

from collections.abc import Mapping
from dataclasses import dataclass

from reports.audit import Audit, KnownSet, KnownVerdict, SizeCount, UnreadableFile
from reports.pairs import PairGroup, pair_groups
from reports.run import Run
from reports.treatment import treatment
from reports.wording import NONE

__all__ = ["MOST_UNREADABLE", "ClassRow", "DataSection", "data_section"]

MOST_UNREADABLE = 20
"""So many unreadable files are named; all are in audit.json."""

_MOST_SIZES = 5
_ORDER = ("train", "validation", "test", "dropped")


@dataclass(frozen=True)
class ClassRow:
    """One class, or all of them; None where something is not known.

    Attributes:
        name: The class.
        images: In each part, in the section's order of parts.
        exact: Test images whose pixels training also holds.
        near: Test images of which training holds a similar picture only.
        clean: Test images with no twin in training or validation, as the parts were used.
    """

    name: str
    images: tuple[int, ...]
    exact: int | None
    near: int | None
    clean: int | None


@dataclass(frozen=True, kw_only=True)
class DataSection:
    """Everything that the section shows.

    Attributes:
        fingerprint: Of all images, their classes and parts; None before it was taken.
        known: The public set that these images are, or call themselves.
        counted: What was looked for and how often it was found.
        findings: The audit's sentences, the gravest first; None: no audit that makes sentences.
        parts: The parts of the split that hold images.
        classes: A row for each class, then one for all.
        treatment: What the split did about twins.
        groups: Pairs of images to look at.
        hidden: Pairs that were left out, since a page holds only so many pictures.
        pictures: How many pictures the section holds.
        unreadable: The first files that are no images.
        more_unreadable: How many further ones there are.
        kinds: Sizes, formats and modes, by name.
        odd: Files to look at, with the reason.
    """

    fingerprint: str | None
    known: KnownSet | None
    counted: tuple[tuple[str, str], ...]
    findings: tuple[str, ...] | None
    parts: tuple[str, ...]
    classes: tuple[ClassRow, ...]
    treatment: tuple[str, ...]
    groups: tuple[PairGroup, ...]
    hidden: int
    pictures: int
    unreadable: tuple[UnreadableFile, ...]
    more_unreadable: int
    kinds: tuple[tuple[str, str], ...]
    odd: tuple[tuple[str, str], ...]

    @property
    def empty(self) -> bool:
        """Whether the images have not been looked at yet."""
        return not (self.fingerprint or self.counted or self.classes)

    @property
    def differs(self) -> bool:
        """Whether the images call themselves a public set and are not."""
        return self.known is not None and self.known.verdict is KnownVerdict.DIFFERS


def data_section(run: Run, *, images: bool) -> DataSection:
    """Gather the section from the audit, the split and run.yaml, whichever there are.

    Args:
        run: The run.
        images: Whether thumbnails are taken in.

    Raises:
        RunDirectoryError: `audit.json` or the split is damaged.
    """
    audit, counts = run.audit, _counts(run)
    groups, hidden = pair_groups(run, images=images)
    files = audit.unreadable_files if audit else ()
    return DataSection(
        fingerprint=_fingerprint(run),
        known=audit.known_set if audit else None,
        counted=_counted(audit) if audit else (),
        findings=_findings(audit),
        parts=tuple(counts),
        classes=_classes(run, counts),
        treatment=treatment(run),
        groups=groups,
        hidden=hidden,
        pictures=sum(group.pictures for group in groups),
        unreadable=files[:MOST_UNREADABLE],
        more_unreadable=max(0, len(files) - MOST_UNREADABLE),
        kinds=_kinds(audit) if audit else (),
        odd=_odd(audit) if audit else (),
    )


def _fingerprint(run: Run) -> str | None:
    data = run.info.get("data")
    found = data.get("fingerprint") if isinstance(data, Mapping) else None
    return None if found is None else str(found)


def _findings(audit: Audit | None) -> tuple[str, ...] | None:
    if audit is None or audit.findings is None:
        return None
    # A set that is not what its name says has a banner of its own.
    told = "" if audit.known_set is None else audit.known_set.note
    return tuple(one.sentence for one in audit.findings if one.sentence != told)


def _counts(run: Run) -> dict[str, dict[str, int]]:
    counts = run.counts or ((run.audit.classes if run.audit else None) or {})
    names = sorted(counts, key=lambda part: _ORDER.index(part) if part in _ORDER else len(_ORDER))
    return {part: counts[part] for part in names}


def _classes(run: Run, counts: Mapping[str, Mapping[str, int]]) -> tuple[ClassRow, ...]:
    audit = run.audit
    twins = (
        audit.test_images_with_exact_twin if audit else None,
        audit.test_images_with_near_twin_only if audit else None,
        run.clean_counts,
    )
    names = sorted({name for by_class in counts.values() for name in by_class})
    rows = [
        ClassRow(
            name,
            tuple(by_class.get(name, 0) for by_class in counts.values()),
            *(None if known is None else known.get(name, 0) for known in twins),
        )
        for name in names
    ]
    return (*rows, _all(counts, twins)) if rows else ()


def _all(
    counts: Mapping[str, Mapping[str, int]], twins: tuple[Mapping[str, int] | None, ...]
) -> ClassRow:
    exact, near, clean = (None if known is None else sum(known.values()) for known in twins)
    images = tuple(sum(by_class.values()) for by_class in counts.values())
    return ClassRow("all classes", images, exact, near, clean)


def _counted(audit: Audit) -> tuple[tuple[str, str], ...]:
    pairs = {
        "exact twins across parts, pairs": "exact_twins_across_parts",
        "near twins across parts, pairs": "near_twins_across_parts",
        "near twins within a part, pairs": "near_twins_within_parts",
        "same picture, two classes, pairs": "label_conflicts",
        "near twins of two classes, pairs": "near_label_conflicts",
    }
    counted = (
        ("readable images", audit.images),
        ("of different pixels", audit.unique),
        ("unreadable files", audit.unreadable),
        *((name, audit.count(kind)) for name, kind in pairs.items()),
        ("further copies within a part", audit.extra_copies_within_parts),
    )
    told = tuple((name, _number(number)) for name, number in counted)
    files = (("classes read from", audit.labels_file), ("groups read from", audit.groups_file))
    return (*told, *((name, file) for name, file in files if file))


def _number(number: int | None) -> str:
    return "not looked for" if number is None else f"{number:,}"


def _kinds(audit: Audit) -> tuple[tuple[str, str], ...]:
    rest = sum(size.images for size in audit.sizes[_MOST_SIZES:])
    sizes = [_size(size) for size in audit.sizes[:_MOST_SIZES]]
    sizes += [f"others: {rest:,}"] if rest else []
    told = (
        ("sizes in pixels", "; ".join(sizes)),
        ("formats", _by_name(audit.formats)),
        ("modes", _by_name(audit.modes)),
    )
    return tuple((name, text or NONE) for name, text in told) if any(t for _, t in told) else ()


def _size(size: SizeCount) -> str:
    return f"{size.width} \N{MULTIPLICATION SIGN} {size.height}: {size.images:,}"


def _by_name(counts: Mapping[str, int] | None) -> str:
    return "; ".join(f"{name}: {images:,}" for name, images in (counts or {}).items())


def _odd(audit: Audit) -> tuple[tuple[str, str], ...]:
    endings = ((one.file, f"is in truth {one.format}") for one in audit.wrong_endings)
    return (*((one.file, one.what) for one in audit.odd), *endings)
