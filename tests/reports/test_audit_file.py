import json
from pathlib import Path
from typing import Any

import fake_data
import pytest
from fake_run import CLASSES, FakeRun

from neurosweep.errors import RunDirectoryError
from reports import files, read_run
from reports.audit import KnownVerdict, read_audit

# What version 0.2 wrote: neither more keys nor fewer.
_OLD = {
    "images": 30,
    "unique": 28,
    "unreadable": 1,
    "unreadable_files": [{"file": "a/1.jpg", "reason": "truncated"}],
    "exact_twins_across_parts": [["Training/a/1.png", "Testing/a/2.png"]],
    "near_twins_across_parts": None,
    "label_conflicts": [],
    "extra_copies_within_parts": 1,
}


def _write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_a_whole_audit_is_read(tmp_path: Path):
    audit = read_audit(_write(tmp_path / "audit.json", fake_data.audit(CLASSES)))
    assert audit is not None
    assert len(audit.exact_twins_across_parts or ()) == 45
    assert audit.known_set is not None
    assert audit.known_set.verdict is KnownVerdict.RECOGNISED
    assert audit.shown[0].pictures == ("audit/000-a.png", "audit/000-b.png")
    assert audit.shown[-1].similarity is None


def test_an_old_audit_is_read_and_the_rest_was_not_looked_for(tmp_path: Path):
    audit = read_audit(_write(tmp_path / "audit.json", _OLD))
    assert audit is not None
    assert (audit.images, audit.unreadable_files[0].file) == (30, "a/1.jpg")
    assert audit.near_twins_across_parts is None
    assert (audit.findings, audit.classes, audit.shown) == (None, None, ())


def test_no_audit_is_none(tmp_path: Path):
    assert read_audit(tmp_path / "audit.json") is None


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("images", "many", r"at images: Input should be a valid integer"),
        ("exact_twins_across_parts", [["one"]], r"at exact_twins_across_parts.0.1: Field req"),
        ("known_set", {"name": "x", "verdict": "maybe"}, r"at known_set.verdict: .*'differs'"),
        ("findings", [{"kind": "x"}], r"at findings.0.count: Field required"),
        ("sizes", [{"width": 1}], r"at sizes.0.height: Field required"),
        ("unreadable_files", {"file": "x"}, r"at unreadable_files: "),
    ],
)
def test_a_damaged_audit_is_refused_by_its_key(tmp_path: Path, key: str, value: Any, told: str):
    path = _write(tmp_path / "audit.json", {**_OLD, key: value})
    with pytest.raises(RunDirectoryError, match=r"must hold what the audit .*" + told):
        read_audit(path)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"text"', "[" * 100_000])
def test_what_is_no_audit_is_refused(tmp_path: Path, content: str):
    path = tmp_path / "audit.json"
    path.write_text(content)
    with pytest.raises(RunDirectoryError, match=r"Restore the file, or delete it"):
        read_audit(path)


def test_a_similarity_must_be_a_number(tmp_path: Path):
    content = fake_data.audit(CLASSES)
    content["shown"][0]["similarity"] = float("nan")
    with pytest.raises(RunDirectoryError, match=r"at shown.0.similarity: .* finite number"):
        read_audit(_write(tmp_path / "audit.json", content))


def test_a_file_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "MOST_BYTES", 100)
    path = _write(tmp_path / "audit.json", _OLD)
    with pytest.raises(RunDirectoryError, match=r"at most 100 bytes; received \d+ bytes"):
        read_audit(path)


def test_a_folder_in_its_place_is_refused(tmp_path: Path):
    (tmp_path / "audit.json").mkdir()
    with pytest.raises(RunDirectoryError, match="received no file"):
        read_audit(tmp_path / "audit.json")


def test_the_audit_is_read_when_it_is_asked_for(fake: FakeRun, tmp_path: Path):
    path = fake.write(tmp_path / "run")
    (path / "audit.json").write_text("{")
    run = read_run(path)
    with pytest.raises(RunDirectoryError, match="Invalid JSON"):
        _ = run.audit
