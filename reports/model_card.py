"""The model card: what the published model is for, what it is not, and what limits its figures.

After Mitchell et al. 2019, "Model Cards for Model Reporting" (FAT*). Every sentence follows from
what the run recorded; what it did not record is said to be unknown, never to be fine.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.audit import KnownVerdict
from reports.card_limits import limits
from reports.classes import class_names
from reports.cleanness import cleanness_sentences
from reports.facts import quality
from reports.latency import latency_in_words, measured_on
from reports.leaderboard import LeaderboardRow
from reports.model_section import calibration_of
from reports.provenance import provenance
from reports.published import Standing, standing_of
from reports.records import Stage
from reports.run import Run
from reports.summary import summarise
from reports.uncertainty import choice_sentence
from reports.wording import has_random_weights, model, percent, printable, setting

__all__ = ["CardPart", "model_card"]

_NEVER_MEDICAL = (
    "Not a medical device. Nothing in this run examines whether it may be used on people: no "
    "diagnosis and no treatment may rest on its answers."
)


@dataclass(frozen=True)
class CardPart:
    """One heading of the card.

    Attributes:
        title: The heading.
        sentences: What is to be said.
        facts: Names and values beside it.
        commands: What a command does, and the command, in one line.
    """

    title: str
    sentences: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    commands: tuple[tuple[str, str], ...] = ()


def model_card(run: Run, rows: Sequence[LeaderboardRow]) -> tuple[CardPart, ...]:
    """Write the card of what winner/ holds; empty while there is no winner.

    Raises:
        RunDirectoryError: A file of the run that a figure needs is damaged.
    """
    standing = standing_of(run, rows)
    if standing is None:
        return ()
    winner = standing.shown
    return (
        CardPart("Intended use", (*_whose(standing), *_use(run))),
        CardPart("Network", tuple(_weights(winner)), tuple(_network(winner))),
        CardPart("Data", tuple(_data_sentences(run, standing)), tuple(_data(run))),
        CardPart("Metrics", tuple(_measured_how(run, standing)), tuple(_metrics(run, winner))),
        CardPart("Limits", tuple(limits(run, rows, winner))),
        CardPart("Run it again", (), tuple(_again(winner)), tuple(_commands(run, rows))),
    )


def _whose(standing: Standing) -> Iterator[str]:
    """Which row the card is of, where winner/ does not hold rank 1."""
    if not standing.note:
        return
    name = printable(standing.shown.trial_id)
    which = "rank 1, trial" if standing.is_first else "the published model, trial"
    yield f"All of this card is of {which} {name}. {standing.note}"


def _use(run: Run) -> Iterator[str]:
    classes = class_names(run)
    named = f"one of {len(classes)} classes: {', '.join(classes)}" if classes else "a class"
    yield (
        f"Research and teaching: to sort images that are like those of this run into {named}; and "
        "to compare ways of building and training such networks."
    )
    yield _NEVER_MEDICAL
    yield (
        "It names one of its classes for every image, also for one that shows something else "
        "altogether; it cannot say that it does not know."
    )


def _weights(winner: LeaderboardRow) -> Iterator[str]:
    if winner.stage is Stage.ENSEMBLE:
        yield "An ensemble: several networks answer, and their answers are put together."
    elif winner.backbone is None:
        yield "All weights were trained in this run, from random ones."
    elif has_random_weights(winner):
        yield (
            "The backbone had random weights and not pretrained ones: this model shows that the "
            "way works, and nothing of what the backbone can do."
        )
    else:
        yield f"The backbone's weights came from {winner.weights}; the head was trained here."
    if winner.stage is Stage.FINE_TUNE:
        yield f"Fine-tuning trained the top block of trial {winner.parent_id} on."


def _network(winner: LeaderboardRow) -> Iterator[tuple[str, str]]:
    yield "trial", winner.trial_id
    yield "network", f"{model(winner)} ({winner.family})" if winner.backbone else model(winner)
    yield "input", f"{winner.image_size} \N{MULTIPLICATION SIGN} {winner.image_size} pixels"
    if winner.parameters is not None:
        yield "weights", f"{winner.parameters:,}"
    if winner.latency_ms is not None:
        yield "latency", latency_in_words(winner.latency_ms, measured_on(winner))
    if winner.weights_hash:
        yield "hash of the pretrained weights", winner.weights_hash[:12]


def _data_sentences(run: Run, standing: Standing) -> Iterator[str]:
    if run.synthetic:
        yield "Synthetic: the images are computed phantoms, no scans of patients."
    known = run.audit.known_set if run.audit else None
    if known is None:
        yield "The images were not recognised as a public set; where they are from is not told."
    else:
        differs = known.verdict is KnownVerdict.DIFFERS
        told = "They call themselves {} but differ from it." if differs else "Recognised as {}."
        yield f"{told.format(known.name)} {known.note}".strip()
    tested = run.evaluation.of(standing.shown.trial_id) if run.evaluation else None
    yield from cleanness_sentences(run, tested, standing.name)


def _data(run: Run) -> Iterator[tuple[str, str]]:
    data = _mapping(run.info.get("data"))
    for part, counts in run.counts.items():
        told = ", ".join(f"{name} {images:,}" for name, images in counts.items())
        yield f"{part}: {sum(counts.values()):,} images", told
    if data.get("leaks"):
        yield "images with twins across parts", str(data["leaks"])
    if data.get("fingerprint"):
        yield "fingerprint", str(data["fingerprint"])[:12]


def _measured_how(run: Run, standing: Standing) -> Iterator[str]:
    if run.evaluation is None or run.evaluation.of(standing.shown.trial_id) is None:
        yield "This model was not shown the test set: its figures are on images it was chosen on."
    else:
        yield f"{choice_sentence(run, standing.name)} Intervals are of 95 %."


def _metrics(run: Run, winner: LeaderboardRow) -> Iterator[tuple[str, str]]:
    tested = run.evaluation.of(winner.trial_id) if run.evaluation else None
    for fact in quality(run, winner):
        yield fact.name, f"{fact.value} ({fact.detail})"
    found = calibration_of(run, winner) if tested else None
    if found is not None:
        yield (
            "expected calibration error, all test images",
            f"{percent(found.before.error)} % as published"
            + (
                ""
                if not found.bounded
                else f"; {percent(found.after.error)} % at temperature {found.temperature:.2f}"
            ),
        )


def _commands(run: Run, rows: Sequence[LeaderboardRow]) -> Iterator[tuple[str, str]]:
    yield "Train this model again, from the same seed:", printable(summarise(run, rows).rerun)
    told = dict(provenance(run))
    if told.get("command"):
        yield "The whole search was begun by:", printable(told["command"])


def _again(winner: LeaderboardRow) -> Iterator[tuple[str, str]]:
    yield "seed of the model", str(winner.seed)
    # Of the sitting that trained it: a run that was resumed may have had several.
    if winner.code_version:
        yield "neurosweep", winner.code_version
    for name in ("python", "tensorflow", "keras"):
        if version := (winner.library_versions or {}).get(name):
            yield name, version
    for name, value in winner.runtime.items():
        if isinstance(value, bool | int | float | str):
            yield name.replace("_", " "), setting(value)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
