"""One colour and one marker for each family, the same in every figure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reports.figures.shapes import SHAPES, marker

__all__ = ["Look", "looks_of"]

# Okabe and Ito's eight colours, which all kinds of colour vision tell apart; see colours.css.
_COLOURS = 8
# The families everyone meets keep their colours from run to run.
_USUAL = ("plain_cnn", "mini_vgg", "mini_resnet", "transfer")


@dataclass(frozen=True)
class Look:
    """How a family is drawn.

    Attributes:
        style: Class of its colour in colours.css.
        shape: Its marker.
    """

    style: str
    shape: str

    @property
    def marker(self) -> str:
        """The marker as a picture of its own."""
        return marker(self.style, self.shape)


def looks_of(families: Iterable[str]) -> Mapping[str, Look]:
    """Give each family a look; a family beyond the usual ones takes the next in turn."""
    present = set(families)
    order = [*_USUAL, *sorted(present.difference(_USUAL))]
    looks = (Look(f"c{n % _COLOURS}", SHAPES[n % len(SHAPES)]) for n in range(len(order)))
    return {name: look for name, look in zip(order, looks, strict=True) if name in present}
