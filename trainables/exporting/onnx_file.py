"""The export as one file of ONNX, whose images may have any size and number."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainables.exporting.answering import Answering
from trainables.exporting.serving import INPUT, OUTPUT, in_plain_operations
from trainables.prediction import Winner

__all__ = ["open_export", "write_export"]

_OPSET = 18
"""Of 2022: runtimes since then read it, and tf2onnx goes no further."""

_AXES = ("count", "height", "width")

_ERRORS_ONLY = 3  # of ONNX Runtime's levels


def write_export(winner: Winner, source: Path, path: Path) -> None:
    """Convert it by tf2onnx; the classes go into the file's metadata as JSON under `labels`.

    Raises:
        Exception: of tf2onnx' or onnx' own, where an operation has no counterpart.
    """
    del source
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # the checker below says what is wrong
    import onnx
    import tf2onnx

    model = in_plain_operations(winner.model)
    images = tf.TensorSpec((None, None, None, 3), tf.uint8, name=INPUT)

    @tf.function(input_signature=[images])  # type: ignore[untyped-decorator]
    def serve(images: Any) -> dict[str, Any]:
        return {OUTPUT: model(images, training=False)}

    with _functions_unfolded():
        traced = serve.get_concrete_function()
    proto, _ = tf2onnx.convert.from_function(
        serve,
        input_signature=[images],
        opset=_OPSET,
        custom_op_handlers={"Erfc": (_complement_of_erf, [])},
    )
    _fix_constants(proto, traced.graph)
    _name_axes(proto)
    onnx.helper.set_model_props(proto, {"labels": json.dumps(list(winner.classes))})
    onnx.checker.check_model(proto)
    path.write_bytes(proto.SerializeToString())


def open_export(path: Path) -> Answering:
    """Load it into ONNX Runtime, on CPUs."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    session = onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )

    def answer(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        (probabilities,) = session.run([OUTPUT], {INPUT: images})
        return np.asarray(probabilities)

    return answer


@contextmanager
def _functions_unfolded() -> Iterator[None]:
    """Trace what functions do, not that they are called: tf2onnx knows no calls.

    Keras has grouped convolutions compiled by XLA in a function of their own, which TensorFlow
    keeps as a call.
    """
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def _complement_of_erf(ctx: Any, node: Any, name: str, _arguments: Any) -> None:
    """erfc(x) = 1 - erf(x): the exact GELU has it, and ONNX has erf alone."""
    shape, kind = ctx.get_shape(node.output[0]), ctx.get_dtype(node.output[0])
    outputs = node.output
    erf = ctx.make_node("Erf", [node.input[0]], shapes=[shape], dtypes=[kind])
    one = ctx.make_const(f"{name}/one", np.array(1.0, dtype=np.float32))
    ctx.remove_node(name)
    ctx.make_node(
        "Sub",
        [one.output[0], erf.output[0]],
        name=name,
        outputs=outputs,
        shapes=[shape],
        dtypes=[kind],
    )


def _fix_constants(proto: Any, traced: Any) -> None:
    """Put in the constants that layers hold as tensors; tf2onnx leaves them as further inputs.

    Args:
        proto: The converted model.
        traced: The graph of the function it was converted from.
    """
    from onnx import numpy_helper

    held = {
        inner.name: outer.numpy()
        for outer, inner in traced.captures
        if outer.dtype != tf.resource  # a variable, which tf2onnx has put in
    }
    used = {name for node in proto.graph.node for name in node.input}
    for one in [one for one in proto.graph.input if one.name in held]:
        proto.graph.input.remove(one)
        if one.name in used:  # else it went into another constant
            value = numpy_helper.from_array(held[one.name], one.name)
            proto.graph.initializer.append(value)


def _name_axes(proto: Any) -> None:
    """Call open dimensions what they are; tf2onnx numbers them."""
    graph = proto.graph
    for number, axis in enumerate(_AXES):
        graph.input[0].type.tensor_type.shape.dim[number].dim_param = axis
    graph.output[0].type.tensor_type.shape.dim[0].dim_param = _AXES[0]
