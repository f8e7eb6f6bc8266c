"""The roll call of nodes: each says what it runs, before a trial is placed on it.

Workers compare themselves with the driver as well when they start, for nodes come and go; but
to find a wrong node before the first trial costs a second, and after it a search.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError

from neurosweep.errors import CodeMismatchError
from search.workers.code_hash import code_hash
from search.workers.installed import DECIDING, installed
from search.workers.nodes import Node, live_nodes, on_node
from search.workers.presence import Presence

__all__ = ["RollCall"]

_ANSWER_LIMIT = 60.0  # seconds for a node to answer: a process has to start there
_LOOK_EVERY = 30.0  # seconds between two looks for nodes that have come


@dataclass(frozen=True)
class _Asked:
    node: Node
    at: float  # by the driver's clock
    until: float  # by its monotonic one


class RollCall:
    """Asks nodes what they run: those that are there when it begins, and those that come."""

    def __init__(
        self,
        note: Callable[[str], None],
        keep: Callable[[list[dict[str, Any]]], None],
        *,
        limit: float = _ANSWER_LIMIT,
        every: float = _LOOK_EVERY,
    ) -> None:
        """Prepares to ask; Ray is connected.

        Args:
            note: Tells a person.
            keep: Takes what is known of all nodes, each time more is.
            limit: Seconds that a node may take to answer.
            every: Seconds between two looks for nodes that have come.
        """
        self._note = note
        self._keep = keep
        self._limit = limit
        self._every = every
        self._code, self._versions = code_hash(), installed()
        self._known: set[str] = set()
        self._asked: dict[Any, _Asked] = {}
        self._present: list[Presence] = []
        self._looked = time.monotonic()

    def begin(self) -> None:
        """Asks all nodes with room for trials, at the same time, and waits for their answers.

        Raises:
            CodeMismatchError: A node runs another version of this program, or of what decides
                its figures.
        """
        self._ask()
        found: list[Presence] = []
        while self._asked:
            soonest = min(asked.until for asked in self._asked.values())
            found += self._collect(max(0.0, soonest - time.monotonic()))
        refusals = [why for one in found if (why := one.refusal(self._code, self._versions))]
        if refusals:
            raise CodeMismatchError("\n".join(refusals))

    def look(self) -> None:
        """Asks nodes that have come, and hears those that were asked; waits for none.

        One that must not be used is not told here: the first worker on it ends the search.
        """
        if self._asked:
            self._collect(0.0)
        if time.monotonic() - self._looked > self._every:
            self._looked = time.monotonic()
            self._ask()

    def _ask(self) -> None:
        for node in live_nodes():
            if node.id not in self._known and node.cpus > 0:
                self._known.add(node.id)
                asked = _Asked(node, time.time(), time.monotonic() + self._limit)
                self._asked[on_node(node, _question()).remote(DECIDING)] = asked

    def _collect(self, seconds: float) -> list[Presence]:
        """Hears the next answers, after so long a wait; gives up on those that took too long."""
        several = 1 if seconds else len(self._asked)  # each at the time when it comes
        done, _ = ray.wait(list(self._asked), num_returns=several, timeout=seconds)
        came = time.time()
        found = [one for one in (self._hear(answer, came) for answer in done) if one]
        for answer, asked in list(self._asked.items()):
            if time.monotonic() > asked.until:
                self._give_up(answer, f"did not answer within {self._limit:g} s")
        self._take(found)
        return found

    def _hear(self, answer: Any, came: float) -> Presence | None:
        try:
            said = ray.get(answer)
        except RayError as error:
            self._give_up(answer, f"did not answer: {str(error).strip().splitlines()[-1]}")
            return None
        asked = self._asked.pop(answer)
        return Presence(node=asked.node, asked=asked.at, came=came, **said)

    def _give_up(self, answer: Any, why: str) -> None:
        node = self._asked.pop(answer).node
        ray.cancel(answer, force=True)
        self._note(
            f"{node.name} {why}; what it runs is not known before a worker starts there, which "
            "compares itself with the driver"
        )

    def _take(self, found: Sequence[Presence]) -> None:
        if not found:
            return
        self._present += found
        self._keep([one.to_dict() for one in self._present])
        for one in found:
            if (text := one.note()) is not None:
                self._note(text)


def _question() -> Callable[[tuple[str, ...]], dict[str, Any]]:
    """What a node is asked.

    It travels by value, as functions inside functions do: a node with an older version of this
    program, or with none, could not import it.
    """

    def introduce(packages: tuple[str, ...]) -> dict[str, Any]:
        import platform
        import time
        from importlib import metadata

        said: dict[str, Any] = {"versions": {"python": platform.python_version()}}
        for name in packages:
            try:
                said["versions"][name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                said["versions"][name] = "none"
        try:
            from search.workers.code_hash import code_hash

            said["code"] = code_hash()
        except Exception as error:  # noqa: BLE001 - whatever their packages do when imported
            said |= {"code": None, "trouble": f"{type(error).__name__}: {error}"}
        return {**said, "clock": time.time()}

    return introduce
