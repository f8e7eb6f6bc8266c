"""Weights that lie on an object store: fetched once, checked, and recorded by their URI."""

import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError
from small_weights import entry, stage_small, write_listing, write_small

from neurosweep.errors import StoreError, WeightsError
from search import dry_run
from search.books.assignment import Plan
from search.experiment import Experiment
from search.mirror.store import Store
from search.staging import fetching
from search.staging.fetching import fetch_weights, have_weights, resolve_weights
from spaces import BACKBONES

VGG16, MOBILE = BACKBONES["VGG16"].weights_file, BACKBONES["MobileNetV2"].weights_file


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(params=["file", "s3"])
def uri(request, tmp_path):
    """A folder on a store with VGG16, MobileNetV2 and weights.json in it."""
    if request.param == "file":
        place = f"file://{tmp_path}/store/weights"
    else:
        place = f"s3://{request.getfixturevalue('s3').bucket()}/some/weights"
    store = Store(place)
    for path in stage_small(tmp_path / "made", "VGG16", "MobileNetV2").iterdir():
        store.put(path.name, path.read_bytes())
    return place


def plan(weights):
    families = {"transfer": {"backbones": ["VGG16", "MobileNetV2"], "weights": weights}}
    return Plan(experiment=Experiment(families=families), classes=("a", "b"))


def test_they_are_fetched_once_into_a_folder_of_the_uri(uri, cache, gets, capsys):
    have_weights(uri, ["VGG16", "MobileNetV2"])
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.fullmatch(
        rf"fetching {VGG16} \(.*B\) from {uri}\nfetching {MOBILE} \(.*B\) from {uri}\n", shown.err
    )
    folder = Path(resolve_weights(uri))
    assert folder.parent == cache / "weights"
    assert re.fullmatch("[0-9a-f]{16}", folder.name)
    assert sorted(gets) == sorted([VGG16, MOBILE, "weights.json"])
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == sorted(gets)
    gets.clear()
    have_weights(uri, ["VGG16", "MobileNetV2"])
    assert gets == []


def test_a_file_that_changed_there_is_fetched_again(uri, tmp_path, gets):
    fetch_weights(uri, ["VGG16", "MobileNetV2"])
    gets.clear()
    path = write_small(tmp_path / "other", "VGG16", layers=2)
    store = Store(uri)
    store.put(VGG16, path.read_bytes())
    folder = fetch_weights(uri, ["VGG16", "MobileNetV2"])
    assert gets == [VGG16]
    assert (folder / VGG16).read_bytes() == path.read_bytes()


def test_what_is_gone_there_is_gone_here(uri):
    fetch_weights(uri, ["VGG16"])
    store = Store(uri)
    store.delete("weights.json")
    folder = fetch_weights(uri, ["VGG16"])
    assert not (folder / "weights.json").exists()


def test_only_what_is_needed_is_fetched(uri, gets):
    have_weights(uri, ["MobileNetV2"])
    assert gets == ["weights.json", MOBILE]


def test_what_is_wrong_there_is_told_by_its_uri(uri, tmp_path):
    store = Store(uri)
    store.delete(MOBILE)
    store.put(VGG16, b"half")
    with pytest.raises(WeightsError) as refused:
        have_weights(uri, ["VGG16", "MobileNetV2"])
    message = str(refused.value)
    assert f"1 of 2 files are missing and 1 of 2 files cannot be used in {uri} (here in" in message
    assert "it has 4 bytes where weights.json says" in message


def test_an_interrupted_fetch_leaves_no_half_file(uri, monkeypatch):
    def stop(path, content):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetching, "write_whole", stop)
    with pytest.raises(KeyboardInterrupt):
        fetch_weights(uri, ["VGG16"])
    assert [path.name for path in Path(resolve_weights(uri)).iterdir() if path.is_file()] == []
    monkeypatch.undo()


def test_what_a_killed_driver_left_half_is_removed(uri):
    folder = Path(resolve_weights(uri))
    folder.mkdir(parents=True)
    (folder / f"{VGG16}.0a1b2c3d.partial").write_bytes(b"half")
    have_weights(uri, ["VGG16"])
    assert sorted(p.name for p in folder.iterdir() if p.is_file()) == [VGG16, "weights.json"]


def test_a_file_that_was_written_but_not_dated_is_fetched_again(uri, gets):
    folder = fetch_weights(uri, ["VGG16"])
    os.utime(folder / VGG16)
    gets.clear()
    fetch_weights(uri, ["VGG16"])
    assert gets == [VGG16]


def test_a_file_far_too_large_is_not_fetched(uri, gets, monkeypatch):
    monkeypatch.setattr(fetching, "MOST_BYTES", 10)
    with pytest.raises(WeightsError, match=r"weights.json may have at most 10 bytes; on .* it has"):
        fetch_weights(uri, ["VGG16"])
    assert gets == []


def test_a_cache_that_cannot_be_written_is_told(uri, cache):
    cache.write_text("a file where a folder should be")
    with pytest.raises(WeightsError, match="a folder that can be written and has locks"):
        fetch_weights(uri, ["VGG16"])


def test_a_plan_checks_them_before_any_trial(uri):
    ready = plan(uri)
    assert ready.experiment.transfer.weights == uri
    assert "would be fetched" in dry_run.describe(ready.experiment)
    ready.check()
    assert f"weights      {uri}: all 2 backbones are here" in dry_run.describe(ready.experiment)
    Store(uri).delete(VGG16)
    with pytest.raises(WeightsError, match="1 of 2 files are missing"):
        ready.check()


def test_weights_that_are_no_uri_are_where_they_are(tmp_path):
    for weights in ("imagenet", "random", "none", str(tmp_path)):
        assert resolve_weights(weights) == weights
    have_weights(str(stage_small(tmp_path / "staged", "VGG16")), ["VGG16"])


def test_two_uris_have_two_folders():
    assert len({resolve_weights(f"s3://{bucket}/w") for bucket in "ab"}) == 2


def test_credentials_are_never_written_down():
    for uri in ("s3://key:secret@bucket/w", "s3://key@bucket/w"):
        with pytest.raises(ValidationError, match="credentials come from the environment"):
            plan(uri)


def test_what_pyarrow_does_not_know_is_told_as_weights():
    with pytest.raises(WeightsError, match="a folder of weights is a folder or a URI that pyarrow"):
        have_weights("gopher://x/y", ["VGG16"])


def test_a_missing_bucket_is_told_with_its_uri(s3):
    with pytest.raises(WeightsError, match="1 of 1 files are missing in s3://there-is-no-such"):
        have_weights("s3://there-is-no-such-bucket/w", ["VGG16"])


def test_a_store_that_does_not_answer_says_how_to_go_on(s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    store = Store

    def hasty(uri, **words):
        return store(uri, waits=(), **words)

    monkeypatch.setattr(fetching, "Store", hasty)
    with pytest.raises(StoreError, match="then give the same command again"):
        have_weights("s3://bucket/w", ["VGG16"])


def test_weights_of_ones_own_are_taken_from_a_store(tmp_path):
    folder = tmp_path / "own"
    path = write_small(folder, "VGG16", layers=13)
    write_listing(folder, {path.name: entry(path, "VGG16", source="trained on chest films")})
    have_weights(f"file://{folder}", ["VGG16"])
