"""What the copy of a journal lacks is made up from records."""

import optuna
import pytest
from doubles import plan, study
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from reports import Status
from search.runs.run_directory import cut_torn_line
from search.studies.recorded_trials import RecordedTrial
from search.studies.study import Ending


def trials(journal):
    storage = JournalStorage(JournalFileBackend(str(journal)))
    return optuna.load_study(study_name="search", storage=storage).trials


def told(trial):
    return (
        trial.state.name,
        trial.value,
        trial.params,
        trial.distributions,
        trial.user_attrs,
        trial.intermediate_values,
    )


@pytest.fixture
def whole(tmp_path):
    """A journal of four trials, where each of its lines ends, and the trials' records."""
    journal, recorded, outcomes = tmp_path / "whole", [], {}
    of = study(journal, of=plan())
    for number in range(4):
        suggestion = of.ask()
        of.report(number, 1, 0.1 * number)
        of.report(number, 2, 0.2 * number)
        if number % 2:
            of.prune(number)
        else:
            of.complete(number, [0.2 * number])
        recorded.append(
            RecordedTrial(
                number=number,
                configuration=suggestion.configuration,
                origin="sampler",
                read_scores=lambda n=number: {1: 0.1 * n, 2: 0.2 * n},
            )
        )
        outcomes[number] = (
            Ending(status=Status.PRUNED)
            if number % 2
            else Ending(status=Status.COMPLETED, values=(0.2 * number,))
        )
    return journal, recorded, outcomes


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.35, 0.5, 0.6, 0.75, 0.9, 1.0])
def test_from_any_beginning_of_the_journal_the_same_study_comes_back(whole, tmp_path, share):
    journal, recorded, outcomes = whole
    content = journal.read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(content[: int(share * len(content))])
    cut_torn_line(cut)
    again = study(cut, of=plan())
    again.restore(recorded)
    again.close_recorded(outcomes)
    assert again.interrupted() == []
    for restored, true in zip(trials(cut), trials(journal), strict=True):
        state, value, params, distributions, attributes, steps = told(true)
        assert told(restored)[:4] == (state, value, params, distributions)
        assert restored.user_attrs["configuration"] == attributes["configuration"]
        assert restored.intermediate_values == steps
    assert again.ask().number == 4


def test_a_number_that_nobody_recorded_is_handed_out_again(whole, tmp_path):
    _, recorded, outcomes = whole
    again = study(tmp_path / "empty", of=plan())
    again.restore([recorded[0], recorded[3]])
    again.close_recorded(outcomes)
    assert [again.ask().number for _ in range(3)] == [1, 2, 4]


def test_enqueued_trials_that_the_journal_has_waiting_take_their_records(whole, tmp_path):
    _, recorded, outcomes = whole
    again = study(tmp_path / "enqueued", of=plan())
    again.enqueue([(f"paper {trial.number}", trial.configuration) for trial in recorded])
    again.restore(recorded[:2])
    again.close_recorded(outcomes)
    first, second, *_ = trials(tmp_path / "enqueued")
    assert (first.state.name, second.state.name) == ("COMPLETE", "PRUNED")
    assert first.user_attrs["note"] == "paper 0"
    assert again.ask().note == "paper 2"
