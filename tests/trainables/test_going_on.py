"""A fit in several sittings, the later ones in fresh processes, is the fit in one."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from trainables_samples import RESNET, TRANSFER, go_on, make_dataset, make_recipe

import trainables
from neurosweep.errors import StateError

VGG = {
    "family": "mini_vgg",
    "mini_vgg/blocks": 2,
    "mini_vgg/convs": 1,
    "mini_vgg/filters_1": 8,
    "mini_vgg/filters_2": 8,
    "mini_vgg/batch_norm": True,
    "mini_vgg/hidden_width_1": 16,
    "mini_vgg/hidden_width_2": 16,
    "mini_vgg/dropout": 0.4,
}
AUGMENTED = {"augmentation": True, "augmentation_strength": 0.6}
CASES = {
    "adam": {"family": RESNET, "schedule": "cosine", **AUGMENTED},
    "sgd": {"family": VGG, "optimizer": "sgd", "label_smoothing": 0.1, **AUGMENTED},
    "rmsprop": {"family": VGG, "optimizer": "rmsprop", "schedule": "cosine"},
    "adamw": {"family": RESNET, "optimizer": "adamw", "weight_decay": 1e-2},
    "transfer": {"family": TRANSFER, "size": 32, "weights": "random"},
    "copies": {
        "family": TRANSFER | {"transfer/pooling": "both", "transfer/class_weights": "balanced"},
        **{"size": 32, "weights": "random", "augmentation": True, "copies": 2},
        **{"optimizer": "adamw", "weight_decay": 1e-2, "schedule": "cosine"},
    },
}
EPOCHS = 5
FROM = {"adam": (1, 3), "sgd": (1, 3)}
"""After which epochs cases are gone on with; the others after the second."""

# Runs a function of this file in a process of its own.
_CODE = """
import json, sys
from pathlib import Path
from trainables import Runtime, start
start(Runtime(**json.loads(sys.argv[1])))
import test_going_on
getattr(test_going_on, sys.argv[2])(Path(sys.argv[3]))
"""


def case(name, folder=None):
    options = dict(CASES[name])
    size = options.get("size", 16)
    data = make_dataset(size=size, cache=folder and folder / "cache")
    return make_recipe(epochs=EPOCHS, seed=7, **options), data


def digest(result):
    """Everything a fit gives but times."""
    told = {
        "history": [
            {name: value for name, value in record.items() if not name.endswith("seconds")}
            for record in result.history
        ],
        "figures": [result.epochs, result.kept_epoch, result.val_accuracy, result.val_loss],
        "stop_reason": result.stop_reason,
    }
    total = hashlib.sha256(json.dumps(told).encode())
    for array in (result.validation_probabilities, *result.weights):
        total.update(array.tobytes())
    return total.hexdigest()


def kept_states(recipe, data):
    """The result in one sitting, and the state after each epoch that another follows."""
    states = []
    result = trainables.fit(recipe, data, go_on, keep=lambda make: states.append(make()))
    return result, states


def in_one_sitting(folder, names=CASES):
    """Train each case to its end, and leave its states and its digest."""
    for name in names:
        result, states = kept_states(*case(name, folder))
        assert len(states) == EPOCHS - 1  # none after the last, which nothing follows
        for epoch, state in enumerate(states, start=1):
            (folder / f"{name}-{epoch}.npz").write_bytes(state)
        (folder / f"{name}.digest").write_text(digest(result))


class Reported(list):
    """The numbers of the epochs that were reported."""

    def __call__(self, record):
        self.append(record["epoch"])
        return True


def go_on_from(folder):
    """Train each case from kept states, as a later sitting would; leave the digests."""
    for name in {path.stem for path in folder.glob("*.digest")}:
        for epoch in FROM.get(name, (2,)):
            reported = Reported()
            state = (folder / f"{name}-{epoch}.npz").read_bytes()
            result = trainables.fit(*case(name, folder), reported, state=state)
            assert reported == list(range(epoch + 1, EPOCHS + 1))
            assert result.seconds > sum(record["seconds"] for record in result.history)
            (folder / f"{name}-{epoch}.digest").write_text(digest(result))


def in_a_fresh_process(function, folder, **runtime):
    here = Path(__file__).parent
    subprocess.run(
        [sys.executable, "-c", _CODE, json.dumps(runtime), function, str(folder)],
        env={"PYTHONPATH": f"{here}:{here.parents[1]}", "PATH": ""},
        check=True,
        timeout=280,
    )


def digests(folder):
    """Per case the digests of one sitting and of several."""
    found = {}
    for path in folder.glob("*.digest"):
        found.setdefault(path.stem.partition("-")[0], []).append(path.read_text())
    return found


def test_later_sittings_in_a_fresh_process_give_the_same_to_the_last_digit(tmp_path):
    in_one_sitting(tmp_path)
    in_a_fresh_process("go_on_from", tmp_path, threads=1)
    found = digests(tmp_path)
    assert set(found) == set(CASES)
    for name, each in found.items():
        assert len(each) == 1 + len(FROM.get(name, (2,)))
        assert len(set(each)) == 1, name


def half_precision_in_one_sitting(folder):
    in_one_sitting(folder, ("adam", "sgd"))


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_with_fused_batch_norm_goes_on_as_exactly(tmp_path, precision):
    runtime = {"threads": 2, "precision": precision, "fused_batch_norm": True}
    in_a_fresh_process("half_precision_in_one_sitting", tmp_path, **runtime)
    in_a_fresh_process("go_on_from", tmp_path, **runtime)
    found = digests(tmp_path)
    assert {name: (len(each), len(set(each))) for name, each in found.items()} == {
        "adam": (3, 1),
        "sgd": (3, 1),
    }


@pytest.fixture(scope="module")
def states():
    return kept_states(*case("adam"))[1]


def test_patience_counts_the_epochs_of_all_sittings(dataset):
    recipe = make_recipe(epochs=40, learning_rate=0.0, patience=4)
    whole, kept = kept_states(recipe, dataset)
    assert (whole.epochs, whole.stop_reason) == (5, "early_stopping")
    again = trainables.fit(recipe, dataset, go_on, state=kept[2])
    assert digest(again) == digest(whole)


def test_a_state_that_nobody_makes_costs_nothing(dataset):
    offered = []
    trainables.fit(make_recipe(epochs=2), dataset, go_on, keep=offered.append)
    assert len(offered) == 1


def test_a_state_of_another_recipe_or_data_set_is_refused(states):
    recipe, data = case("adam")
    with pytest.raises(StateError, match="its recipe differ from this run's. The trial starts"):
        trainables.fit(make_recipe(epochs=EPOCHS, seed=8), data, go_on, state=states[0])
    other = type(data)(**{**vars(data), "fingerprint": "of other images"})
    with pytest.raises(StateError, match="its data differ"):
        trainables.fit(recipe, other, go_on, state=states[0])
