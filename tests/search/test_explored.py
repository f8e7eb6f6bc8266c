"""A study that proposes from a narrower space than it holds: what a screening left of one."""

import keras_tuner
import pytest
from doubles import loaded, plan
from optuna.trial import TrialState

import spaces
from neurosweep.errors import RunDirectoryError, SpaceError
from reports import Status
from search.studies.explored import Explored, canonical
from search.studies.recorded_trials import RecordedTrial
from search.studies.study import Ending, KnownTrial, Study

TRANSFER = "families: {transfer: {weights: random, image_size: 96}}"
MIXED = "families: {mini_resnet: {}, transfer: {weights: random, image_size: 96}}"
KEPT = ["MobileNetV2", "VGG16", "ResNet50V2"]
BACKBONE = "transfer/backbone if family=transfer"


def spaces_of(text, kept):
    of = plan(text)
    return of, of.space(), of.space(backbones=kept)


def study(journal, text=TRANSFER, kept=KEPT, *, sampler="tpe", seed=0):
    _, whole, narrower = spaces_of(text, kept)
    return Study(journal, whole, sampler=sampler, seed=seed, explored=narrower)


def papers(text=TRANSFER):
    of = plan(text)
    return spaces.paper_configurations(of.space(), of.task, of.experiment.space_families())


def backbone(suggestion):
    return suggestion.configuration.get("transfer/backbone")


def play(ours, trials):
    """Asks and completes; what is better depends on the width alone."""
    asked = []
    for _ in range(trials):
        suggestion = ours.ask()
        width = suggestion.configuration.get("transfer/width_1", 0)
        ours.complete(suggestion.number, [0.5 + int(width) / 1e4])
        asked.append(suggestion)
    return asked


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_only_what_was_kept_is_proposed(tmp_path, sampler):
    asked = play(study(tmp_path / "j", sampler=sampler), 60)
    assert {backbone(one) for one in asked} == set(KEPT)


def test_other_families_are_proposed_as_before(tmp_path):
    asked = play(study(tmp_path / "j", MIXED, sampler="random"), 60)
    assert {one.configuration["family"] for one in asked} == {"mini_resnet", "transfer"}
    assert {backbone(one) for one in asked} - {None} == set(KEPT)


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_single_one_may_be_kept(tmp_path, sampler):
    ours = study(tmp_path / "j", kept=["VGG16"], sampler=sampler)
    assert {backbone(one) for one in play(ours, 30)} == {"VGG16"}
    # A parameter of the whole space: Optuna's dashboard compares it with the papers' rows.
    assert {trial.params[BACKBONE] for trial in loaded(tmp_path / "j").trials} == {"VGG16"}


def test_no_backbone_may_be_left(tmp_path):
    asked = play(study(tmp_path / "j", MIXED, kept=[]), 30)
    assert {one.configuration["family"] for one in asked} == {"mini_resnet"}


def test_what_is_proposed_has_the_parameters_of_the_whole_space(tmp_path):
    _, whole, _ = spaces_of(MIXED, KEPT)
    play(study(tmp_path / "j", MIXED), 20)
    for trial in loaded(tmp_path / "j").trials:
        configuration = trial.user_attrs["configuration"]
        drawn = spaces.distribution_groups(whole)
        active = spaces.optuna_params(configuration, whole)
        assert trial.params == {
            name: value for name, value in active.items() if any(name in one for one in drawn)
        }
        for name, value in trial.params.items():
            distribution = trial.distributions[name]
            assert distribution._contains(distribution.to_internal_repr(value))


def test_the_papers_rows_of_all_backbones_come_first(tmp_path):
    ours = study(tmp_path / "j")
    ours.enqueue(papers())
    asked = play(ours, 13 + 20)
    assert len({backbone(one) for one in asked[:13]}) == 13
    assert {one.origin for one in asked[:13]} == {"paper"}
    assert {backbone(one) for one in asked[13:]} <= set(KEPT)
    assert len(loaded(tmp_path / "j").trials) == 33


def test_what_is_enqueued_is_still_a_configuration_of_the_whole_space(tmp_path):
    (_, given), *_ = papers()
    with pytest.raises(SpaceError):
        study(tmp_path / "j").enqueue([("odd", {**given, "transfer/backbone": "NASNetMobile"})])


def test_a_resumed_study_takes_all_of_it_up(tmp_path):
    ours = study(tmp_path / "j")
    ours.enqueue(papers())
    play(ours, 5)
    left = [ours.ask(), ours.ask()]
    resumed = study(tmp_path / "j")
    assert [one.number for one in resumed.interrupted()] == [one.number for one in left]
    for one in left:
        resumed.report(one.number, 1, 0.4)
        resumed.prune(one.number)
    resumed.enqueue(papers())
    rest = play(resumed, 6 + 15)
    assert len({backbone(one) for one in rest[:6]} | {backbone(one) for one in left}) == 8
    assert {backbone(one) for one in rest[6:]} <= set(KEPT)
    states = [trial.state for trial in loaded(tmp_path / "j").trials]
    assert len(states) == 5 + 2 + 21
    assert states.count(TrialState.PRUNED) == 2


def test_a_resumed_study_proposes_nothing_twice(tmp_path):
    asked = play(study(tmp_path / "j"), 20) + play(study(tmp_path / "j"), 20)
    told = [tuple(sorted(one.configuration.items())) for one in asked]
    assert len(set(told)) == len(told)


def test_an_outsider_that_a_lost_journal_lacks_is_brought_back(tmp_path):
    outsider = next(given for _, given in papers() if given["transfer/backbone"] == "Xception")
    ours = study(tmp_path / "j")
    ours.restore(
        [
            RecordedTrial(
                number=0,
                configuration=outsider,
                origin="paper",
                repeat_of=None,
                read_scores=lambda: {1: 0.5},
            )
        ]
    )
    ours.close_recorded({0: Ending(status=Status.COMPLETED, values=(0.7,))})
    (trial,) = loaded(tmp_path / "j").trials
    assert (trial.value, trial.params[BACKBONE]) == (0.7, "Xception")
    assert {backbone(one) for one in play(ours, 20)} <= set(KEPT)


def test_what_other_runs_taught_is_kept_wherever_it_lies(tmp_path):
    known = [
        KnownTrial(
            source=f"earlier/t{number}",
            configuration=given,
            status=Status.COMPLETED,
            values=(0.9,),
        )
        for number, (_, given) in enumerate(papers())
    ]
    ours = study(tmp_path / "j")
    ours.learn(known)
    again = study(tmp_path / "j")
    again.learn(known)  # it is in the journal: nothing is learned twice
    assert {backbone(one) for one in play(again, 20)} <= set(KEPT)
    again.enqueue(papers())
    assert not again.ask().note  # what was learned is not handed out again


def test_the_sampler_is_not_told_of_outsiders():
    _, whole, narrower = spaces_of(TRANSFER, KEPT)
    explored = Explored(whole, narrower)
    by_backbone = {given["transfer/backbone"]: given for _, given in papers()}
    for name, given in by_backbone.items():
        seen = explored.seen_by_sampler(given, spaces.optuna_params(given, whole))
        assert (seen is None) == (name not in KEPT)
        if seen is not None:
            assert seen[BACKBONE] == name


def test_without_a_narrower_space_nothing_changes():
    _, whole, _ = spaces_of(TRANSFER, KEPT)
    explored = Explored(whole, None)
    (_, given), *_ = papers()
    params = spaces.optuna_params(given, whole)
    assert explored.space is whole
    assert explored.seen_by_sampler(given, params) is params
    assert explored.proposed(params, given) == (params, given)


@pytest.mark.parametrize("ended", [True, False])
def test_a_journal_of_another_space_is_refused(tmp_path, ended):
    """As an earlier version leaves one: names and conditions of hyperparameters are others."""
    chosen = plan(TRANSFER)
    earlier = keras_tuner.HyperParameters()
    earlier.Fixed("family", "transfer")
    earlier.Int("transfer/width", 64, 512)
    ours = Study(tmp_path / "j", earlier, sampler="tpe", seed=0)
    asked = ours.ask()
    if ended:
        ours.complete(asked.number, [0.5])
    with pytest.raises(RunDirectoryError, match="begun by an earlier version .* Begin a new run"):
        Study(tmp_path / "j", chosen.space(), sampler="tpe", seed=0)


def test_parameters_under_other_conditions_are_refused():
    """The configuration is as before, and what Optuna calls its parts is not."""
    whole = plan(TRANSFER).space()
    [(_, configuration), *_] = papers()
    explored = Explored(whole, None)
    explored.check(configuration, canonical(configuration, whole)[0])
    with pytest.raises(RunDirectoryError, match="'width if depth=1' is none of its parameters"):
        explored.check(configuration, {"width if depth=1": 8})
