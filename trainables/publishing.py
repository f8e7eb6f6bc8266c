"""The folder `winner/`: one Keras file with everything inside, its recipe, labels and layers."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import yaml
from numpy.typing import NDArray

from neurosweep.errors import RunDirectoryError
from trainables.architecture import describe_network
from trainables.assemble import Statistics, build_core, scaling_layers
from trainables.ensembles.members import Ensemble
from trainables.fitting import start_afresh
from trainables.recipe import Recipe

__all__ = ["export_winner", "published_network", "read_config", "write_winner"]

# Pillow's own weights of red, green and blue in grey, in 1/65536. Whole numbers below 2**24 are
# exact in float32, so the model's grey equals Pillow's to the last bit.
_GREY_WEIGHTS = (19595.0, 38470.0, 7471.0)
_GREY_UNIT = 65536.0
# Resized values are read in steps of 1/4096: coarser than float32 sums, finer than most values lie.
_FRACTIONS = 4096.0


def export_winner(
    recipe: Recipe,
    weights: Sequence[NDArray[Any]],
    statistics: Statistics,
    folder: Path,
    *,
    scores: Mapping[str, Any] | None = None,
    recorded: Recipe | None = None,
) -> None:
    """Write model.keras, config.yaml, labels.json and architecture.json into `folder`.

    The model takes uint8 RGB images (n, height, width, 3) of any size and holds stock Keras
    layers in float32 only, so that plain Keras loads it in safe mode without this program.

    Args:
        recipe: What `weights` were trained with.
        weights: Of the core, as `fit` gives them.
        statistics: Of the data it was trained on.
        folder: Made if missing; files of the same names are replaced.
        scores: Figures to write beside the recipe; plain values only.
        recorded: The recipe as it is written down, where it names the same weights otherwise: a
            folder of this machine says nothing on another one.
    """
    start_afresh(recipe.seed)
    core = build_core(recipe, weights=weights)
    # Before it becomes part of the published model, which adds places where its layers are used.
    layers = describe_network(recipe, core)
    config = {
        "recipe": (recorded or recipe).to_dict(),
        "classes": list(recipe.task.classes),
        "statistics": {"mean": list(statistics.mean), "std": list(statistics.std)},
        "scores": dict(scores or {}),
    }
    write_winner(folder, published_network(recipe, core, statistics), config, layers)


def published_network(
    recipe: Recipe, core: keras.Model, statistics: Statistics, *, name: str | None = None
) -> keras.Model:
    """A trained network as it is published: raw RGB images of any size in, probabilities out.

    Args:
        recipe: What `core` was built from.
        core: The trained network.
        statistics: Of the data it was trained on.
        name: Of the model; None for its family's.
    """
    photos = keras.Input((None, None, 3), dtype="uint8", name="images")
    images = keras.layers.Rescaling(1.0, name="to_float", dtype="float32")(photos)
    if recipe.task.channels == 1:
        images = _grey(images)
    images = _resize(images, recipe.task.image_size)
    for layer in scaling_layers(recipe, statistics):
        images = layer(images)
    return keras.Model(photos, core(images), name=name or recipe.family)


def write_winner(
    folder: Path, model: keras.Model, config: Mapping[str, Any], layers: Mapping[str, Any]
) -> None:
    """Write a model, its configuration, its labels and its layers, each file whole.

    Args:
        folder: Made if missing; files of the same names are replaced.
        model: What `published_network` gives, or several of them as one.
        config: What config.yaml says: plain values, the names of the classes under `classes`,
            figures under `scores`.
        layers: What architecture.json says, but for whose network it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{os.getpid()}-model.keras"
    model.save(aside)
    aside.replace(folder / "model.keras")
    _write(folder / "config.yaml", yaml.safe_dump(dict(config), sort_keys=False))
    _write(folder / "labels.json", json.dumps(list(config["classes"]), indent=2) + "\n")
    of = {**layers, "trial_id": config["scores"].get("trial_id")}
    _write(folder / "architecture.json", json.dumps(of, indent=1) + "\n")


def read_config(path: Path) -> tuple[Recipe | Ensemble, dict[str, Any]]:
    """The recipe, or the ensemble with those of its members, and the scores in a config.yaml.

    Raises:
        RunDirectoryError: The file is missing or is none of ours.
        ExperimentError: A recipe in it is none of this version, or the ensemble is none.
    """
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise RunDirectoryError(
            f"A winner's configuration is a YAML file; received {path} ({error}). "
            "Give winner/config.yaml of a finished run."
        ) from error
    if not isinstance(config, dict) or not {"recipe", "ensemble"} & config.keys():
        raise RunDirectoryError(
            "A winner's configuration has the key 'recipe', or 'ensemble'; received "
            f"{path} without either. Give winner/config.yaml of a finished run."
        )
    scores = dict(config.get("scores") or {})
    if "ensemble" in config:
        return Ensemble.from_list(config["ensemble"]), scores
    return Recipe.from_dict(config["recipe"]), scores


def _grey(images: keras.KerasTensor) -> keras.KerasTensor:
    """Grey as Pillow's mode "L" has it: (R·19595 + G·38470 + B·7471 + 32768) // 65536."""
    weigh = keras.layers.Rescaling(list(_GREY_WEIGHTS), name="weigh_colors", dtype="float32")
    halve = keras.layers.Rescaling(1 / _GREY_UNIT, offset=0.5, name="to_grey", dtype="float32")
    return keras.ops.floor(halve(keras.ops.sum(weigh(images), axis=-1, keepdims=True)))


def _resize(images: keras.KerasTensor, image_size: int) -> keras.KerasTensor:
    """The resize of `scans.decode`: antialiased, then whole numbers of 0 to 255.

    Not the layer of Keras 3.15: called without `training`, it takes that for True and puts every
    layer behind it into training mode, batch norm above all.
    """
    resized = keras.ops.image.resize(
        images, (image_size, image_size), interpolation="bilinear", antialias=True
    )
    # Pillow sums in double precision and meets exact halves, which are frequent; TensorFlow misses
    # them by some 1e-5 and would round half of them the other way. So halves are restored first.
    finer = keras.layers.Rescaling(_FRACTIONS, name="to_fractions", dtype="float32")
    coarser = keras.layers.Rescaling(1 / _FRACTIONS, name="from_fractions", dtype="float32")
    exact = coarser(keras.ops.round(finer(resized)))
    return keras.ops.clip(keras.ops.round(exact), 0.0, 255.0)


def _write(path: Path, text: str) -> None:
    """Write a file aside and put it in place whole."""
    aside = path.with_name(f".{os.getpid()}-{path.name}")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
