"""A cluster of raylets with a cache each: a backbone's features are computed once, then fetched."""

from collections import Counter
from contextlib import ExitStack, nullcontext
from dataclasses import replace

import numpy as np
import pytest
import ray
from depot_samples import fill, source
from doubles import CLASSES, plan
from kills import CPU, RAY
from PIL import Image
from ray.cluster_utils import Cluster

import spaces
from search.screening.feature_pass import FeaturePass
from search.screening.images import Images
from search.stages.context import StageWorkers
from search.stages.pool import WorkerPool
from search.studies.study import Suggestion
from search.workers.depot import depot
from trainables import Runtime
from trainables.features.frozen import Frozen

pytestmark = pytest.mark.timeout(280)

EXPERIMENT = """
data: {image_size: 32}
families: {transfer: {backbones: [MobileNetV2], weights: random, image_size: 32, copies: 1}}
training: {epochs: 1}
"""


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """The folders of the driver's cache and of those of two nodes."""
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path / "driver"))
    return [tmp_path / name for name in ("driver", "first", "second")]


@pytest.fixture
def cluster(caches):
    """A head without a place for workers, where the driver is, and two nodes with one each."""
    nodes = Cluster()
    nodes.add_node(num_cpus=0, include_dashboard=False)
    for cache in caches[1:]:
        nodes.add_node(num_cpus=1, env_vars={"NEUROSWEEP_CACHE": str(cache)})
    ray.init(address=nodes.address, **RAY)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


@pytest.fixture
def images(caches, tmp_path):
    """Real images of the sample's names."""
    random = np.random.default_rng(0)
    made = replace(source(caches[0]), root=tmp_path / "images")
    made.root.mkdir()
    for row in made.split.to_pylist():
        pixels = random.integers(0, 256, (32, 32), dtype=np.uint8)
        pixels[:, : 8 * CLASSES.index(row["label"])] = 0
        Image.fromarray(pixels).save(made.root / row["file"])
    return Images.of(made)


def test_features_are_computed_once_and_fetched_by_every_node(cluster, caches, images):
    of = plan(EXPERIMENT)
    ((_, configuration),) = spaces.paper_configurations(
        of.space(), of.task, of.experiment.space_families()
    )
    suggestion = Suggestion(number=0, configuration=configuration, origin="paper", note="")
    recipe = of.recipe(suggestion)
    frozen = Frozen.of(recipe)
    wanted = np.concatenate([images.rows.validation, images.rows.train])
    settings = {"runtime": Runtime(threads=1), "resources": CPU}
    with depot(images.source, "random") as shared, ExitStack() as hired:
        workers = [hired.enter_context(StageWorkers(**settings, depot=shared)) for _ in range(2)]
        assert all(worker.ready(60) for worker in workers)
        left = iter(workers)
        with WorkerPool(lambda: nullcontext(next(left)), 2) as pool:
            features = FeaturePass(images, pool)
            assert features.complete({frozen: wanted}) == [frozen]
        counts = features.passes.summary()["MobileNetV2"]
        assert (counts["computed"], counts["reused"]) == (len(wanted), 0)
        assert features.failed == {}

        # Figures that no backbone computes: where they turn up, they were fetched.
        fill(images, frozen, wanted)
        fits = [
            worker.run("fit", {"recipe": recipe, "source": images.source}) for worker in workers
        ]
    assert Counter(fit.epochs for fit in fits) == {1: 2}
    np.testing.assert_array_equal(*(fit.validation_probabilities for fit in fits))
    for cache in caches[1:]:
        here = Images.of(replace(images.source, cache=cache)).store(frozen)
        assert not len(here.missing(wanted))
        np.testing.assert_array_equal(here.read(wanted)[:, 0, 0], wanted)
        assert len(here.missing(images.rows.test)) == len(images.rows.test)
