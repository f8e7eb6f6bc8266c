"""Both source papers' tables, with this run's figures beside them, and why the two may differ."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reports.answers import answers_of
from reports.audit import KnownVerdict
from reports.classes import class_names
from reports.evaluation import Cleanness
from reports.leaderboard import LeaderboardRow
from reports.papers import PaperComparison, compare_with_papers
from reports.records import Origin, Stage
from reports.reliability import cross_entropy
from reports.run import Run
from reports.verdicts import ClassFigures, verdicts
from reports.wording import has_random_weights

__all__ = [
    "ClassLine",
    "CustomLine",
    "PaperTables",
    "TransferLine",
    "paper_tables",
]

_CLASSES = frozenset({"glioma", "meningioma", "notumor", "pituitary"})
_CHOSEN = "ResNet50V2"
_PAPERS_SIZE = 150
_PLAIN = "not run here: its layers and settings are not told; it called tumours normal"
_PAPERS_IMAGES = {"train": 5712, "test": 1311}


@dataclass(frozen=True)
class CustomLine:
    """One of paper B's networks.

    Attributes:
        network: Its name in the paper.
        published: Test accuracy in the paper, in per cent.
        others: What the paper quotes as another person's accuracy on the same images, and whose.
        chosen: What the paper looked at while it trained.
        row: Our row of the paper's setting; None where this run has none.
    """

    network: str
    published: str
    others: str
    chosen: str
    row: LeaderboardRow | None


@dataclass(frozen=True)
class TransferLine:
    """One of paper A's two steps, or one of its backbones.

    Attributes:
        network: Its name.
        published: What the paper reports.
        row: Our row; None where this run has none.
        probe: Our linear probe on the frozen backbone, where it was screened.
        test_loss: Cross-entropy of our row on all test images; None where it was not tested.
        note: What to know of our row.
    """

    network: str
    published: str
    row: LeaderboardRow | None
    probe: LeaderboardRow | None = None
    test_loss: float | None = None
    note: str = ""


@dataclass(frozen=True)
class ClassLine:
    """One class in paper A's final report, beside ours.

    Attributes:
        published: Precision, recall, F1 and support in the paper.
        all: Ours on all test images; None where the class or the model was not tested.
        clean: Ours on the clean ones.
    """

    published: ClassFigures
    all: ClassFigures | None
    clean: ClassFigures | None


@dataclass(frozen=True, kw_only=True)
class PaperTables:
    """Everything that the section shows.

    Attributes:
        custom: Paper B's networks.
        steps: Paper A's plain network, and its frozen and its fine-tuned backbone.
        backbones: Paper A's thirteen, ours best first.
        classes: Paper A's report by class.
        compared: Whose report by class stands beside it; None where nothing was tested.
        reasons: Why the figures may differ, what weighs most first.
        warnings: What limits our figures altogether.
    """

    custom: tuple[CustomLine, ...]
    steps: tuple[TransferLine, ...]
    backbones: tuple[TransferLine, ...]
    classes: tuple[ClassLine, ...]
    compared: LeaderboardRow | None
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]


_CUSTOM = (
    (
        *("plain_cnn", "5-Conv CNN", "93.8", "76.74 (6 convolutions)"),
        "validation curves were drawn while it trained",
    ),
    (
        *("mini_vgg", "Mini-VGGNet", "about 89", "92.87 (VGG16)"),
        "validation curves, and test curves after each epoch; not chosen on validation",
    ),
    (
        *("mini_resnet", "Mini-ResNet", "about 93", "77 (ResNet50)"),
        "no validation part; not chosen on validation",
    ),
)
_THIRTEEN = (
    *("DenseNet121", "DenseNet201", "MobileNetV2", "MobileNetV3Large", "EfficientNetB0"),
    *("EfficientNetB1", "InceptionV3", "ResNet50", "ResNet50V2", "ResNet152V2", "VGG16"),
    *("VGG19", "Xception"),
)
_PER_CLASS = (
    ClassFigures("notumor", 1.00, 1.00, 1.00, 405),
    ClassFigures("glioma", 0.99, 0.99, 0.99, 300),
    ClassFigures("meningioma", 0.99, 0.99, 0.99, 306),
    ClassFigures("pituitary", 1.00, 1.00, 1.00, 300),
)


def paper_tables(run: Run, rows: Sequence[LeaderboardRow]) -> PaperTables | None:
    """Lay the papers' figures out beside ours.

    None for a run of other classes that tried no setting of the papers: nothing in it is to be
    compared with them.

    Raises:
        RunDirectoryError: A file of the run that a table needs is damaged.
    """
    pairs = {pair.network: pair for pair in compare_with_papers(rows)}
    if not pairs and set(class_names(run)) != _CLASSES:
        return None
    steps = _steps(run, pairs)
    compared = next((line.row for line in reversed(steps) if _is_tested(run, line.row)), None)
    compared = compared or next((one.row for one in verdicts(run.evaluation, rows)), None)
    return PaperTables(
        custom=tuple(_custom_lines(rows)),
        steps=steps,
        backbones=_backbones(rows),
        classes=_class_lines(run, rows, compared),
        compared=compared,
        reasons=tuple(_reasons(run, rows)),
        warnings=tuple(_warnings(run, rows)),
    )


def _is_tested(run: Run, row: LeaderboardRow | None) -> bool:
    return row is not None and run.evaluation is not None and bool(run.evaluation.of(row.trial_id))


def _custom_lines(rows: Sequence[LeaderboardRow]) -> Iterator[CustomLine]:
    for family, network, published, others, chosen in _CUSTOM:
        row = next((row for row in rows if _is_papers(row) and row.family == family), None)
        yield CustomLine(network, published, others, chosen, row)


def _is_papers(row: LeaderboardRow) -> bool:
    return row.origin is Origin.PAPER and row.stage is Stage.SEARCH


def _steps(run: Run, pairs: Mapping[str, PaperComparison]) -> tuple[TransferLine, ...]:
    told = (
        ("ResNet50V2 transfer", "ResNet50V2, frozen, new head", "97 %"),
        ("ResNet50V2 fine-tuned", "the same, top block fine-tuned", "99.54 %, loss 0.0160"),
    )
    lines = [TransferLine("a plain CNN", "95 %", None, note=_PLAIN)]
    for key, name, published in told:
        pair = pairs.get(key)
        row = pair.row if pair else None
        note = pair.note.partition("; ")[2] if pair else ""
        lines.append(TransferLine(name, published, row, None, _test_loss(run, row), note))
    return tuple(lines)


def _test_loss(run: Run, row: LeaderboardRow | None) -> float | None:
    if row is None:
        return None
    answers = answers_of(run, row.trial_id, "test", row.test_accuracy)
    return None if answers is None else cross_entropy(answers)


def _backbones(rows: Sequence[LeaderboardRow]) -> tuple[TransferLine, ...]:
    """The thirteen in the order of our trial with the paper's head, then of our probe."""
    lines = []
    for name in _THIRTEEN:
        own = [row for row in rows if row.backbone == name]
        head = next((row for row in own if _is_papers(row)), None)
        probes = [row for row in own if row.stage is Stage.SCREEN]
        native = [row for row in probes if row.preprocessing != "unit"]
        published = "chosen" if name == _CHOSEN else "compared"
        lines.append(TransferLine(name, published, head, next(iter([*native, *probes]), None)))
    return tuple(sorted(lines, key=_place))


def _place(line: TransferLine) -> tuple[float, float, str]:
    head = line.row.val_accuracy if line.row else None
    probe = line.probe.val_accuracy if line.probe else None
    return -(head or 0.0), -(probe or 0.0), line.network


def _class_lines(
    run: Run, rows: Sequence[LeaderboardRow], compared: LeaderboardRow | None
) -> tuple[ClassLine, ...]:
    found = (one for one in verdicts(run.evaluation, rows) if one.row is compared)
    verdict = next(found, None)
    ways = (verdict.all if verdict else None, verdict.clean if verdict else None)
    ours: list[dict[str, ClassFigures]] = [
        {line.name: line for line in way.classes} if way else {} for way in ways
    ]
    return tuple(
        ClassLine(published, ours[0].get(published.name), ours[1].get(published.name))
        for published in _PER_CLASS
    )


def _warnings(run: Run, rows: Sequence[LeaderboardRow]) -> Iterator[str]:
    if set(class_names(run)) != _CLASSES:
        yield "This run has other classes than the papers: no figure here compares with theirs."
    if run.synthetic:
        yield (
            "This run's images are computed phantoms. Its figures say nothing about the papers', "
            "and are shown to make the layout visible."
        )
    if any(row.backbone and has_random_weights(row) for row in rows):
        yield (
            "Backbones of this run began from random weights, not from ImageNet's as the papers' "
            "did. Their rows say nothing about the papers' figures."
        )


def _reasons(run: Run, rows: Sequence[LeaderboardRow]) -> Iterator[str]:
    yield _data_reason(run)
    yield (
        "Protocol. Paper A does not say on which images it chose its backbone and when to stop; of "
        "paper B's figures, 89 and 93 were not chosen on validation. Here every choice is made on "
        "the validation part, and the test set is opened after all of them."
    )
    yield _leak_reason(run)
    sizes = sorted({row.image_size for row in rows if row.stage is not Stage.SCREEN})
    allowed = max((row.epochs_allowed for row in rows), default=0)
    if sizes and allowed:
        told = ", ".join(map(str, sizes))
        yield (
            f"Size and length. Paper B's 5-Conv network saw images of {_PAPERS_SIZE} px; here they "
            f"had {told} px, for up to {allowed} epochs."
        )
    yield (
        "Left open by the papers, and so filled in by us: learning rate, batch size, epochs, and "
        "parts of each network. Paper B's text and table contradict each other on the order of its "
        "networks; the table is given here."
    )
    yield (
        "Chance. The papers report one training each; another seed gives another figure. "
        "A share of 1,311 images has an interval of about one per cent on either side at 97 %."
    )


def _data_reason(run: Run) -> str:
    known = run.audit.known_set if run.audit else None
    told = "Data. Both papers used the version of the Kaggle set with 7,023 images"
    counts = {part: sum(images.values()) for part, images in run.counts.items()}
    if known is not None and known.verdict is KnownVerdict.RECOGNISED:
        return f"{told}; this run's images were recognised as {known.name}. {known.note}".strip()
    if not counts:
        return f"{told}; this run has not looked at its images yet."
    trained = counts.get("train", 0) + counts.get("validation", 0)
    return (
        f"{told}, {_PAPERS_IMAGES['train']:,} for training and {_PAPERS_IMAGES['test']:,} for the "
        f"test. This run's images are not known to be that set: {trained:,} and "
        f"{counts.get('test', 0):,} of them. The set's page has served other versions since."
    )


def _leak_reason(run: Run) -> str:
    told = (
        "Twins. The papers do not look for test images that are in training as well; accuracy on "
        "all test images is what compares with theirs"
    )
    evaluation = run.evaluation
    if evaluation is None or evaluation.cleanness is Cleanness.UNKNOWN:
        return f"{told}. Here clean images were not told apart, or not tested yet."
    clean = evaluation.test_images_clean or 0
    return (
        f"{told}, and accuracy on the {clean:,} clean ones of {evaluation.images:,} is what tells "
        "how well a network does on new images."
    )
