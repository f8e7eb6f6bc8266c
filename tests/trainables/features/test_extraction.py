"""Features of a frozen network: the same however rows are divided, in the memory there is."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from trainables_samples import CLASSES, make_dataset

from neurosweep.errors import NeurosweepError, OutOfMemoryError, WeightsError
from spaces import Task
from trainables import alive
from trainables.families import Transfer
from trainables.families.family import Settings
from trainables.features import extraction
from trainables.features.cached import fill
from trainables.features.extraction import Extraction
from trainables.features.frozen import Frozen, store_of
from trainables.features.store import pack, unpack

SIZE = 64
TASK = Task(image_size=SIZE, channels=1, classes=("a", "b"))
ROWS = np.arange(21)


@pytest.fixture(scope="module", autouse=True)
def _small_batches():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extraction, "measuring_batch", lambda _: 8)
        yield


@pytest.fixture(scope="module")
def images():
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (21, SIZE, SIZE, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def extracted():
    keras.utils.set_random_seed(5)
    return Extraction(Transfer(TASK, weights="random").pooled_maps("MobileNet"))


def test_any_division_into_shards_gives_the_same_to_the_last_bit(extracted, images):
    whole, exponents = extracted.packed(images, ROWS, "plain", "float32")
    for shards in (
        np.array_split(ROWS, 3),
        [ROWS[:1], ROWS[1:10], ROWS[10:]],
        [ROWS[::-1]],
        [ROWS[[row]] for row in (20, 0, 8)],
    ):
        for shard in shards:
            values, _ = extracted.packed(images, shard, "plain", "float32")
            np.testing.assert_array_equal(values, whole[shard])
    assert not exponents.any()


def test_they_are_what_the_whole_network_has_behind_its_pooling(extracted, images):
    values = {
        "backbone": "MobileNet",
        **{"pooling": "both", "dropout": 0.0, "fc_layers": 1, "width_1": 4, "activation": "relu"},
    }
    settings = Settings("transfer", {f"transfer/{name}": value for name, value in values.items()})
    whole = Transfer(TASK, weights="random").network(settings)
    pooled = keras.Model(whole.input, whole.get_layer("head_pool").output)
    wanted = pooled.predict(images.astype(np.float32), verbose=0, batch_size=8)
    found = unpack(extracted.packed(images, ROWS, "plain", "float32"))
    assert found.shape == (21, 2, 1024)
    np.testing.assert_allclose(found[:, 0], wanted[:, :1024], rtol=1e-5, atol=1e-5 * wanted.max())
    np.testing.assert_allclose(found[:, 1], wanted[:, 1024:], rtol=1e-5, atol=1e-5 * wanted.max())
    assert (found[:, 1] > 1.01 * found[:, 0]).any()  # several places, so that the order matters


def test_a_view_is_what_the_network_sees(extracted, images):
    flipped = extracted.packed(images, ROWS[:3], "flipped", "float32")[0]
    by_hand = extracted.packed(images[:, :, ::-1], ROWS[:3], "plain", "float32")[0]
    np.testing.assert_array_equal(flipped, by_hand)


def test_each_batch_is_a_sign_of_life(extracted, images):
    beats = []
    alive.watch(lambda: beats.append(1))
    extracted.packed(images, ROWS, "plain", "float16")
    alive.watch(None)
    assert len(beats) == 3


class _Narrow:
    """A network that gets no memory for more than so many images."""

    input_shape = (None, 4, 4, 1)
    name = "narrow"

    def __init__(self, most):
        self.most = most
        self.asked = []

    def __call__(self, images, training):
        assert training is False
        return tf.reshape(tf.numpy_function(self._compute, [images], tf.float32), (-1, 2, 8))

    def _compute(self, images):
        self.asked.append(len(images))
        if len(images) > self.most:
            raise MemoryError("no more")  # which TensorFlow makes a ResourceExhaustedError
        return np.repeat(images.mean(axis=(1, 2, 3))[:, None], 16, axis=1)


@pytest.mark.parametrize(("most", "asked"), [(8, [8] * 3), (3, [8, 4, 2, *[2] * 10]), (1, None)])
def test_without_memory_batches_become_smaller_and_nothing_is_lost(images, most, asked):
    small = np.ascontiguousarray(images[:, :4, :4])
    network = _Narrow(most)
    values, _ = Extraction(network).packed(small, ROWS, "plain", "float32")
    np.testing.assert_allclose(values[:, 1, 3], small.mean(axis=(1, 2, 3)), rtol=1e-5)
    assert asked is None or network.asked == asked
    assert network.asked[-1] <= most


def test_without_memory_for_one_image_it_says_what_to_do(images):
    with pytest.raises(OutOfMemoryError, match=r"narrow at 4 pixels.*Set a smaller families"):
        Extraction(_Narrow(0)).packed(images[:, :4, :4], ROWS, "plain", "float16")


def test_features_that_are_here_need_no_weights_here(tmp_path):
    frozen = Frozen(
        backbone="MobileNet",
        weights=str(tmp_path / "nowhere"),
        weights_hash="0" * 64,
        preprocessing="native",
        task=Task(image_size=32, channels=1, classes=CLASSES),
    )
    dataset = make_dataset(size=32, cache=tmp_path)
    store, rows = store_of(frozen, dataset), dataset.train[:3]
    with store.filling():
        store.add(rows, pack(np.ones((3, *store.shape[1:]), np.float32), "float16"))
    assert (fill(frozen, dataset, rows).read(rows) == 1).all()
    with pytest.raises(WeightsError, match="nowhere"):
        fill(frozen, dataset, dataset.train[:4])


def test_a_network_that_gives_no_numbers_is_refused(images):
    inputs = keras.Input((SIZE, SIZE, 1))
    broken = keras.Model(inputs, keras.ops.log(inputs - 1000.0))
    with pytest.raises(NeurosweepError, match="received NaN or infinite"):
        Extraction(broken).packed(images, ROWS[:2], "plain", "float16")
