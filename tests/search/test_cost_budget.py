"""Costs: they add up, they are a budget, and a lost worker is paid for all the same."""

import json
import random

import pytest
import yaml
from doubles import Clock, book, completed, epoch
from hypothesis import given, settings
from hypothesis import strategies as st

import reports
from reports.spending import spending
from search.books.held_before import held_before, held_now
from search.books.trial_book import Outcome
from search.budgets.budget import Budget
from search.budgets.held_time import HeldTime, Size
from search.budgets.prices import PricedNode, Prices
from search.budgets.spent import Spent
from search.display.figures import budget_text
from search.runs.run_directory import RunDirectory

PRICES = Prices(per_hour={"gpu_worker": 3.6, "cpu_worker": 0.36}, currency="USD")
GPU_NODE = PricedNode(type="gpu_worker", cpus=8.0, gpus=1.0)
SHARED = PricedNode(type="cpu_worker", cpus=2.0, gpus=2.0)
OTHER = PricedNode(type="own", cpus=2.0, gpus=0.0)
LOST = Outcome(failure={"kind": "WorkerLostError", "message": "spot"})


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def run(tmp_path):
    info = {"experiment": {"resources": {"price_per_hour": 1.0}}}
    with RunDirectory.create(tmp_path / "run", info) as opened:
        yield opened


def priced(clock, *, max_cost=None, trials=9, gpus=1.0, **limits) -> Budget:
    budget = Budget(
        trials=trials, seconds=None, max_cost=max_cost, prices=PRICES, clock=clock, **limits
    )
    budget.workers_have(gpus)
    return budget


# --- the count ---


def test_a_worker_is_paid_for_from_its_place_to_when_it_is_let_go(clock):
    budget = priced(clock)
    budget.held.hold("a")
    clock.now = 10.0
    budget.place("a", lambda: GPU_NODE)
    clock.now = 110.0
    assert budget.held.release("a").cost == pytest.approx(0.1)


def test_a_worker_that_is_replaced_costs_from_then_on_what_its_new_node_does(clock):
    budget = priced(clock, gpus=0.0)
    with budget.held.holding("final stages", "final"):
        budget.place("final stages", lambda: PricedNode(type="gpu_worker", cpus=1, gpus=1))
        clock.now = 100.0
        budget.place("final stages", lambda: PricedNode(type="cpu_worker", cpus=1, gpus=0))
        clock.now = 200.0
    assert budget.held.by_stage()["final"].cost == pytest.approx(0.1 + 0.01)


def test_hours_without_a_price_are_counted_and_said_once_and_their_cost_is_not_known(clock):
    budget = priced(clock, gpus=0.0)
    told = []
    for name in "ab":
        budget.held.hold(name)
        told.append(budget.place(name, lambda: OTHER))
    clock.now = 60.0
    assert told[1] is None
    assert told[0].startswith("nodes of type own have no price in resources.price_per_hour: ")
    spent = budget.held.total
    assert (spent.seconds, spent.unpriced, spent.whole_cost) == (120.0, 120.0, None)


def test_without_prices_no_node_is_looked_for(clock):
    budget = Budget(trials=1, seconds=None, clock=clock)
    budget.held.hold("a")
    clock.now = 5.0
    budget.place("a", lambda: pytest.fail("it was looked for"))
    clock.now = 7.0
    assert budget.held.seconds == 2.0


def test_where_a_node_is_gone_before_it_was_found_its_time_has_no_price(clock):
    budget = priced(clock)
    budget.held.hold("a")
    clock.now = 5.0
    assert budget.place("a", lambda: None) is None
    clock.now = 6.0
    assert budget.held.release("a").whole_cost is None


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["hold", "place", "release"]),
        st.sampled_from("abcd"),
        st.sampled_from([0.0, 0.5, 2.0, None]),
        st.floats(0, 100),
    ),
    max_size=40,
)


@given(acts=ACTS)
def test_what_is_let_go_and_what_is_held_add_up_to_the_total(acts):
    clock = Clock()
    held, released, stages = HeldTime(clock), Spent(), {"a": "screen", "b": "final"}
    last = 0.0
    for act, name, rate, seconds in acts:
        clock.now += seconds
        if act == "hold":
            held.hold(name, stages.get(name, "search"))
        elif act == "place":
            held.place(name, rate)
        else:
            released += held.release(name)
        assert held.total.cost >= last - 1e-9 or act == "place"
        last = held.total.cost
    running = sum((held.of(name) or Spent() for name in "abcd"), Spent())
    together, by_stage = released + running, sum(held.by_stage().values(), Spent())
    for one in (held.total, by_stage):
        assert one.seconds == pytest.approx(together.seconds)
        assert one.cost == pytest.approx(together.cost)
        assert one.unpriced == pytest.approx(together.unpriced)


# --- trials ---


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_costs_of_trials_and_stages_add_up_to_the_costs_in_all(tmp_path_factory, seed):
    clock, chance = Clock(), random.Random(seed)  # noqa: S311 - no secret
    budget = priced(clock, trials=4)
    path = tmp_path_factory.mktemp("costs") / "run"
    with RunDirectory.create(path, {"experiment": {"resources": {"price_per_hour": 1.0}}}) as run:
        ours = book(run, budget=budget)
        with budget.held.holding("screening 1", "screen"):
            budget.place("screening 1", lambda: GPU_NODE)
            clock.now += chance.uniform(1, 1000)
        while not ours.exhausted or ours.running:
            if not ours.exhausted and chance.random() < 0.5:
                node = chance.choice([GPU_NODE, SHARED])
                ours.began(ours.next_assignment().trial_id, lambda node=node: node)
            clock.now += chance.uniform(0, 1000)
            if ours.running and chance.random() < 0.5:
                name = chance.choice(ours.running_trials)
                ours.end(name, chance.choice([LOST, completed(0.5)]))
        with budget.held.holding("final stages", "final"):
            budget.place("final stages", lambda: GPU_NODE)
            clock.now += chance.uniform(1, 1000)
        run.update(**held_now(budget.held.by_stage()))
    stages = spending(reports.read_run(path))
    assert list(stages) == ["screen", "search", "final"]
    trials = [json.loads(line) for line in (path / "trials.jsonl").read_text().splitlines()]
    assert stages["search"].cost == pytest.approx(sum(one["cost"] for one in trials), abs=1e-4)
    gpu_hours = sum(one["gpu_hours"] for one in trials)  # each to the millionth
    assert stages["search"].gpu_hours == pytest.approx(gpu_hours, abs=1e-4)
    total = sum(one.cost for one in stages.values())
    assert total == pytest.approx(budget.held.total.cost, abs=1e-4)


def test_a_lost_attempt_is_held_paid_and_counted(run, clock):
    ours = book(run, budget=priced(clock))
    name = ours.next_assignment().trial_id
    ours.began(name, lambda: GPU_NODE)
    clock.now = 100.0
    assert ours.end(name, LOST) is None
    clock.now = 500.0  # waits for a worker: nobody pays for that
    ours.next_assignment()
    ours.began(name, lambda: SHARED)
    clock.now = 600.0
    record = ours.end(name, completed(0.5))
    assert (record.held_seconds, record.lost_workers, record.lost_seconds) == (200.0, 1, 100.0)
    assert record.cost == pytest.approx(0.1 + 0.01 / 2)
    assert record.gpu_hours == pytest.approx(200 / 3600, abs=1e-6)


def test_a_trial_that_lost_all_its_workers_says_how_often(run, clock):
    ours = book(run, budget=priced(clock))
    for _ in range(3):
        name = ours.next_assignment().trial_id
        ours.began(name, lambda: GPU_NODE)
        clock.now += 10.0
        record = ours.end(name, LOST)
    assert (record.status, record.lost_workers, record.lost_seconds) == ("failed", 3, 30.0)


def test_a_trial_that_lost_nothing_and_has_no_price_says_neither(run, clock):
    ours = book(run, budget=Budget(trials=2, seconds=None, clock=clock))
    name = ours.next_assignment().trial_id
    ours.began(name, lambda: GPU_NODE)
    clock.now = 36.0
    record = ours.end(name, completed(0.5))
    assert (record.cost, record.lost_workers, record.lost_seconds) == (None, None, None)
    assert (record.held_seconds, record.gpu_hours) == (36.0, 0.0)


def test_a_node_type_without_a_price_is_told_when_its_first_trial_begins(run, clock):
    ours = book(run, budget=priced(clock, max_cost=5.0, gpus=0.0))
    for _ in range(2):
        ours.began(ours.next_assignment().trial_id, lambda: OTHER)
    notes = [text for kind, text in ours._display.told if kind == "note"]
    assert len(notes) == 1
    assert notes[0].endswith("against search.max_cost they count as the dearest that has one")


# --- workers that have more than a trial ---


def test_a_worker_with_two_gpus_counts_both_and_pays_for_its_own_share_of_the_node(clock):
    budget = priced(clock, max_cost=9.0, gpu_hours=4.0)
    four = PricedNode(type="gpu_worker", cpus=8.0, gpus=4.0)
    with budget.held.holding("final stages", "final", Size(cpus=1.0, gpus=2.0)):
        budget.place("final stages", lambda: four)
        clock.now = 1800.0
        left = budget.fine_tune_seconds_left()
        assert left == pytest.approx((4 * 3600 * 0.96 - 2 * 1800) / 2)
    spent = budget.held.by_stage()["final"]
    assert (spent.seconds, spent.gpu_seconds) == (1800.0, 3600.0)
    assert spent.cost == pytest.approx(
        0.5 * 3.6 / 2
    )  # half of the node, where a trial has a quarter
    assert budget.amounts(0)["gpu_hours"].used == 1.0


def test_gpu_hours_of_earlier_sittings_are_those_that_workers_had(run, clock):
    run.update(resources={"CPU": 1.0, "GPU": 1.0})
    budget = priced(clock)
    budget.held.take_over("search", Spent(seconds=50.0, gpu_seconds=50.0))
    with budget.held.holding("final stages", "final", Size(gpus=2.0)):
        budget.place("final stages", lambda: GPU_NODE)
        clock.now = 100.0
    run.update(**held_now(budget.held.by_stage()))
    before = held_before(run)
    assert {stage: one.gpu_seconds for stage, one in before.items()} == {"search": 50, "final": 200}
    assert spending(reports.read_run(run.path))["final"].gpu_hours == pytest.approx(200 / 3600)


# --- the budget ---


def test_a_cost_is_a_budget_that_ends_sooner_the_more_workers_are_held(clock):
    budget = priced(clock, max_cost=7.2)
    assert budget.search_seconds_left() == pytest.approx(0.88 * 7200)
    for name in "abcd":
        budget.held.hold(name)
        budget.place(name, lambda: GPU_NODE)
    clock.now = 300.0
    assert budget.search_seconds_left() == pytest.approx((0.88 * 7200 - 1200) / 4)
    clock.now = 1584.0
    assert not budget.allows_another_trial(0)
    assert budget.fine_tune_seconds_left() > 0


def test_what_has_no_price_counts_as_the_dearest_against_the_limit(clock):
    budget = priced(clock, max_cost=7.2, gpus=0.0)
    budget.held.hold("a")
    budget.place("a", lambda: OTHER)
    clock.now = 1000.0
    assert budget.amounts(0)["cost"].used == pytest.approx(1.0)
    assert budget.search_seconds_left() == pytest.approx(0.88 * 7200 - 1000)


def test_workers_that_cost_nothing_never_use_a_cost_up(clock):
    prices = Prices(per_hour={"own": 0.0, "gpu_worker": 3.6})
    budget = Budget(trials=None, seconds=None, max_cost=1.0, prices=prices, clock=clock)
    budget.held.hold("a")
    budget.place("a", lambda: OTHER)
    clock.now = 1e6
    assert budget.search_seconds_left() is None
    assert budget.allows_another_trial(0)


@given(most=st.floats(0.001, 1e5), used=st.floats(0, 2e5), folds=st.none() | st.integers(2, 20))
def test_what_is_left_of_a_cost_leaves_room_for_later_stages(most, used, folds):
    clock = Clock()
    budget = priced(clock, max_cost=most, folds=folds)
    budget.held.take_over("search", Spent(seconds=1.0, cost=used))
    search, tune = budget.search_seconds_left(), budget.fine_tune_seconds_left()
    cross = budget.cross_validate_seconds_left()
    assert 0 <= search <= tune <= cross <= most / 0.001 * 1.0001


def test_a_cost_is_told_with_its_currency(clock):
    budget = priced(clock, max_cost=10.0)
    budget.held.take_over("search", Spent(seconds=1.0, cost=2.5))
    amount = budget.amounts(3)["cost"]
    assert (amount.unit, amount.used, amount.left) == ("cost", 2.5, pytest.approx(6.3))
    assert budget_text({"cost": amount}) == "cost 2.50 of 10.00 USD, 6.30 left to search"


# --- sittings ---


SCREENED = {"seconds": 100.0, "cost": 0.1, "unpriced_seconds": 0.0, "gpu_seconds": 100.0}


def test_a_sitting_that_ended_in_order_says_its_cost_by_stage(run, clock):
    budget = priced(clock)
    with budget.held.holding("screening 1", "screen"):
        budget.place("screening 1", lambda: GPU_NODE)
        clock.now = 100.0
        budget.held.lose("screening 1")
    run.update(**held_now(budget.held.by_stage()))
    written = yaml.safe_load((run.path / "run.yaml").read_text())
    assert written["held"] == {"screen": {**SCREENED, "lost_workers": 1}}
    assert written["held_seconds"] == 100.0
    assert held_before(run) == {"screen": Spent(seconds=100.0, cost=0.1, lost=1, gpu_seconds=100.0)}


def test_of_a_killed_sitting_the_trials_tell_their_cost(run, clock):
    ours = book(run, budget=priced(clock))
    name = ours.next_assignment().trial_id
    ours.began(name, lambda: GPU_NODE)
    clock.now = 100.0
    ours.end(name, completed(0.5))
    left = ours.next_assignment().trial_id
    ours.note_epoch(left, {**epoch(1, 0.5), "seconds": 50.0})
    before = held_before(run)["search"]
    assert (before.seconds, before.unpriced) == (150.0, 0.0)
    assert before.cost == pytest.approx(0.15)  # at what the others cost
    again = priced(Clock(), max_cost=1.0)
    again.held.take_over("search", before)
    assert again.amounts(0)["cost"].used == pytest.approx(0.15)


def test_what_was_held_before_there_were_prices_has_none(run, clock):
    run.update(held_seconds=5000.0)
    assert held_before(run) == {"search": Spent(seconds=5000.0, unpriced=5000.0)}
