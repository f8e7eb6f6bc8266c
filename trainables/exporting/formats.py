"""Which formats there are, what each is held to, and what it needs; loads nothing heavy."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.util import find_spec

from neurosweep.errors import UserError
from neurosweep.extras import install_extra

__all__ = ["ABOUT", "EXPORT_VERSION", "FORMATS", "LABELS", "Format", "format_named", "require"]

ABOUT = "export.json"
"""What an export says of itself: its version and format among other things."""

EXPORT_VERSION = 1
"""Of what stands in that file."""

LABELS = "labels.json"
"""The classes in the order of the outputs."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format that a winner is exported to.

    Attributes:
        name: As the user gives it.
        file: What the model is called in the export's folder; "" where the folder is the model.
        module: The module of this package that writes and opens it.
        tolerance: The largest difference of a probability from model.keras' that passes.
        model: Every file that the model may be of, relative to the folder; `*` stands for any text.
        packages: What has to be installed beside TensorFlow: names to import.
    """

    name: str
    file: str
    module: str
    tolerance: float
    model: tuple[str, ...]
    packages: tuple[str, ...] = ()

    def writes(self, name: str) -> bool:
        """Whether an export in this format may hold a file of this name, relative to its folder."""
        return any(fnmatchcase(name, own) for own in (ABOUT, LABELS, *self.model))


# One graph of the same operations, and all the more another runtime's kernels, sum in another order
# than Keras does layer by layer: deep networks then differ by some 1e-5.
_ALL = (
    Format(
        name="keras",
        file="model.keras",
        module="keras_file",
        tolerance=1e-5,
        model=("model.keras",),
    ),
    Format(
        name="saved_model",
        file="",
        module="saved_model",
        tolerance=1e-4,
        model=(
            "saved_model.pb",
            "fingerprint.pb",
            "variables/variables.index",
            "variables/variables.data-*",
        ),
    ),
    Format(
        name="onnx",
        file="model.onnx",
        module="onnx_file",
        tolerance=1e-4,
        model=("model.onnx",),
        packages=("onnx", "tf2onnx", "onnxruntime"),
    ),
    Format(
        name="tflite",
        file="model.tflite",
        module="tflite_file",
        tolerance=1e-4,
        model=("model.tflite",),
        packages=("ai_edge_litert",),
    ),
)

FORMATS: Mapping[str, Format] = {each.name: each for each in _ALL}
"""By name."""


def format_named(name: str) -> Format:
    """The format of a name.

    Raises:
        UserError: There is none; the message names the nearest.
    """
    if name in FORMATS:
        return FORMATS[name]
    near = difflib.get_close_matches(name.lower(), FORMATS, n=1, cutoff=0.0)
    raise UserError(
        f"a format is one of {', '.join(FORMATS)}; received {name!r}. Did you mean {near[0]}?"
    )


def require(wanted: Format) -> None:
    """Makes sure that what a format needs is installed.

    Raises:
        UserError: It is not; the message names the extra.
    """
    missing = [name for name in wanted.packages if find_spec(name) is None]
    if missing:
        raise UserError(
            f"the format {wanted.name} needs {', '.join(missing)}, not installed here: "
            f"`{install_extra('export')}` in the checkout"
        )
