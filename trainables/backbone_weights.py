"""Where the weights of backbones lie, and whether they are whole, before any trial needs them.

Nothing here builds a model, and only a download imports Keras.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from neurosweep.errors import WeightsError
from spaces import BACKBONES, BackboneRecord
from trainables.weights.digests import sha256_of
from trainables.weights.downloading import alone_in, download
from trainables.weights.faults import Rules, find_faults, read_rules
from trainables.weights.wording import faults_message

__all__ = [
    "RANDOM_WEIGHTS_SEED",
    "check_weights",
    "missing_weights",
    "weights_folder",
    "weights_hash",
    "weights_path",
]

RANDOM_WEIGHTS_SEED = 0
"""Of a backbone's initial values: with random weights it is the same one in every process."""

_WITHOUT_FILES = ("none", "random")
_KERAS_OWN = "imagenet"
_KERAS_RULES = Rules(listed={})


def weights_folder(weights: str) -> Path:
    """The folder in which weight files are looked for.

    Args:
        weights: "imagenet" for Keras' own cache (`$KERAS_HOME/models` or `~/.keras/models`), or
            a folder.
    """
    if weights == _KERAS_OWN:
        home = os.environ.get("KERAS_HOME")
        return (Path(home) if home else Path.home() / ".keras") / "models"
    return Path(weights).expanduser()


def missing_weights(weights: str, backbones: Sequence[str]) -> list[Path]:
    """The weight files that are not there yet; downloads nothing and imports no TensorFlow.

    Args:
        weights: "imagenet", "random", "none" or a folder.
        backbones: Names of backbones.
    """
    if weights in _WITHOUT_FILES:
        return []
    folder = weights_folder(weights)
    files = (folder / _record(name).weights_file for name in backbones)
    return [file for file in files if not file.is_file()]


def check_weights(weights: str, backbones: Sequence[str], *, place: str | None = None) -> None:
    """Make sure that every backbone's weights are there and whole, before any trial.

    For "imagenet", missing files are downloaded through Keras into its cache; of several processes
    on one machine one downloads, and the others wait. Files that a folder's `weights.json` names
    are held to the size and SHA-256 there, others to the checksum that Keras knows; each must hold
    as many numbers as its backbone.

    Args:
        weights: "imagenet", "random", "none" or a folder.
        backbones: Names of backbones.
        place: How the user knows the folder, for messages, if by another name.

    Raises:
        WeightsError: Files are missing and cannot be had, or cannot be used; all are named, with
            what is wrong and where each is to be had.
    """
    if weights in _WITHOUT_FILES:
        return
    _check_folder(weights)
    records = [_record(name) for name in backbones]
    failure = _download_missing(records) if weights == _KERAS_OWN else None
    folder = weights_folder(weights)
    rules = _KERAS_RULES if weights == _KERAS_OWN else read_rules(folder)
    faults = find_faults(folder, records, rules)
    if faults or rules.unreadable is not None:
        message = faults_message(
            faults, place=place or folder, asked=len(records), unreadable=rules.unreadable
        )
        raise WeightsError("\n".join(filter(None, (failure, message))))


def weights_path(record: BackboneRecord, weights: str) -> Path:
    """The file of one backbone's weights, downloaded if "imagenet" lacks it.

    A file that is there is taken as it is: `check_weights` has looked at it before the search.

    Raises:
        WeightsError: It is not there and cannot be had.
    """
    if missing_weights(weights, [record.name]):
        check_weights(weights, [record.name])
    return weights_folder(weights) / record.weights_file


def weights_hash(record: BackboneRecord, weights: str) -> str:
    """What a backbone's weights are, for naming what was computed with them.

    A process reads a file once for each size and time of change. Imports neither TensorFlow nor
    Keras.

    Args:
        record: Which backbone.
        weights: "imagenet", "random" or a folder.

    Returns:
        The SHA-256 of the file in hexadecimal; for "random" the versions that draw the weights, and
        the seed that they are drawn from.

    Raises:
        WeightsError: The file is not there, or cannot be read.
    """
    if weights in _WITHOUT_FILES:
        return f"random-{version('keras')}-{version('tensorflow')}-{RANDOM_WEIGHTS_SEED}"
    path = weights_folder(weights) / record.weights_file
    try:
        return sha256_of(path)
    except OSError as error:
        raise WeightsError(
            f"The weights of {record.name} must be in {path}, which cannot be read "
            f"({error.strerror or error}). Put the file there; it is to be had from "
            f"{record.weights_url}."
        ) from error


def _record(name: str) -> BackboneRecord:
    if name not in BACKBONES:
        raise WeightsError(
            f"Weights are known for {', '.join(BACKBONES)}; received {name!r}. Correct the name."
        )
    return BACKBONES[name]


def _check_folder(weights: str) -> None:
    folder = weights_folder(weights)
    if weights != _KERAS_OWN and not folder.is_dir():
        raise WeightsError(
            f"weights is imagenet, random or a folder of weight files, received {weights!r}, which "
            "is none of them. Correct the path, or create the folder and put the files there."
        )


def _download_missing(records: Sequence[BackboneRecord]) -> str | None:
    """Download what Keras' cache lacks; returns what the first failure said, which ends it."""
    names = [record.name for record in records]
    if not missing_weights(_KERAS_OWN, names):
        return None
    folder = weights_folder(_KERAS_OWN)
    try:
        with alone_in(folder):  # by now another process may have downloaded them
            for record in records:
                if not (folder / record.weights_file).is_file():
                    download(record, folder, _KERAS_RULES)
    except WeightsError as error:
        return str(error)
    return None
