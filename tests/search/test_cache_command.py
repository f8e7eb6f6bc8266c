"""`neurosweep cache`: what it prints, what it deletes, and what it does not load."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scans.caches.decoded import RESIZE, DecodedImages, open_images
from search.cli import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    from PIL import Image

    data = tmp_path / "da\x1b[31mta"
    data.mkdir()
    for number in range(3):
        Image.fromarray(np.full((5, 5), number, np.uint8)).save(data / f"{number}.png")
    folder = tmp_path / "cache"
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(folder))
    wanted = DecodedImages(
        root=data,
        files=("0.png", "1.png", "2.png"),
        fingerprint="a" * 64,
        content=None,
        image_size=4,
        color="grey",
    )
    open_images(wanted, folder)
    return folder


def _listed(capsys) -> dict:
    assert main(["cache", "list", "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_empty_cache(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path / "absent"))
    assert main(["cache", "list"]) == 0
    assert capsys.readouterr().out == f"0 bytes in {tmp_path / 'absent'}\n"
    assert main(["cache", "clear"]) == 0
    assert "0 bytes freed" in capsys.readouterr().out


def test_the_list_as_json(capsys, cache):
    found = _listed(capsys)
    (one,) = found["stored"]
    assert found["folder"] == str(cache)
    assert found["bytes"] == one["bytes"] > 48
    assert one["key"].startswith("aaaaaaaaaaaaaaaa-")
    assert one["key"].endswith(f"-4px-grey-{RESIZE}")
    assert (one["kind"], one["images"], one["image_size"]) == ("decoded images", 3, 4)
    assert (one["color"], one["complete"]) == ("grey", True)
    assert one["root"].endswith("ta")


def test_the_list_as_a_table(capsys, cache):
    key = _listed(capsys)["stored"][0]["key"]
    assert main(["cache", "list"]) == 0
    head, row, total = capsys.readouterr().out.splitlines()
    assert " ".join(head.split()) == "kind data folder images size bytes last used key"
    assert row.startswith("decoded images")
    assert row.endswith(key)
    assert "da?[31mta" in row  # what a folder is called does not colour the terminal
    assert "4 px grey" in row
    assert total.endswith(f"in {cache}")


def test_measurements_of_speed_are_listed_and_cleared(capsys, cache):
    path = cache / "measured" / "0123456789abcdef.json"
    path.parent.mkdir()
    path.write_text("{}")
    (path.parent / "mine.json").write_text("{}")
    found = {one["key"]: one["kind"] for one in _listed(capsys)["stored"]}
    assert found.pop("0123456789abcdef") == "measurement"
    assert list(found.values()) == ["decoded images"]
    assert main(["cache", "clear"]) == 0
    assert "removed measurement 0123456789abcdef: 2 bytes" in capsys.readouterr().out
    assert [each.name for each in path.parent.iterdir()] == ["mine.json"]


def test_features_as_the_store_keeps_them_are_listed_and_cleared(capsys, cache):
    from trainables.features.key import FeatureKey
    from trainables.features.store import FeatureStore, pack

    key = FeatureKey(
        **{"data": "d", "files": "f", "network": "VGG16", "weights": "w", "image_size": 32},
        **{"channels": 1, "preprocessing": "native", "view": "random1"},
    )
    store = FeatureStore(cache, key, (5, 2, 3))
    with store.filling():
        store.add(np.arange(2), pack(np.ones((2, 2, 3), np.float32), "float16"))
    store.used()
    found = {one["kind"]: one for one in _listed(capsys)["stored"]}["features"]
    assert (found["key"], found["images"], found["complete"]) == (key.name, 5, True)
    assert found["root"] is None
    assert main(["cache", "clear", key.name]) == 0
    assert f"removed features {key.name}: " in capsys.readouterr().out
    assert len(store.missing(np.arange(5))) == 5


def test_an_unfinished_one_is_called_so(capsys, cache):
    next(cache.glob("decoded/*/images.npy")).unlink()
    assert main(["cache", "list"]) == 0
    assert "decoded images, unfinished" in capsys.readouterr().out


def test_clear_says_what_it_freed(capsys, cache):
    key = _listed(capsys)["stored"][0]["key"]
    assert main(["cache", "clear", key]) == 0
    shown = capsys.readouterr().out
    assert f"removed decoded images {key}: " in shown
    assert f"freed in {cache}" in shown
    assert _listed(capsys)["stored"] == []


def test_clear_says_what_it_left(capsys, cache):
    (next(cache.glob("decoded/*/images.npy")).parent / "notes.txt").write_text("mine")
    assert main(["cache", "clear"]) == 0
    shown = capsys.readouterr().out
    assert "left    decoded images" in shown
    assert "not ours: notes.txt" in shown
    assert "0 bytes freed" in shown


def test_an_unknown_key_is_wrong_use(capsys, cache):
    assert main(["cache", "clear", "absent"]) == 2
    message = capsys.readouterr().err
    assert "KEY must be one that `neurosweep cache list` shows; received 'absent'" in message
    assert "aaaaaaaaaaaaaaaa-" in message


def test_all_takes_no_key(capsys, cache):
    assert main(["cache", "clear", "--all", "absent"]) == 2
    assert "--all clears everything and takes no KEY" in capsys.readouterr().err


def test_nothing_heavy_is_loaded(tmp_path):
    code = (
        "import sys\nfrom search.cli import main\n"
        "main(['cache', 'list'])\nmain(['cache', 'clear'])\n"
        "print([m for m in ('ray', 'tensorflow', 'keras', 'sklearn', 'pandas', 'scipy')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "NEUROSWEEP_CACHE": str(tmp_path)},
    )
    assert done.stdout.splitlines()[-1] == "[]"
