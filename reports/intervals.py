"""How sure a share is."""

from math import sqrt

__all__ = ["wilson_interval"]

# The 97.5 % quantile of the normal distribution: two sides of 2.5 % leave 95 %.
_Z = 1.959963984540054


def wilson_interval(share: float, images: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share (Wilson 1927, JASA 22:209).

    Unlike the normal approximation it stays within 0 and 1 and is not empty at either.

    Args:
        share: Share of right answers, 0 to 1 inclusive.
        images: Number of images it was measured on, at least 1.

    Returns:
        The lower and the upper bound.

    Raises:
        ValueError: There are no images, or the share is outside its bounds.
    """
    if images < 1 or not 0.0 <= share <= 1.0:
        raise ValueError(
            "an interval needs at least one image and a share within 0 and 1; "
            f"received {share} of {images} images"
        )
    squared = _Z * _Z / images
    centre = (share + squared / 2) / (1 + squared)
    reach = _Z * sqrt(share * (1 - share) / images + squared / (4 * images)) / (1 + squared)
    # At a share of 0 or 1 a bound is 0 or 1 exactly; rounding may carry it past.
    return max(0.0, centre - reach), min(1.0, centre + reach)
