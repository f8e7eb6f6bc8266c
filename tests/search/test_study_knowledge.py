"""What the study takes in and gives out beyond the way of one trial: tests/search/test_study.py."""

import json
import math

import optuna
import pytest
from doubles import loaded, plan, study
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.storages import JournalStorage
from optuna.trial import TrialState
from small_spaces import finite, kinds

import spaces
from neurosweep.errors import SpaceError
from reports import Status
from search.studies.study import Ending, KnownTrial, Study

PAPERS = "data: {image_size: 150}\nfamilies: {mini_resnet: {}, plain_cnn: {}}"


def of(space, journal, *, sampler="tpe", seed=0, directions=("maximize",)):
    return Study(journal, space, sampler=sampler, seed=seed, directions=directions)


def states(journal):
    return [trial.state for trial in loaded(journal).trials]


# --- one line ---


def test_a_suggestion_is_one_line_of_the_journal_and_so_is_an_end(tmp_path):
    journal = tmp_path / "j"
    ours = of(kinds(), journal)
    lines = len(journal.read_bytes().splitlines())
    ours.ask()
    assert len(journal.read_bytes().splitlines()) == lines + 1
    ours.complete(0, [0.5])
    assert len(journal.read_bytes().splitlines()) == lines + 2


def test_what_optuna_draws_from_is_in_the_journal(tmp_path):
    suggestion = of(kinds(), tmp_path / "j").ask()
    (trial,) = loaded(tmp_path / "j").trials
    params = spaces.optuna_params(suggestion.configuration, kinds())
    assert trial.params == params
    assert trial.distributions.keys() == params.keys()


def test_no_call_reads_the_whole_history(tmp_path, monkeypatch):
    ours = of(kinds(), tmp_path / "j")
    ours.enqueue([("named", {"kind": "a", "common": 0.5, "own_a": 0.5})])

    def refused(*_, **__):
        pytest.fail("all trials were read")

    monkeypatch.setattr(JournalStorage, "get_all_trials", refused)
    for number in range(13):
        assert ours.ask().number == number
        ours.report(number, 1, 0.5)
    for number in range(11):
        ours.complete(number, [0.5])
    ours.prune(11)
    ours.fail(12, "out of memory")
    ours.repeat(0)
    assert ours.ask().repeat_of == 0
    assert ours.ask().origin == "sampler"


# --- figures that are no numbers ---


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_ends_the_trial_as_failed(tmp_path, bad):
    ours = of(kinds(), tmp_path / "j")
    ours.ask()
    ours.complete(0, [bad])
    (trial,) = loaded(tmp_path / "j").trials
    assert trial.state is TrialState.FAIL
    assert trial.user_attrs["failure"] == f"value 1 of 1 is {bad}"


@pytest.mark.parametrize("end", ["complete", "prune", "fail"])
def test_a_reported_score_that_is_no_number_ends_the_trial_as_failed(tmp_path, end):
    ours = of(kinds(), tmp_path / "j")
    ours.ask()
    ours.report(0, 1, 0.5)
    ours.report(0, 2, math.nan)
    {
        "complete": lambda: ours.complete(0, [0.5]),
        "prune": lambda: ours.prune(0),
        "fail": lambda: ours.fail(0, "it diverged"),
    }[end]()
    (trial,) = loaded(tmp_path / "j").trials
    assert trial.state is TrialState.FAIL
    expected = "it diverged" if end == "fail" else "the score after epoch 2 is nan"
    assert trial.user_attrs["failure"] == expected
    assert trial.intermediate_values == {1: 0.5}


def test_a_violation_that_is_no_number_ends_the_trial_as_failed(tmp_path):
    ours = of(kinds(), tmp_path / "j")
    ours.ask()
    ours.prune(0, violations=[-1.0, math.nan])
    (trial,) = loaded(tmp_path / "j").trials
    assert trial.user_attrs["failure"] == "violation 2 of 2 is nan"


# --- several objectives, constraints ---


def test_several_objectives_end_as_one_does(tmp_path):
    journal = tmp_path / "j"
    ours = of(kinds(), journal, directions=("maximize", "minimize"))
    for _ in range(3):
        ours.ask()
    ours.complete(0, [0.9, 12.0])
    ours.report(1, 1, 0.3)
    ours.report(1, 2, 0.4)
    ours.prune(1)
    ours.fail(2, "out of memory")
    complete, pruned, failed = loaded(journal).trials
    assert complete.values == [0.9, 12.0]
    assert pruned.state is TrialState.PRUNED
    assert pruned.user_attrs["scores"] == {"1": 0.3, "2": 0.4}
    assert failed.state is TrialState.FAIL
    assert loaded(journal).best_trials == [complete]
    again = of(kinds(), journal, directions=("maximize", "minimize"))
    known = sorted(again._sampler._by_number, key=lambda known: known.standing)
    assert [(k.standing.tier.name, k.standing.merit) for k in known] == [
        ("FAILED", 0.0),
        ("PRUNED", 2.0),
        ("COMPLETED", 0.9),
    ]


def test_another_number_of_values_than_objectives_is_refused(tmp_path):
    ours = of(kinds(), tmp_path / "j", directions=("maximize", "minimize"))
    ours.ask()
    with pytest.raises(ValueError, match="one value per objective, 2 here; received \\[0.5\\]"):
        ours.complete(0, [0.5])
    ours.complete(0, [0.5, 1.0])  # it was not lost


def test_violations_are_where_optuna_and_the_sampler_find_them(tmp_path):
    journal = tmp_path / "j"
    ours = of(kinds(), journal)
    ours.ask()
    ours.ask()
    ours.complete(0, [0.9], violations=[2.5, -1.0])
    ours.complete(1, [0.4], violations=[-2.5, 0.0])
    assert [list(trial.constraints.values()) for trial in loaded(journal).trials] == [
        [2.5, -1.0],
        [-2.5, 0.0],
    ]
    assert loaded(journal).best_trial.number == 1  # the feasible one
    for sampler in (ours._sampler, of(kinds(), journal)._sampler):
        assert [k.standing.tier.name for k in sampler._by_number] == ["INFEASIBLE", "COMPLETED"]


# --- nothing twice ---


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_finite_space_is_handed_out_once_and_then_none(tmp_path, sampler):
    ours = of(finite(), tmp_path / "j", sampler=sampler)
    found = []
    for number in range(7):
        suggestion = ours.ask()
        found.append(json.dumps(suggestion.configuration, sort_keys=True))
        if number % 2:
            ours.complete(number, [float(number)])
    assert len(set(found)) == 7
    assert ours.ask() is None
    ours.fail(0, "out of memory")
    assert ours.ask() is None
    assert of(finite(), tmp_path / "j", sampler=sampler).ask() is None


def test_a_space_of_one_configuration_is_used_up_by_one_trial(tmp_path):
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    hp.Fixed("only", 3)
    ours = of(hp, tmp_path / "j")
    assert ours.ask().configuration == {"only": 3}
    assert ours.ask() is None


def test_the_same_configuration_under_two_notes_is_handed_out_once(tmp_path):
    ours = of(finite(), tmp_path / "j")
    one, other = {"kind": "a", "whole": 1, "fixed": 5}, {"kind": "a", "whole": 2, "fixed": 5}
    ours.enqueue([("first", one), ("second", one), ("third", other)])
    assert [ours.ask().note for _ in range(3)] == ["first", "third", ""]
    seen = [trial.user_attrs["configuration"] for trial in loaded(tmp_path / "j").trials]
    assert seen.count(one) == 1


def test_a_configuration_that_was_handed_out_is_not_enqueued(tmp_path):
    ours = of(finite(), tmp_path / "j")
    first = ours.ask()
    ours.enqueue([("late", first.configuration)])
    assert ours.ask().note == ""


def test_enqueued_configurations_carry_the_origin_they_are_given(tmp_path):
    ours = of(finite(), tmp_path / "j")
    ours.enqueue([("seed", {"kind": "a", "whole": 1, "fixed": 5})], origin="warm_start")
    assert ours.ask().origin == "warm_start"


@pytest.mark.parametrize("killed_after", ["enqueue", "ask"])
def test_what_was_enqueued_is_found_again_after_a_kill(tmp_path, killed_after):
    configuration = {"kind": "b", "flag": True, "size": 8, "fixed": 5}
    killed = of(finite(), tmp_path / "j")
    killed.enqueue([("named", configuration)])
    if killed_after == "ask":
        killed.ask()
    after = of(finite(), tmp_path / "j")
    after.enqueue([("named", configuration)])
    found = after.interrupted() if killed_after == "ask" else [after.ask()]
    assert [(s.note, s.origin, s.configuration) for s in found] == [
        ("named", "paper", configuration)
    ]
    assert after.ask().note == ""


def test_configurations_without_a_name_are_all_handed_out(tmp_path):
    ours = of(finite(), tmp_path / "j")
    ours.ask()
    rest = [one for one in spaces.configurations(finite()) if one != loaded_configuration(ours, 0)]
    ours.enqueue([("", one) for one in rest[:3]])
    assert [ours.ask().configuration for _ in range(3)] == rest[:3]


# --- repeats ---


def test_a_repeat_is_the_same_configuration_under_a_new_number(tmp_path):
    ours = of(kinds(), tmp_path / "j")
    first = ours.ask()
    ours.complete(0, [0.6])
    ours.repeat(0)
    again = ours.ask()
    assert (again.number, again.origin, again.repeat_of) == (1, "repeat", 0)
    assert again.configuration == first.configuration
    ours.complete(1, [0.8])
    ours.repeat(1)
    assert ours.ask().repeat_of == 0  # of the first, however it was asked for
    assert ours.ask().origin == "sampler"


def test_a_repeat_comes_before_what_is_enqueued_and_survives_a_kill(tmp_path):
    ours = of(finite(), tmp_path / "j")
    ours.ask()
    ours.complete(0, [0.6])
    ours.enqueue([("named", _other(ours, 0))])
    ours.repeat(0)
    repeat = ours.ask()
    (taken_up,) = of(finite(), tmp_path / "j").interrupted()
    assert taken_up == repeat
    assert ours.ask().note == "named"


def _other(ours, number):
    taken = loaded_configuration(ours, number)
    return next(one for one in spaces.configurations(finite()) if one != taken)


def loaded_configuration(ours, number):
    return ours._journal.trial(number).user_attrs["configuration"]


def test_a_repeated_configuration_counts_once_with_its_mean(tmp_path):
    ours = of(kinds(), tmp_path / "j")
    ours.ask()
    ours.complete(0, [0.6])
    ours.repeat(0)
    ours.ask()
    ours.complete(1, [0.8])
    for sampler in (ours._sampler, of(kinds(), tmp_path / "j")._sampler):
        (known,) = sampler._by_number
        assert known.standing.merit == pytest.approx(0.7)


def test_only_what_exists_is_repeated(tmp_path):
    with pytest.raises(KeyError):
        of(kinds(), tmp_path / "j").repeat(3)


# --- warm start ---


def known(configuration, number=0, status=Status.COMPLETED, **figures):
    return KnownTrial(
        configuration=configuration, status=status, source=f"runs/old/t{number:04d}", **figures
    )


def test_a_journal_without_learned_trials_holds_one_study(tmp_path):
    of(finite(), tmp_path / "j").learn([])
    storage = loaded(tmp_path / "j")._storage
    assert optuna.get_all_study_names(storage) == ["search"]


def test_learned_trials_are_known_and_neither_numbered_nor_handed_out(tmp_path):
    everything = list(spaces.configurations(finite()))
    learned = [known(one, i, values=(0.1 * i,)) for i, one in enumerate(everything[:5])]
    ours = of(finite(), tmp_path / "j")
    ours.learn(learned)
    ours.enqueue([("known already", everything[0])])
    handed_out = [ours.ask() for _ in range(2)]
    assert [s.number for s in handed_out] == [0, 1]
    assert not [s for s in handed_out if s.configuration in everything[:5]]
    assert ours.ask() is None
    assert len(loaded(tmp_path / "j").trials) == 2


def test_a_resumed_search_needs_the_other_runs_no_more(tmp_path):
    learned = [
        known({"kind": "a", "whole": 1, "fixed": 5}, 0, values=(0.7,), violations=(1.0,)),
        known({"kind": "a", "whole": 2, "fixed": 5}, 1, Status.PRUNED, values=(0.4,), step=3),
        known({"kind": "a", "whole": 3, "fixed": 5}, 2, Status.FAILED),
    ]
    of(finite(), tmp_path / "j").learn(learned)
    after = of(finite(), tmp_path / "j")
    after.learn(learned)  # known by their source: not twice
    assert [k.endings for k in after._sampler._by_number] == [[one.ending] for one in learned]
    assert len(list(after._learned)) == 3
    assert after.ask().configuration["kind"] == "b"


def test_learned_trials_spare_the_random_beginning(tmp_path):
    made = [
        {"kind": kind, "common": i / 60, f"own_{kind}": 0.5} for i, kind in enumerate("abcd" * 15)
    ]
    ours = of(kinds(), tmp_path / "j")
    ours.learn(known(one, i, values=(float(one["kind"] == "a"),)) for i, one in enumerate(made))
    asked = [ours.ask().configuration["kind"] for _ in range(8)]
    assert asked.count("a") > 4  # at random: with a chance of 3 %


def test_a_configuration_of_another_space_is_not_learned(tmp_path):
    with pytest.raises(SpaceError, match="whole"):
        of(finite(), tmp_path / "j").learn([known({"kind": "a", "whole": 9, "fixed": 5})])


def test_learned_trials_of_several_objectives_come_back(tmp_path):
    directions = ("maximize", "minimize")
    pruned = known({"kind": "a", "whole": 1, "fixed": 5}, 0, Status.PRUNED, values=(0.4,), step=3)
    of(finite(), tmp_path / "j", directions=directions).learn([pruned])
    after = of(finite(), tmp_path / "j", directions=directions)
    assert after._sampler._by_number[0].endings == [pruned.ending]


# --- the journal of others ---


def test_what_another_program_left_running_or_waiting_is_ended(tmp_path):
    of(kinds(), tmp_path / "j")
    loaded(tmp_path / "j").ask()
    loaded(tmp_path / "j").enqueue_trial({"common": 0.5})
    ours = of(kinds(), tmp_path / "j")
    assert states(tmp_path / "j") == [TrialState.FAIL] * 2
    assert not ours.interrupted()
    assert ours.ask().number == 2


# --- the same again ---


def test_the_same_calls_give_the_same_suggestions(tmp_path):
    def suggestions(name, seed):
        ours = of(kinds(), tmp_path / name, seed=seed)
        found = []
        for number in range(25):
            found.append(ours.ask().configuration)
            if number % 5 == 4:
                ours.fail(number, "out of memory")
            else:
                ours.report(number, 1, found[-1]["common"])
                ours.complete(number, [found[-1]["common"]])
        return found

    assert suggestions("a", 1) == suggestions("b", 1) != suggestions("c", 2)


def test_after_a_resume_the_suggestions_are_fixed_and_new(tmp_path):
    ours = of(kinds(), tmp_path / "j")
    first = ours.ask().configuration
    content = (tmp_path / "j").read_bytes()
    resumed = []
    for name in "ab":
        (tmp_path / name).write_bytes(content)
        resumed.append(of(kinds(), tmp_path / name).ask().configuration)
    assert resumed[0] == resumed[1] != first


steps = st.lists(
    st.sampled_from(("ask", "report", "complete", "prune", "fail", "repeat", "nan", "resume")),
    min_size=5,
    max_size=30,
)


@settings(max_examples=25, deadline=None)
@given(steps=steps)
def test_whatever_happens_nothing_is_handed_out_twice_and_nothing_stays_running(
    steps, tmp_path_factory
):
    journal = tmp_path_factory.mktemp("steps") / "j"
    ours, running, handed_out = of(finite(), journal, sampler="random"), [], []
    for place, step in enumerate(steps):
        if step == "ask":
            suggestion = ours.ask()
            if suggestion is None:
                assert len(handed_out) == 7
            else:
                running.append(suggestion.number)
                if suggestion.origin != "repeat":
                    handed_out.append(json.dumps(suggestion.configuration, sort_keys=True))
        elif step == "resume":
            ours = of(finite(), journal, sampler="random")
            assert [s.number for s in ours.interrupted()] == sorted(running)
        elif step == "repeat" and handed_out:
            ours.repeat(0)
        elif running and step == "report":
            ours.report(running[0], place, 0.5)
        elif running and step == "nan":
            ours.report(running[0], place, math.nan)
        elif running and step == "complete":
            ours.complete(running.pop(0), [0.5])
        elif running and step == "prune":
            ours.prune(running.pop(0))
        elif running and step == "fail":
            ours.fail(running.pop(0), "out of memory")
    assert len(set(handed_out)) == len(handed_out)
    told = [trial.number for trial in loaded(journal).trials if not trial.state.is_finished()]
    assert told == sorted(running)


def test_the_papers_rows_and_a_resume_of_them_all(tmp_path):
    chosen = plan(PAPERS)
    papers = spaces.paper_configurations(
        chosen.space(), chosen.task, chosen.experiment.space_families()
    )
    ours = study(tmp_path / "j", of=chosen)
    ours.enqueue(papers)
    numbers = [ours.ask().number for _ in papers]
    after = study(tmp_path / "j", of=chosen)
    ending = Ending(status=Status.COMPLETED, values=(0.5,))
    after.close_recorded(dict.fromkeys(numbers, ending))
    assert not after.interrupted()
    assert states(tmp_path / "j") == [TrialState.COMPLETE] * len(papers)


def test_optunas_own_logger_is_quiet(tmp_path):
    of(kinds(), tmp_path / "j")
    assert optuna.logging.get_verbosity() == optuna.logging.WARNING
