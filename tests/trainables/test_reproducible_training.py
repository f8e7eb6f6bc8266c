"""The same recipe gives the same numbers to the last digit: here, twice, and in a new process."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from trainables_samples import go_on, make_dataset, make_recipe

import trainables
from trainables import FineTune

# Runs a test file's `digest` in a process of its own.
_CODE = """
import importlib, json, sys
from trainables import Runtime, start
start(Runtime(**json.loads(sys.argv[1])))
print(importlib.import_module(sys.argv[2]).digest())
"""


def digest():
    """Everything a fit and its fine-tuning give, but times, as one hash."""
    recipe = make_recipe(
        epochs=2,
        seed=5,
        augmentation=True,
        augmentation_strength=0.5,
        schedule="cosine",
        fine_tune=FineTune(epochs=1, patience=1),
    )
    data = make_dataset()
    result = trainables.fit(recipe, data, go_on)
    tuned = trainables.fine_tune(recipe, result.weights, data, go_on)
    total = hashlib.sha256()
    for each in (result, tuned):
        figures = [
            {name: value for name, value in record.items() if not name.endswith("seconds")}
            for record in each.history
        ]
        total.update(json.dumps(figures).encode())
        for array in (each.validation_probabilities, *each.weights):
            total.update(array.tobytes())
    return total.hexdigest()


def in_fresh_processes(count, module="test_reproducible_training", **runtime):
    """Digests of several new processes, which run side by side."""
    here = Path(__file__).parent
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _CODE, json.dumps(runtime), module],
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": f"{here}:{here.parents[1]}", "PATH": ""},
            text=True,
        )
        for _ in range(count)
    ]
    return [process.communicate()[0].strip() for process in running]


@pytest.fixture(scope="module")
def first():
    return digest()


def test_twice_in_one_process_is_the_same(first):
    assert digest() == first


def test_a_fresh_process_is_the_same(first):
    assert in_fresh_processes(1, threads=1) == [first]


def test_half_precision_with_two_threads_is_the_same_in_two_processes():
    one, two = in_fresh_processes(2, threads=2, precision="mixed_bfloat16", fused_batch_norm=True)
    assert one == two
    assert len(one) == 64
