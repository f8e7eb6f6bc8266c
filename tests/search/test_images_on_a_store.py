"""Images on an object store: brought once to the driver's machine, recorded by their URI."""

import http.server
import io
import re
import threading
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from pydantic import ValidationError

from neurosweep.errors import DataError, NeurosweepError, StoreError, UserError
from scans.caches.stored import clear_stored, list_stored
from search.cli import main
from search.dry_run import describe
from search.experiment import Data, Experiment
from search.experiment_file import parse_experiment
from search.mirror.store import Entry, Store
from search.runs.output import parse_data
from search.runs.run_directory import RunDirectory
from search.stages.prepare import prepare, read_source
from search.staging import pulling
from search.staging.images import have_images, image_folder
from search.staging.pulling import is_safe


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(params=["file", "s3"])
def place(request, tmp_path):
    """A URI without anything below it."""
    if request.param == "file":
        (tmp_path / "store/brain-mri").mkdir(parents=True)
        return f"file://{tmp_path}/store/brain-mri"
    return f"s3://{request.getfixturevalue('s3').bucket()}/brain-mri"


def picture(number):
    content = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (20, 20), dtype=np.uint8)
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def uri(place):
    """The same with ten images of each of two classes, and what is passed over."""
    store = Store(place)
    for number in range(20):
        store.put(f"{('a', 'notumor')[number % 2]}/{number:02}.png", picture(number))
    store.put(".hidden/secret.png", b"x")
    store.put("a/.DS_Store", b"x")
    return place


def files_in(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_they_are_brought_once(uri, gets, cache, capsys):
    folder = have_images(uri)
    assert folder == image_folder(uri)
    assert re.fullmatch("store-[0-9a-f]{16}", folder.parent.name)
    assert folder.parent.parent == cache / "images"
    assert len(gets) == len(set(gets)) == 20
    assert files_in(folder) == set(gets)
    assert (folder / "a/00.png").read_bytes() == picture(0)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"images of {uri}: 20 files (" in shown.err
    assert f"all 20 files are in {folder}" in shown.err
    gets.clear()
    assert have_images(f"{uri}/") == folder
    assert gets == []
    assert capsys.readouterr().err == ""


def test_what_changed_there_changes_here(uri, gets):
    folder = have_images(uri)
    gets.clear()
    store = Store(uri)
    store.put("a/00.png", picture(99) + b"more")  # stores tell times to the second
    store.put("a/new/20.png", picture(20))
    store.delete("notumor/01.png")
    have_images(uri)
    assert sorted(gets) == ["a/00.png", "a/new/20.png"]
    assert (folder / "a/00.png").read_bytes() == picture(99) + b"more"
    assert not (folder / "notumor/01.png").exists()
    store.delete("a/new/20.png")
    have_images(uri)
    assert not (folder / "a/new").exists()


def test_what_was_interrupted_goes_on(uri, gets, monkeypatch, cache):
    write = pulling.write_whole

    def few(path, content):
        if len(list(path.parents[1].rglob("*.png"))) >= 7:
            raise KeyboardInterrupt
        write(path, content)

    monkeypatch.setattr(pulling, "write_whole", few)
    with pytest.raises(KeyboardInterrupt):
        have_images(uri)
    monkeypatch.setattr(pulling, "write_whole", write)
    (stored,) = list_stored(cache)
    assert (stored.kind, stored.complete) == ("copy of images", False)
    here = files_in(image_folder(uri))
    assert 7 <= len(here) < 20
    gets.clear()
    have_images(uri)
    assert set(gets) == files_in(image_folder(uri)) - here


def test_the_cache_knows_them(uri, cache):
    folder = have_images(uri)
    (stored,) = list_stored(cache)
    assert (stored.root, stored.images, stored.complete) == (uri, 20, True)
    assert stored.size > sum(path.stat().st_size for path in folder.rglob("*.png"))
    clear_stored(cache, [stored.key])
    assert not folder.parent.exists()
    assert len(files_in(have_images(uri))) == 20


def test_a_store_without_images_is_refused(place):
    with pytest.raises(DataError, match=f"must hold images, but {place} holds no file; correct"):
        have_images(place)


def test_no_such_bucket(s3, cache):
    with pytest.raises(DataError, match="there is no such bucket or folder; make it, or correct"):
        have_images("s3://there-is-no-such-bucket/images")
    assert not cache.exists()


def test_a_bucket_without_permission(monkeypatch, s3):
    class Forbidding(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(403)
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815 - the name that the library looks for

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Forbidding) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(DataError, match="give credentials that may list and read ") as told:
            have_images("s3://bucket/images")
        server.shutdown()
    assert "s3://bucket/images cannot be used: access was denied" in str(told.value)


def test_a_store_that_is_down(monkeypatch, s3):
    at_once = {**Store.__init__.__kwdefaults__, "waits": ()}
    monkeypatch.setattr(Store.__init__, "__kwdefaults__", at_once)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StoreError, match="give the same command again"):
        have_images("s3://bucket/images")


def test_a_disk_too_small_is_told_before_anything_is_read(uri, gets, monkeypatch):
    monkeypatch.setattr(pulling, "free_bytes", lambda _: 100)
    with pytest.raises(NeurosweepError, match=r"bytes more, but its disk has 100 free; make room"):
        have_images(uri)
    assert gets == []


def test_a_file_too_large_is_no_image(uri, gets, monkeypatch):
    monkeypatch.setattr("search.staging.images.MAX_BYTES", 1000)
    Store(uri).put("a/film.avi", b"x" * 1001)
    with pytest.raises(DataError, match=r"at most 1,000 bytes; a/film.avi in .* has 1,001"):
        have_images(uri)
    assert gets == []


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "a//x", "", ".", "a\0b", "a/"])
def test_names_that_lead_elsewhere_are_refused(name, tmp_path):
    assert not is_safe(name)
    entry = Entry(1, None)
    with pytest.raises(UserError, match="names of images are paths below their folder"):
        pulling.pull(None, tmp_path / "there", {name: entry}, what="images")
    assert not (tmp_path / "there").exists()


def test_credentials_in_the_uri_are_refused():
    with pytest.raises(ValidationError, match="never from a URI"):
        Data(path="s3://key:secret@bucket/images")
    with pytest.raises(ValidationError, match=r"a labels\.csv|labels\.csv, or"):
        Data(labels="s3://bucket/labels.csv")
    with pytest.raises(Exception, match="never from a URI"):
        parse_data("s3://key:secret@bucket/images")
    assert parse_data("s3:/odd") == Path("s3:/odd")


def test_the_experiment_keeps_the_uri():
    text = "data: {path: 's3://bucket/images'}"
    experiment = parse_experiment(text, source="x")
    assert experiment.data.path == "s3://bucket/images"
    kept = experiment.model_dump(mode="json")
    assert kept["data"]["path"] == "s3://bucket/images"
    assert Experiment.model_validate(kept) == experiment


def test_the_run_records_the_uri_and_opens_them_again(uri, tmp_path, monkeypatch):
    have_images(uri)
    with RunDirectory.create(tmp_path / "run", {"name": "x"}) as run:
        source, _ = prepare(run, Data(path=uri), seed=0)
        told = yaml.safe_load((run.path / "run.yaml").read_text())["data"]
    assert source.root == image_folder(uri)
    assert told["root"] == uri
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path / "other-machine"))
    have_images(uri)
    with RunDirectory.reopen(run.path) as again:
        other, _ = prepare(again, Data(path=uri), seed=0)
        assert again.info["data"]["root"] == uri
    assert other.fingerprint == source.fingerprint
    assert other.root != source.root
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path / "third-machine"))
    opened = read_source(run.path, {**run.info, "synthetic": False}, None)
    assert (opened.root / "a/00.png").read_bytes() == picture(0)


def test_a_dry_run_and_an_audit_bring_them(uri, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experiment = Experiment(data={"path": uri}, families={"mini_resnet": {}})
    assert f"20 images in {uri} of a, notumor" in describe(experiment)
    capsys.readouterr()
    assert main(["audit", uri]) == 0
    assert uri in "".join(capsys.readouterr().out.split())  # a long one is folded


def test_a_wrong_uri_leaves_no_run_directory(s3, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["search", "--data", "s3://there-is-no-such-bucket/x", "--output", "run"]) == 2
    assert "there is no such bucket" in capsys.readouterr().err
    assert not Path("run").exists()
