"""The ensemble of the finalists: made once, anew when they change, judged without a second look."""

import io
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from doubles import CLASSES, plan
from stage_doubles import EXPERIMENT, record_of, stage_run

import reports
from neurosweep.errors import TrialError
from search.books.weights_kept import save_array, save_weights
from search.stages.ensemble import ensemble, ensemble_of, read_ensemble
from search.stages.evaluate import evaluate, finalists
from search.stages.publish import publish_winner
from trainables import Ensemble, Evaluation
from trainables.results import Latency, Times

IMAGES = 40
LABELS = np.arange(IMAGES) % 4
TESTED = {"t0000": 0.9, "t0001": 0.6, "t0002": 0.5}
"""What each network says of the true class of a test image."""
LATENCY = Latency(
    one=Times(median=7.5, p95=8.0), batch=Times(median=90.0, p95=99.0), device="made up"
)


def sure(wrong):
    """Answers on the validation images, wrong on some of them, and none too sure."""
    answers = LABELS.copy()
    answers[wrong] = (answers[wrong] + 1) % 4
    return (0.7 * np.eye(4)[answers] + 0.075).astype(np.float32)


def split(group=lambda number: number):
    rows = [
        {
            "part": part,
            "label": CLASSES[number % 4],
            "file": f"{part}{number}",
            "group": group(number),
        }
        for part, count in (("test", 4), ("train", 4), ("validation", IMAGES))
        for number in range(count)
    ]
    return pa.Table.from_pylist(rows)


class Worker:
    """Measures, evaluates and exports; notes what it was asked for."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.asked = []

    def run(self, task, payload, *, seconds=None):
        self.asked.append((task, payload))
        if task == "ensemble_latency":
            if self.failures:
                raise self.failures.pop()
            return LATENCY
        if task == "evaluate":
            share = TESTED[payload["recipe"].configuration["name"]]
            said = np.where(np.eye(4) == 1, share, (1 - share) / 3).astype(np.float32)
            return Evaluation(
                probabilities=said, accuracy=1.0, loss=1.0, latency=LATENCY, parameters=9
            )
        return {"model.keras": task.encode()}

    @property
    def tasks(self):
        return [task for task, _ in self.asked]


def trained(run, trial_id, wrong, *, parameters=100, **changes):
    """A finalist that is wrong on some validation images."""
    record = record_of(run, trial_id, accuracy=1 - len(wrong) / IMAGES)
    run.records[-1] = replace(record, parameters=parameters, **changes)
    save_array(run.directory, f"trials/{trial_id}/validation.npy", sure(wrong))
    path = run.directory.path / "trials" / trial_id / "record.json"
    told = json.loads(path.read_text())
    told["recipe"]["configuration"]["name"] = trial_id
    path.write_text(json.dumps(told))
    run.directory.append("trials.jsonl", run.records[-1].to_json())


@pytest.fixture
def make(tmp_path):
    def make(settings="ensemble: row", of=None, search="trials: 4"):
        run = stage_run(tmp_path / "run", split=of or split())
        text = EXPERIMENT.replace("finalists: 3", f"finalists: 3, {settings}")
        return replace(run, plan=plan(text.replace("trials: 4", search)))

    return make


@pytest.fixture
def run(make):
    made = make()
    three(made)
    return made


def three(run):
    """Three networks that err on other images, so that their mean errs on none."""
    for number in range(3):
        trained(run, f"t{number:04d}", [4 * number, 4 * number + 1][: 2 - (number == 0)])


def notes(run):
    return [text for kind, text in run.display.told if kind == "note"]


def test_its_record_tells_its_members_and_out_of_fold_figures(run):
    worker = Worker()
    ensemble(run, worker, finalists(run))
    made = ensemble_of(run)
    members = read_ensemble(run.directory, "e0001")
    assert made.trial_id == "e0001"
    assert made.stage == reports.Stage.ENSEMBLE
    assert (made.epochs, made.seconds, made.latency_ms) == (0, 0.0, 7.5)
    assert made.parameters == 100 * len(members.members)
    told = made.hyperparameters
    assert told["ensemble/members"] == len(members.members) >= 2
    for number, member in enumerate(members.members, start=1):
        assert told[f"ensemble/member_{number}"] == member.trial_id
        assert told[f"ensemble/weight_{number}"] == member.weight
        assert f"{member.weight:.2g} {member.trial_id}" in made.stop_detail
    assert notes(run) == [f"e0001: {made.stop_detail}"]
    saved = np.load(run.directory.path / "trials" / "e0001" / "validation.npy")
    assert made.val_accuracy == np.mean(saved.argmax(axis=1) == LABELS)
    true = saved[np.arange(IMAGES), LABELS].astype(float)
    assert made.val_loss == pytest.approx(np.mean(-np.log(true)))
    assert made.val_missed_positives == np.sum((saved.argmax(axis=1) == 2) & (LABELS != 2))
    ((task, payload),) = worker.asked
    assert task == "ensemble_latency"
    assert payload["ensemble"] == members
    assert len(payload["weights"]) == len(members.members)


def test_a_reader_of_the_run_finds_it_ranked(run):
    ensemble(run, Worker(), finalists(run))
    rows = reports.build_leaderboard(reports.read_run(run.directory.path))
    (row,) = (row for row in rows if row.stage == reports.Stage.ENSEMBLE)
    assert row.rank is not None
    assert row.latency_ms == 7.5


def test_it_is_made_once_and_anew_when_the_finalists_are_others(run):
    worker = Worker()
    ensemble(run, worker, finalists(run))
    ensemble(run, worker, finalists(run))
    assert worker.tasks == ["ensemble_latency"]
    trained(run, "t0003", [20])
    run.directory.remove("trials/t0002/weights.npz")
    ensemble(run, worker, finalists(run))
    assert worker.tasks == ["ensemble_latency"] * 2
    assert ensemble_of(run).trial_id == "e0002"
    told = reports.read_run(run.directory.path)
    assert [r.trial_id for r in told.records if r.stage == reports.Stage.ENSEMBLE] == ["e0002"]


def test_an_ensemble_that_no_longer_stands_is_no_row(run):
    ensemble(run, Worker(), finalists(run))
    run.records[:] = [r for r in run.records if r.trial_id in ("t0000", "e0001")]
    ensemble(run, Worker(), finalists(run))
    assert ensemble_of(run) is None
    assert notes(run)[1:] == ["no ensemble: it takes 2 networks, and there is 1"]
    told = reports.read_run(run.directory.path)
    assert not [r for r in told.records if r.stage == reports.Stage.ENSEMBLE]


def test_a_kill_before_it_is_noted_leaves_one_row(run):
    ensemble(run, Worker(), finalists(run))
    before = ensemble_of(run)
    del run.directory.info["ensemble"]
    ensemble(run, Worker(), finalists(run))
    assert ensemble_of(run).trial_id == "e0002"
    assert ensemble_of(run).hyperparameters == before.hyperparameters
    told = reports.read_run(run.directory.path)
    assert [r.trial_id for r in told.records if r.stage == reports.Stage.ENSEMBLE] == ["e0002"]


def test_what_could_not_be_built_is_tried_again_by_a_later_sitting(run):
    worker = Worker(TrialError("no room\nTraceback"))
    ensemble(run, worker, finalists(run))
    assert ensemble_of(run) is None
    assert notes(run) == ["no ensemble: it could not be built: no room; --resume tries again"]
    ensemble(run, worker, finalists(run))
    assert ensemble_of(run).trial_id == "e0001"


def test_a_network_that_needs_no_other_stays_alone(make):
    run = make()
    trained(run, "t0000", [])
    save_array(run.directory, "trials/t0000/validation.npy", np.eye(4, dtype=np.float32)[LABELS])
    trained(run, "t0001", [*range(30)])
    ensemble(run, Worker(), finalists(run))
    assert ensemble_of(run) is None
    assert notes(run) == ["no ensemble: t0000 alone does as well as any mean of the finalists"]


def test_a_class_with_a_single_picture_allows_no_judgement(make):
    run = make(of=split(group=lambda number: number % 4))
    three(run)
    ensemble(run, Worker(), finalists(run))
    assert ensemble_of(run) is None
    assert "a class has a single picture in validation" in notes(run)[0]


def test_images_without_groups_are_one_each(make):
    run = make(of=split().drop_columns("group"))
    three(run)
    ensemble(run, Worker(), finalists(run))
    assert ensemble_of(run) is not None


def test_what_breaks_a_constraint_is_no_member_and_the_sum_is_judged(make):
    run = make(search='trials: 4, constraints: ["parameters <= 150"]')
    three(run)
    trained(run, "t0003", [], parameters=1000, feasible=False)
    ensemble(run, Worker(), finalists(run))
    made = ensemble_of(run)
    assert made.feasible is False
    assert "200 breaks parameters <= 150" in made.stop_detail or "300 breaks" in made.stop_detail
    assert "t0003" not in str(made.hyperparameters)


def test_random_weights_are_told_whatever_stands_beside_them(make):
    run = make()
    three(run)
    run.records[:] = [
        replace(record, weights="random" if record.trial_id == "t0001" else "imagenet")
        for record in run.records
    ]
    ensemble(run, Worker(), finalists(run))
    made = ensemble_of(run)
    assert "t0001" in str(made.hyperparameters)
    assert made.weights == "random"


def _npy(said):
    content = io.BytesIO()
    np.save(content, said, allow_pickle=False)
    return content.getvalue()


DAMAGE = {
    "torn": lambda said: _npy(said)[:99],
    "of another shape": lambda said: _npy(said[:-1]),
    "no numbers": lambda said: _npy(np.full_like(said, np.nan)),
    "of another order": lambda said: _npy(said[::-1].copy()),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_network_whose_predictions_are_damaged_is_left_out_by_name(run, damage):
    path = run.directory.path / "trials" / "t0001" / "validation.npy"
    path.write_bytes(damage(sure([4, 5, 9])))
    ensemble(run, Worker(), finalists(run))
    assert ensemble_of(run) is not None
    assert "t0001" not in str(ensemble_of(run).hyperparameters)
    assert notes(run)[0].startswith("left out of the ensemble: ")
    assert "t0001/validation.npy must hold" in notes(run)[0]
    ensemble(run, Worker(), finalists(run))
    assert ensemble_of(run).trial_id == "e0001"
    path.write_bytes(_npy(sure([4, 5])))
    ensemble(run, Worker(), finalists(run))
    assert ensemble_of(run).trial_id == "e0002"


def test_a_damaged_trial_that_is_no_finalist_is_named_with_the_others(run):
    for number in (3, 4, 5):
        trained(run, f"t{number:04d}", [*range(20)])
    for number in (3, 4):
        path = run.directory.path / "trials" / f"t{number:04d}" / "validation.npy"
        path.write_bytes(b"torn")
    ensemble(run, Worker(), finalists(run))
    assert ensemble_of(run) is not None
    (told, _) = notes(run)
    assert "t0003/validation.npy must hold" in told
    assert told.endswith("The same holds for t0004.")


def test_guessers_come_to_chance_with_the_choice_of_candidates_counted(tmp_path):
    """Best of 150 that know nothing: only a choice without the fold is honest."""
    images, trials = 200, 150
    labels = np.arange(images) % 4
    rows = [
        {"part": part, "label": CLASSES[number % 4], "file": f"{part}{number}", "group": number}
        for part, count in (("train", 4), ("validation", images))
        for number in range(count)
    ]
    run = stage_run(tmp_path / "run", split=pa.Table.from_pylist(rows))
    record = record_of(run, "t0000")
    recipe = (run.directory.path / "trials" / "t0000" / "record.json").read_bytes()
    found, best = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        run.records.clear()
        for number in range(trials):
            name = f"t{number:04d}"
            said = rng.dirichlet(np.ones(4), images).astype(np.float32)
            folder = run.directory.trial(name)
            np.save(folder / "validation.npy", said, allow_pickle=False)
            (folder / "record.json").write_bytes(recipe)
            (folder / "weights.npz").unlink(missing_ok=True)
            run.records.append(
                replace(record, trial_id=name, val_accuracy=np.mean(said.argmax(axis=1) == labels))
            )
        ranked = run.ranking.ranked(run.records)
        for one in ranked[:8]:
            save_weights(run.directory, one.trial_id, [np.zeros(1)])
        run.directory.info.pop("ensemble", None)
        ensemble(run, Worker(), ranked[:8])
        best.append(ranked[0].val_accuracy)
        found.append(ensemble_of(run).val_accuracy)
    error = np.sqrt(0.25 * 0.75 / (images * len(found)))
    assert np.mean(found) == pytest.approx(0.25, abs=3 * error)
    assert np.mean(best) > 0.25 + 6 * error  # what a choice on all images shows


def test_the_test_set_is_looked_at_once_by_each_network_and_not_by_the_ensemble(run):
    worker = Worker()
    ensemble(run, worker, finalists(run))
    evaluate(run, worker)
    evaluate(run, worker)
    assert worker.tasks == ["ensemble_latency", "evaluate", "evaluate", "evaluate"]
    members = read_ensemble(run.directory, "e0001")
    share = sum(member.weight * TESTED[member.trial_id] for member in members.members)
    said = np.load(run.directory.path / "trials" / "e0001" / "test.npy")
    assert np.diag(said) == pytest.approx(np.full(4, share), abs=1e-6)
    told = json.loads((run.directory.path / "evaluation.json").read_text())["finalists"]
    assert [one["trial_id"] for one in told] == ["t0000", "t0001", "t0002", "e0001"]
    assert (told[-1]["latency_ms"], told[-1]["latency_32_p95_ms"]) == (7.5, 99.0)
    assert told[-1]["latency_device"] == "made up"
    assert told[-1]["test_accuracy"] == 1.0
    assert len(run.directory.info["test_openings"]) == 1


def _evaluation(run):
    return json.loads((run.directory.path / "evaluation.json").read_text())


def test_a_resumed_run_of_an_earlier_version_gets_an_ensemble_without_another_opening(run):
    worker = Worker()
    evaluate(run, worker)
    before, opened = _evaluation(run), list(run.directory.info["test_openings"])
    ensemble(run, worker, finalists(run))
    evaluate(run, worker)
    after = _evaluation(run)
    assert worker.tasks == ["evaluate"] * 3 + ["ensemble_latency"]
    assert run.directory.info["test_openings"] == opened
    assert run.directory.info["evaluated"] == ["t0000", "t0001", "t0002", "e0001"]
    assert after["opened"] == before["opened"]
    assert after["finalists"][:3] == before["finalists"]
    assert after["finalists"][3]["trial_id"] == "e0001"
    assert reports.read_run(run.directory.path).evaluation.of("e0001").test_accuracy == 1.0


def test_only_new_finalists_open_the_test_set_again_and_alone(run, monkeypatch):
    monkeypatch.setitem(TESTED, "t0003", 0.8)
    worker = Worker()
    ensemble(run, worker, finalists(run))
    evaluate(run, worker)
    trained(run, "t0003", [20])
    ensemble(run, worker, finalists(run))
    evaluate(run, worker)
    looked = [p["recipe"].configuration["name"] for task, p in worker.asked if task == "evaluate"]
    assert sorted(looked) == ["t0000", "t0001", "t0002", "t0003"]
    assert len(run.directory.info["test_openings"]) == 2
    assert _evaluation(run)["opened"] == run.directory.info["test_openings"][1]
    named = [one["trial_id"] for one in _evaluation(run)["finalists"]]
    assert named == run.directory.info["evaluated"]
    assert {"t0003", "e0002"} <= set(named)


@pytest.mark.parametrize("damage", ["torn", "gone", "another order"])
def test_an_ensemble_of_a_member_with_damaged_answers_opens_nothing_and_has_no_figures(run, damage):
    worker = Worker()
    evaluate(run, worker)
    ensemble(run, worker, finalists(run))
    member = read_ensemble(run.directory, "e0001").members[0].trial_id
    path = run.directory.path / "trials" / member / "test.npy"
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"torn" if damage == "torn" else _npy(np.load(path)[::-1].copy()))
    evaluate(run, worker)
    assert len(run.directory.info["test_openings"]) == 1
    assert "e0001" not in [one["trial_id"] for one in _evaluation(run)["finalists"]]
    assert f"{member}/test.npy must hold" in notes(run)[-1]
    path.write_bytes(whole)
    evaluate(run, worker)
    assert _evaluation(run)["finalists"][-1]["trial_id"] == "e0001"
    assert len(run.directory.info["test_openings"]) == 1


@pytest.mark.parametrize(("setting", "task"), [("row", "export"), ("true", "export_ensemble")])
def test_it_wins_only_where_the_experiment_allows_it(make, setting, task):
    run = make(f"ensemble: {setting}")
    three(run)
    worker = Worker()
    ensemble(run, worker, finalists(run))
    run.directory.update(data={**run.directory.info["data"], "validation": 0.2, "leaks": "keep"})
    assert run.ranking.ranked(run.records)[0] == ensemble_of(run)
    publish_winner(run, worker)
    last, payload = worker.asked[-1]
    assert last == task
    scores = payload["scores"]
    if setting == "row":
        assert scores["trial_id"] == "t0000"
        assert "fitted_val_accuracy" not in scores
    else:
        assert isinstance(payload["ensemble"], Ensemble)
        assert scores["trial_id"] == "e0001"
        assert scores["fitted_val_accuracy"] == 1.0
        assert scores["val_accuracy"] == ensemble_of(run).val_accuracy
    assert (run.directory.path / "winner" / "model.keras").read_bytes() == task.encode()
