"""The file of a training state: read as it was written, or refused."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trainables_samples import make_recipe

import trainables.checkpoint as checkpoint
from neurosweep.errors import StateError
from trainables.checkpoint import TrainingState, made_for, read_history, read_state

WANTED = made_for(make_recipe(), data_fingerprint="f", runtime={"threads": 1})


def epoch(number):
    return {
        "epoch": number,
        "loss": 0.1 + 0.2,
        "accuracy": 0.5,
        "val_loss": 1e-17,
        "val_accuracy": 1 / 3,
        "seconds": 0.25,
        "learning_rate": 1e-3,
    }


# The first epoch of a sitting tells more than the others.
FIRST = {**epoch(1), "setup_seconds": 0.5, "tracing_seconds": 1.5}


def state(**changes):
    rng = np.random.default_rng(0)
    fields = {
        "made_for": WANTED,
        "history": [FIRST, epoch(2)],
        "seconds": 1.5,
        "model": [rng.normal(size=(3, 2)).astype(np.float32), np.array([7, 8], np.uint32)],
        "optimizer": [np.array(12, np.int64), rng.normal(size=(3, 2)).astype(np.float32)],
        "best": [rng.normal(size=(3, 2)).astype(np.float32)],
        "probabilities": rng.random((4, 3)).astype(np.float32),
    }
    return TrainingState(**{**fields, **changes})


CONTENT = state().to_bytes()


def as_plain(one):
    arrays = [*one.model, *one.optimizer, *one.best, one.probabilities]
    return one.history, one.seconds, [(a.shape, a.dtype, a.tobytes()) for a in arrays]


def test_it_is_read_as_it_was_written():
    assert as_plain(read_state(CONTENT, WANTED)) == as_plain(state())
    assert read_history(CONTENT, WANTED) == [FIRST, epoch(2)]


def test_anything_that_reads_npz_reads_it():
    with np.load(io.BytesIO(CONTENT), allow_pickle=False) as archive:
        assert {"about", "probabilities", "model_00000", "best_00000"} <= set(archive.files)


@given(place=st.integers(0, len(CONTENT) - 1), flip=st.integers(1, 255))
@settings(max_examples=400)
def test_a_changed_byte_is_refused_or_changes_nothing(place, flip):
    damaged = bytearray(CONTENT)
    damaged[place] ^= flip
    try:
        found = read_state(bytes(damaged), WANTED)
    except StateError:
        return
    assert as_plain(found) == as_plain(state())


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_torn_file_is_refused(share):
    with pytest.raises(StateError, match="received a damaged one.*The trial starts anew"):
        read_state(CONTENT[: int(share * len(CONTENT))], WANTED)


def test_what_it_was_made_for_is_compared():
    other = made_for(make_recipe(seed=5), data_fingerprint="f", runtime={"threads": 2})
    with pytest.raises(StateError, match="its recipe and runtime differ from this run's"):
        read_state(CONTENT, other)


def test_one_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(checkpoint, "LARGEST_STATE", len(CONTENT) - 1)
    with pytest.raises(StateError, match="has at most"):
        read_state(CONTENT, WANTED)


def rewritten(compression=zipfile.ZIP_STORED, **members):
    """The same archive with other members."""
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(CONTENT)) as old, zipfile.ZipFile(content, "w") as new:
        for name in old.namelist():
            data = members.pop(name.removesuffix(".npy"), old.read(name))
            if data is not None:
                new.writestr(name, data, compression)
        for name, data in members.items():
            new.writestr(f"{name}.npy", data, compression)
    return content.getvalue()


def npy(array, **options):
    content = io.BytesIO()
    np.save(content, array, **options)
    return content.getvalue()


def test_where_weights_lie_does_not_matter_where_it_is_known_what_they_are():
    def of(weights, sha256):
        recipe = replace(make_recipe(weights=weights), weights_hash=sha256)
        return made_for(recipe, data_fingerprint="f", runtime={"threads": 1})

    assert of("/here", "abc") == of("/there", "abc")
    assert of("/here", "abc") != of("/here", "abd")
    assert of("/here", "") != of("/there", "")


@pytest.mark.parametrize(
    "content",
    [
        rewritten(zipfile.ZIP_DEFLATED),
        rewritten(model_00001=None, model_00002=npy(np.zeros(2))),
        rewritten(surplus_00000=npy(np.zeros(2))),
        rewritten(best_00000=npy(np.array([{}], object), allow_pickle=True)),
        rewritten(best_00000=npy(np.zeros(3))[:-4]),
        rewritten(best_00000=npy(np.zeros(3)).replace(b"(3,)", b"(9,)")),
        rewritten(about=npy(np.frombuffer(b"{}", np.uint8))),
        rewritten(about=npy(np.frombuffer(b"[", np.uint8))),
        state(history=[epoch(2)]).to_bytes(),
        state(history=[{**epoch(1), "more": 1}]).to_bytes(),
    ],
)
def test_what_was_made_by_others_is_refused(content):
    with pytest.raises(StateError, match="starts anew"):
        read_state(content, WANTED)
