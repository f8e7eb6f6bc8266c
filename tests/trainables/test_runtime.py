import subprocess
import sys

import pytest

import trainables
from neurosweep.errors import NeurosweepError
from trainables import Runtime, start
from trainables.runtime import current_runtime, numerics, recorded_runtime


def test_starting_again_with_the_same_runtime_is_fine():
    start(Runtime(threads=1))
    assert current_runtime() == Runtime(threads=1)


def test_another_runtime_needs_a_fresh_process():
    with pytest.raises(NeurosweepError, match="Start a fresh process"):
        start(Runtime(threads=2))


def test_what_needs_tensorflow_says_that_start_comes_first(monkeypatch):
    monkeypatch.setattr("trainables.runtime._started", None)
    with pytest.raises(NeurosweepError, match=r"Call trainables\.start"):
        current_runtime()


def test_starting_after_an_operation_is_refused(monkeypatch):
    import tensorflow as tf

    tf.constant(1)
    monkeypatch.setattr("trainables.runtime._started", None)
    with pytest.raises(NeurosweepError, match="has run one already"):
        start(Runtime(threads=3))
    with pytest.raises(NeurosweepError):
        current_runtime()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": 0}, "at least 1 thread; received 0"),
        ({"threads": 1, "precision": "float16"}, "received 'float16'"),
        (
            {"threads": 1, "families": {"mini_vgg": {"precision": "float8"}}},
            "received 'float8'",
        ),
        ({"threads": 1, "xla": True}, "where operations are deterministic; received both"),
    ],
)
def test_values_out_of_bounds_are_refused(options, message):
    with pytest.raises(NeurosweepError, match=message):
        Runtime(**options)


def test_threads_determinism_and_policy_reach_tensorflow():
    import keras
    import tensorflow as tf

    assert tf.config.threading.get_intra_op_parallelism_threads() == 1
    assert tf.config.threading.get_inter_op_parallelism_threads() == 1
    with numerics(precision="mixed_bfloat16", fused_batch_norm=True):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_float32_is_float32_on_every_device():
    import tensorflow as tf

    assert not tf.config.experimental.tensor_float_32_execution_enabled()


def test_importing_the_room_loads_no_tensorflow():
    code = (
        "import sys, trainables, trainables.recipe, trainables.results, trainables.runtime; "
        "print([m for m in ('tensorflow', 'keras', 'ray') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_starting_writes_nothing_to_the_terminal():
    code = (
        "import trainables; trainables.fit; trainables.start(trainables.Runtime(threads=1)); "
        "import tensorflow as tf; tf.constant(1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("name", trainables.__all__)
def test_every_public_name_is_there_and_is_no_module(name):
    assert type(getattr(trainables, name)).__name__ != "module"


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'train_all'"):
        _ = trainables.train_all


def test_the_share_of_a_gpu_is_set_before_the_first_operation_and_is_no_part_of_the_runtime(
    monkeypatch,
):
    shares = []
    monkeypatch.setattr("trainables.runtime._started", None)
    monkeypatch.setattr("trainables.runtime.share_gpus", shares.append)
    for setting in ("intra", "inter"):
        name = f"tensorflow.config.threading.set_{setting}_op_parallelism_threads"
        monkeypatch.setattr(name, lambda _: None)
    start(Runtime(threads=1), gpus=0.5)
    assert shares == [0.5]
    assert current_runtime() == Runtime(threads=1)


def test_a_family_has_its_own_way_to_compute_or_that_of_all():
    own = {"precision": "mixed_bfloat16", "fused_batch_norm": True, "xla": True}
    runtime = Runtime(threads=2, deterministic=False, families={"mini_vgg": own})
    assert runtime.of("mini_vgg") == Runtime(threads=2, deterministic=False, **own)
    assert runtime.of("plain_cnn") == Runtime(threads=2, deterministic=False)
    assert Runtime(**runtime.record()) == runtime
    for family in ("mini_vgg", "plain_cnn"):
        recorded = recorded_runtime(runtime.record(), family)
        assert recorded == runtime.of(family).record()
        assert Runtime(**recorded).of(family) == runtime.of(family)


def test_a_runtime_without_choices_reads_as_it_always_did():
    assert set(Runtime(threads=1).record()) == {
        "threads",
        "precision",
        "deterministic",
        "fused_batch_norm",
    }
