"""A run directory, opened for reading."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurosweep.errors import RunDirectoryError
from reports.architecture import Architecture, read_architecture
from reports.audit import Audit, read_audit
from reports.cross_validation import CrossValidation, read_cross_validation
from reports.ensembles import without_earlier_ensembles
from reports.epochs import EpochRecord, read_epochs
from reports.evaluation import Evaluation, read_evaluation
from reports.explanations import Explanations, read_explanations
from reports.files import read_lines, read_yaml
from reports.records import TrialRecord
from reports.repeated_finalists import RepeatedFinalists, read_repeated_finalists
from reports.run_yaml import check_info

if TYPE_CHECKING:
    import pyarrow as pa

    from reports.run_statistics import Statistics

__all__ = ["STATISTICS", "Run", "read_run"]

STATISTICS = "statistics.json"
"""Keeps what `Run.statistics` worked out."""

LAYOUT_VERSIONS = (1, 2)
"""Schema versions of run.yaml whose files this room can read; they differ in what resumes alone."""


@dataclass(frozen=True)
class Run:
    """What a run directory holds; large parts are read when they are asked for.

    Attributes:
        path: The run directory, absolute.
        info: What run.yaml says.
        records: The finished trials in the order in which they finished.
        evaluation: The finalists on the test set; None while it has not been opened.
        cross_validation: The finalists' folds; None if none were asked for.
        repeated: The finalists' further seeds; None if none were asked for.
    """

    path: Path
    info: dict[str, Any]
    records: tuple[TrialRecord, ...]
    evaluation: Evaluation | None
    cross_validation: CrossValidation | None = None
    repeated: RepeatedFinalists | None = None

    @property
    def name(self) -> str:
        """The run directory's name."""
        return self.path.name

    @property
    def state(self) -> str:
        """What run.yaml says of the search: preparing, running, interrupted, finished, failed."""
        return str(self.info.get("state", "running"))

    @property
    def synthetic(self) -> bool:
        """Whether any of it was measured on phantom data."""
        told = self.info.get("synthetic", False)
        return bool(told) or any(record.synthetic for record in self.records)

    @property
    def fingerprint(self) -> str | None:
        """Changes with any image's bytes, name, part or class; None before there were images."""
        data = self.info.get("data")
        told = data.get("fingerprint") if isinstance(data, dict) else None
        return None if told is None else str(told)

    @property
    def test_openings(self) -> tuple[str, ...]:
        """ISO times at which the test set was opened; a second one is to be shown."""
        last = () if self.evaluation is None else (self.evaluation.opened,)
        return tuple(map(str, self.info.get("test_openings", last)))

    def history(self, trial_id: str) -> tuple[EpochRecord, ...]:
        """Read the epochs of one trial; empty if it failed before the first.

        Raises:
            RunDirectoryError: Its file is damaged.
        """
        return read_epochs(self.path / "trials" / trial_id / "epochs.jsonl")

    @cached_property
    def split(self) -> "pa.Table | None":
        """The table of file, label and part; None before the data was prepared.

        Runs of earlier versions lack the column `group`, which images that are copies or
        near-copies of each other, or of one patient, share.

        Raises:
            RunDirectoryError: The file is not Parquet, lacks a column, or has one of another type
                or with an empty cell.
        """
        from reports.tables import read_table

        path = self.path / "split.parquet"
        if not path.exists():
            return None
        return read_table(
            path,
            {"file": "text", "label": "text", "part": "text"},
            optional={"group": "integer"},
            advice="Restore it, or search again with another --output.",
        )

    @cached_property
    def counts(self) -> dict[str, dict[str, int]]:
        """Number of images by part and label; empty before the data was prepared."""
        if self.split is None:
            return {}
        parts, labels = (self.split.column(name).to_pylist() for name in ("part", "label"))
        counted: dict[str, dict[str, int]] = {}
        for (part, label), images in sorted(Counter(zip(parts, labels, strict=True)).items()):
            counted.setdefault(part, {})[label] = images
        return counted

    @cached_property
    def groups(self) -> dict[str, frozenset[int]] | None:
        """The groups that stand in each part; None where the split does not say."""
        if self.split is None or "group" not in self.split.column_names:
            return None
        held: dict[str, set[int]] = {}
        columns = (self.split.column(name).to_pylist() for name in ("part", "group"))
        for part, group in zip(*columns, strict=True):
            held.setdefault(part, set()).add(group)
        return {part: frozenset(groups) for part, groups in held.items()}

    @cached_property
    def clean_counts(self) -> dict[str, int] | None:
        """Clean test images by label, those whose group is in neither training nor validation.

        None where the split does not say.
        """
        if self.split is None or self.groups is None:
            return None
        seen = self.groups.get("train", frozenset()) | self.groups.get("validation", frozenset())
        columns = (self.split.column(name).to_pylist() for name in ("label", "part", "group"))
        rows = zip(*columns, strict=True)
        return Counter(label for label, part, group in rows if part == "test" and group not in seen)

    @cached_property
    def audit(self) -> Audit | None:
        """What the audit of the images found; None before they were looked at.

        Raises:
            RunDirectoryError: The file is damaged.
        """
        return read_audit(self.path / "audit.json")

    @cached_property
    def network(self) -> Architecture | None:
        """The network that winner/ holds; None before there was one, and in runs of early versions.

        Raises:
            RunDirectoryError: The file is damaged.
        """
        return read_architecture(self.path / "winner" / "architecture.json")

    @cached_property
    def explanations(self) -> Explanations | None:
        """What was looked at of the winner's answers; None where nothing was.

        Raises:
            RunDirectoryError: The file is damaged.
        """
        return read_explanations(self.path)

    @cached_property
    def statistics(self) -> "Statistics":
        """Tie groups and the best network's corrected accuracy, as kept or worked out now.

        Raises:
            RunDirectoryError: `statistics.json` or the split is damaged.
        """
        from reports.run_statistics import statistics_of

        return statistics_of(self)

    @property
    def validation_images(self) -> int | None:
        """How many images validation accuracy is a share of; None if not known."""
        return sum(self.counts.get("validation", {}).values()) or None


def read_run(path: Path) -> Run:
    """Open a run directory, finished, interrupted or still going on.

    A torn last line of trials.jsonl is left out: it never counted.

    Raises:
        RunDirectoryError: No such folder, not a run directory, or a file in it is damaged.
    """
    path = path.resolve()
    if not (path / "run.yaml").is_file():
        raise RunDirectoryError(
            f"a run directory is a folder with a run.yaml in it; received {path}, "
            f"{'which has none' if path.is_dir() else 'which is not a folder'}. "
            "Give the folder that `neurosweep search` printed as its last line."
        )
    info = read_yaml(path / "run.yaml")
    _check_version(info, path)
    check_info(info, path / "run.yaml")
    return Run(
        path=path,
        info=info,
        records=without_earlier_ensembles(_read_records(path / "trials.jsonl"), info),
        evaluation=read_evaluation(path / "evaluation.json"),
        cross_validation=read_cross_validation(path / "cross_validation.json"),
        repeated=read_repeated_finalists(path / "repeats.json"),
    )


def _check_version(info: dict[str, Any], path: Path) -> None:
    if info.get("schema_version") not in LAYOUT_VERSIONS:
        raise RunDirectoryError(
            "this neurosweep reads run directories of schema version "
            f"{' or '.join(map(str, LAYOUT_VERSIONS))}; "
            f"{path / 'run.yaml'} says {info.get('schema_version')!r}. "
            "Read it with the neurosweep that wrote it."
        )


def _read_records(path: Path) -> tuple[TrialRecord, ...]:
    records: dict[str, TrialRecord] = {}
    for number, line in enumerate(read_lines(path), start=1):
        try:
            record = TrialRecord.from_json(line)
        except RunDirectoryError as error:
            raise RunDirectoryError(f"{path}, line {number}: {error}") from error
        if record.trial_id in records:
            raise RunDirectoryError(
                f"a trial has one line in {path}; trial {record.trial_id} has a second at line "
                f"{number}. Delete the one that does not match trials/{record.trial_id}/."
            )
        records[record.trial_id] = record
    return tuple(records.values())
