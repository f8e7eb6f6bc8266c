"""Features and weights of the driver's machine: nodes fetch them once, whole, or go without."""

import logging
import os
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import ray
from depot_samples import BACKBONE, TRAIN, VALIDATION, fill, frozen, recipe, source, weight_file
from kills import LOCAL

import scans
from neurosweep.errors import WeightsError
from scans.caches.stored import list_stored
from search.screening.images import Images
from search.staging.local_weights import (
    delivered_file,
    delivery,
    local_weights,
    worker_weights,
)
from search.workers import depot as depots
from search.workers import errands as errand_module
from search.workers import tasks
from search.workers.depot import Depot, RemoteDepot, depot
from search.workers.errands import Errands, at_home
from spaces import BACKBONES
from trainables import Ensemble, Member, backbone_weights
from trainables.weights.digests import sha256_of

pytestmark = pytest.mark.timeout(180)

FILE = BACKBONES[BACKBONE].weights_file


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """This node's own cache."""
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path / "node"))
    return tmp_path / "node"


class Direct:
    """A depot without an actor; counts what it is asked."""

    def __init__(self, source_, weights=Path("nowhere")):
        self._depot = Depot(source_, weights)
        self.asked = []
        self.rows = 0

    def whole(self, of, rows):
        self.asked.append("whole")
        return self._depot.whole(of, rows)

    def features(self, of, rows):
        self.asked.append("features")
        self.rows += len(rows)
        return self._depot.features(of, rows)

    def size(self, *about):
        self.asked.append("size")
        return self._depot.size(*about)

    def piece(self, *about):
        self.asked.append("piece")
        return self._depot.piece(*about)


@pytest.fixture
def drivers(tmp_path):
    return Images.of(source(tmp_path / "driver"))


@pytest.fixture
def nodes(cache):
    return Images.of(source(cache))


def both(images):
    return np.concatenate([images.rows.train, images.rows.validation])


def fit_of(images, of, **settings):
    return {"recipe": recipe(of, **settings), "source": images.source}


def test_a_node_fetches_the_features_of_a_trial_and_no_others(drivers, nodes):
    fill(drivers, frozen(), np.arange(45))
    served = Direct(drivers.source)
    Errands(served).fetch("fit", fit_of(nodes, frozen()))
    store = nodes.store(frozen())
    assert not len(store.missing(both(nodes)))
    np.testing.assert_array_equal(store.read(both(nodes))[:, 1, 7], both(nodes))
    assert len(store.missing(nodes.rows.test)) == len(nodes.rows.test)
    assert served.rows == TRAIN + VALIDATION


def test_what_is_here_is_not_fetched_again(drivers, nodes):
    fill(drivers, frozen(), np.arange(45))
    fill(nodes, frozen(), np.arange(25))
    served = Direct(drivers.source)
    Errands(served).fetch("fit", fit_of(nodes, frozen()))
    assert served.rows == TRAIN + VALIDATION - 25
    for errands in (Errands(served), Errands(served)):  # of this worker, and of another
        errands.fetch("fit", fit_of(nodes, frozen()))
    assert served.rows == TRAIN + VALIDATION - 25


def test_where_the_cache_is_shared_nothing_is_fetched(drivers):
    fill(drivers, frozen(), np.arange(20))
    served = Direct(drivers.source)
    Errands(served).fetch("fit", fit_of(drivers, frozen()))
    assert (served.rows, len(drivers.store(frozen()).missing(both(drivers)))) == (0, 20)


def test_rows_that_the_driver_lacks_are_left_to_the_child(drivers, nodes):
    fill(drivers, frozen(), np.arange(10, 35))
    Errands(Direct(drivers.source)).fetch("fit", fit_of(nodes, frozen()))
    missing = nodes.store(frozen()).missing(both(nodes))
    assert sorted(missing) == [*range(10), *range(35, 40)]


def test_damaged_rows_are_not_served(drivers):
    fill(drivers, frozen(), np.arange(45))
    values = drivers.store(frozen()).folder / "values.npy"
    with values.open("r+b") as file:
        file.seek(-8, os.SEEK_END)
        file.write(b"damaged!")
    assert 44 not in Depot(drivers.source, Path("nowhere")).whole(frozen(), np.arange(45))


def test_changed_copies_are_fetched_where_a_trial_draws_from_them(drivers, nodes):
    views = ["flipped", "random1"]
    fill(drivers, frozen(), np.arange(45))
    for view in views:
        fill(drivers, frozen().seen_as(view), drivers.rows.train)
    errands = Errands(Direct(drivers.source))
    errands.fetch("fit", fit_of(nodes, frozen(), copies=2))
    stores = [nodes.store(frozen().seen_as(view)) for view in views]
    assert [len(store.missing(nodes.rows.train)) for store in stores] == [TRAIN, TRAIN]
    errands.fetch("fit", fit_of(nodes, frozen(), copies=2, augmentation=True))
    assert [len(store.missing(nodes.rows.train)) for store in stores] == [0, 0]


def test_a_round_of_cross_validation_fetches_the_images_of_all_other_folds(drivers, nodes):
    fill(drivers, frozen(), np.arange(45))
    Errands(Direct(drivers.source)).fetch("retrain", {**fit_of(nodes, frozen()), "fold": 1})
    assert not len(nodes.store(frozen()).missing(both(nodes)))


def test_a_training_with_a_further_seed_fetches_the_images_of_its_trial(drivers, nodes):
    fill(drivers, frozen(), np.arange(45))
    served = Direct(drivers.source)
    Errands(served).fetch("retrain", {**fit_of(nodes, frozen()), "fold": None})
    assert not len(nodes.store(frozen()).missing(both(nodes)))
    assert served.rows == TRAIN + VALIDATION


def test_large_features_come_in_pieces_and_each_is_a_sign_of_life(drivers, nodes, monkeypatch):
    monkeypatch.setattr(errand_module, "_PIECE_ROWS", 16)
    fill(drivers, frozen(), np.arange(45))
    served, beats = Direct(drivers.source), []
    Errands(served, lambda: beats.append(True)).fetch("fit", fit_of(nodes, frozen()))
    assert served.asked.count("features") == len(beats) == 3


def test_workers_of_one_node_fetch_once(drivers, nodes):
    fill(drivers, frozen(), np.arange(45))
    served, start = Direct(drivers.source), threading.Barrier(4)

    def work():
        start.wait()
        Errands(served).fetch("fit", fit_of(nodes, frozen()))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert served.rows == TRAIN + VALIDATION


def test_the_network_keeps_nobody_on_the_node_from_computing(drivers, nodes):
    fill(drivers, frozen(), np.arange(45))
    served, computed = Direct(drivers.source), np.arange(5)
    answer = served.features

    def features(of, rows):
        fill(nodes, frozen(), computed)  # a child of the node, while the answer travels
        return answer(of, rows)

    served.features = features
    Errands(served).fetch("fit", fit_of(nodes, frozen()))
    assert not len(nodes.store(frozen()).missing(both(nodes)))


def test_a_cache_that_another_process_fills_for_long_is_not_waited_for(
    drivers, nodes, monkeypatch, caplog
):
    monkeypatch.setattr(errand_module, "_LOCK_LIMIT", 0.2)
    fill(drivers, frozen(), np.arange(45))
    with nodes.store(frozen()).filling(), caplog.at_level(logging.WARNING):
        Errands(Direct(drivers.source)).fetch("fit", fit_of(nodes, frozen()))
    assert "one process at a time" in caplog.text
    assert len(nodes.store(frozen()).missing(both(nodes))) == TRAIN + VALIDATION


# --- weights ---


@pytest.fixture
def files(tmp_path):
    """A weight file on the driver's machine: its folder and its hash."""
    folder = tmp_path / "driver" / "staged"
    return folder, weight_file(folder, bytes(range(256)) * 64)


def with_file(files, **changes):
    return frozen(weights="/nowhere/on/this/node", weights_hash=files[1], **changes)


@pytest.mark.parametrize("task", ["fine_tune", "evaluate", "export", "retrain"])
def test_a_task_that_builds_a_backbone_gets_its_file(task, files, drivers, nodes, monkeypatch):
    monkeypatch.setattr(depots, "PIECE_BYTES", 1000)
    of = with_file(files)
    served = Direct(drivers.source, files[0])
    Errands(served).fetch(task, {**fit_of(nodes, of), "fold": 0})
    path = delivered_file(BACKBONE, files[1])
    assert path == nodes.cache / "weights" / files[1][:16] / FILE
    assert path.read_bytes() == (files[0] / FILE).read_bytes()
    assert served.asked.count("piece") == 17  # of 16,384 bytes
    assert local_weights(of.weights, BACKBONE, files[1]) == str(path.parent)
    Errands(served).fetch(task, {**fit_of(nodes, of), "fold": 0})
    assert served.asked.count("size") == 1


@pytest.mark.parametrize("task", ["ensemble_latency", "export_ensemble"])
def test_an_ensemble_gets_the_files_of_all_its_members(task, files, drivers, nodes):
    other = "ResNet50V2"
    path = files[0] / BACKBONES[other].weights_file
    path.write_bytes(bytes(range(200)) * 64)
    recipes = (
        recipe(with_file(files)),
        recipe(frozen(backbone=other, weights="/nowhere", weights_hash=sha256_of(path))),
    )
    members = [
        Member(trial_id=f"t{number}", weight=0.5, recipe=one) for number, one in enumerate(recipes)
    ]
    served = Direct(drivers.source, files[0])
    Errands(served).fetch(task, {"ensemble": Ensemble(tuple(members)), "source": nodes.source})
    for one in recipes:
        name = one.configuration["transfer/backbone"]
        assert delivered_file(name, one.weights_hash).is_file()


def test_extraction_gets_its_file(files, drivers, nodes):
    payload = {"frozen": with_file(files), "source": nodes.source, "rows": np.arange(3)}
    Errands(Direct(drivers.source, files[0])).fetch("extract", payload)
    assert delivered_file(BACKBONE, files[1]).is_file()


def test_a_fit_gets_the_file_only_where_features_are_missing(files, drivers, nodes):
    of = with_file(files)
    fill(drivers, of, both(drivers))
    served = Direct(drivers.source, files[0])
    Errands(served).fetch("fit", fit_of(nodes, of))
    assert "size" not in served.asked
    Errands(served).fetch("fit", {**fit_of(nodes, of), "with_latency": True})
    assert delivered_file(BACKBONE, files[1]).is_file()


def test_a_fit_without_features_anywhere_gets_the_file(files, drivers, nodes):
    Errands(Direct(drivers.source, files[0])).fetch("fit", fit_of(nodes, with_file(files)))
    assert delivered_file(BACKBONE, files[1]).is_file()


def test_a_file_that_is_where_it_was_told_is_not_fetched(files, drivers, nodes):
    of = with_file(files)
    of = replace(of, weights=str(files[0]))
    served = Direct(drivers.source, files[0])
    Errands(served).fetch("evaluate", fit_of(nodes, of))
    assert served.asked == []
    assert local_weights(str(files[0]), BACKBONE, files[1]) == str(files[0])


def test_a_driver_with_another_file_delivers_nothing(files, drivers, nodes):
    of = with_file(files)
    weight_file(files[0], b"changed while the search runs")
    Errands(Direct(drivers.source, files[0])).fetch("evaluate", fit_of(nodes, of))
    assert not delivered_file(BACKBONE, files[1]).exists()
    assert local_weights(of.weights, BACKBONE, files[1]) == of.weights


def test_bytes_that_are_not_the_file_never_appear(files, drivers, nodes, caplog):
    of = with_file(files)
    served = Direct(drivers.source, files[0])
    served.piece = lambda _backbone, start: b"x" * 1024 if start < 16384 else b""
    with caplog.at_level(logging.WARNING):
        Errands(served).fetch("evaluate", fit_of(nodes, of))
    assert "must have the SHA-256" in caplog.text
    assert [path.name for path in delivered_file(BACKBONE, files[1]).parent.glob("*.h5*")] == []


def test_a_file_that_breaks_off_never_appears_and_is_fetched_later(files, drivers, nodes):
    of = with_file(files)
    served = Direct(drivers.source, files[0])
    whole, served.piece = served.piece, lambda *_: None
    Errands(served).fetch("evaluate", fit_of(nodes, of))
    path = delivered_file(BACKBONE, files[1])
    assert not path.exists()
    path.with_name(f"{FILE}.{files[1][:8]}.partial").write_bytes(
        b"left by a worker that was killed"
    )
    served.piece = whole
    Errands(served).fetch("evaluate", fit_of(nodes, of))
    assert path.read_bytes() == (files[0] / FILE).read_bytes()


def test_what_a_killed_worker_left_of_a_file_is_listed_and_cleared(files, drivers, nodes):
    served, seen = Direct(drivers.source, files[0]), []
    whole = served.piece

    def piece(*about):
        seen.extend(list_stored(nodes.cache))
        return whole(*about)

    served.piece = piece
    Errands(served).fetch("evaluate", fit_of(nodes, with_file(files)))
    assert [(one.kind, one.complete) for one in seen] == [("weights", False)]
    assert [one.complete for one in list_stored(nodes.cache)] == [True]


def test_a_worker_downloads_nothing_and_says_who_should_have_delivered(
    files, nodes, monkeypatch, tmp_path
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(backbone_weights, "download", lambda *_: pytest.fail("downloaded"))
    of = frozen(weights="imagenet", weights_hash=files[1])
    folder = worker_weights("imagenet", BACKBONE, files[1])
    assert folder == str(delivered_file(BACKBONE, files[1]).parent)
    with (
        pytest.raises(WeightsError, match="the driver's machine; it did not deliver .*MobileNetV2"),
        delivery("imagenet", BACKBONE, files[1]),
    ):
        backbone_weights.weights_path(BACKBONES[BACKBONE], folder)
    monkeypatch.setattr(tasks, "_open", lambda *_: None)
    with pytest.raises(WeightsError, match="did not deliver"):
        tasks.extract(frozen=of, source=nodes.source, rows=np.arange(3), report=lambda _: True)


def test_another_complaint_about_weights_stays_as_it_is(files):
    with (
        pytest.raises(WeightsError, match="^as it was$"),
        delivery(str(files[0]), BACKBONE, files[1]),
    ):
        raise WeightsError("as it was")


def test_a_node_with_another_file_in_that_place_says_so(tmp_path):
    other = weight_file(tmp_path / "here", b"another")
    with pytest.raises(WeightsError, match=r"begins with 0{16}; .*is another file"):
        local_weights(str(tmp_path / "here"), BACKBONE, "0" * 64)
    assert local_weights(str(tmp_path / "here"), BACKBONE, other) == str(tmp_path / "here")


@pytest.mark.parametrize("weights", ["random", "none"])
def test_weights_without_files_are_not_looked_for(weights, drivers, nodes):
    served = Direct(drivers.source)
    Errands(served).fetch("evaluate", fit_of(nodes, frozen(weights=weights)))
    assert served.asked == []
    assert local_weights(weights, BACKBONE, "random-3-2-0") == weights


def test_a_uri_is_the_folder_that_the_cache_has_of_it(cache):
    found = local_weights("s3://bucket/weights", BACKBONE, "")
    assert Path(found).parent == cache / "weights"


# --- which cache, and which tasks ---


def test_a_node_with_a_cache_of_its_own_uses_it(cache, tmp_path, monkeypatch):
    theirs = source(tmp_path / "driver")
    assert at_home(theirs).cache == cache
    monkeypatch.delenv("NEUROSWEEP_CACHE")
    assert at_home(theirs) is theirs


def test_networks_of_our_own_need_nothing(drivers, nodes):
    served = Direct(drivers.source)
    own = replace(
        recipe(frozen()), configuration={"family": "mini_vgg"}, weights="none", weights_hash=""
    )
    Errands(served).fetch("fit", {"recipe": own, "source": nodes.source})
    Errands(served).fetch("probe", {"train": None})
    Errands(None).fetch("fit", fit_of(nodes, frozen()))
    assert served.asked == []


# --- the actor ---


@pytest.fixture(scope="module")
def local_ray():
    ray.init(**LOCAL)
    yield
    ray.shutdown()


@contextmanager
def gone(actor_of):
    ray.kill(actor_of._actor)
    yield


def test_an_actor_serves_both_and_a_lost_one_costs_no_trial(local_ray, files, drivers, nodes):
    of = with_file(files)
    fill(drivers, of, both(drivers))
    with depot(drivers.source, str(files[0])) as served:
        Errands(served).fetch("retrain", {**fit_of(nodes, of), "fold": 0})
        assert not len(nodes.store(of).missing(both(nodes)))
        assert delivered_file(BACKBONE, files[1]).is_file()
        assert served.features(of, np.arange(44, 45)) is None  # it fails at it, and goes on
        assert served.size(BACKBONE, files[1]) == 16384
        with gone(served):
            other = replace(of, preprocessing="unit")
            Errands(served).fetch("fit", fit_of(nodes, other))
            assert served.size(BACKBONE, files[1]) is None
    assert len(nodes.store(other).missing(both(nodes))) == TRAIN + VALIDATION


def test_a_depot_that_hangs_is_not_waited_for_for_long(local_ray, drivers, nodes, caplog):
    @ray.remote(num_cpus=0)
    class Hanging:
        def whole(self, *_):
            threading.Event().wait(60)

    served = RemoteDepot(Hanging.remote(), seconds=0.5)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            Errands(served).fetch("fit", fit_of(nodes, frozen(weights="none")))
    assert caplog.text.count("no answer from the driver's machine to `whole`") == 1
    assert f"{socket.gethostname()} got" in caplog.text
    assert "GetTimeoutError" in caplog.text
    assert len(nodes.store(frozen(weights="none")).missing(both(nodes))) == TRAIN + VALIDATION


def test_the_driver_says_where_its_weights_are(local_ray, tmp_path, monkeypatch, drivers):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    told = weight_file(tmp_path / "keras" / "models", b"Keras' own")
    with depot(drivers.source, "imagenet") as served:
        assert served.size(BACKBONE, told) == len(b"Keras' own")
        assert served.size("VGG16", told) is None


def test_a_default_cache_is_where_files_are_delivered(cache):
    assert delivered_file(BACKBONE, "a" * 64).is_relative_to(scans.default_cache())
