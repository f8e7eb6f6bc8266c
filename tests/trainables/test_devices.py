"""What a process takes of a GPU, on doubles of TensorFlow's settings and of CUDA's driver."""

from types import SimpleNamespace

import pytest
import tensorflow as tf

from neurosweep.errors import NeurosweepError
from trainables import devices
from trainables.devices import memory_limit, share_gpus

GIB = 2**30


@pytest.fixture
def settings(monkeypatch):
    """Two cards in TensorFlow's eyes; what is set for them."""
    done = []
    monkeypatch.setattr(devices, "_mirrored", ())  # else later tests would train on such cards
    set_growth = lambda gpu, grows: done.append(("growth", gpu, grows))  # noqa: E731
    fences = lambda gpu, parts: done.append(("fence", gpu, [p.memory_limit for p in parts]))  # noqa: E731
    shown = lambda devices, kind: done.append(("shown", devices, kind))  # noqa: E731
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["gpu:0", "gpu:1"])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", set_growth)
    monkeypatch.setattr(tf.config, "set_logical_device_configuration", fences)
    monkeypatch.setattr(tf.config, "set_visible_devices", shown)
    return done


def test_the_device_is_called_by_its_own_name(monkeypatch):
    seen = {"gpu:0": {"device_name": "Some Card 80GB"}, "gpu:1": {}}
    monkeypatch.setattr(tf.config.experimental, "get_device_details", seen.__getitem__)
    for visible, name in ((["gpu:0"], "Some Card 80GB"), (["gpu:1"], "GPU"), ([], None)):
        monkeypatch.setattr(tf.config, "get_visible_devices", lambda _, shown=visible: shown)
        assert devices.gpu_name() == name


def driver(*totals, status=0):
    """CUDA's driver with cards of so many bytes."""

    def device_get(pointer, place):
        pointer._obj.value = place
        return status

    def total_memory(pointer, device):
        pointer._obj.value = totals[device.value]
        return status

    return SimpleNamespace(
        cuInit=lambda _: status, cuDeviceGet=device_get, cuDeviceTotalMem_v2=total_memory
    )


@pytest.mark.parametrize("gpus", [None, 1.0, 2.0])
def test_whole_cards_grow(settings, gpus):
    share_gpus(gpus)
    assert settings == [("growth", "gpu:0", True), ("growth", "gpu:1", True)]


def test_a_share_is_fenced_by_the_memory_of_its_own_card(settings, monkeypatch):
    monkeypatch.setattr(devices, "_driver", lambda: driver(16 * GIB, 8 * GIB))
    share_gpus(0.5)
    assert settings == [("fence", "gpu:0", [8192 - 512]), ("fence", "gpu:1", [4096 - 512])]


def test_without_gpus_none_is_seen(settings):
    share_gpus(0.0)
    assert settings == [("shown", [], "GPU")]


def test_a_share_where_tensorflow_sees_no_gpu_asks_for_nothing(settings, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [])
    share_gpus(0.5)
    assert settings == []


def test_a_negative_share_is_refused(settings):
    with pytest.raises(NeurosweepError, match="0 GPUs or more; received -0.5"):
        share_gpus(-0.5)


def _missing():
    raise OSError("libcuda.so.1: cannot open shared object file")


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (_missing, "cannot open"),
        (lambda: driver(GIB, status=100), "CUDA error 100"),
        (lambda: SimpleNamespace(cuInit=lambda _: 0), "cuDeviceGet"),
    ],
)
def test_a_card_whose_memory_is_not_known_is_not_shared(settings, monkeypatch, answers, reason):
    monkeypatch.setattr(devices, "_driver", answers)
    with pytest.raises(NeurosweepError, match=f"{reason}.*resources.gpus_per_trial=1"):
        share_gpus(0.5)
    assert settings == []


def test_two_shares_of_a_card_leave_room_for_cuda_in_both():
    assert 2 * (memory_limit(0.5, 16 * GIB) + 512) <= 16 * 1024
    assert memory_limit(0.25, 16 * GIB) == 4096 - 512


def test_a_share_in_which_nothing_can_be_trained_is_refused():
    with pytest.raises(NeurosweepError, match="received 0.1 of a card of 8192 MiB"):
        memory_limit(0.1, 8 * GIB)
