"""An ensemble as one network: published with everything inside, and timed as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from scans import Dataset
from trainables.architecture import describe_ensemble
from trainables.assemble import Statistics, build_core, build_measured, check_dataset
from trainables.ensembles.members import Ensemble
from trainables.fitting import start_afresh
from trainables.inference_time import BATCH, measured_latency
from trainables.layers import Tensor
from trainables.publishing import published_network, write_winner
from trainables.results import Latency
from trainables.runtime import current_runtime

__all__ = ["ensemble_latency", "export_ensemble"]

Weights = Sequence[NDArray[Any]]


def export_ensemble(
    ensemble: Ensemble,
    weights: Sequence[Weights],
    statistics: Sequence[Statistics],
    folder: Path,
    *,
    scores: Mapping[str, Any] | None = None,
    recorded: Ensemble | None = None,
) -> None:
    """Write model.keras, config.yaml, labels.json and architecture.json into `folder`.

    The model is one network that takes what `export_winner` says and holds stock layers only; each
    member keeps its own grey, resize and scaling. Its probabilities are the members' weighted mean.

    Args:
        ensemble: What it is made of.
        weights: Of each member's core, as `fit` gives them.
        statistics: Of the data that each member was trained on, at its own size and colour.
        folder: Made if missing; files of the same names are replaced.
        scores: Figures to write beside the recipes; plain values only.
        recorded: The ensemble as it is written down, where recipes name the same weights otherwise.
    """
    start_afresh(ensemble.members[0].recipe.seed)
    photos = keras.Input((None, None, 3), dtype="uint8", name="images")
    answers = []
    parts = zip(ensemble.members, weights, statistics, strict=True)
    for number, (member, own, of) in enumerate(parts, start=1):
        core = build_core(member.recipe, weights=own)
        network = published_network(member.recipe, core, of, name=f"member_{number}")
        answers.append(network(photos))
    model = keras.Model(photos, _mean(answers, ensemble.weights), name="ensemble")
    config = {
        "ensemble": (recorded or ensemble).to_list(),
        "classes": list(ensemble.classes),
        "statistics": [{"mean": list(one.mean), "std": list(one.std)} for one in statistics],
        "scores": dict(scores or {}),
    }
    write_winner(folder, model, config, describe_ensemble(model))


def ensemble_latency(
    ensemble: Ensemble, weights: Sequence[Weights], datasets: Sequence[Dataset]
) -> Latency:
    """How long images take through all members, as one network.

    As with a single network, images are decoded and resized before: members that look at the same
    size and colour get the same pixels.

    Args:
        ensemble: What it is made of.
        weights: Of each member's core, as `fit` gives them.
        datasets: Each at its member's size and colour; validation images are looked at.

    Raises:
        DataError: A data set does not fit its member's recipe.
    """
    current_runtime()
    start_afresh(ensemble.members[0].recipe.seed)
    networks = []
    images: dict[tuple[int, ...], NDArray[np.uint8]] = {}
    for member, own, dataset in zip(ensemble.members, weights, datasets, strict=True):
        check_dataset(member.recipe, dataset)
        core = build_core(member.recipe, weights=own)
        network = build_measured(member.recipe, core, Statistics.of(dataset))
        shape = tuple(dataset.images.shape[1:])
        images[shape] = dataset.images[dataset.validation[:BATCH]]
        networks.append((network, shape, member.weight))

    @tf.function  # type: ignore[untyped-decorator]  # traced: one network to whoever calls it
    def infer(pixels: dict[tuple[int, ...], Tensor]) -> Tensor:
        answers = [weight * net(pixels[shape], training=False) for net, shape, weight in networks]
        return tf.add_n(answers)

    def answer(rows: NDArray[np.int64]) -> Tensor:
        return infer({shape: tf.constant(own[rows]) for shape, own in images.items()}).numpy()

    return measured_latency(answer, np.arange(len(next(iter(images.values())))))


def _mean(answers: Sequence[keras.KerasTensor], weights: Sequence[float]) -> keras.KerasTensor:
    """The weighted mean of probabilities, by stock layers."""
    weighed = [
        keras.layers.Rescaling(weight, name=f"weight_{number}", dtype="float32")(answer)
        for number, (answer, weight) in enumerate(zip(answers, weights, strict=True), start=1)
    ]
    return keras.layers.Add(name="mean", dtype="float32")(weighed)
