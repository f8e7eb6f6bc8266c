"""The screening: who goes on, what is written of it, and what it costs after a kill."""

from collections import Counter

import pytest
from doubles import Clock
from ray.exceptions import RayActorError
from screen_doubles import RANKED, Workers, open_run

import reports
import search.stages.screen as screen_stage
from neurosweep.errors import NeurosweepError
from reports import Stage, Status
from search.runs.stopping import StopRequest
from search.screening.images import Images
from search.stages.screen import screen
from trainables.features.frozen import Frozen

pytestmark = pytest.mark.timeout(120)

CUSTOM = "  mini_resnet: {}"


class KilledError(BaseException):
    """What a test puts in the place of SIGKILL: nothing catches it on its way."""


def screened(run, workers=None):
    """Screens a run to its end; returns its rows by name."""
    with run.directory:
        return {row.trial_id: row for row in screen(run, (workers or Workers()).hire)}


def written(run):
    return list(reports.read_run(run.directory.path).records)


def notes(run):
    return [text for kind, text in run.display.told if kind == "note"]


def test_the_best_of_thirteen_are_found_by_halving(tmp_path):
    run, workers = open_run(tmp_path / "run"), Workers()
    rows = screened(run, workers)
    assert rows.keys() == {f"screen-{name}" for name in RANKED}
    assert run.directory.info["explored"] == list(RANKED[:4])
    assert run.directory.info["ranked"] == list(RANKED)
    ended = {name: rows[f"screen-{name}"].stop_reason for name in RANKED}
    assert ended == dict.fromkeys(RANKED[:4], "finished") | dict.fromkeys(RANKED[4:], "halving")
    rounds = {name: rows[f"screen-{name}"].probe["round"] for name in RANKED}
    assert rounds == (
        dict.fromkeys(RANKED[:4], 3) | dict.fromkeys(RANKED[4:7], 2) | dict.fromkeys(RANKED[7:], 1)
    )
    assert Counter(images for _, images in workers.probed) == {12: 13, 15: 7, 30: 4}
    assert workers.hired == [1, 2]


def test_a_row_says_what_was_found(tmp_path):
    row = screened(open_run(tmp_path / "run"))[f"screen-{RANKED[1]}"]
    assert (row.stage, row.status, row.family) == (Stage.SCREEN, Status.COMPLETED, "transfer")
    assert row.hyperparameters == {"family": "transfer", "transfer/backbone": RANKED[1]}
    assert (row.val_accuracy, row.val_loss) == pytest.approx((0.91, 0.09))
    assert row.probe == {
        "c": 0.1,
        "cv_accuracy": pytest.approx(0.90),
        "train_images": 30,
        "round": 3,
        "rounds": 3,
    }
    assert (row.image_size, row.preprocessing, row.weights) == (96, "native", "random")
    assert row.seconds == pytest.approx(3 * (2.0 + 0.5))  # three shards, three probes


def test_rows_are_written_once_and_counted(tmp_path):
    run = open_run(tmp_path / "run")
    rows = screened(run)
    assert sorted(row.trial_id for row in written(run)) == sorted(rows)


def test_each_image_goes_once_through_a_backbone_and_only_as_far_as_it_came(tmp_path):
    run, workers = open_run(tmp_path / "run"), Workers()
    screened(run, workers)
    assert max(Counter(workers.passes()).values()) == 1
    images = {name: sum(1 for one in workers.passes() if one[0] == name) for name in RANKED}
    assert images == (
        dict.fromkeys(RANKED[:4], 40)
        | dict.fromkeys(RANKED[4:7], 25)
        | dict.fromkeys(RANKED[7:], 22)
    )
    noted = run.directory.info["features"]
    assert {name: one["computed"] for name, one in noted.items()} == images
    assert {one["reused"] for one in noted.values()} == {0}
    assert noted[RANKED[0]]["seconds"] == 6.0


def test_another_run_on_the_same_images_computes_nothing(tmp_path):
    screened(open_run(tmp_path / "run"))
    (tmp_path / "second-cache").symlink_to(tmp_path / "run-cache")
    run, workers = open_run(tmp_path / "second"), Workers()
    screened(run, workers)
    assert workers.computed == []
    noted = run.directory.info["features"][RANKED[0]]
    assert noted == {"computed": 0, "reused": 40, "seconds": 0}


def test_the_test_images_go_through_nothing(tmp_path):
    run, workers = open_run(tmp_path / "run"), Workers()
    screened(run, workers)
    test = set(Images.of(run.source).rows.test.tolist())
    assert not test & {row for *_, row in workers.passes()}


@pytest.mark.parametrize("killed_at", [0, 5, 14, 20, 30, 45])
def test_a_kill_amid_the_passes_costs_what_was_under_way(tmp_path, killed_at):
    def kill(_, before):
        if before == killed_at:
            raise KilledError

    run, first = open_run(tmp_path / "run", workers=1), Workers(during=kill)
    with pytest.raises(KilledError):
        screened(run, first)
    assert "explored" not in run.directory.info
    again, second = open_run(tmp_path / "run", records=written(run)), Workers()
    screened(again, second)
    assert again.directory.info["explored"] == list(RANKED[:4])
    both = Counter([*first.passes(), *second.passes()])
    assert max(both.values()) == 1
    noted = again.directory.info["features"]
    assert sum(one["computed"] for one in noted.values()) == len(second.passes())
    assert sum(one["reused"] for one in noted.values()) == len(first.passes())
    assert len(written(again)) == len({row.trial_id for row in written(again)}) == len(RANKED)


@pytest.mark.parametrize("killed_at", [0, 4, 12])
def test_a_kill_amid_the_rows_writes_none_twice(tmp_path, killed_at, monkeypatch):
    run = open_run(tmp_path / "run")
    count, counted = run.directory.count, []

    def killed(record, **more):
        if len(counted) == killed_at:
            raise KilledError
        counted.append(record.trial_id)
        count(record, **more)

    monkeypatch.setattr(run.directory, "count", killed)
    with pytest.raises(KilledError):
        screened(run)
    again, workers = open_run(tmp_path / "run", records=written(run)), Workers()
    added = screened(again, workers)
    assert workers.computed == []
    assert len(added) == len(RANKED) - killed_at
    assert sorted(row.trial_id for row in written(again)) == sorted(
        f"screen-{name}" for name in RANKED
    )


def test_a_later_sitting_keeps_to_what_was_chosen(tmp_path):
    run = open_run(tmp_path / "run")
    screened(run)
    again, workers = open_run(tmp_path / "run", records=written(run)), Workers()
    assert screened(again, workers) == {}
    assert (workers.hired, workers.computed) == ([], [])


# --- time ---


def test_when_its_time_is_over_the_rest_has_rows_and_the_search_goes_on(tmp_path):
    clock = Clock()

    def tick(task, _):
        clock.now += 10.0 if task == "extract" else 0.0

    run = open_run(tmp_path / "run", seconds=200.0, clock=clock, workers=1)
    rows = screened(run, Workers(during=tick))
    # 200 s without what is kept for later stages are 176 s, of which it has 40 %: 70 s. The eighth
    # shard begins by then; the worst of eight is out after its round, and nobody plays another.
    assert clock.now == 80
    assert Counter(row.stop_reason for row in rows.values()) == {"budget": 12, "halving": 1}
    assert {row.status for row in rows.values()} == {Status.PRUNED}
    assert sum(row.val_accuracy is not None for row in rows.values()) == 8
    measured = [name for name in RANKED if rows[f"screen-{name}"].val_accuracy is not None]
    assert run.directory.info["explored"] == measured[:4]
    assert "left to the trials that need them" in notes(run)[-1]


def test_hours_of_workers_are_those_of_all_of_them(tmp_path):
    clock = Clock()

    def tick(*_):
        clock.now += 1.0

    run = open_run(tmp_path / "run", clock=clock, workers=3)
    screened(run, Workers(during=tick))
    assert run.budget.held.seconds == pytest.approx(3 * clock.now)
    assert run.budget.held.holders == 0


def test_a_search_that_is_stopped_is_not_screened_on(tmp_path):
    run = open_run(tmp_path / "run", workers=1)

    def stop(_, before):
        if before == 3:
            run.budget.stop()

    workers = Workers(during=stop)
    rows = screened(run, workers)
    assert len(workers.computed) == 4
    assert Counter(row.stop_reason for row in rows.values()) == {"budget": 13}


def test_a_request_to_stop_ends_it_and_is_left_to_the_search(tmp_path, monkeypatch):
    monkeypatch.setattr(screen_stage, "_LOOK_EVERY", -1.0)
    run = open_run(tmp_path / "run", workers=1)
    request = StopRequest(run.directory.path)

    def ask(_, before):
        if before == 3:
            request.ask()

    workers = Workers(during=ask)
    screened(run, workers)
    assert len(workers.computed) == 4
    assert request.exists()


def test_where_nothing_was_compared_in_time_all_are_explored_and_that_is_said(tmp_path):
    clock = Clock()

    def tick(*_):
        clock.now += 500.0

    run = open_run(tmp_path / "run", seconds=200.0, clock=clock, workers=1)
    run.budget.stop()
    screened(run, Workers(during=tick))
    assert sorted(run.directory.info["explored"]) == sorted(RANKED)
    assert any("the search explores all" in note for note in notes(run))


def test_what_a_kill_left_undone_behind_the_choice_is_done_by_a_later_sitting(tmp_path):
    run = open_run(tmp_path / "run")
    screened(run)
    chosen = run.directory.info["explored"]
    run.directory.update(screened=False)
    again, workers = open_run(tmp_path / "run", records=written(run)), Workers()
    assert screened(again, workers) == {}
    assert workers.probed == []
    assert again.directory.info["explored"] == chosen
    assert again.directory.info["screened"] is True


# --- failures ---


@pytest.mark.parametrize("failing", ["", "probe:"])
def test_a_backbone_that_fails_is_out_and_the_others_go_on(tmp_path, failing):
    run = open_run(tmp_path / "run")
    rows = screened(run, Workers(failing=[f"{failing}{RANKED[0]}"]))
    row = rows[f"screen-{RANKED[0]}"]
    assert (row.status, row.stop_reason) == (Status.FAILED, "failed")
    assert RANKED[0] in row.error
    assert "\n" not in row.error
    assert run.directory.info["explored"] == list(RANKED[1:5])
    # Features that cannot be computed cannot be computed by its trial either; a probe is no trial.
    assert (RANKED[0] in run.directory.info["ranked"]) == (failing == "probe:")
    assert any(f"screen-{RANKED[0]}" in note for note in notes(run))


def test_where_all_fail_and_nothing_else_is_searched_the_run_ends(tmp_path):
    run = open_run(tmp_path / "run")
    with pytest.raises(NeurosweepError) as raised:
        screened(run, Workers(failing=RANKED))
    assert str(raised.value).startswith("the features of no backbone could be computed:\n")
    assert all(f"screen-{name}: {name} does not load" in str(raised.value) for name in RANKED)
    assert "Traceback" not in str(raised.value)
    # What was the matter can be mended: a later sitting begins where this one did.
    again = open_run(tmp_path / "run", records=written(run))
    assert {row.status for row in screened(again).values()} == {Status.COMPLETED, Status.PRUNED}
    assert again.directory.info["explored"] == list(RANKED[:4])


def test_where_all_fail_the_other_families_are_searched_without_them(tmp_path):
    run = open_run(tmp_path / "run", families=CUSTOM)
    rows = screened(run, Workers(failing=RANKED))
    assert {row.status for row in rows.values()} == {Status.FAILED}
    assert run.directory.info["explored"] == []
    space = run.plan.space(backbones=[])
    assert space.get("family") == "mini_resnet"


def test_a_lost_worker_costs_nothing_but_its_shard(tmp_path):
    lost = []

    def lose(task, _):
        if task == "extract" and not lost:
            lost.append(task)
            raise RayActorError

    run, workers = open_run(tmp_path / "run"), Workers(during=lose)
    screened(run, workers)
    assert run.directory.info["explored"] == list(RANKED[:4])
    assert max(Counter(workers.passes()).values()) == 1


def test_a_full_disk_ends_it_and_leaves_it_to_a_later_sitting(tmp_path, monkeypatch):
    run = open_run(tmp_path / "run")

    def full(*_):
        raise NeurosweepError("the disk is full")

    monkeypatch.setattr("trainables.features.store.FeatureStore.add", full)
    with pytest.raises(NeurosweepError, match="the disk is full"):
        screened(run)
    assert written(run) == []
    assert "explored" not in run.directory.info


# --- what else is asked for ---


def test_the_other_preprocessing_has_rows_and_no_say(tmp_path):
    run = open_run(tmp_path / "run", settings=", screen_both: true")
    rows = screened(run, Workers(other_merits=RANKED[::-1]))
    assert len(rows) == 2 * len(RANKED)
    units = {name: row for name, row in rows.items() if name.endswith("-unit")}
    assert units.keys() == {f"screen-{name}-unit" for name in RANKED}
    assert {row.preprocessing for row in units.values()} == {"unit"}
    assert units[f"screen-{RANKED[-1]}-unit"].val_accuracy > 0.9
    assert run.directory.info["explored"] == list(RANKED[:4])
    assert run.directory.info["ranked"] == list(RANKED)


def test_trials_of_the_papers_find_their_features(tmp_path):
    run, workers = open_run(tmp_path / "run", search=", trials: 30"), Workers()
    screened(run, workers)
    images = Images.of(run.source)
    wanted = sorted([*images.rows.train, *images.rows.validation])
    for name in RANKED:
        assert sorted(row for one, *_, row in workers.passes() if one == name) == wanted


def test_only_as_many_trials_of_the_papers_as_there_are_to_be(tmp_path):
    run = open_run(tmp_path / "run", search=", trials: 3", settings=", keep: 2")
    workers = Workers()
    screened(run, workers)
    whole = {name for name in RANKED if sum(1 for one in workers.passes() if one[0] == name) == 40}
    assert whole >= set(RANKED[:3])
    assert not whole & set(RANKED[4:])


def test_changed_copies_are_those_of_kept_backbones_and_training_images(tmp_path):
    run, workers = (
        open_run(tmp_path / "run", settings=", copies: 2", search=", trials: 30"),
        Workers(),
    )
    screened(run, workers)
    images = Images.of(run.source)
    views = Counter((name, view) for name, _, view, _ in workers.passes() if view != "plain")
    assert views == {(name, view): 30 for name in RANKED[:4] for view in ("flipped", "random1")}
    assert not {row for _, _, view, row in workers.passes() if view != "plain"} - set(
        images.rows.train.tolist()
    )
    frozen = Frozen(
        backbone=RANKED[0],
        weights="random",
        weights_hash=run.plan.weights_hash(RANKED[0]),
        preprocessing="native",
        task=run.plan.task_for(RANKED[0]),
        view="flipped",
    )
    assert not len(images.store(frozen).missing(images.rows.train))


@pytest.mark.parametrize("keep", [1, 6, 13, 40])
def test_as_many_are_kept_as_asked_for(tmp_path, keep):
    run = open_run(tmp_path / "run", settings=f", keep: {keep}")
    rows = screened(run)
    assert run.directory.info["explored"] == list(RANKED[:keep])
    assert Counter(row.stop_reason for row in rows.values())["finished"] == min(keep, 13)
