"""What the commands that start Ray on a node say: flags and environment."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["SETTINGS", "SETTINGS_FILE", "Start", "starts"]

SETTINGS_FILE = ".neurosweep.sh"
"""The file in a node's home folder that clusters/install.sh writes."""

SETTINGS = {"RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0"}
"""What that file exports and rules ask for."""

_ENDS = {";", "&", "&&", "|", "||", "(", ")", "{", "}", "then", "do", "else"}


@dataclass(frozen=True, kw_only=True)
class Start:
    """One `ray start`.

    Args:
        text: The command as it stands in the file.
        flags: Values by flag, `{"port": "6379", "head": ""}`.
        environment: What the command sets, by itself or by an `export` before it.
    """

    text: str
    flags: dict[str, str]
    environment: dict[str, str]


def starts(commands: Iterable[str], settings: Mapping[str, str] | None = None) -> list[Start]:
    """Every `ray start` in shell commands; what cannot be split into words has none.

    Args:
        commands: As they stand in a file.
        settings: What `. ~/.neurosweep.sh` exports; None where nothing writes that file.
    """
    return [start for command in commands for start in _in_one(command, settings or {})]


def _in_one(command: str, settings: Mapping[str, str]) -> list[Start]:
    exported: dict[str, str] = {}
    found: list[Start] = []
    for words in _simple_commands(command):
        assigned, rest = _assignments(words)
        if not rest:  # not exported: programs do not see it, unless it was exported before
            exported |= {name: value for name, value in assigned.items() if name in exported}
        elif rest[0] == "export":
            exported |= _assignments(rest[1:])[0]
        elif rest[0] in {".", "source"} and rest[-1].endswith(f"/{SETTINGS_FILE}"):
            exported |= settings
        elif (at := _ray_start(rest)) is not None:
            # `env A=1 ray start` and `sudo A=1 ray start` assign after their own name.
            between = _assignments([word for word in rest[:at] if "=" in word])[0]
            environment = {**exported, **assigned, **between}
            found.append(Start(text=command, flags=_flags(rest[at + 2 :]), environment=environment))
        else:
            found += [_below({**exported, **assigned}, start) for start in _quoted(rest, settings)]
    return found


def _quoted(words: list[str], settings: Mapping[str, str]) -> list[Start]:
    """What a shell of its own starts, as in `bash -c 'ray start'`."""
    return [start for word in words if "ray start" in word for start in _in_one(word, settings)]


def _below(environment: dict[str, str], start: Start) -> Start:
    return dataclasses.replace(start, environment={**environment, **start.environment})


def _simple_commands(command: str) -> list[list[str]]:
    lexer = shlex.shlex(command.replace("\n", " ; "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        return []
    commands: list[list[str]] = [[]]
    for word in words:
        if word in _ENDS or set(word) <= set(";&|()"):
            commands.append([])
        else:
            commands[-1].append(word)
    return [one for one in commands if one]


def _assignments(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """The assignments at the front, and what follows them."""
    assigned: dict[str, str] = {}
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            return assigned, words[at:]
        assigned[name] = value
    return assigned, []


def _ray_start(words: list[str]) -> int | None:
    for at, word in enumerate(words[:-1]):
        if (word == "ray" or word.endswith("/ray")) and words[at + 1] == "start":
            return at
    return None


def _flags(words: list[str]) -> dict[str, str]:
    flags: dict[str, str] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, _, value = word[2:].partition("=")
            flags[name] = value
        elif name and not flags[name]:
            flags[name] = word
    return flags
