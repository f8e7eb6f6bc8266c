"""How an optional package is got."""

from __future__ import annotations

__all__ = ["install_extra"]


def install_extra(name: str) -> str:
    """The command that installs an extra of pyproject.toml, given in the checkout.

    Args:
        name: The extra, such as `export`.
    """
    return f"pip install -c constraints.txt -e '.[{name}]'"
