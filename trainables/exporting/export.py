"""One export: the model in a format, checked, with its labels and what is to be known of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import NeurosweepError
from trainables.exporting.answering import Answering
from trainables.exporting.checking import Checked, compare
from trainables.exporting.formats import ABOUT, EXPORT_VERSION, LABELS, Format
from trainables.exporting.serving import INPUT, OUTPUT
from trainables.prediction import Winner, load_winner
from trainables.runtime import quiet_import

__all__ = ["Exported", "export_as"]


@dataclass(frozen=True, kw_only=True)
class Exported:
    """An export that was written and passed its check.

    Attributes:
        file: The model's name in the folder; "" where the folder is the model.
        bytes: Of the model alone.
        checked: How it compares with model.keras.
    """

    file: str
    bytes: int
    checked: Checked


def export_as(
    wanted: Format,
    source: Path,
    folder: Path,
    *,
    tolerance: float | None = None,
    about: Mapping[str, Any] | None = None,
) -> Exported:
    """Write model, labels.json and export.json into an empty folder, and check the model.

    Args:
        wanted: The format.
        source: The folder `winner/` of a run.
        folder: An empty folder; what is left in it after an error is no export.
        tolerance: The largest difference of a probability that passes; None for the format's own.
        about: What export.json says beside the format: plain values.

    Raises:
        RunDirectoryError: The winner is incomplete or damaged.
        NeurosweepError: It cannot be expressed in this format, or gives other probabilities.
        OSError: The folder cannot be written.
    """
    form = import_module(f"trainables.exporting.{wanted.module}")
    winner = load_winner(source)
    path = folder / wanted.file
    _convert(form, wanted, winner, source, path)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    with quiet_import():  # runtimes greet as TensorFlow does
        export: Answering = form.open_export(path)
        allowed = wanted.tolerance if tolerance is None else tolerance
        checked = compare(export, _published(winner), tolerance=allowed)
    labels = json.dumps(list(winner.classes), indent=2, ensure_ascii=False) + "\n"
    (folder / LABELS).write_text(labels, encoding="utf-8")
    told = _told(wanted, winner, checked) | dict(about or {})
    text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    (folder / ABOUT).write_text(text, encoding="utf-8")
    return Exported(file=wanted.file, bytes=size, checked=checked)


def _convert(form: Any, wanted: Format, winner: Winner, source: Path, path: Path) -> None:
    try:
        with quiet_import():
            form.write_export(winner, source, path)
    except OSError:
        raise
    except Exception as error:  # converters raise whatever they meet
        reason = " ".join(str(error).split())[:400]
        raise NeurosweepError(
            f"this network could not be converted to {wanted.name} "
            f"({type(error).__name__}: {reason}); export it as keras or saved_model, which take "
            "any network"
        ) from error


def _published(winner: Winner) -> Answering:
    def answer(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(winner.model(images, training=False))

    return answer


def _told(wanted: Format, winner: Winner, checked: Checked) -> dict[str, Any]:
    return {
        "version": EXPORT_VERSION,
        "format": wanted.name,
        "model": wanted.file or ".",
        "input": {
            "name": INPUT,
            "type": "uint8",
            "shape": [None, None, None, 3],
            "meaning": "RGB images of one size, any height and width",
        },
        "output": {"name": OUTPUT, "type": "float32", "shape": [None, len(winner.classes)]},
        "classes": list(winner.classes),
        "checked": asdict(checked),
    }
