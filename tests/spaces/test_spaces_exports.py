import subprocess
import sys

import pytest

import spaces


def test_all_names_exist_and_are_the_whole_truth():
    assert sorted(spaces.__all__) == sorted({*spaces._HOMES, *EAGER})
    assert all(getattr(spaces, name) is not None for name in spaces.__all__)


EAGER = ("BACKBONES", "DEFAULT_BACKBONES", "BackboneRecord", "Task", "Value")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        spaces.nothing  # noqa: B018  # the access itself is tested


def test_importing_the_room_loads_no_tensorflow():
    code = "import sys, spaces; sys.exit('tensorflow' in sys.modules or 'optuna' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
