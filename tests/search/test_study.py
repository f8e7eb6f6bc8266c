import pytest
from doubles import loaded, plan, study
from optuna.trial import TrialState

import spaces
from reports import Status
from search.runs.run_directory import cut_torn_line
from search.studies.study import Ending, trial_id_of, trial_seed


def test_states_in_the_journal_tell_how_each_trial_ended(tmp_path):
    journal = tmp_path / "study.journal"
    ours = study(journal)
    for _ in range(3):
        ours.ask()
    ours.report(0, 1, 0.5)
    ours.complete(0, [0.9])
    ours.report(1, 1, 0.3)
    ours.report(1, 2, 0.4)
    ours.prune(1)
    ours.fail(2, "the loss is not a number")
    trials = loaded(journal).trials
    assert [t.state for t in trials] == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL]
    assert trials[0].value == 0.9
    assert trials[1].intermediate_values == {1: 0.3, 2: 0.4}
    assert trials[2].user_attrs["failure"] == "the loss is not a number"


def test_every_suggestion_is_valid_and_on_disk_before_it_is_returned(tmp_path):
    chosen = plan()
    ours = study(tmp_path / "j", of=chosen)
    for _ in range(5):
        suggestion = ours.ask()
        spaces.validate(suggestion.configuration, chosen.space())
        written = loaded(tmp_path / "j").trials[suggestion.number].user_attrs["configuration"]
        assert written == suggestion.configuration


def test_the_same_seed_proposes_the_same(tmp_path):
    first = [study(tmp_path / "a", sampler="tpe", seed=5).ask().configuration for _ in range(1)]
    again = [study(tmp_path / "b", sampler="tpe", seed=5).ask().configuration for _ in range(1)]
    assert first == again


def test_enqueued_configurations_come_first_and_carry_their_name(tmp_path):
    chosen = plan("data: {image_size: 150}\nfamilies: {mini_resnet: {}, plain_cnn: {}}")
    papers = spaces.paper_configurations(
        chosen.space(), chosen.task, chosen.experiment.space_families()
    )
    assert papers
    ours = study(tmp_path / "j", of=chosen)
    ours.enqueue(papers)
    for name, configuration in papers:
        suggestion = ours.ask()
        assert (suggestion.origin, suggestion.note) == ("paper", name)
        assert suggestion.configuration == dict(configuration)
    assert ours.ask().origin == "sampler"


def test_a_killed_driver_loses_no_trial_and_doubles_none(tmp_path):
    journal = tmp_path / "j"
    killed = study(journal)
    running, recorded = killed.ask(), killed.ask()
    killed.report(running.number, 1, 0.2)
    after = study(journal)
    after.close_recorded({recorded.number: Ending(status=Status.COMPLETED, values=(0.8,))})
    taken_up = after.interrupted()
    assert [s.number for s in taken_up] == [running.number]
    assert taken_up[0].configuration == running.configuration
    after.report(running.number, 1, 0.2)  # it starts again and passes its first epoch again
    after.report(running.number, 2, 0.3)
    after.complete(running.number, [0.3])
    states = [trial.state for trial in loaded(journal).trials]
    assert states == [TrialState.COMPLETE, TrialState.COMPLETE]
    assert after.ask().number == 2


def test_recorded_failures_and_prunings_are_told_after_a_kill(tmp_path):
    killed = study(tmp_path / "j")
    numbers = [killed.ask().number for _ in range(2)]
    after = study(tmp_path / "j")
    endings = [Ending(status=status) for status in (Status.FAILED, Status.PRUNED)]
    after.close_recorded(dict(zip(numbers, endings, strict=True)))
    assert not after.interrupted()
    states = [trial.state for trial in loaded(tmp_path / "j").trials]
    assert states == [TrialState.FAIL, TrialState.PRUNED]


def test_a_trial_killed_while_it_was_asked_for_is_asked_for_again(tmp_path):
    chosen = plan("data: {image_size: 150}\nfamilies: {mini_resnet: {}, plain_cnn: {}}")
    papers = spaces.paper_configurations(
        chosen.space(), chosen.task, chosen.experiment.space_families()
    )
    study(tmp_path / "j", of=chosen).enqueue(papers)
    loaded(tmp_path / "j").ask()  # and killed before it was given anything
    (again,) = study(tmp_path / "j", of=chosen).interrupted()
    assert (again.number, again.note) == (0, papers[0][0])
    assert again.configuration == dict(papers[0][1])


def test_papers_rows_are_enqueued_once_even_if_a_driver_was_killed_between_them(tmp_path):
    chosen = plan("data: {image_size: 150}\nfamilies: {mini_resnet: {}, plain_cnn: {}}")
    papers = spaces.paper_configurations(
        chosen.space(), chosen.task, chosen.experiment.space_families()
    )
    assert len(papers) > 1
    study(tmp_path / "j", of=chosen).enqueue(papers[:1])
    after = study(tmp_path / "j", of=chosen)
    after.enqueue(papers)
    after.enqueue(papers)
    assert [after.ask().note for _ in range(len(papers) + 1)] == [*(n for n, _ in papers), ""]


def test_a_journal_torn_at_any_byte_of_its_last_line_loads_and_goes_on(tmp_path):
    journal = tmp_path / "j"
    ours = study(journal)
    ours.ask()
    ours.complete(0, [0.5])
    content = journal.read_bytes()
    last = content.rindex(b"\n", 0, len(content) - 1) + 1
    for cut in range(last, len(content)):
        journal.write_bytes(content[:cut])
        cut_torn_line(journal)
        again = study(journal)
        again.interrupted()
        again.fail(again.ask().number, "only to write")
        assert loaded(journal).trials


def test_a_stale_lock_of_the_journal_costs_nothing(tmp_path):
    import time

    (tmp_path / "j.lock").symlink_to(tmp_path / "j")
    began = time.monotonic()
    study(tmp_path / "j").ask()
    assert time.monotonic() - began < 10


def test_seeds_of_trials_differ_and_are_fixed_by_the_search():
    seeds = {trial_seed(0, number) for number in range(1000)}
    assert len(seeds) == 1000
    assert trial_seed(0, 7) == trial_seed(0, 7) != trial_seed(1, 7)
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_names_of_trials_sort_by_number():
    assert [trial_id_of(n) for n in (0, 7, 1234)] == ["t0000", "t0007", "t1234"]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_both_samplers_propose(tmp_path, sampler):
    assert study(tmp_path / "j", sampler=sampler).ask().configuration["family"]
