"""A file of Ray's launcher: the parts that rules look at, with Ray's defaults behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from search.cluster_files.reading import mapping, texts
from search.cluster_files.start_commands import SETTINGS, Start, starts

__all__ = ["LauncherFile"]

_WRITER = "clusters/install.sh"


@dataclass(frozen=True, kw_only=True)
class LauncherFile:
    """A cluster file of Ray's launcher.

    Args:
        written: What stands in the file.
        defaults: What Ray puts where the file says nothing; empty if the provider is unknown.
    """

    written: Mapping[str, Any]
    defaults: Mapping[str, Any]

    def value(self, key: str) -> Any:
        """The value of a top-level key, Ray's default if the file has none."""
        return self.written.get(key, self.defaults.get(key))

    @property
    def provider(self) -> str:
        """The provider's type, such as aws; empty if there is none."""
        return str(mapping(self.written, "provider").get("type", ""))

    @property
    def is_local(self) -> bool:
        """Whether these are machines that one owns, which cost the same when they are idle."""
        return self.provider == "local"

    @property
    def head(self) -> dict[str, Any]:
        """The head's node type."""
        return mapping(self._types, str(self.value("head_node_type")))

    @property
    def workers(self) -> dict[str, dict[str, Any]]:
        """The node types of which workers may be, by name."""
        head = str(self.value("head_node_type"))
        kinds = {str(name): mapping(kind) for name, kind in self._types.items()}
        return {name: kind for name, kind in kinds.items() if name != head}

    @property
    def head_starts(self) -> list[Start]:
        """The head's `ray start`, one if the file is in order."""
        return self._starts("head", ())

    @property
    def worker_starts(self) -> list[Start]:
        """The workers' `ray start`, one if the file is in order."""
        return self._starts("worker", self.workers.values())

    @property
    def setup(self) -> list[str]:
        """The setup commands of all nodes."""
        names = ("setup_commands", "head_setup_commands", "worker_setup_commands")
        common = [command for name in names for command in texts(self.written.get(name))]
        own = (texts(kind.get("worker_setup_commands")) for kind in self.workers.values())
        return [*common, *(command for commands in own for command in commands)]

    def _starts(self, node: str, kinds: Iterable[Mapping[str, Any]]) -> list[Start]:
        name = f"{node}_setup_commands"
        common = [*texts(self.value("setup_commands")), *texts(self.value(name))]
        # A kind's own setup commands stand in the place of those of all workers.
        setups = [common, *(texts(kind[name]) for kind in kinds if name in kind)]
        settings = SETTINGS if all(map(_writes_settings, setups)) else None
        return starts(texts(self.value(f"{node}_start_ray_commands")), settings)

    @property
    def _types(self) -> dict[str, Any]:
        return mapping(self.value("available_node_types"))


def _writes_settings(commands: list[str]) -> bool:
    """Whether a setup leaves the file of settings that start commands may read."""
    return any(_WRITER in command for command in commands)
