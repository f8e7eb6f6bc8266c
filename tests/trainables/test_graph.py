import keras
import numpy as np
import pytest
from trainables_samples import make_recipe

from trainables.assemble import build_core, build_family
from trainables.graph import bottlenecks, cut_below, depths, split_at
from trainables.thawing import freeze_below, thawed


def branching():
    """Two dense layers side by side between `a` and `sum`, then `out`."""
    inputs = keras.Input((4,), name="in")
    a = keras.layers.Dense(4, name="a")(inputs)
    both = [keras.layers.Dense(4, name=name)(a) for name in ("left", "right")]
    total = keras.layers.Add(name="sum")(both)
    drop = keras.layers.Dropout(0.5, name="drop")(total)
    return keras.Model(inputs, keras.layers.Dense(2, name="out")(drop))


def names(model, positions):
    return [model.operations[position].name for position in positions]


def test_nothing_inside_a_branch_is_a_bottleneck():
    model = branching()
    assert names(model, bottlenecks(model)) == ["in", "a", "sum", "drop", "out"]


@pytest.mark.parametrize(
    ("above", "cut"), [(["out"], "drop"), (["right"], "a"), (["a", "out"], "in")]
)
def test_the_cut_is_the_last_bottleneck_below(above, cut):
    model = branching()
    assert model.operations[cut_below(model, above)].name == cut


def test_both_parts_together_are_the_whole():
    model = branching()
    lower, upper = split_at(model, cut_below(model, ["out"]))
    inputs = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    np.testing.assert_array_equal(upper(lower(inputs)), model(inputs))


def test_depth_counts_bottlenecks_from_the_output():
    model = branching()
    wanted = {"out": 0, "left": 1, "right": 1, "a": 2}
    assert depths(model, list(wanted)) == wanted
    assert depths(model, ["a", "out"]) == {"out": 0, "a": 1}


@pytest.fixture
def core():
    return build_core(make_recipe())


def top_block(core):
    return build_family(make_recipe(), pretrained=False).top_block(core)


def test_a_depth_of_one_is_the_top_block(core):
    assert thawed(core, top_block(core), 1.0) == top_block(core)


def test_less_and_more_than_the_top_block(core):
    less, block, more = (thawed(core, top_block(core), depth) for depth in (0.3, 1.0, 2.0))
    assert set(less) < set(block) < set(more)
    assert "softmax" in less
    assert core.layers[1].name not in more  # never all: something stays frozen


def test_only_what_is_thawed_trains_and_no_batch_norm(core):
    freeze_below(core, top_block(core))
    trained = {variable.path.split("/")[0] for variable in core.trainable_variables}
    norms = {one.name for one in core.layers if isinstance(one, keras.layers.BatchNormalization)}
    assert trained == set(top_block(core)) - norms


def test_nothing_is_dropped_below_what_is_thawed():
    model = branching()
    freeze_below(model, ["out"])
    assert model.get_layer("drop").rate == 0.0
    model = branching()
    freeze_below(model, ["left", "right", "out"])
    assert model.get_layer("drop").rate == 0.5
