"""Keys of figures that are made of names which others chose."""

import re
from collections.abc import Iterable

__all__ = ["keys_of"]

_LONGEST = 40
_OTHERS = re.compile(r"[^a-z0-9]+")


def keys_of(prefix: str, names: Iterable[str]) -> dict[str, str]:
    """Give each name a key that can name a file and a link; names stay apart.

    Args:
        prefix: What the key begins with.
        names: Any text. One that is no plain word gets its place in the list as well.

    Returns:
        `prefix-NAME` by name.
    """
    keys: dict[str, str] = {}
    for place, name in enumerate(dict.fromkeys(names), start=1):
        plain = _OTHERS.sub("-", name.lower())[:_LONGEST].strip("-")
        key = "-".join(part for part in (prefix, plain) if part)
        if plain != name.lower().replace("_", "-"):
            key = f"{key}-{place}"
        while key in keys.values():  # another name may read like this one and its place
            key = f"{key}-{place}"
        keys[name] = key
    return keys
