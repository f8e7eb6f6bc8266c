"""How far beyond its bounds a stored probability may lie."""

__all__ = ["ROUNDING"]

ROUNDING = 1e-3
"""Rows of a softmax in float32, or of half as many bits, may end a little beyond 0 or 1."""
