import io

from doubles import Clock, epoch
from rich.console import Console

from reports import Origin, Stage, Status, TrialRecord
from search.budget import Budget
from search.display import LiveDisplay, PlainDisplay, QuietDisplay, display_for


def record(number: int, status: Status, accuracy: float | None, reason: str) -> TrialRecord:
    return TrialRecord(
        trial_id=f"t{number:04d}",
        stage=Stage.SEARCH,
        origin=Origin.SAMPLER,
        family="plain_cnn",
        status=status,
        stop_reason=reason,
        hyperparameters={},
        seed=1,
        val_accuracy=accuracy,
        epochs=3,
        epochs_allowed=5,
        seconds=12.0,
        data_fingerprint="f",
        synthetic=True,
        image_size=32,
        started_at="2026-01-01T00:00:00+00:00",
        finished_at="2026-01-01T00:01:00+00:00",
    )


def console() -> Console:
    return Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)


def text_of(where: Console) -> str:
    assert isinstance(where.file, io.StringIO)
    return where.file.getvalue()


def test_plain_lines_tell_each_end_and_the_best_so_far():
    where = console()
    display = PlainDisplay(where, Budget(trials=3, seconds=None, clock=Clock()))
    display.stage("search", "2 at once")
    display.ended(record(0, Status.COMPLETED, 0.81, "finished"))
    display.ended(record(1, Status.PRUNED, 0.99, "scheduler"))
    display.ended(record(2, Status.FAILED, None, "DivergedError"))
    text = text_of(where)
    assert "[00:00] search: 2 at once" in text
    assert "2/3 t0001 plain_cnn pruned (scheduler) val_accuracy 0.9900" in text
    assert "t0002 plain_cnn failed (DivergedError) val_accuracy -" in text
    assert text.count("best 0.8100 (t0000, plain_cnn)") == 3


def test_the_live_table_shows_running_ended_best_and_what_is_left():
    where = console()
    clock = Clock()
    display = LiveDisplay(where, Budget(trials=9, seconds=600.0, clock=clock))
    display.started("t0001", {"family": "transfer", "transfer/backbone": "VGG16"}, "paper A: VGG16")
    display.started("t0002", {"family": "plain_cnn"}, "")
    display.epoch("t0002", epoch(2, 0.5), 5)
    display.ended(record(0, Status.COMPLETED, 0.81, "early_stopping"))
    clock.now = 61.0
    where.print(display._render())
    text = text_of(where)
    assert "1 of 9 trials: 1 completed, 0 pruned, 0 failed, 2 running" in text
    assert "VGG16  paper A: VGG16" in text
    assert "epoch 2/5  val_accuracy 0.5000" in text
    assert "best 0.8100 (t0000, plain_cnn) · 01:01 used · 07:47 left to search" in text


def test_three_hundred_running_trials_stay_readable():
    where = console()
    display = LiveDisplay(where, Budget(trials=None, seconds=None))
    for number in range(300):
        display.started(f"t{number:04d}", {"family": "plain_cnn"}, "")
    where.print(display._render())
    text = text_of(where)
    assert "… and 288 more running" in text
    assert len(text.splitlines()) < 20


def test_file_names_and_reasons_are_not_taken_for_markup():
    where = console()
    display = PlainDisplay(where, Budget(trials=None, seconds=None))
    display.note("left out: scan[/bold].jpg")
    assert "scan[/bold].jpg" in text_of(where)


def test_the_display_fits_where_it_is_shown():
    budget = Budget(trials=None, seconds=None)
    pipe = Console(file=io.StringIO())
    assert isinstance(display_for(quiet=True, budget=budget), QuietDisplay)
    assert isinstance(display_for(quiet=False, budget=budget, console=pipe), PlainDisplay)
    assert isinstance(display_for(quiet=False, budget=budget, console=console()), LiveDisplay)
