"""The colours of families: Okabe and Ito's, told apart by all kinds of colour vision."""

import re
from itertools import combinations
from pathlib import Path

import pytest
from colour_vision import VISION, contrast, distance

import reports.figures.palette
from reports.figures.palette import looks_of

_CSS = Path(reports.__file__).parent / "templates" / "colours.css"
_OKABE_ITO = {
    *("#000000", "#e69f00", "#56b4e9", "#009e73"),
    *("#f0e442", "#0072b2", "#d55e00", "#cc79a7"),
}


def themes() -> dict[str, dict[str, str]]:
    light, dark = _CSS.read_text().split("@media")
    return {
        name: dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", part))
        for name, part in (("light", light), ("dark", dark))
    }


def colours(theme: str) -> list[str]:
    return [themes()[theme][f"c{number}"] for number in range(8)]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("vision", VISION)
def test_any_two_families_differ(theme: str, vision: str):
    nearest = min(distance(*pair, vision) for pair in combinations(colours(theme), 2))
    assert nearest > 15


@pytest.mark.parametrize(("theme", "adapted"), [("light", "#f0e442"), ("dark", "#000000")])
def test_they_are_okabe_and_itos_but_for_the_one_that_would_not_show(theme: str, adapted: str):
    assert _OKABE_ITO - set(colours(theme)) == {adapted}
    card = themes()[theme]["card"]
    assert contrast(adapted, card) < 1.5
    assert min(contrast(one, card) for one in colours(theme)) > 2.2


def test_each_of_eight_families_has_its_own_colour():
    families = ("plain_cnn", "mini_vgg", "mini_resnet", "transfer", "a", "b", "c", "d")
    assert len({look.style for look in looks_of(families).values()}) == 8
