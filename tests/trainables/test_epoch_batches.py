import numpy as np
from trainables_samples import make_dataset

from trainables.batches import EpochBatches


def epoch(batches):
    batches.on_epoch_begin()
    return [batches[index] for index in range(len(batches))]


def batches_of(dataset, *, seed=3):
    return EpochBatches(dataset, dataset.train, batch_size=16, seed=seed)


def test_each_image_is_seen_once_per_epoch_with_its_own_target(dataset):
    seen = epoch(batches_of(dataset))
    images = np.concatenate([image for image, _ in seen])
    targets = np.concatenate([target for _, target in seen])
    assert [len(image) for image, _ in seen] == [16, 16, 16, 2]
    wanted = {dataset.images[row].tobytes(): int(dataset.labels[row]) for row in dataset.train}
    got = {
        image.tobytes(): int(target.argmax()) for image, target in zip(images, targets, strict=True)
    }
    assert got == wanted


def test_images_stay_bytes_and_targets_are_one_hot(dataset):
    images, targets = epoch(batches_of(dataset))[0]
    assert images.dtype == np.uint8
    assert targets.dtype == np.float32
    assert images.shape == (16, 16, 16, 1)
    assert np.array_equal(targets.sum(axis=1), np.ones(16))


def test_the_order_changes_by_epoch_and_repeats_by_seed(dataset):
    first, again, other = batches_of(dataset), batches_of(dataset), batches_of(dataset, seed=4)
    one, two = epoch(first)[0][0], epoch(first)[0][0]
    assert not np.array_equal(one, two)
    assert np.array_equal(one, epoch(again)[0][0])
    assert not np.array_equal(one, epoch(other)[0][0])


def test_the_data_set_is_not_copied(tmp_path):
    dataset = make_dataset()
    path = tmp_path / "images.bin"
    dataset.images.tofile(path)
    mapped = np.memmap(path, np.uint8, "r+", shape=dataset.images.shape)
    object.__setattr__(dataset, "images", mapped)
    batches = batches_of(dataset)
    mapped[:] = 7
    assert np.array_equal(batches[0][0], np.full((16, 16, 16, 1), 7))
