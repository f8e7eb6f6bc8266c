"""What a node says of itself when it is asked, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.workers.code_hash import explain_mismatch
from search.workers.installed import explain_versions
from search.workers.nodes import Node

__all__ = ["CLOCK_TOLERANCE", "Presence"]

CLOCK_TOLERANCE = 60.0
"""Seconds that a node's clock may differ from the driver's before that is said. Nothing of ours
reads the clock of another machine; the times in its logs, and tokens that expire, do."""


@dataclass(frozen=True, kw_only=True)
class Presence:
    """A node that answered.

    Attributes:
        node: The node.
        versions: What it has of Python and of the deciding packages.
        code: The hash of its neurosweep; None where it cannot import one.
        trouble: Why it cannot; empty where it can.
        clock: Its clock when it answered, in seconds since 1970.
        asked: The driver's clock when it was asked.
        came: The driver's clock when the answer came.
    """

    node: Node
    versions: Mapping[str, str]
    code: str | None
    trouble: str = ""
    clock: float
    asked: float
    came: float

    @property
    def offset(self) -> float:
        """Seconds that its clock is ahead of the driver's, as if it answered half-way."""
        return self.clock - (self.asked + self.came) / 2

    @property
    def is_off(self) -> bool:
        """Whether its clock is off, whenever it read it between question and answer."""
        doubt = (self.came - self.asked) / 2
        return abs(self.offset) - doubt > CLOCK_TOLERANCE

    def refusal(self, code: str, versions: Mapping[str, str]) -> str | None:
        """Why no trial may run there; None where it may.

        Args:
            code: The hash of the driver's code.
            versions: The driver's versions.
        """
        if self.code is None:
            return (
                f"{self.node.name} cannot import neurosweep: {self.trouble}. Install the driver's "
                "version of it on every node, and nothing else that is named as its packages are"
            )
        return explain_mismatch(code, node=self.node.name, own=self.code) or explain_versions(
            versions, node=self.node.name, own=self.versions
        )

    def note(self) -> str | None:
        """What a person should know of it, though it does no harm; None for nothing."""
        if not self.is_off:
            return None
        way = "ahead of" if self.offset > 0 else "behind"
        return (
            f"the clock of {self.node.name} is {abs(self.offset):.0f} s {way} this machine's: the "
            "search does not mind, but the times in that node's logs are wrong, and object stores "
            "refuse it; set its clock"
        )

    def to_dict(self) -> dict[str, Any]:
        """What run.yaml says of it."""
        return {
            "hostname": self.node.hostname,
            "address": self.node.address,
            "kind": self.node.kind or None,
            "cpus": self.node.cpus,
            "gpus": self.node.gpus,
            "python": self.versions.get("python"),
            "clock_offset": round(self.offset, 1),
        }
