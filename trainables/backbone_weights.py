"""Where the weights of backbones lie, and whether they are there, before any trial needs them.

Nothing here builds a model, and only a download imports Keras.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from neurosweep.errors import WeightsError
from spaces import BACKBONES, BackboneRecord

__all__ = ["check_weights", "missing_weights", "weights_folder", "weights_path"]

_WITHOUT_FILES = ("none", "random")
_SECONDS_WITHOUT_ANSWER = 30.0


def weights_folder(weights: str) -> Path:
    """The folder in which weight files are looked for.

    Args:
        weights: "imagenet" for Keras' own cache (`$KERAS_HOME/models` or `~/.keras/models`), or
            a folder.
    """
    if weights == "imagenet":
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


def check_weights(weights: str, backbones: Sequence[str]) -> None:
    """Make sure that every backbone's weights are there, before any trial.

    For "imagenet", missing files are downloaded through Keras into its cache. Files that are there
    are held to the checksum that Keras knows, so that a truncated one is found now.

    Args:
        weights: "imagenet", "random", "none" or a folder.
        backbones: Names of backbones.

    Raises:
        WeightsError: Files are missing and cannot be had, or are damaged; all are named, and the
            folder to put them in.
    """
    if weights in _WITHOUT_FILES:
        return
    _check_folder(weights)
    missing = missing_weights(weights, backbones)
    if missing and weights == "imagenet":
        _download([_record(name) for name in backbones])
        missing = missing_weights(weights, backbones)  # Keras goes elsewhere if it cannot write
    if missing:
        raise WeightsError(_missing_message(missing, weights_folder(weights), backbones))
    _check_sums(weights, backbones)


def weights_path(record: BackboneRecord, weights: str) -> Path:
    """The file of one backbone's weights, downloaded if "imagenet" lacks it.

    A file that is there is taken as it is: `check_weights` has looked at it before the search.

    Raises:
        WeightsError: It is not there and cannot be had.
    """
    if missing_weights(weights, [record.name]):
        check_weights(weights, [record.name])
    return weights_folder(weights) / record.weights_file


def _record(name: str) -> BackboneRecord:
    if name not in BACKBONES:
        raise WeightsError(
            f"Weights are known for {', '.join(BACKBONES)}; received {name!r}. Correct the name."
        )
    return BACKBONES[name]


def _check_folder(weights: str) -> None:
    folder = weights_folder(weights)
    if weights != "imagenet" and not folder.is_dir():
        raise WeightsError(
            f"weights is imagenet, random or a folder of weight files, received {weights!r}, which "
            "is none of them. Correct the path, or create the folder and put the files there."
        )


def _download(records: Sequence[BackboneRecord]) -> None:
    """Have Keras download each file; the first failure ends it, without a second try."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SECONDS_WITHOUT_ANSWER)  # a firewall may swallow the connection
    try:
        for record in records:
            _fetch(record)
    except Exception as error:  # Keras raises the bare class when a URL fails
        names = [record.name for record in records]
        missing = _missing_message(
            missing_weights("imagenet", names), weights_folder("imagenet"), names
        )
        raise WeightsError(f"The download failed: {error}.\n{missing}") from error
    finally:
        socket.setdefaulttimeout(before)


def _fetch(record: BackboneRecord) -> None:
    import keras

    folder = weights_folder("imagenet")
    keras.utils.get_file(
        record.weights_file,
        origin=record.weights_url,
        file_hash=record.weights_hash or None,
        cache_dir=str(folder.parent),
        cache_subdir=folder.name,
    )


def _missing_message(missing: Sequence[Path], folder: Path, backbones: Sequence[str]) -> str:
    origins = {_record(name).weights_file: _record(name).weights_url for name in backbones}
    files = "\n".join(f"  {file.name}  from {origins[file.name]}" for file in missing)
    return (
        f"Pretrained weights must be there before a search starts; {len(missing)} of "
        f"{len(origins)} files are missing in {folder}:\n{files}\n"
        "Put them into that folder, name another folder with families.transfer.weights, or ask for "
        "untrained backbones with families.transfer.weights=random."
    )


def _check_sums(weights: str, backbones: Sequence[str]) -> None:
    for name in backbones:
        record = _record(name)
        path = weights_folder(weights) / record.weights_file
        if record.weights_hash and _md5(path) != record.weights_hash:
            raise WeightsError(
                f"The weights of {name} must be Keras' own file (MD5 {record.weights_hash}), "
                f"received {path}, which differs: truncated or of another version. Delete it and "
                f"take it from {record.weights_url}."
            )


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
