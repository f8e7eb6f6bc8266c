"""What keeps weight files from being used is told before the first trial, all of it at once."""

import dataclasses
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from small_weights import entry, stage_small, write_listing, write_small

from neurosweep.errors import WeightsError
from spaces import BACKBONES
from trainables.backbone_weights import check_weights, weights_hash
from trainables.weights.contents import UnreadableWeightsError, read_contents
from trainables.weights.faults import MISSING, Rules, fault_of
from trainables.weights.wording import faults_message

VGG16, VGG19 = BACKBONES["VGG16"], BACKBONES["VGG19"]


def check(folder, *names):
    check_weights(str(folder), names)


def refusal(folder, *names):
    with pytest.raises(WeightsError) as refused:
        check(folder, *names)
    return str(refused.value)


def test_files_that_the_folder_names_truthfully_are_taken(tmp_path):
    check(stage_small(tmp_path, "VGG16", "MobileNetV2"), "VGG16", "MobileNetV2")


def test_without_a_checksum_anywhere_the_structure_decides(tmp_path):
    assert BACKBONES["MobileNetV2"].weights_hash == ""
    write_small(tmp_path, "MobileNetV2", layers=52)
    check(tmp_path, "MobileNetV2")
    write_small(tmp_path, "MobileNetV2", values=BACKBONES["MobileNetV2"].parameters - 1)
    assert "2,257,983 numbers where MobileNetV2 has 2,257,984" in refusal(tmp_path, "MobileNetV2")


def test_keras_own_checksum_holds_where_the_folder_says_nothing(tmp_path):
    path = write_small(tmp_path, "VGG16")
    message = refusal(tmp_path, "VGG16")
    assert f"is not Keras' own file (MD5 {VGG16.weights_hash})" in message
    assert "weights of your own must be named in weights.json" in message
    write_listing(tmp_path, {path.name: entry(path, "VGG16")})
    check(tmp_path, "VGG16")


def test_a_sha256_of_keras_is_held_to_as_well(tmp_path):
    path = write_small(tmp_path, "VGG16")
    right = dataclasses.replace(VGG16, weights_hash=weights_hash(VGG16, str(tmp_path)))
    assert fault_of(path, right, Rules(listed={})) is None
    wrong = dataclasses.replace(VGG16, weights_hash="0" * 64)
    assert "(SHA-256 000" in fault_of(path, wrong, Rules(listed={})).text


def test_everything_that_is_wrong_is_told_at_once(tmp_path):
    """One missing, one of another backbone, one cut off, one empty, one that is no file."""
    path = write_small(tmp_path, "VGG16", file=VGG19.weights_file)
    cut = write_small(tmp_path, "ResNet50", layers=40)
    os.truncate(cut, cut.stat().st_size // 2)
    empty = tmp_path / BACKBONES["Xception"].weights_file
    empty.touch()
    os.mkfifo(tmp_path / BACKBONES["InceptionV3"].weights_file)
    names = ("VGG16", "VGG19", "ResNet50", "Xception", "InceptionV3")
    message = refusal(tmp_path, *names)
    assert f"1 of 5 files are missing and 4 of 5 files cannot be used in {tmp_path}:" in message
    told = {line.split()[0]: line for line in message.splitlines() if line.startswith("  ")}
    assert told[VGG16.weights_file].endswith(": missing")
    assert "it looks like VGG16" in told[path.name]
    assert "truncated or none of Keras' weight files" in told[cut.name]
    assert told[empty.name].endswith(": it is empty")
    assert told[BACKBONES["InceptionV3"].weights_file].endswith(": it is no regular file")
    for name in names:
        assert f"from {BACKBONES[name].weights_url}" in told[BACKBONES[name].weights_file]
    assert "`neurosweep weights stage DIR` fills a folder" in message
    assert "families.transfer.weights=random" in message


def test_a_link_to_nothing_is_no_file(tmp_path):
    (tmp_path / VGG16.weights_file).symlink_to(tmp_path / "nowhere")
    assert "it is no regular file" in refusal(tmp_path, "VGG16")


@pytest.mark.parametrize(
    ("lie", "told"),
    [
        ({"bytes": 17}, "bytes where weights.json says 17"),
        ({"sha256": "0" * 64}, "its SHA-256 is not the one that weights.json says"),
        ({"backbone": "VGG19"}, "weights.json says that it is of VGG19"),
    ],
)
def test_a_listing_that_lies(tmp_path, lie, told):
    path = write_small(tmp_path, "VGG16")
    write_listing(tmp_path, {path.name: entry(path, "VGG16", **lie)})
    message = refusal(tmp_path, "VGG16")
    assert told in message
    assert "from a test" in message  # where the listing says that it is to be had


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is no JSON"),
        (b"\xff\xfe", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (b'{"schema": 1, "files": ' + b"9" * 5000 + b"}", "it is no JSON"),
        (b" " * (2**20 + 1), "A file may have at most 1,048,576 bytes"),
        (b"[]", 'its "schema" must be 1'),
        (b'{"schema": 2, "files": {}}', 'its "schema" must be 1'),
        (b'{"schema": 1, "files": []}', 'its "files" must map'),
        (b'{"schema": 1, "files": {"a.h5": 3}}', "'a.h5' must have"),
        (b'{"schema": 1, "files": {"a.h5": {"sha256": "AB", "bytes": 1}}}', "'a.h5' must have"),
    ],
)
def test_a_listing_that_is_none(tmp_path, content, told):
    write_small(tmp_path, "VGG16")
    (tmp_path / "weights.json").write_bytes(content)
    message = refusal(tmp_path, "VGG16", "VGG19")
    assert f"  weights.json: {told}" in message
    assert "1 of 2 files are missing" in message
    assert "MD5" not in message  # it may have named weights of the user's own


@pytest.mark.parametrize("wrong", [True, -1, 1.5, "9"])
def test_a_length_is_a_whole_number(tmp_path, wrong):
    path = write_small(tmp_path, "VGG16")
    write_listing(tmp_path, {path.name: entry(path, "VGG16", bytes=wrong)})
    assert '"bytes" (a whole number)' in refusal(tmp_path, "VGG16")


def test_a_listings_texts_are_short_enough_for_a_message(tmp_path):
    path = write_small(tmp_path, "VGG16")
    write_listing(tmp_path, {path.name: entry(path, "VGG16", source="x" * 1001)})
    assert "(texts of up to 1,000)" in refusal(tmp_path, "VGG16")


def test_a_listing_that_is_a_pipe_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "weights.json")
    assert "a named pipe" in refusal(stage_none(tmp_path), "VGG16")


def stage_none(folder):
    write_small(folder, "VGG16")
    return folder


def write_layer(path, fill):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([b"one"])
        group = file.create_group("one")
        group.attrs["weight_names"] = np.array([b"kernel"])
        fill(group)
    return path


@pytest.mark.parametrize(
    ("fill", "told"),
    [
        (str, "it lists 'kernel' and does not hold it"),
        (lambda group: group.create_group("kernel"), "'kernel' is no array of numbers"),
        (
            lambda group: group.create_dataset("kernel", data=np.array([b"text"])),
            "'kernel' is no array of numbers",
        ),
        (
            lambda group: group.__setitem__("kernel", h5py.ExternalLink("/etc/passwd", "x")),
            "'kernel' is a link",
        ),
        (lambda group: group.__setitem__("kernel", h5py.SoftLink("/one")), "'kernel' is a link"),
        (
            lambda group: group.create_dataset(
                "kernel", (8,), np.uint8, external=[("/etc/passwd", 0, 8)]
            ),
            "'kernel' is stored in another file",
        ),
    ],
)
def test_a_file_that_lacks_what_it_lists_or_has_it_elsewhere(tmp_path, fill, told):
    with pytest.raises(UnreadableWeightsError, match=told):
        read_contents(write_layer(tmp_path / "file.h5", fill))


def test_no_damage_is_more_than_a_reason(tmp_path):
    """Cut off anywhere, or with bytes changed, a file is read or refused, and nothing else."""
    whole = write_small(tmp_path, "VGG16", layers=3).read_bytes()
    random, path, refused = np.random.default_rng(0), tmp_path / "damaged.h5", 0
    for number in range(150):
        content = bytearray(whole if number % 2 else whole[: random.integers(len(whole))])
        for place in random.integers(0, max(1, len(content)), 8):
            content[place : place + 1] = random.bytes(1)
        path.write_bytes(content)
        try:
            read_contents(path)
        except UnreadableWeightsError:
            refused += 1
    assert refused > 75


def test_a_file_in_another_layout_is_told(tmp_path):
    with h5py.File(tmp_path / "file.h5", "w") as file:
        file["layers/conv"] = np.zeros(3)
    with pytest.raises(UnreadableWeightsError, match="no layers in Keras' layout"):
        read_contents(tmp_path / "file.h5")


def test_a_whole_models_file_and_long_lists_are_read_as_keras_reads_them(tmp_path):
    with h5py.File(tmp_path / "file.h5", "w") as file:
        root = file.create_group("model_weights")
        for piece in range(2):
            root.attrs[f"layer_names{piece}"] = np.array([f"layer_{piece}"], dtype="S7")
            group = root.create_group(f"layer_{piece}")
            group.attrs["weight_names0"] = np.array([b"inner/kernel:0"])
            group["inner/kernel:0"] = np.zeros((3, piece + 1))
    contents = read_contents(tmp_path / "file.h5")
    assert (contents.layers, contents.arrays, contents.values) == (2, 2, 9)


def test_a_file_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    path = write_small(tmp_path, "MobileNetV2")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(h5py, "File", refuse)
    assert "Permission denied" in refusal(tmp_path, "MobileNetV2")
    assert path.exists()


def test_input_statistics_that_the_network_is_not_built_around_are_told(tmp_path):
    name = "EfficientNetB0"
    path = tmp_path / BACKBONES[name].weights_file
    rest = BACKBONES[name].parameters - 7
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([b"normalization", b"stem"])
        first, second = file.create_group("normalization"), file.create_group("stem")
        first.attrs["weight_names"] = np.array([b"mean", b"variance", b"count"])
        first["mean"], first["variance"], first["count"] = np.zeros(3), np.ones(3), np.int64(0)
        second.attrs["weight_names"] = np.array([b"kernel"])
        second.create_dataset("kernel", (rest,), np.float32, chunks=(4096,))
    write_listing(tmp_path, {path.name: entry(path, name)})
    assert "it normalises its input by (0.0, 0.0, 0.0) and (1.0, 1.0, 1.0)" in refusal(
        tmp_path, name
    )
    with h5py.File(path, "a") as file:
        file["normalization/mean"][...] = (0.485, 0.456, 0.406)
        file["normalization/variance"][...] = (0.229, 0.224, 0.225)
    write_listing(tmp_path, {path.name: entry(path, name)})
    check(tmp_path, name)


def test_a_hash_names_the_content_and_follows_a_change(tmp_path):
    path = write_small(tmp_path, "VGG16")
    first = weights_hash(VGG16, str(tmp_path))
    assert first == entry(path, "VGG16")["sha256"]
    write_small(tmp_path, "VGG16", layers=3)
    assert weights_hash(VGG16, str(tmp_path)) == entry(path, "VGG16")["sha256"] != first


def test_a_file_that_did_not_change_is_read_once(tmp_path, monkeypatch):
    import hashlib

    write_small(tmp_path, "VGG16")
    first = weights_hash(VGG16, str(tmp_path))
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("it was read again"))
    assert weights_hash(VGG16, str(tmp_path)) == first


def test_a_hash_of_random_weights_names_the_versions_that_draw_them():
    import keras
    import tensorflow as tf

    from trainables.backbone_weights import RANDOM_WEIGHTS_SEED

    wanted = f"random-{keras.__version__}-{tf.__version__}-{RANDOM_WEIGHTS_SEED}"
    assert weights_hash(VGG16, "random") == wanted


def test_a_hash_of_a_file_that_is_not_there(tmp_path):
    with pytest.raises(WeightsError, match=f"to be had from {VGG16.weights_url}"):
        weights_hash(VGG16, str(tmp_path))


def test_a_message_names_the_place_as_the_user_knows_it(tmp_path):
    fault = fault_of(tmp_path / VGG16.weights_file, VGG16, Rules(listed={}))
    assert fault.text == MISSING
    assert "1 of 2 files are missing in s3://bucket/w:" in faults_message(
        [fault], place="s3://bucket/w", asked=2
    )


def test_checking_loads_neither_tensorflow_nor_keras(tmp_path):
    stage_small(tmp_path, "VGG16")
    code = (
        "import sys\nfrom spaces import BACKBONES\n"
        "from trainables.backbone_weights import check_weights, weights_hash\n"
        f"check_weights({str(tmp_path)!r}, ['VGG16'])\n"
        f"weights_hash(BACKBONES['VGG16'], {str(tmp_path)!r})\n"
        "weights_hash(BACKBONES['VGG16'], 'random')\n"
        "print([m for m in ('tensorflow', 'keras', 'ray') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
