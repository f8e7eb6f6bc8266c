"""Figures as files: each picture as an SVG that stands alone, its numbers as Parquet."""

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from neurosweep.errors import UserError
from reports.figures.elements import text
from reports.figures.figure import Figure, Numbers
from reports.files import replace_bytes, replace_text
from reports.wording import printable

__all__ = ["standalone_svg", "write_figures"]

_TEMPLATES = Path(__file__).parents[1] / "templates"
_MARGIN, _TITLE, _NOTE = 12.0, 26.0, 18.0
_SVG = "http://www.w3.org/2000/svg"
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_VARIABLE = re.compile(r"var\((--[\w-]+)\)")


def write_figures(figures: Sequence[Figure], folder: Path, *, note: str = "") -> list[Path]:
    """Write KEY.svg for each figure, and KEY.parquet where it has numbers.

    Args:
        figures: With keys that differ.
        folder: Made where there is none; files of the same names are replaced.
        note: Stands below each picture: what limits it, synthetic data above all.

    Returns:
        The files, in order.

    Raises:
        UserError: The folder cannot be made.
        NeurosweepError: A file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"figures go into a folder that can be made; received {folder} ({error.strerror}). "
            "Name another one."
        ) from error
    written = []
    for figure in figures:
        picture = folder / f"{figure.key}.svg"
        replace_text(picture, standalone_svg(figure, note=note))
        written.append(picture)
        if figure.numbers:
            written.append(_write_numbers(figure.numbers, folder / f"{figure.key}.parquet"))
    return written


def standalone_svg(figure: Figure, *, note: str = "") -> str:
    """Give a figure as an SVG that needs no page: title above, on white, colours written out.

    Programs that draw SVG know classes, but seldom the variables of style sheets: their values are
    put into the rules.
    """
    chart = fromstring(figure.chart)  # noqa: S314 - out of our own element tree
    left, top, width, height = map(float, chart.get("viewBox", "0 0 520 330").split())
    whole = (width + 2 * _MARGIN, height + _TITLE + _NOTE * bool(note) + 2 * _MARGIN)
    root = Element("svg", {"xmlns": _SVG, "viewBox": f"0 0 {whole[0]:g} {whole[1]:g}"})
    root.set("width", f"{whole[0]:g}")
    root.set("height", f"{whole[1]:g}")
    root.set("font-family", "system-ui, 'Segoe UI', Roboto, Arial, sans-serif")
    SubElement(root, "title").text = printable(figure.title)
    SubElement(root, "desc").text = printable(figure.caption)
    SubElement(root, "style").text = _style()
    SubElement(root, "rect", {"width": "100%", "height": "100%", "fill": "#ffffff"})
    heading = text(root, (_MARGIN, _MARGIN + _TITLE / 2), figure.title, "start")
    heading.attrib |= {"font-size": "15", "font-weight": "600", "fill": "#16202c"}
    if note:
        below = text(root, (_MARGIN, whole[1] - _MARGIN), note, "start")
        below.attrib |= {"font-size": "11", "fill": "#5c4300"}
    place = f"translate({_MARGIN - left:g} {_MARGIN + _TITLE - top:g})"
    group = SubElement(root, "g", {"transform": place})
    group.extend(one for one in chart if not one.tag.endswith("title"))
    return tostring(root, encoding="unicode") + "\n"


def _write_numbers(numbers: Numbers, path: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({name: _column(values) for name, values in numbers.items()}), sink)
    replace_bytes(path, sink.getvalue().to_pybytes())
    return path


def _column(values: Sequence[bool | int | float | str | None]) -> Sequence[object]:
    """A column of one type: where values are of several, each is written as text."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) <= 1:
        return list(values)
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    return [None if value is None else str(value) for value in values]


def _style() -> str:
    """The figures' rules with the light theme's values for all variables."""
    light = _read("colours.css").partition("@media")[0]
    known = dict(re.findall(r"(--[\w-]+):\s*([^;]+);", light))
    rules = [(names.strip(), body.strip()) for names, body in _RULE.findall(_read("figures.css"))]
    colours = {
        names.removeprefix("."): _filled(value, known)
        for names, body in rules
        for value in re.findall(r"^--at:\s*([^;]+);", body)
    }
    written = []
    for names, body in rules:
        if body.startswith("--at") or ":hover" in names:
            continue
        written += _written(names, body, known, colours)
    return "\n".join(written)


def _written(names: str, body: str, known: dict[str, str], colours: dict[str, str]) -> list[str]:
    """One rule as it is; what takes the colour of its class once for each of those."""
    declared = [one.strip() for one in body.split(";") if one.strip()]
    coloured = [one for one in declared if "var(--at)" in one]
    plain = [_filled(one, known) for one in declared if one not in coloured]
    rules = [f"{names} {{ {'; '.join(plain)}; }}"] if plain else []
    for name, colour in colours.items() if coloured else ():
        selectors = [
            selector
            for one in names.split(",")
            for selector in (f"{one.strip()}.{name}", f".{name} {one.strip()}")
        ]
        text = "; ".join(_filled(one, {**known, "--at": colour}) for one in coloured)
        rules.append(f"{', '.join(selectors)} {{ {text}; }}")
    return rules


def _filled(declaration: str, known: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda found: known[found[1]], declaration)


def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")
