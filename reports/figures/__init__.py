"""Figures of the report as inline SVG: they need no script, print well and follow the theme."""

__all__: list[str] = []
