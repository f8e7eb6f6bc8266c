"""Pooled features of a backbone: found in the cache, or computed into it."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray

from scans import Dataset
from trainables.families import Transfer
from trainables.features.extraction import Extraction
from trainables.features.frozen import Frozen, store_of
from trainables.features.shards import shards
from trainables.features.store import FeatureStore, Packed

__all__ = ["compute", "extraction_of", "fill"]


def fill(frozen: Frozen, dataset: Dataset, rows: NDArray[np.int64]) -> FeatureStore:
    """Makes sure that the features of some rows are in the cache; computes those that are not.

    Args:
        frozen: What the images go through.
        dataset: The images.
        rows: (n,), which of them.

    Raises:
        WeightsError: The weights are missing, damaged, or others than those asked for.
        NeurosweepError: A full disk, or features that are no numbers.
        OutOfMemoryError: There is no memory for a single image.
    """
    # Features that are here need no weights here: a node fetches them by the weights' hash.
    store = store_of(frozen if frozen.weights_hash else frozen.known(), dataset)
    if not len(store.missing(rows)):
        store.used()
        return store
    known = frozen.known()
    with store.filling():
        missing = store.missing(rows)  # another process may have computed them meanwhile
        compute(known, dataset, missing, store.add)
    return store


def compute(
    frozen: Frozen,
    dataset: Dataset,
    rows: NDArray[np.int64],
    take: Callable[[NDArray[np.int64], Packed], None],
) -> None:
    """Computes the features of some rows, and hands them over shard by shard.

    Args:
        frozen: What the images go through.
        dataset: The images.
        rows: (n,), which of them.
        take: Called with the rows of each shard and their features, as they are kept.
    """
    if not len(rows):
        return
    extraction = extraction_of(frozen)
    for shard in shards(rows):
        take(shard, extraction.packed(dataset.images, shard, frozen.view, "float16"))
    keras.utils.clear_session()


def extraction_of(frozen: Frozen) -> Extraction:
    """What runs images through a backbone, with its weights, to pooled features.

    Raises:
        WeightsError: The weights are missing or damaged.
    """
    family = Transfer(frozen.task, weights=frozen.weights, preprocessing=frozen.preprocessing)
    return Extraction(family.pooled_maps(frozen.backbone))
