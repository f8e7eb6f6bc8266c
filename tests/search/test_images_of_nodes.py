"""Nodes without the data folder: each is brought the images once, and decodes them once."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
from depot_samples import source
from doubles import plan
from kills import CPU, RAY
from PIL import Image
from ray.cluster_utils import Cluster

import scans
import spaces
from neurosweep.errors import DataError, WorkerLostError
from scans.caches.stored import list_stored
from scans.division.split import CONTENT_KEY
from scans.manifest import content_hash
from scans.pictures.reading import hash_bytes
from search.runs.run_directory import RunDirectory
from search.stages.context import StageWorkers
from search.stages.node_notes import note_nodes
from search.studies.study import Suggestion
from search.workers import served_images, tasks
from search.workers.depot import Depot, depot
from search.workers.errands import at_home
from search.workers.limits import Limits
from search.workers.node_images import DECODED, DELIVERED, NodeImages, sized
from search.workers.served_images import Listing
from trainables import Runtime

pytestmark = pytest.mark.timeout(280)

IMAGES = 45

EXPERIMENT = """
data: {image_size: 32}
families: {mini_vgg: {}}
training: {epochs: 1}
"""


@pytest.fixture
def drivers(tmp_path):
    """The driver's source: forty-five images, and a manifest of them."""
    made = replace(source(tmp_path / "driver"), root=tmp_path / "images")
    made.root.mkdir()
    random = np.random.default_rng(0)
    files, hashes = [], []
    for row in made.split.to_pylist():
        path = made.root / row["file"]
        Image.fromarray(random.integers(0, 256, (32, 32), dtype=np.uint8)).save(
            path, "BMP"
        )  # all of one size
        files.append(row["file"])
        hashes.append(hash_bytes(path.read_bytes()))
    content = content_hash(files, hashes).encode()
    manifest = made.split.append_column("bytes_hash", [hashes])
    pq.write_table(manifest, tmp_path / "manifest.parquet")
    return replace(made, split=made.split.replace_schema_metadata({CONTENT_KEY: content}))


@pytest.fixture
def elsewhere(drivers, tmp_path, monkeypatch):
    """The same source on a node that has another folder of that name, which is empty."""
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path / "node"))
    return at_home(replace(drivers, root=tmp_path / "nowhere"))


class Direct(Depot):
    """A depot without an actor; counts what it is asked."""

    def __init__(self, drivers, manifest):
        super().__init__(drivers, drivers.root, manifest)
        self.packs = []

    def pack(self, places):
        self.packs.append(list(places))
        return super().pack(places)

    def kinds(self):
        return [kind for kind, _ in self.take_notes()]


class Child:
    """Decodes in this process."""

    def begin(self, task, payload, *, limits):
        assert (task, limits) == ("prepare", Limits().patient())
        self.payload = payload

    def next_message(self, is_late):
        assert is_late() is False
        return "done", tasks.prepare(**self.payload, report=None)


@pytest.fixture
def served(drivers, tmp_path):
    return Direct(drivers, tmp_path / "manifest.parquet")


def worker(served, beat=None):
    return NodeImages(served, Child(), Limits(), beat)


def fit(of):
    asked = plan(EXPERIMENT)
    ((_, paper), *_) = spaces.paper_configurations(
        asked.space(), asked.task, asked.experiment.space_families()
    )
    suggestion = Suggestion(number=0, configuration=paper, origin="paper", note="")
    return {"recipe": asked.recipe(suggestion), "source": of}


def test_a_node_is_brought_the_images_once_and_decodes_them_once(
    served, drivers, elsewhere, monkeypatch
):
    monkeypatch.setattr(served_images, "PACK_BYTES", 10_000)
    beats = []
    first = worker(served, lambda: beats.append(1))
    got = first.have(fit(elsewhere))["source"]
    assert got.root == elsewhere.cache / "images" / f"driver-{'f' * 16}" / "files"
    for row in drivers.split.to_pylist():
        assert (got.root / row["file"]).read_bytes() == (drivers.root / row["file"]).read_bytes()
    assert sorted(place for pack in served.packs for place in pack) == list(range(IMAGES))
    assert len(beats) > len(served.packs) > 4
    assert served.kinds() == [DELIVERED, DECODED]
    assert scans.open_dataset(got, image_size=32, color="grey").images.shape[0] == IMAGES

    served.packs.clear()
    again = first.have(fit(got))["source"]
    other = worker(served).have(fit(elsewhere))["source"]
    assert again is got
    assert other.root == got.root
    assert (served.packs, served.kinds()) == ([], [])
    kinds = {one.kind: one for one in list_stored(elsewhere.cache)}
    assert kinds["copy of images"].images == IMAGES


def test_a_folder_that_fits_is_used_in_place(served, drivers, elsewhere):
    shutil.copytree(drivers.root, elsewhere.root)
    assert worker(served).have(fit(elsewhere))["source"].root == elsewhere.root
    assert served.packs == []


def test_a_folder_with_another_file_is_not_used(served, drivers, elsewhere):
    shutil.copytree(drivers.root, elsewhere.root)
    (elsewhere.root / "07.png").write_bytes(b"another")
    got = worker(served).have(fit(elsewhere))["source"]
    assert got.root != elsewhere.root
    assert (got.root / "07.png").read_bytes() == (drivers.root / "07.png").read_bytes()


def test_a_file_of_the_same_size_is_told_when_it_is_decoded(served, drivers, elsewhere):
    shutil.copytree(drivers.root, elsewhere.root)
    shutil.copy(drivers.root / "08.png", elsewhere.root / "07.png")
    with pytest.raises(DataError, match="must be those of the manifest"):
        worker(served).have(fit(elsewhere))


def test_a_file_that_changed_on_the_drivers_disk_is_refused(served, drivers, elsewhere):
    served.listing()
    (drivers.root / "07.png").write_bytes(b"\0" * (drivers.root / "07.png").stat().st_size)
    with pytest.raises(WorkerLostError, match=r"could not be brought to .*: 07.png must have the"):
        worker(served).have(fit(elsewhere))
    assert not (elsewhere.cache / "images" / f"driver-{'f' * 16}" / "about.json").exists()


def test_what_was_interrupted_goes_on(served, elsewhere, monkeypatch):
    monkeypatch.setattr(served_images, "PACK_BYTES", 10_000)
    pack = served.pack

    def few(places):
        return pack(places) if len(served.packs) < 3 else None

    monkeypatch.setattr(served, "pack", few)
    with pytest.raises(WorkerLostError, match="the driver's machine did not give them"):
        worker(served).have(fit(elsewhere))
    before = [place for places in served.packs for place in places]
    assert before
    monkeypatch.setattr(served, "pack", pack)
    served.packs.clear()
    worker(served).have(fit(elsewhere))
    assert {place for places in served.packs for place in places} == {*range(IMAGES)} - {*before}


def test_a_disk_too_small_is_told(served, elsewhere, monkeypatch):
    monkeypatch.setattr("search.workers.node_images.free_bytes", lambda _: 100)
    with pytest.raises(WorkerLostError, match="its disk has 100 free"):
        worker(served).have(fit(elsewhere))


def test_other_files_than_those_divided_are_refused(served, drivers):
    listing = served.listing()
    listing.check(drivers.split)
    for wrong in (
        replace(listing, files=("../07.png", *listing.files[1:])),
        replace(listing, hashes=("0" * 64, *listing.hashes[1:])),
    ):
        with pytest.raises(DataError, match="listed others"):
            wrong.check(drivers.split)


def test_a_name_that_leads_out_of_the_folder_is_refused():
    names = ["../x", "a"]
    listing = Listing(files=tuple(names), sizes=(1, 1), hashes=("0" * 64,) * 2)
    with pytest.raises(DataError, match="but '../x' leads out of it"):
        listing.check(pa.table({"file": names}))


def test_large_files_are_packs_of_their_own(monkeypatch):
    monkeypatch.setattr(served_images, "PACK_BYTES", 10)
    listing = Listing(files=tuple("abcdef"), sizes=(4, 4, 4, 30, 0, 10), hashes=("",) * 6)
    assert listing.packs(range(6)) == [[0, 1], [2], [3], [4, 5]]


def test_without_a_depot_nothing_is_done(elsewhere):
    payload = fit(elsewhere)
    assert NodeImages(None, Child(), Limits()).have(payload) is payload


def test_tasks_that_look_at_no_image_have_no_size():
    assert sized({"train": 1}) is None
    assert sized(fit(None)) == (32, "grey")


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A head where the driver is, and two nodes with two places each and a cache of their own."""
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path / "driver"))
    nodes = Cluster()
    nodes.add_node(num_cpus=0, include_dashboard=False)
    for name in ("first", "second"):
        nodes.add_node(num_cpus=2, env_vars={"NEUROSWEEP_CACHE": str(tmp_path / name)})
    ray.init(address=nodes.address, **RAY)
    yield [tmp_path / "first", tmp_path / "second"]
    ray.shutdown()
    nodes.shutdown()


def test_every_node_of_a_cluster_is_brought_them_once(cluster, drivers, tmp_path):
    """Four workers at once on two nodes: two deliveries, two decoded caches."""
    with (
        RunDirectory.create(tmp_path / "run", {"name": "x"}) as run,
        depot(drivers, "random", tmp_path / "manifest.parquet") as shared,
        ExitStack() as hired,
    ):
        settings = {"runtime": Runtime(threads=1), "resources": CPU, "depot": shared}
        workers = [hired.enter_context(StageWorkers(**settings)) for _ in range(4)]
        assert all(one.ready(60) for one in workers)
        # The nodes have no such folder: on one machine, only another name can show it.
        payload = fit(replace(drivers, root=tmp_path / "not-on-nodes"))
        with ThreadPoolExecutor(4) as pool:
            fits = list(pool.map(lambda one: one.run("fit", payload), workers))
        assert [fit.epochs for fit in fits] == [1] * 4
        note_nodes(run, shared)
        notes = run.info
    for kind in (DELIVERED, DECODED):
        assert len(notes[kind]) == 2
        assert len({entry["node_id"] for entry in notes[kind]}) == 2
    assert {entry["images"] for entry in notes[DELIVERED]} == {IMAGES}
    assert {(entry["size"], entry["color"]) for entry in notes[DECODED]} == {(32, "grey")}
    for cache in cluster:
        kinds = sorted(one.kind for one in list_stored(cache))
        assert kinds == ["copy of images", "decoded images"]
