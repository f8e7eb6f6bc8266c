"""The split: sizes, strata, determinism, and that no copy stands on both sides."""

import shutil
from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from neurosweep.errors import DataError
from scans.copies.grouping import divide
from scans.division.split import Division
from scans.manifest import read_manifest


def _split(root, **division):
    return divide(read_manifest(root), Division(**{"validation": 0.2, "seed": 0} | division))


def _counts(table: pa.Table) -> Counter:
    return Counter(zip(table["part"].to_pylist(), table["label"].to_pylist(), strict=True))


def _parts(table: pa.Table) -> dict[str, str]:
    return dict(zip(table["file"].to_pylist(), table["part"].to_pylist(), strict=True))


def test_training_is_split_and_testing_kept(two_parts):
    table = _split(two_parts)
    assert _counts(table) == {
        ("train", "a"): 8,
        ("train", "b"): 8,
        ("validation", "a"): 2,
        ("validation", "b"): 2,
        ("test", "a"): 3,
        ("test", "b"): 3,
    }
    test = [row["file"] for row in table.to_pylist() if row["part"] == "test"]
    assert all(file.startswith("Testing/") for file in test)


def test_one_folder_loses_a_fifth_to_the_test_first(write_images):
    table = _split(write_images({"a": 50, "b": 25}))
    assert _counts(table) == {
        ("test", "a"): 10,
        ("test", "b"): 5,
        ("validation", "a"): 8,
        ("validation", "b"): 4,
        ("train", "a"): 32,
        ("train", "b"): 16,
    }


def test_rows_are_sorted_and_each_file_stands_once(two_parts):
    rows = [(row["part"], row["file"]) for row in _split(two_parts).to_pylist()]
    assert rows == sorted(rows)
    assert len({file for _, file in rows}) == 26


def test_the_seed_chooses(two_parts):
    assert _split(two_parts, seed=1).equals(_split(two_parts, seed=1))
    assert not _split(two_parts, seed=1).equals(_split(two_parts))


def test_it_survives_a_parquet_file(two_parts, tmp_path):
    table = _split(two_parts, folds=2)
    pq.write_table(table, tmp_path / "split.parquet")
    again = pq.read_table(tmp_path / "split.parquet")
    assert again.equals(table, check_metadata=True)


@pytest.mark.parametrize("validation", [0, 1, -0.1, 1.5])
def test_a_share_out_of_range(validation):
    with pytest.raises(DataError, match=rf"between 0 and 1, but it is {validation}"):
        Division(validation=validation, seed=0)


def test_one_fold_is_none():
    with pytest.raises(DataError, match="needs 2 to 100 folds, but it is 1"):
        Division(validation=0.2, seed=0, folds=1)


def test_too_few_images_to_split(write_images):
    root = write_images({"a": 9, "b": 1})
    with pytest.raises(DataError, match=r"needs images to train.* none of b \(images: a 9, b 1"):
        _split(root)


class TestGroups:
    @pytest.fixture
    def copied(self, write_images):
        """Sixty pictures of two classes, each of them two or three times."""
        root = write_images({"Training/a": 30, "Training/b": 30, "Testing/a": 5, "Testing/b": 5})
        for number, path in enumerate(sorted((root / "Training").rglob("*.png"))):
            for copy in range(1 + number % 2):
                shutil.copy(path, path.with_name(f"{path.stem} copy {copy}.png"))
        return root

    def test_copies_never_straddle_train_and_validation(self, copied):
        parts = _parts(_split(copied))
        of_picture = defaultdict(set)
        for file, part in parts.items():
            of_picture[file.split(" copy")[0].removesuffix(".png")].add(part)
        assert all(len(found) == 1 for found in of_picture.values())
        assert {part for (part,) in of_picture.values()} == {"train", "validation", "test"}

    def test_the_ratio_stays(self, copied):
        counts = _counts(_split(copied))
        for label in "ab":
            drawn, rest = counts["validation", label], counts["train", label]
            assert abs(drawn / (drawn + rest) - 0.2) <= 0.01 + 1 / (drawn + rest)

    def test_a_group_has_one_number_and_one_fold(self, copied):
        rows = _split(copied, folds=3).to_pylist()
        folds = defaultdict(set)
        for row in rows:
            folds[row["group"]].add(row["fold"])
        assert all(len(found) == 1 for found in folds.values())
        assert {row["fold"] for row in rows if row["part"] == "test"} == {None}
        assert {row["fold"] for row in rows if row["part"] != "test"} == {0, 1, 2}

    def test_without_folds_there_are_none(self, copied):
        assert set(_split(copied)["fold"].to_pylist()) == {None}

    def test_a_test_part_that_is_drawn_shares_no_picture(self, write_images):
        root = write_images({"a": 40, "b": 40})
        for path in sorted(root.rglob("*.png")):
            shutil.copy(path, path.with_name(f"{path.stem} copy.png"))
        rows = _split(root).to_pylist()
        test = {row["group"] for row in rows if row["part"] == "test"}
        assert test
        assert not test & {row["group"] for row in rows if row["part"] != "test"}


class TestLeaks:
    @pytest.fixture
    def leaky(self, two_parts):
        shutil.copy(two_parts / "Training/a/000.png", two_parts / "Testing/a/twin.png")
        return two_parts

    def test_they_are_kept(self, leaky):
        parts = _parts(_split(leaky))
        assert parts["Training/a/000.png"] in ("train", "validation")
        assert parts["Testing/a/twin.png"] == "test"

    def test_they_are_dropped_from_training_when_asked(self, leaky):
        parts = _parts(_split(leaky, drop_leaks=True))
        assert parts["Training/a/000.png"] == "dropped"
        assert Counter(parts.values())["dropped"] == 1
        assert parts["Testing/a/twin.png"] == "test"

    def test_dropped_images_have_no_fold(self, leaky):
        rows = _split(leaky, drop_leaks=True, folds=2).to_pylist()
        assert {row["fold"] for row in rows if row["part"] == "dropped"} == {None}


class TestOwnValidation:
    @pytest.fixture
    def three_parts(self, write_images):
        return write_images(
            {f"{part}/{c}": n for part, n in (("train", 10), ("val", 4), ("test", 3)) for c in "ab"}
        )

    def test_it_is_kept(self, three_parts):
        counts = _counts(_split(three_parts))
        assert counts["validation", "a"] == counts["validation", "b"] == 4
        assert counts["train", "a"] == 10

    def test_what_training_has_too_goes_to_training(self, three_parts):
        shutil.copy(three_parts / "train/a/000.png", three_parts / "val/a/twin.png")
        parts = _parts(_split(three_parts))
        assert parts["val/a/twin.png"] == parts["train/a/000.png"] == "train"
        assert parts["val/a/000.png"] == "validation"

    def test_a_missing_test_part_is_drawn_from_training(self, write_images):
        counts = {f"{part}/{c}": n for part, n in (("train", 20), ("val", 4)) for c in "ab"}
        found = _counts(_split(write_images(counts)))
        assert found["test", "a"] == found["test", "b"] == 4
        assert found["validation", "a"] == 4
        assert found["train", "b"] == 16

    def test_what_validation_has_too_is_not_drawn_for_the_test(self, write_images):
        counts = {f"{part}/{c}": n for part, n in (("train", 20), ("val", 10)) for c in "ab"}
        root = write_images(counts)
        for path in sorted((root / "val").rglob("*.png"))[::2]:
            shutil.copy(path, root / "train" / path.parent.name / f"copy {path.name}")
        rows = _split(root).to_pylist()
        test = {row["group"] for row in rows if row["part"] == "test"}
        assert test
        assert not test & {row["group"] for row in rows if row["part"] != "test"}

    def test_it_is_not_replaced_when_all_of_it_is_dropped(self, three_parts):
        for path in sorted((three_parts / "val").rglob("*.png")):
            shutil.copy(path, three_parts / "test" / path.parent.name / f"copy {path.name}")
        with pytest.raises(DataError, match="the validation part has none of a, b"):
            _split(three_parts, drop_leaks=True)


class TestGroupsFile:
    def test_it_may_name_a_file_that_cannot_be_read(self, two_parts):
        (two_parts / "Training/a/text.png").write_text("no image")
        (two_parts / "groups.csv").write_text(
            "file,group\nTraining/a/text.png,one\nTraining/a/000.png,one\n"
        )
        assert "Training/a/text.png" not in _parts(_split(two_parts))

    def test_a_link_out_of_the_folder_is_not_read(self, two_parts, tmp_path):
        (tmp_path / "secret").write_text("root:x:0:0")
        (two_parts / "groups.csv").symlink_to(tmp_path / "secret")
        with pytest.raises(DataError, match="leads out of it") as raised:
            _split(two_parts)
        assert "root:x" not in str(raised.value)

    def test_it_keeps_a_patient_together(self, two_parts):
        files = sorted(p.relative_to(two_parts).as_posix() for p in two_parts.rglob("*.png"))
        training = [file for file in files if file.startswith("Training")]
        lines = [f"{file},patient {number // 2}" for number, file in enumerate(training)]
        (two_parts / "groups.csv").write_text("\n".join(["file,group", *lines]))
        parts = _parts(_split(two_parts))
        for first, second in zip(training[::2], training[1::2], strict=True):
            assert parts[first] == parts[second]

    def test_it_overrides_near_copies_and_not_exact_ones(self, tmp_path):
        random = np.random.default_rng(0)
        pictures = {}
        for label in "ab":
            for number in range(10):
                path = tmp_path / "data" / label / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                pictures[path] = random.integers(0, 256, (40, 40), dtype=np.uint8)
                Image.fromarray(pictures[path]).save(path)
        first = next(iter(pictures))
        Image.fromarray(np.fliplr(pictures[first])).save(first.with_name("near.png"))
        shutil.copy(first, first.with_name("exact.png"))
        table = _split(tmp_path / "data")
        groups = dict(zip(table["file"].to_pylist(), table["group"].to_pylist(), strict=True))
        assert groups["a/0.png"] == groups["a/near.png"] == groups["a/exact.png"]
        (tmp_path / "data/groups.csv").write_text(
            "file,group\na/0.png,one\na/near.png,two\na/exact.png,three\n"
        )
        table = _split(tmp_path / "data")
        groups = dict(zip(table["file"].to_pylist(), table["group"].to_pylist(), strict=True))
        assert groups["a/0.png"] == groups["a/exact.png"] != groups["a/near.png"]
