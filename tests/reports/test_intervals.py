from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from reports import wilson_interval


@given(st.integers(1, 5000), st.data())
def test_it_is_scipys_wilson_interval(images: int, data: st.DataObject):
    right = data.draw(st.integers(0, images))
    theirs = binomtest(right, images).proportion_ci(confidence_level=0.95, method="wilson")
    low, high = wilson_interval(right / images, images)
    assert isclose(low, theirs.low, abs_tol=1e-12)
    assert isclose(high, theirs.high, abs_tol=1e-12)


def test_ten_of_ten_by_hand():
    # With p = 1 the bounds are n / (n + z²) and 1: 10 / (10 + 3.841459) = 0.722467.
    low, high = wilson_interval(1.0, 10)
    assert low == pytest.approx(0.722467, abs=1e-6)
    assert high == pytest.approx(1.0, abs=1e-12)


@given(st.floats(0, 1), st.integers(1, 10**6))
def test_it_holds_the_share_and_stays_within_its_bounds(share: float, images: int):
    low, high = wilson_interval(share, images)
    assert 0.0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1.0


@pytest.mark.parametrize(("share", "images"), [(0.5, 0), (1.2, 10), (-0.1, 10), (float("nan"), 10)])
def test_what_is_no_share_is_refused(share: float, images: int):
    with pytest.raises(ValueError, match="at least one image and a share within 0 and 1"):
        wilson_interval(share, images)
