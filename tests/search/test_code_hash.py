"""One hash tells whether two installations are the same program."""

import shutil
from pathlib import Path

import pytest

from search.workers.code_hash import code_hash, explain_mismatch

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path):
    for package in ("neurosweep", "reports", "scans", "search", "spaces", "trainables"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    return tmp_path


def test_a_copy_elsewhere_is_the_same_program(copy):
    (copy / "search" / "__pycache__").mkdir()
    (copy / "search" / "notes.txt").write_text("not code")
    assert code_hash(copy) == code_hash()


def test_a_changed_a_renamed_and_a_new_file_are_another(copy):
    hashes = {code_hash()}
    file = copy / "trainables" / "fitting.py"
    file.write_text(file.read_text() + "\n")
    code_hash.cache_clear()
    hashes.add(code_hash(copy))
    file.rename(file.with_name("fitted.py"))
    code_hash.cache_clear()
    hashes.add(code_hash(copy))
    (copy / "spaces" / "new.py").touch()
    code_hash.cache_clear()
    hashes.add(code_hash(copy))
    assert len(hashes) == 4


def test_a_difference_names_the_rule_both_hashes_and_what_to_do():
    assert explain_mismatch(code_hash(), node="10.0.0.2") is None
    text = explain_mismatch("a" * 16, node="10.0.0.2", own="b" * 16)
    assert text is not None
    for part in ("must run the same version", "a" * 16, "10.0.0.2 has " + "b" * 16, "Install"):
        assert part in text
