"""The stage before publishing: the winner's errors, Grad-CAM and feature maps.

The test set is not opened again: which images are shown is decided by the answers that were saved
when it was. The network is looked into on a worker; what comes of it is written as pictures and
figures that the report draws without images, weights or TensorFlow.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import RunDirectoryError, TrialError
from reports import TrialRecord
from reports.evaluation import read_evaluation
from reports.explanation_pictures import map_png, picture_png
from reports.explanations import (
    EXPLANATIONS,
    EXPLANATIONS_VERSION,
    ExplainedBlock,
    ExplainedImage,
    Explanations,
    FeatureMaps,
    GradCam,
    MappedImage,
)
from reports.predictions import Truth
from search.books.trial_records import first_line
from search.books.weights_kept import load_weights
from search.runs.run_directory import RunDirectory
from search.runs.whole_folders import replace_folder
from search.stages.context import Run, StageWorkers, timed
from search.stages.ensemble import published
from search.stages.explained_images import MOST_MISCLASSIFIED, Answers
from search.stages.fine_tune import read_recipe
from search.stages.saved_answers import read_answers, truth_of
from trainables import Explained, Wanted

__all__ = ["explain"]

_FOLDER = EXPLANATIONS.partition("/")[0]


def explain(run: Run, worker: StageWorkers) -> None:
    """Writes explanations/ as a stage of its own; does nothing if these answers were explained.

    Damaged answers, or what goes wrong on the worker, do not end the run, whose figures stand: it
    is said, noted in run.yaml for the report, and a later sitting tries again.
    """
    winner = published(run)
    with timed(run.directory, run.display, "explain", winner.trial_id):
        truth = truth_of(run.source, "test")
        try:
            probabilities = _read_answers(run.directory, winner.trial_id, truth)
        except RunDirectoryError as error:
            _tell_failure(run, winner, str(error))
            return
        made_of = {
            "trial_id": winner.trial_id,
            "answers": hashlib.sha256(probabilities.tobytes()).hexdigest(),
            "version": EXPLANATIONS_VERSION,
        }
        is_there = (run.directory.path / EXPLANATIONS).is_file()
        if is_there and run.directory.info.get("explained") == made_of:
            return
        try:
            files = _Pages(run, winner, probabilities, truth.labels).files(worker)
        except TrialError as error:
            _tell_failure(run, winner, first_line(str(error)))
            return
        replace_folder(run.directory, _FOLDER, files)
        run.directory.update(explained=made_of)


def _network_of(run: RunDirectory, trial_id: str) -> str:
    """The trial whose network is looked into: of an ensemble its heaviest member."""
    record = json.loads((run.path / "trials" / trial_id / "record.json").read_text("utf-8"))
    members = record.get("ensemble") or [{"trial_id": trial_id, "weight": 1.0}]
    return str(max(members, key=lambda member: member["weight"])["trial_id"])


def _tell_failure(run: Run, winner: TrialRecord, why: str) -> None:
    run.display.note(f"no explanations of {winner.trial_id}: {why}")
    run.directory.update(explained={"failed": why})


def _read_answers(run: RunDirectory, trial_id: str, truth: Truth) -> NDArray[np.float32]:
    """The winner's answers on the test set, which come to the accuracy that was recorded of them.

    Raises:
        RunDirectoryError: They are damaged, or no figures were recorded.
    """
    evaluation = read_evaluation(run.path / "evaluation.json")
    figures = None if evaluation is None else evaluation.of(trial_id)
    if figures is None:
        raise RunDirectoryError(
            f"what a network said of the test set is explained; {run.path / 'evaluation.json'} has "
            f"no figures of {trial_id}. Restore it, and its predictions, from a copy of the run."
        )
    return read_answers(run, trial_id, truth, figures.test_accuracy)


class _Pages:
    """What is written: pictures by name, and what is said of them."""

    def __init__(
        self,
        run: Run,
        winner: TrialRecord,
        probabilities: NDArray[np.float32],
        labels: NDArray[np.int64],
    ) -> None:
        self._run = run
        self._winner = winner
        self._network = _network_of(run.directory, winner.trial_id)
        classes = run.source.classes
        self._negative: str | None = run.directory.info["data"]["negative_class"]
        self._answers = Answers.of(
            probabilities,
            labels,
            None if self._negative is None else classes.index(self._negative),
        )
        rows = run.source.split.to_pylist()
        self._names = [row["file"] for row in rows if row["part"] == "test"]
        self._files: dict[str, bytes] = {}

    def files(self, worker: StageWorkers) -> dict[str, bytes]:
        """Has the network looked into, and lays out what comes of it.

        Raises:
            TrialError: The worker could not do it.
        """
        answers = self._answers
        shown, mapped = answers.wrong()[:MOST_MISCLASSIFIED], answers.mapped()
        through = answers.looked_through()
        pictured = sorted({*shown, *mapped, through})
        explained: Explained = worker.run(
            "explain",
            {
                "recipe": read_recipe(self._run.directory, self._network),
                "weights": load_weights(self._run.directory, self._network),
                "source": self._run.source,
                "part": "test",
                "wanted": Wanted(
                    pictures=tuple(pictured),
                    maps=tuple((at, int(answers.predicted[at])) for at in mapped),
                    blocks=through,
                ),
            },
        )
        for at, pixels in zip(pictured, explained.pictures, strict=True):
            self._files[f"test-{at:05}.png"] = picture_png(pixels)
        self._write(explained, shown, mapped, through)
        return self._files

    def _write(
        self, explained: Explained, shown: list[int], mapped: list[int], through: int
    ) -> None:
        wrong = self._answers.wrong()
        missed = sum(map(self._answers.is_missed, wrong))
        told = Explanations(
            version=EXPLANATIONS_VERSION,
            trial_id=self._winner.trial_id,
            network=self._network,
            image_size=read_recipe(self._run.directory, self._network).task.image_size,
            classes=self._run.source.classes,
            negative_class=self._negative,
            test_images=len(self._names),
            wrong=len(wrong),
            missed=None if self._negative is None else missed,
            misclassified=tuple(ExplainedImage(**self._image(at)) for at in shown),
            grad_cam=self._grad_cam(explained, mapped),
            feature_maps=self._feature_maps(explained, through),
        )
        text = json.dumps(asdict(told), indent=2, ensure_ascii=False) + "\n"
        self._files[EXPLANATIONS.partition("/")[2]] = text.encode()

    def _image(self, at: int) -> dict[str, Any]:
        classes, answers = self._run.source.classes, self._answers
        shares = answers.probabilities[at].clip(0, 1)  # rounding may have left them a little beyond
        return {
            "file": self._names[at],
            "true": classes[answers.labels[at]],
            "predicted": classes[answers.predicted[at]],
            "probabilities": tuple(map(float, shares)),
            "picture": f"{_FOLDER}/test-{at:05}.png",
        }

    def _grad_cam(self, explained: Explained, mapped: list[int]) -> GradCam:
        if explained.reason is not None:
            return GradCam(reason=explained.reason)
        images = []
        for at, one in zip(mapped, explained.maps, strict=True):
            name = self._keep(f"map-{at:05}.png", map_png(one.values))
            images.append(MappedImage(**self._image(at), map=name, peak=one.peak))
        return GradCam(layer=explained.layer, grid=explained.grid, images=tuple(images))

    def _feature_maps(self, explained: Explained, through: int) -> FeatureMaps | None:
        if not explained.blocks:
            return None
        blocks = []
        for number, block in enumerate(explained.blocks, start=1):
            pictures = tuple(
                self._keep(f"block-{number:02}-{place}.png", picture_png(values))
                for place, values in enumerate(block.maps, start=1)
            )
            told = {name: value for name, value in vars(block).items() if name != "maps"}
            blocks.append(ExplainedBlock(**told, pictures=pictures))
        image = ExplainedImage(**self._image(through))
        return FeatureMaps(image=image, blocks=tuple(blocks))

    def _keep(self, name: str, content: bytes) -> str:
        self._files[name] = content
        return f"{_FOLDER}/{name}"
