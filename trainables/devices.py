"""How much of a GPU one process takes: all of it, a fenced share, or none."""

from __future__ import annotations

import ctypes
from typing import Any

from neurosweep.errors import NeurosweepError

__all__ = ["devices_to_mirror", "gpu_name", "has_gpu", "memory_limit", "share_gpus"]

_MIB = 2**20

_RESERVE = 512
"""MiB of a share that are not TensorFlow's to hand out: what CUDA, cuBLAS and cuDNN hold for each
process beside it. Our choice; NVIDIA gives no figure."""

_LEAST = 512
"""MiB below which a share trains nothing: the workspaces of cuDNN alone take more."""

_DRIVER = "libcuda.so.1"

_mirrored: tuple[str, ...] = ()


def share_gpus(gpus: float | None) -> None:
    """Say what this process may take of the GPUs it sees, before TensorFlow's first operation.

    Ray places trials on shares of a GPU and fences nothing: a process takes the whole card unless
    it is told otherwise here.

    Args:
        gpus: 0 for none; between 0 and 1 for that share of one, as a hard limit on its memory; from
            1, or None, for all that are seen, whose memory is then taken as it is needed.

    Raises:
        NeurosweepError: The share is negative, too small, or of a card whose memory is not known.
        RuntimeError: TensorFlow has run an operation already.
    """
    import tensorflow as tf

    if gpus is not None and gpus < 0:
        raise NeurosweepError(
            f"A process takes 0 GPUs or more; received {gpus:g}. Give the GPUs of one trial."
        )
    if gpus == 0:
        tf.config.set_visible_devices([], "GPU")
        return
    seen = tf.config.list_physical_devices("GPU")
    if gpus is not None and gpus > 1:
        _mirror(len(seen))
    for place, gpu in enumerate(seen):
        if gpus is not None and gpus < 1:
            limit = memory_limit(gpus, _total_memory(place))
            fenced = tf.config.LogicalDeviceConfiguration(memory_limit=limit)
            tf.config.set_logical_device_configuration(gpu, [fenced])
        else:
            # Without growth the first process takes the whole card from those beside it.
            tf.config.experimental.set_memory_growth(gpu, True)


def devices_to_mirror() -> tuple[str, ...]:
    """The devices that a large training takes together; none unless several were asked for."""
    return _mirrored


def _mirror(gpus: int) -> None:
    global _mirrored  # noqa: PLW0603 - devices are set once per process, as TensorFlow's state is
    _mirrored = tuple(f"GPU:{place}" for place in range(gpus))


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU in this process."""
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def gpu_name() -> str | None:
    """What the first GPU that this process may use is called; None where it computes on CPUs."""
    import tensorflow as tf

    seen = tf.config.get_visible_devices("GPU")
    if not seen:
        return None
    told = tf.config.experimental.get_device_details(seen[0])
    return str(told.get("device_name", "GPU"))


def memory_limit(share: float, total: int) -> int:
    """MiB that TensorFlow may hand out in a share of a card.

    Args:
        share: Of the card, above 0 and below 1.
        total: Bytes of the card.

    Raises:
        NeurosweepError: So little would be left that nothing can be trained.
    """
    limit = int(share * total / _MIB) - _RESERVE
    if limit < _LEAST:
        raise NeurosweepError(
            f"A share of a GPU has at least {_LEAST + _RESERVE} MiB, of which {_RESERVE} are for "
            f"CUDA itself; received {share:g} of a card of {total // _MIB} MiB. Raise "
            "resources.gpus_per_trial."
        )
    return limit


def _total_memory(place: int) -> int:
    """Bytes of the GPU in this place among those that CUDA shows to this process.

    TensorFlow tells no total. CUDA's driver, which TensorFlow needs as well, counts as TensorFlow
    does: it heeds CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER, as `nvidia-smi` would not.
    """
    device, total = ctypes.c_int(), ctypes.c_size_t()
    try:
        driver = _driver()
        for done in (
            driver.cuInit(0),
            driver.cuDeviceGet(ctypes.byref(device), place),
            driver.cuDeviceTotalMem_v2(ctypes.byref(total), device),
        ):
            _check(done)
    except (OSError, AttributeError) as error:
        raise NeurosweepError(
            "A share of a GPU is fenced by the memory of the whole card, which CUDA's driver "
            f"({_DRIVER}) tells; it does not answer here ({error}). Mend the driver, or give each "
            "trial whole GPUs with --set resources.gpus_per_trial=1."
        ) from error
    return total.value


def _driver() -> Any:
    return ctypes.CDLL(_DRIVER)


def _check(status: int) -> None:
    if status:
        raise OSError(f"CUDA error {status}")
