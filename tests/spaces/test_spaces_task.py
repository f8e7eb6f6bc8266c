import pytest

from neurosweep.errors import SpaceError
from spaces import Task


def test_shape_is_height_width_channels():
    assert Task(image_size=96, channels=3, classes=("a", "b")).shape == (96, 96, 3)


@pytest.mark.parametrize(
    ("size", "channels", "classes", "message"),
    [
        (7, 1, ("a", "b"), "at least 8 pixels wide, received image_size = 7"),
        (96, 2, ("a", "b"), r"1 channel \(grey\) or 3 \(RGB\), received 2"),
        (96, 1, ("a",), r"at least two classes, received \['a'\]"),
    ],
)
def test_an_impossible_task_is_refused(size, channels, classes, message):
    with pytest.raises(SpaceError, match=message):
        Task(image_size=size, channels=channels, classes=classes)
