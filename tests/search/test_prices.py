"""What a worker costs by the price of its node, and where a limit on the cost can be kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosweep.errors import ExperimentError
from search.budgets.budget import Budget
from search.budgets.priced import check_priced
from search.budgets.prices import PricedNode, Prices

GPU_NODE = PricedNode(type="gpu_worker", cpus=8.0, gpus=1.0)
EACH = {"CPU": 1.0, "GPU": 0.0}


@pytest.mark.parametrize(
    ("cpus", "gpus", "fitting"),
    [
        (1, 1, 1),
        (1, 0.5, 2),
        (1, 1 / 3, 3),
        (4, 0.5, 2),
        (8, 0.1, 1),
        (2, 0, 4),
        (3, 0, 2),
        (9, 0, 1),
    ],
)
def test_a_worker_pays_for_the_node_divided_by_how_many_fit(cpus, gpus, fitting):
    prices = Prices(per_hour={"gpu_worker": 3.6})
    rate = prices.rate(GPU_NODE, cpus=cpus, gpus=gpus)
    assert rate == pytest.approx(0.001 / fitting)


@given(
    cpus=st.integers(1, 128),
    gpus=st.integers(0, 8),
    each=st.integers(1, 16),
    gpus_each=st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 1.0, 2.0]),
)
def test_as_many_workers_as_fit_pay_for_the_whole_node(cpus, gpus, each, gpus_each):
    node = PricedNode(type="a", cpus=cpus, gpus=gpus)
    number = node.fitting(cpus=each, gpus=gpus_each)
    rate = Prices(per_hour=1.21).rate(node, cpus=each, gpus=gpus_each)
    assert number * rate * 3600 == pytest.approx(1.21)


def test_one_price_is_that_of_every_node_and_a_list_of_those_it_names():
    assert Prices(per_hour=2.0).of(None) == 2.0
    named = Prices(per_hour={"gpu_worker": 1.0, "cpu_worker": 0.2})
    assert (named.of("cpu_worker"), named.of("head"), named.of(None)) == (0.2, None, None)
    assert named.highest == 1.0
    assert named.rate(PricedNode(type="head", cpus=4, gpus=0), cpus=1, gpus=0) is None


def limited(per_hour, max_cost=1.0) -> Budget:
    return Budget(trials=None, seconds=None, max_cost=max_cost, prices=Prices(per_hour=per_hour))


def test_a_limit_on_the_cost_is_refused_where_no_node_that_could_train_has_a_price():
    nodes = [
        GPU_NODE,
        PricedNode(type=None, cpus=2, gpus=0),
        PricedNode(type="own", cpus=0, gpus=0),
    ]
    with pytest.raises(ExperimentError, match=r"the nodes here are gpu_worker, none named, and"):
        check_priced(limited({"own": 1.0}), nodes, EACH)


@pytest.mark.parametrize(
    ("budget", "nodes"),
    [
        (limited({"gpu_worker": 1.0}), [GPU_NODE, PricedNode(type=None, cpus=2, gpus=0)]),
        (limited(1.0), [PricedNode(type=None, cpus=2, gpus=0)]),
        (limited({"gpu_worker": 1.0}), [PricedNode(type="head", cpus=0, gpus=0)]),
        (limited({"gpu_worker": 1.0}, max_cost=None), [PricedNode(type="own", cpus=2, gpus=0)]),
        (Budget(trials=1, seconds=None), [PricedNode(type="own", cpus=2, gpus=0)]),
    ],
    ids=["one has a price", "one price for all", "no worker yet", "no limit", "no prices"],
)
def test_else_it_is_let_be(budget, nodes):
    check_priced(budget, nodes, EACH)
