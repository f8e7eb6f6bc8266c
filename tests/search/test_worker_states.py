"""What a worker does with the states of its trials, between the child and the driver."""

from types import SimpleNamespace

import numpy as np
import pytest
from doubles import epoch, plan
from doubles import study as open_study

import search.workers.worker as worker_module
from search.scheduling.tuning import _carried
from search.workers.child import CONTINUE
from search.workers.worker import ANEW, FINAL, PROGRESS, SCORE, STATE, TrialWorker, WorkerSettings
from trainables import Runtime


class Child:
    """Says what it was told to say; remembers what it was given."""

    def __init__(self, *_, **__):
        self.words, self.begun, self.answers = [], [], []

    def begin(self, task, payload):
        self.begun.append((task, payload))

    def next_message(self, is_late=None):
        return self.words.pop(0)

    def answer(self, word):
        self.answers.append(word)

    def drop(self):
        pass


@pytest.fixture(autouse=True)
def _no_ray(monkeypatch):
    """Objects go by the object itself."""
    direct = SimpleNamespace(put=lambda thing: thing, get=lambda thing: thing)
    monkeypatch.setattr(worker_module, "ray", direct)
    monkeypatch.setattr(worker_module, "WarmChild", Child)
    monkeypatch.setattr(worker_module, "this_node", dict)


@pytest.fixture
def begin(tmp_path):
    of = plan()
    recipe = of.recipe(open_study(tmp_path / "journal", of=of).ask())

    def make(**more):
        assignment = {"trial_id": "t0000", "recipe": recipe.to_dict(), **more}
        worker = TrialWorker.__new__(TrialWorker)
        worker.setup(
            {"assignment": assignment}, WorkerSettings(source=None, runtime=Runtime(threads=1))
        )
        return worker, worker._child

    return make


def test_a_state_goes_with_the_epoch_it_belongs_to_and_once(begin):
    worker, child = begin()
    child.words = [("state", b"after one"), ("epoch", epoch(1, 0.5)), ("epoch", epoch(2, 0.4))]
    first, second = worker.step(), worker.step()
    assert first[STATE][0].tobytes() == b"after one"
    assert (first["epoch"]["epoch"], first[PROGRESS]) == (1, 1)
    assert STATE not in second
    assert ANEW not in second
    assert child.answers == [CONTINUE]
    assert child.begun[0][1]["state"] is None


def test_a_trial_goes_on_from_its_state(begin):
    worker, child = begin(state=[np.frombuffer(b"kept", np.uint8)])
    child.words = [("epoch", epoch(3, 0.6))]
    assert (result := worker.step())[SCORE] == 0.6
    assert result[PROGRESS] == 3
    assert child.begun[0][1]["state"] == b"kept"


def refused():
    return "failed", {"kind": "StateError", "message": "it is damaged", "traceback": ""}


def test_a_state_that_the_child_refuses_is_told_and_the_trial_starts_anew(begin):
    worker, child = begin(state=[np.frombuffer(b"kept", np.uint8)])
    child.words = [refused(), ("epoch", epoch(1, 0.3)), ("epoch", epoch(2, 0.4))]
    first, second = worker.step(), worker.step()
    assert (first[SCORE], first[ANEW]) == (0.3, "it is damaged")
    assert ANEW not in second
    assert [payload["state"] for _, payload in child.begun] == [b"kept", None]


def test_one_that_is_refused_twice_has_failed(begin):
    worker, child = begin(state=[np.frombuffer(b"kept", np.uint8)])
    child.words = [refused(), refused()]
    assert worker.step()[FINAL]["failure"]["kind"] == "StateError"


def test_tune_is_given_a_reference_in_place_of_a_state(monkeypatch):
    put = SimpleNamespace(put=lambda array: ("a reference to", array.tobytes()))
    monkeypatch.setattr("search.scheduling.tuning.ray", put)
    assert _carried({"trial_id": "a", "state": None}) == {"trial_id": "a"}
    carried = _carried({"trial_id": "a", "state": b"kept"})
    assert carried == {"trial_id": "a", "state": [("a reference to", b"kept")]}
