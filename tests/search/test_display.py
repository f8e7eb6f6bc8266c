"""What displays show at any size of search and terminal."""

import io
import threading

import pytest
from display_samples import PRUNED_WHY, budget_of, console, play, record, text_of
from doubles import Clock, epoch
from rich.console import Console

from reports import Stage, Status
from search.budgets.budget import Amount, Budget
from search.display import (
    LiveDisplay,
    PlainDisplay,
    QuietDisplay,
    SeveralDisplays,
    display_for,
)
from search.display.figures import budget_text, counts_text
from search.display.tally import Tally
from search.display.ticking import ticking
from search.display.view import draw


def drawn(trials: int, workers: int, width: int, height: int | None) -> list[str]:
    clock = Clock()
    tally = Tally(budget_of(trials, clock), clock)
    play(tally, trials=trials, workers=workers, clock=clock)
    where = console(width, height or 500)
    where.print(draw(tally.standing(), width=width, height=height))
    return text_of(where).splitlines()


@pytest.mark.parametrize("size", [(40, 8), (60, 12), (80, 24), (200, 60)])
@pytest.mark.parametrize(("trials", "workers"), [(1, 1), (3, 1), (300, 8), (300, 100)])
def test_the_table_is_never_higher_nor_wider_than_the_terminal(trials, workers, size):
    width, height = size
    lines = drawn(trials, workers, width, height - 1)
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    assert lines[0].startswith(f"{trials - workers} of {trials} trials")


def test_one_trial_is_not_called_trials():
    tally = Tally(Budget(trials=None, seconds=60.0, clock=Clock()), Clock())
    assert counts_text(tally.standing()).startswith("0 trials: ")
    tally.ended(record(0, Status.COMPLETED, 0.5, "finished"))
    assert counts_text(tally.standing()).startswith("1 trial: 1 completed")


def test_three_trials_on_a_small_terminal():
    assert drawn(3, 1, 80, 23) == [
        "2 of 3 trials: 1 completed, 1 pruned, 0 failed, 1 running",
        "best 0.5000 (t0000, transfer/VGG16)",
        "time 00:21 of 2:00:00, 1:45:15 left to search",
        "pruned: 1 scheduler",
        "t0002    00:07  epoch 2/30  0.4020  MobileNetV3Large    ip-172-31-0-2/4002",
        "t0000    00:12  completed   0.5000  VGG16               finished",
        "t0001    00:12  pruned      0.6233  InceptionResNetV2   0.712 after epoch 4 is …",
    ]


def test_three_hundred_trials_on_a_hundred_workers_on_a_small_terminal():
    lines = drawn(300, 100, 80, 23)
    assert lines[:5] == [
        "200 of 300 trials: 67 completed, 67 pruned, 66 failed, 100 running",
        "best 0.8333 (t0030, transfer/MobileNetV3Large)",
        "time 35:00 of 2:00:00, 1:10:36 left to search",
        "pruned: 67 scheduler",
        "failed: 66 ResourceExhaustedError",
    ]
    first = "t0200    11:40  epoch 2/30  0.6000  VGG16               ip-172-31-0-4/4200"
    assert lines[5] == first
    assert sum("epoch 2/30" in line for line in lines) == 12
    more = next(line for line in lines if line.startswith("… and 88 more running: "))
    assert "on ip-172-31-0-" in more
    assert len([line for line in lines[-5:] if line.startswith("t019")]) == 5


def test_a_wide_terminal_shows_reasons_whole():
    assert any(line.endswith(PRUNED_WHY) for line in drawn(300, 8, 160, 60))


def test_without_a_height_every_running_trial_has_its_line():
    lines = drawn(300, 100, 80, None)
    assert sum("epoch 2/30" in line for line in lines) == 100
    assert not any("more running" in line for line in lines)


def test_every_limit_that_is_set_is_shown_whatever_its_name():
    budget = {
        "trials": Amount(unit="trials", asked=60, used=12),
        "time": Amount(unit="seconds", asked=600, used=61, reserved=72),
        "gpu_hours": Amount(unit="hours", asked=2, used=0.25),
    }
    assert budget_text(budget) == (
        "time 01:01 of 10:00, 07:47 left to search · gpu hours 0.25 of 2.00, 1.75 left to search"
    )


def test_the_live_table_shows_running_ended_best_and_what_is_left():
    where = console()
    clock = Clock()
    display = LiveDisplay(where, Budget(trials=9, seconds=600.0, clock=clock))
    display.started("t0001", {"family": "transfer", "transfer/backbone": "VGG16"}, "paper A: VGG16")
    display.started("t0002", {"family": "plain_cnn"}, "")
    display.epoch("t0002", epoch(2, 0.5), 5)
    display.ended(record(0, Status.COMPLETED, 0.81, "early_stopping"))
    clock.now = 61.0
    where.print(display.render())
    text = text_of(where)
    assert "1 of 9 trials: 1 completed, 0 pruned, 0 failed, 2 running" in text
    assert "VGG16 (paper A: VGG16)" in text
    assert "epoch 2/5   0.5000" in text
    assert "best 0.8100 (t0000, plain_cnn)" in text
    assert "time 01:01 of 10:00, 07:47 left to search" in text


def test_the_best_accuracy_of_a_running_trial_stays_when_a_later_epoch_is_worse():
    tally = Tally(Budget(trials=None, seconds=None))
    tally.started("t0000", {"family": "plain_cnn"}, "")
    tally.epoch("t0000", epoch(1, 0.7), 5, "node/1")
    tally.epoch("t0000", epoch(2, 0.6), 5)
    (running,) = tally.standing().running
    assert (running.epoch, running.val_accuracy, running.where) == (2, 0.7, "node/1")


def test_a_trial_that_is_handed_out_again_is_its_next_attempt():
    where = console()
    display = LiveDisplay(where, Budget(trials=None, seconds=None))
    for _ in range(2):
        display.started("t0000", {"family": "plain_cnn"}, "")
        display.epoch("t0000", epoch(1, 0.5), 5)
    where.print(display.render())
    assert "plain_cnn attempt 2" in text_of(where)


def test_earlier_sittings_count_and_hold_the_best():
    where = console()
    display = LiveDisplay(where, Budget(trials=9, seconds=None))
    tuned = record(9, Status.COMPLETED, 0.95, "finished", stage=Stage.FINE_TUNE)
    display.resumed([record(0, Status.COMPLETED, 0.9, "finished"), tuned])
    display.ended(record(1, Status.FAILED, None, "DivergedError"))
    where.print(display.render())
    text = text_of(where)
    assert "2 of 9 trials: 1 completed, 0 pruned, 1 failed" in text
    assert "failed: 1 DivergedError" in text


def test_what_could_steer_a_terminal_is_not_written():
    where = console()
    display = LiveDisplay(where, Budget(trials=None, seconds=None))
    display.ended(record(0, Status.FAILED, None, "ValueError", error="ValueError: \x1b[2J[red]"))
    where.print(display.render())
    assert "\x1b[2J" not in text_of(where)
    assert "[2J[red]" in text_of(where)


def test_plain_lines_tell_each_end_and_the_best_so_far():
    where = console(300)
    display = PlainDisplay(where, Budget(trials=3, seconds=None, clock=Clock()))
    display.stage("search", "2 at once")
    display.ended(record(0, Status.COMPLETED, 0.81, "finished"))
    display.ended(record(1, Status.PRUNED, 0.99, "scheduler", stop_detail=PRUNED_WHY))
    display.ended(record(2, Status.FAILED, None, "DivergedError", error="DivergedError: NaN"))
    text = text_of(where)
    assert "[00:00] search: 2 at once" in text
    assert f"2/3 t0001 plain_cnn pruned (scheduler: {PRUNED_WHY}) val_accuracy 0.9900" in text
    assert "t0002 plain_cnn failed (DivergedError: NaN) val_accuracy -" in text
    assert text.count("best 0.8100 (t0000, plain_cnn)") == 3


def test_three_hundred_trials_are_three_hundred_lines():
    where, clock = console(300), Clock()
    display = PlainDisplay(where, budget_of(300, clock), clock)
    play(display, trials=300, workers=0, clock=clock)
    assert len(text_of(where).splitlines()) == 301


def test_a_long_silence_is_broken_by_one_line_on_what_runs():
    where, clock = console(300), Clock()
    display = PlainDisplay(where, budget_of(None, clock), clock)
    play(display, trials=6, workers=6, clock=clock)
    clock.now += 10
    display.break_silence()
    assert len(text_of(where).splitlines()) == 1
    clock.now += 20
    for _ in range(3):
        display.break_silence()
    (_, line) = text_of(where).splitlines()
    assert line.startswith("[01:12] 6 running: t0000 transfer/VGG16 epoch 2/30 0.4000 on ip-172")
    assert line.endswith("; and 2 more")
    clock.now += 60
    display.break_silence()
    assert len(text_of(where).splitlines()) == 3


def test_an_idle_display_is_silent():
    where, clock = console(), Clock()
    display = PlainDisplay(where, budget_of(None, clock), clock)
    clock.now += 1000
    display.break_silence()
    assert text_of(where) == ""


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


def test_several_displays_are_told_alike():
    one, other = (Tally(Budget(trials=None, seconds=None, clock=Clock()), Clock()) for _ in "ab")
    both = SeveralDisplays(one, other)
    with both.searching():
        play(both, trials=5, workers=2, clock=Clock())
    both.resumed([record(7, Status.COMPLETED, 0.9, "finished")])
    assert one.standing() == other.standing()
    assert one.standing().total == 4


def test_quiet_shows_nothing_whatever_it_is_told(capsys):
    play(QuietDisplay(), trials=3, workers=1, clock=Clock())
    assert capsys.readouterr() == ("", "")


def test_ticking_ends_with_its_block_and_survives_a_full_disk():
    ticked = threading.Event()

    def full() -> None:
        ticked.set()
        raise OSError("no space left")

    with ticking(full, seconds=0.001):
        assert ticked.wait(30)
    assert not [t for t in threading.enumerate() if t.name == "neurosweep-ticking"]
