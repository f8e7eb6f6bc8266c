"""What every figure must be, whichever module draws it."""

import pytest

from reports.figures.figure import Figure


def figure(**changed):
    return Figure(**{"key": "rungs", "title": "t", "caption": "c", "chart": "<svg/>", **changed})


@pytest.mark.parametrize("key", ["", "../up", "Rungs", "a b", "1st"])
def test_a_key_that_could_not_name_a_file_is_refused(key):
    with pytest.raises(ValueError, match="key"):
        figure(key=key)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="one length"):
        figure(numbers={"epoch": [1, 2], "share": [0.5]})


def test_a_figure_without_numbers_is_one():
    assert figure().numbers == {}
