"""A run that is mirrored, lost, and taken up from the mirror alone."""

import json
import shutil
import threading
import time
from functools import partial

import pytest
import yaml
from doubles import book, completed, epoch, failed
from test_display import record

import reports
from neurosweep.errors import LeaseLostError, RunDirectoryError, StoreError
from reports import Status
from search.mirror.lease import LEASE, Lease
from search.mirror.mirror import Mirror
from search.mirror.repeater import Repeater
from search.mirror.restore import count_records
from search.mirror.store import Store
from search.runs import run_directory
from search.runs.run_directory import RunDirectory, mirror_of


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(run_directory, "Lease", partial(Lease, sleep=lambda _: None))


@pytest.fixture
def store(tmp_path):
    return Store(f"file://{tmp_path}/store/run", waits=())


def on_store(store, tmp_path):
    return tmp_path / "store" / "run"


def lose(run):
    """What a kill does to what this process holds: threads and locks go, nothing is said."""
    run._mirror._renewing.close()
    run._mirror._syncing.close()
    run._held.close()
    shutil.rmtree(run.path)


def disown(store):
    """Makes the lease one of a process that has ended."""
    told = json.loads(store.get(LEASE))
    told["holder"]["started"] = 0.0
    store.put(LEASE, json.dumps(told).encode())


def searched(run, count):
    of = book(run)
    of.resume(list(reports.read_run(run.path).records))
    for number in range(count):
        name = of.next_assignment().trial_id
        of.note_epoch(name, epoch(1, 0.5))
        of.end(name, [completed(0.5 + number / 100), None, failed()][number % 3])
    return of


def test_a_record_is_on_the_store_before_its_line_is_here(store, tmp_path, monkeypatch):
    with RunDirectory.create(tmp_path / "run", {}, store=store) as run:
        there = []
        append = run.append

        def spy(name, line, **how):
            if name == "trials.jsonl":
                trial = json.loads(line)["trial_id"]
                there.append(sorted(n for n in store.entries() if n.startswith(f"trials/{trial}")))
            append(name, line, **how)

        monkeypatch.setattr(run, "append", spy)
        searched(run, 3)
    own = ["epochs.jsonl", "record.json"]
    assert [[name.rpartition("/")[2] for name in names] for names in there] == [
        [*own, "validation.npy", "weights.npz"],
        own,
        ["epochs.jsonl", "log.txt", "record.json"],
    ]


def test_a_record_is_put_after_what_belongs_to_it(store, tmp_path, monkeypatch):
    with RunDirectory.create(tmp_path / "run", {}, store=store) as run:
        order = []
        put = store.put
        monkeypatch.setattr(store, "put", lambda n, c: (order.append(n), put(n, c)))
        searched(run, 1)
        assert [name for name in order if name.startswith("trials/")][-1].endswith("record.json")


def test_a_lost_machine_loses_no_trial(store, tmp_path):
    run = RunDirectory.create(tmp_path / "run", {"name": "x"}, store=store)
    of = searched(run, 3)
    running = of.next_assignment()
    run.update(state="running")
    searched_before = [record.to_json() for record in of.records]
    lose(run)
    disown(store)
    with RunDirectory.reopen(tmp_path / "elsewhere", store=store) as again:
        assert again.info["name"] == "x"
        of = searched(again, 0)
        assert sorted(record.to_json() for record in of.records) == sorted(searched_before)
        assert of.next_assignment().trial_id == running.trial_id
        assert (again.path / "trials" / "t0000" / "weights.npz").exists()
        assert of.exhausted  # three ended, one runs


def test_records_count_that_the_copy_of_the_journal_does_not_know(store, tmp_path):
    run = RunDirectory.create(tmp_path / "run", {}, store=store)
    run.update(state="running")
    searched(run, 3)  # nothing puts the journal after this
    assert store.get("study.journal") is None
    lose(run)
    disown(store)
    with RunDirectory.reopen(tmp_path / "elsewhere", store=store) as again:
        of = searched(again, 0)
        assert [record.trial_id for record in of.records] == ["t0000", "t0001", "t0002"]
        assert of.next_assignment().trial_id == "t0003"
        assert of.exhausted


def test_a_folder_that_went_on_from_the_store_keeps_what_it_has(store, tmp_path):
    with RunDirectory.create(tmp_path / "run", {}, store=store) as run:
        searched(run, 1)
    (run.path / "search.log").write_text("newer here")
    with RunDirectory.reopen(tmp_path / "run", store=store) as again:
        assert (again.path / "search.log").read_text() == "newer here"
        again.update(state="running")
        assert store.get("search.log") == b"newer here"
    assert not list(tmp_path.glob("run-until-*"))


def test_a_record_that_was_put_and_not_counted_counts(store, tmp_path, monkeypatch):
    run = RunDirectory.create(tmp_path / "run", {}, store=store)

    def killed(name, line, **_):
        if name == "trials.jsonl":
            raise KeyboardInterrupt

    monkeypatch.setattr(run, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        searched(run, 1)
    run.__exit__()
    assert not (run.path / "trials.jsonl").exists()
    with RunDirectory.reopen(tmp_path / "run", store=store) as again:
        assert [r.trial_id for r in reports.read_run(again.path).records] == ["t0000"]


def test_a_folder_that_the_run_went_on_without_is_put_beside_itself(store, tmp_path):
    with RunDirectory.create(tmp_path / "here", {}, store=store) as run:
        searched(run, 1)
    with RunDirectory.reopen(tmp_path / "there", store=store) as run:
        run.update(state="running")
        searched(run, 2)
    (tmp_path / "here" / "trials" / "t0002").mkdir()
    with RunDirectory.reopen(tmp_path / "here", store=store) as run:
        names = [record.trial_id for record in reports.read_run(run.path).records]
        assert names == ["t0000", "t0001", "t0002"]
    (beside,) = tmp_path.glob("here-until-*")
    assert len(reports.read_run(beside).records) == 1


def test_the_copy_is_the_run(store, tmp_path):
    with RunDirectory.create(tmp_path / "run", {}, store=store) as run:
        searched(run, 3)
        run.write("winner/model.keras", b"model")
        run.write("leaderboard.parquet", b"table")
        run.write("repeats.json", b"seeds")
        run.write("evaluation.json", b"{}")
        run.update(state="finished")
        run.remove("evaluation.json")
        run.trial("t0099")
        run.write("trials/t0099/epochs.jsonl", b"running")
        print(*run.log().write("a line\n") * [""], end="")
    here = {str(p.relative_to(run.path)) for p in run.path.rglob("*") if p.is_file()}
    assert here - set(store.entries()) == {".lock", "trials/t0099/epochs.jsonl"}
    assert set(store.entries()) < here
    assert yaml.safe_load(store.get("run.yaml"))["state"] == "finished"


def test_what_changed_is_put_at_intervals(store, tmp_path):
    (tmp_path / "run" / "trials").mkdir(parents=True)
    lease = Lease(store, sleep=lambda _: None)
    lease.take()
    mirror = Mirror(store, tmp_path / "run", lease, every=0.01)
    (tmp_path / "run" / "study.journal").write_text("one\n")
    end = time.monotonic() + 30
    while store.get("study.journal") != b"one\n":
        assert time.monotonic() < end
        time.sleep(0.01)
    mirror.close()
    assert store.get(LEASE) is None


def test_run_yaml_never_tells_of_a_file_that_is_not_there_yet(store, tmp_path, monkeypatch):
    with RunDirectory.create(tmp_path / "run", {}, store=store) as run:
        order = []
        put = store.put
        monkeypatch.setattr(store, "put", lambda n, c: (order.append(n), put(n, c)))
        run.write("evaluation.json", b"{}")
        run.write("audit.json", b"{}")
        run.update(evaluated=["t0000"])
        assert order[-1] == "run.yaml"
        assert set(order) == {"evaluation.json", "audit.json", "run.yaml"}


def test_two_drivers_on_one_place(store, tmp_path):
    with (
        RunDirectory.create(tmp_path / "run", {}, store=store),
        pytest.raises(RunDirectoryError, match=r"store/run is held by process \d+ on .* since"),
    ):
        RunDirectory.reopen(tmp_path / "other", store=store)
    assert not (tmp_path / "other").exists()


def test_a_place_that_holds_a_run_is_not_begun_again(store, tmp_path):
    RunDirectory.create(tmp_path / "run", {}, store=store).__exit__()
    with pytest.raises(RunDirectoryError, match="holds a run already; continue it with --resume"):
        RunDirectory.create(tmp_path / "other", {}, store=store)
    assert not (tmp_path / "other").exists()
    assert store.get(LEASE) is None


def test_a_place_without_a_run_cannot_be_resumed(store, tmp_path):
    with pytest.raises(RunDirectoryError, match="holds no run to resume"):
        RunDirectory.reopen(tmp_path / "run", store=store)
    assert store.get(LEASE) is None


def test_a_driver_that_was_replaced_stops_before_it_counts_another(store, tmp_path):
    with RunDirectory.create(tmp_path / "run", {}, store=store) as run:
        of = searched(run, 1)
        told = json.loads(store.get(LEASE))
        store.put(LEASE, json.dumps({**told, "id": "another"}).encode())
        run._mirror._renew()
        assignment = of.next_assignment()
        with pytest.raises(LeaseLostError, match="was taken over by"):
            of.note_epoch(assignment.trial_id, epoch(1, 0.5))
        with pytest.raises(LeaseLostError):
            of.end(assignment.trial_id, completed(0.9))
    assert len(of.records) == 1
    assert json.loads(store.get(LEASE))["id"] == "another"
    assert "trials/t0001/record.json" not in store.entries()


def test_a_driver_that_slept_looks_before_it_counts(store, tmp_path, monkeypatch):
    now = [0.0]
    asleep = partial(Lease, sleep=lambda _: None, clock=lambda: now[0])
    monkeypatch.setattr(run_directory, "Lease", asleep)
    with RunDirectory.create(tmp_path / "run", {}, store=store) as run:
        told = json.loads(store.get(LEASE))
        store.put(LEASE, json.dumps({**told, "id": "another"}).encode())
        run.append("search.log", "not noticed yet")
        now[0] += 61
        with pytest.raises(LeaseLostError):
            run.append("trials.jsonl", "{}")


def test_an_outage_stops_the_run_and_loses_nothing(store, tmp_path, monkeypatch):
    run = RunDirectory.create(tmp_path / "run", {}, store=store)
    of = searched(run, 1)

    def down(*_):
        raise OSError("AWS Error NETWORK_CONNECTION")

    with monkeypatch.context() as patched, run:
        patched.setattr(store, "_put", down)
        name = of.next_assignment().trial_id
        of_end = partial(of.end, name, completed(0.8))
        with pytest.raises(StoreError, match="--resume --output file://"):
            of_end()
    assert len((run.path / "trials.jsonl").read_text().splitlines()) == 1
    disown(store)  # the process has ended by then
    with RunDirectory.reopen(tmp_path / "run", store=store) as again:
        names = [record.trial_id for record in reports.read_run(again.path).records]
        assert names == ["t0000", "t0001"]
        again.update(state="running")
        assert "trials/t0001/record.json" in store.entries()


def test_an_outage_that_the_lease_outlives_is_not_noticed(store, tmp_path, monkeypatch):
    with RunDirectory.create(tmp_path / "run", {}, store=store) as run:
        with monkeypatch.context() as patched:
            patched.setattr(store, "_get", lambda _: (_ for _ in ()).throw(OSError("down")))
            run._mirror._renew()
        searched(run, 1)


def test_a_resumed_folder_remembers_its_mirror(store, tmp_path):
    RunDirectory.create(tmp_path / "run", {}, store=store).__exit__()
    assert mirror_of(tmp_path / "run").uri == store.uri
    RunDirectory.create(tmp_path / "plain", {}).__exit__()
    assert mirror_of(tmp_path / "plain") is None


def test_names_that_lead_out_of_the_run_are_not_fetched(store, tmp_path):
    with RunDirectory.create(tmp_path / "run", {}, store=store):
        pass
    (tmp_path / "store" / "run" / ".bashrc").write_text("x")
    lose_path = tmp_path / "elsewhere"
    with RunDirectory.reopen(lose_path, store=store):
        assert not (lose_path / ".bashrc").exists()


def test_a_damaged_record_is_named(tmp_path):
    folder = tmp_path / "trials" / "t0000"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text('{"trial_id": "t0000"}')
    with pytest.raises(RunDirectoryError, match="t0000/record.json must hold a trial's record"):
        count_records(tmp_path)


def test_records_come_back_in_the_order_in_which_they_ended(tmp_path):
    from dataclasses import replace

    with RunDirectory.create(tmp_path / "run", {}) as run:
        for number, minute in ((0, 3), (1, 1), (2, 2)):
            one = record(number, Status.COMPLETED, 0.5, "")
            run.count(replace(one, finished_at=f"2026-01-01T00:0{minute}:00+00:00"), recipe={})
        (run.path / "trials.jsonl").unlink()
        assert count_records(run.path) == 3
        names = [r.trial_id for r in reports.read_run(run.path).records]
        assert names == ["t0001", "t0002", "t0000"]
        assert count_records(run.path) == 0


def test_a_repeater_repeats_until_it_is_closed():
    calls = threading.Semaphore(0)
    repeater = Repeater("test", 0.001, calls.release)
    for _ in range(3):
        assert calls.acquire(timeout=30)
    repeater.close()
    assert not repeater._thread.is_alive()
