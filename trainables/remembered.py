"""What was measured on this machine, kept in the cache folder: the same choice the next time.

The measurement takes seconds and is noisy: two runs could choose differently, and then differ in
their last digits. CACHE/measured/KEY.json holds the figures and what they were measured on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scans import write_whole
from scans.caches.stored import MEASURED
from trainables import machine
from trainables.precision import measure_precision
from trainables.runtime import current_runtime
from trainables.variant import PRECISIONS, Variant

__all__ = ["measured_precision"]

_REVISION = 2
"""Raised when the measurement or its rule of choice changes: older figures are then void."""


def measured_precision(
    *, cache: Path, family: str, image_size: int, channels: int, with_xla: bool
) -> dict[str, Any]:
    """The choice of `measure_precision`, from this machine's cache where it was measured before.

    `trainables.start` comes first, with the threads of a trial.

    Args:
        cache: Folder of the caches.
        family: As `measure_precision` takes it, as are the others.
        image_size: Height and width in pixels.
        channels: 1 or 3.
        with_xla: Whether XLA is measured as well.

    Returns:
        What `measure_precision` gives, and "cached": whether it was measured before.
    """
    asked = {"family": family, "image_size": image_size, "channels": channels, "with_xla": with_xla}
    runtime = current_runtime()
    wanted = _circumstances(threads=runtime.threads, deterministic=runtime.deterministic, **asked)
    path = cache / MEASURED / f"{_key(wanted)}.json"
    known = _read(path, wanted)
    if known is not None:
        return {**known, "cached": True}
    found = measure_precision(
        family=family, image_size=image_size, channels=channels, with_xla=with_xla
    )
    content = json.dumps({"measured_on": wanted, "measured": found}, indent=2) + "\n"
    with contextlib.suppress(OSError):  # where the cache cannot be written, each run measures
        write_whole(path, content.encode())
    return {**found, "cached": False}


def _circumstances(**asked: Any) -> dict[str, Any]:
    """All that the measurement depends on."""
    return {
        "revision": _REVISION,
        "processor": machine.processor(),
        "instructions": machine.instructions(),
        "cpus": os.cpu_count(),
        "gpus": _gpus(),
        "tensorflow": version("tensorflow"),
        "keras": version("keras"),
        **asked,
    }


def _gpus() -> list[str]:
    import tensorflow as tf

    details = tf.config.experimental.get_device_details
    found = tf.config.list_physical_devices("GPU")
    return [str(details(each).get("device_name", "GPU")) for each in found]


def _key(wanted: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:16]


def _read(path: Path, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """What was measured; None where it was not, elsewhere, or is damaged."""
    try:
        content = json.loads(path.read_bytes())
        measured: dict[str, Any] = content["measured"]
        rates = set(measured["images_per_second"])
        chosen = Variant(
            precision=measured["precision"],
            fused_batch_norm=measured["fused_batch_norm"],
            xla=measured.get("xla", False),
        )
        whole = chosen.precision in PRECISIONS and chosen.name in rates
        return measured if whole and content["measured_on"] == wanted else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
