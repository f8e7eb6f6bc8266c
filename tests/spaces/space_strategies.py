"""Tasks, joint spaces and arbitrary spaces, drawn by Hypothesis."""

import keras_tuner
from hypothesis import strategies as st

from spaces import Task, declare_space

FAMILIES = ("plain_cnn", "mini_vgg", "mini_resnet", "transfer")


@st.composite
def tasks(draw):
    classes = tuple("abcdefgh"[: draw(st.integers(2, 8))])
    size = draw(st.integers(32, 512))
    return Task(image_size=size, channels=draw(st.sampled_from((1, 3))), classes=classes)


@st.composite
def joint_spaces(draw):
    """A task and the default space over some families."""
    task = draw(tasks())
    names = draw(st.lists(st.sampled_from(FAMILIES), min_size=1, unique=True))
    return task, declare_space(task, {name: {} for name in names}, {})


@st.composite
def foreign_spaces(draw):
    """A space such as a user's own HyperModel may declare: every kind, nested conditions."""
    hp = keras_tuner.HyperParameters()
    for index in range(draw(st.integers(1, 4))):
        parent = f"parent_{index}"
        hp.Choice(parent, ["x", "y", "z"])
        with hp.conditional_scope(parent, draw(st.sampled_from((["x"], ["x", "y"])))):
            _declare_one(draw, hp, f"hp_{index}")
        if draw(st.booleans()):  # the same name under a condition that excludes the first
            with hp.conditional_scope(parent, ["z"]):
                _declare_one(draw, hp, f"hp_{index}")
    return hp


def _declare_one(draw, hp, name):
    kind = draw(st.sampled_from(("whole", "log", "stepped log", "real", "choice", "flag", "fixed")))
    low = draw(st.integers(1, 50))
    high = low + draw(st.integers(0, 100))
    step = draw(st.integers(2, 7))
    if kind == "whole":
        hp.Int(name, low, high, step=step)
    elif kind == "log":
        hp.Int(name, low, high, sampling="log")
    elif kind == "stepped log":
        hp.Int(name, low, high, step=step, sampling="log")
    elif kind == "real":
        hp.Float(name, low / 7, high / 7, step=draw(st.sampled_from((None, 0.1, 0.3))))
    elif kind == "choice":
        numbers = st.lists(st.integers(0, 9), min_size=1, unique=True)
        words = st.lists(st.sampled_from("abcdef"), min_size=1, unique=True)
        hp.Choice(name, draw(st.one_of(numbers, words)))
    elif kind == "flag":
        hp.Boolean(name)
    else:
        hp.Fixed(name, draw(st.sampled_from((1, 0.5, "word", True))))
