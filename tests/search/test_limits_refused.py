"""Budgets that a cluster could not keep are refused before the first trial."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from doubles import CLASSES

from neurosweep.errors import ExperimentError
from search import conduct as conducting
from search.budgets.prices import PricedNode
from search.conduct import Request, conduct
from search.dry_run import describe
from search.experiment_file import parse_experiment, resume_experiment
from search.workers.cluster import Capacity

EXPERIMENT = """
families: {{plain_cnn: {{}}}}
search: {{trials: 2, papers: false, {search}}}
resources: {{price_per_hour: {{gpu_worker: 1.21}}}}
"""


class MeasuredError(Exception):
    """The run went on to its measurement."""


@pytest.fixture
def begin(tmp_path, monkeypatch):
    @contextmanager
    def connected(*_, **__):
        yield Capacity(cpus=2, gpus=0)

    def prepared(*_, **__):
        return SimpleNamespace(classes=CLASSES), []

    def begin(search, *, before=(), after=(), measured=True):
        told = iter([list(before), list(after)])

        def measure(*_, **__):
            if not measured:
                raise MeasuredError

        monkeypatch.setattr(conducting, "prepare", prepared)
        monkeypatch.setattr(conducting, "connected", connected)
        monkeypatch.setattr(conducting, "nodes", lambda: next(told))
        monkeypatch.setattr(conducting, "choose_runtime", measure)
        experiment = parse_experiment(EXPERIMENT.format(search=search), source="test")
        conduct(Request(experiment=experiment, output=tmp_path / "run", quiet=True))

    return begin


OWN = PricedNode(type="own", cpus=2, gpus=0)


def test_hours_of_gpus_that_no_trial_has(begin):
    with pytest.raises(ExperimentError, match=r"search.gpu_hours counts the GPUs .* has none: set"):
        begin("gpu_hours: 1")


def test_a_cost_on_nodes_without_a_price_before_anything_is_measured(begin):
    with pytest.raises(ExperimentError, match=r"types of the nodes here are own, and .* has none"):
        begin("max_cost: 1", before=[OWN], measured=False)


def test_a_cost_on_nodes_that_came_without_a_price_to_be_measured_on(begin):
    with pytest.raises(ExperimentError, match=r"types of the nodes here are own, and .* has none"):
        begin("max_cost: 1", before=[], after=[OWN])


def test_a_cost_on_nodes_with_a_price_is_let_go_on(begin):
    with pytest.raises(MeasuredError):
        begin("max_cost: 1", before=[PricedNode(type="gpu_worker", cpus=2, gpus=0)], measured=False)


@pytest.mark.parametrize(
    "override",
    ["search.gpu_hours=9", "search.max_cost=9", "resources.price_per_hour={gpu_worker: 0.6}"],
)
def test_budgets_and_prices_may_be_others_in_a_later_sitting(override):
    before = parse_experiment(EXPERIMENT.format(search="max_cost: 3"), source="test")
    after = resume_experiment(before, [override])
    assert after != before


@pytest.mark.parametrize(
    ("resources", "prices"),
    [
        ("{gpu_worker: 1.21, own: 0}, currency: USD", "gpu_worker 1.21 USD, own 0 USD"),
        ("2", "every node 2"),
    ],
)
def test_a_dry_run_says_the_limit_on_the_cost_and_the_prices(resources, prices):
    text = f"""
families: {{plain_cnn: {{}}}}
search: {{max_cost: 20, gpu_hours: 3, papers: false}}
resources: {{price_per_hour: {resources}}}
"""
    told = describe(parse_experiment(text, source="test")).splitlines()
    currency = " USD" if "USD" in resources else ""
    assert told[-2:] == [
        f"limits       at most 3 hours of GPUs, a cost of 20{currency} in all",
        f"prices       {prices}, by the hour",
    ]


def test_the_currency_of_what_was_spent_may_not():
    before = parse_experiment(EXPERIMENT.format(search="max_cost: 3"), source="test")
    with pytest.raises(ExperimentError, match=r"received another resources\.currency"):
        resume_experiment(before, ["resources.currency=USD"])
