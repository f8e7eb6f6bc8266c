"""Who may reach the cluster: dashboard, ports, the token, and what Ray tells its makers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from search.cluster_files.findings import Finding, error, warning
from search.cluster_files.launcher import LauncherFile
from search.cluster_files.reading import mapping, number, texts
from search.cluster_files.start_commands import Start

__all__ = ["access_findings"]

_HERE = {"127.0.0.1", "localhost", "::1"}

_ANYBODY = {"0.0.0.0/0", "::/0"}

_SSH = 22

_ONLY_HERE = "--dashboard-host=127.0.0.1; `ray dashboard` reaches it through SSH"


def access_findings(file: LauncherFile) -> Iterator[Finding]:
    """Whether strangers can reach the dashboard, which runs any code for whoever asks."""
    for start in file.head_starts:
        yield from _dashboard(start)
    yield from _ports(mapping(file.written, "provider", "security_group").get("IpPermissions"))
    yield from _token(file)
    for start in file.head_starts:
        off = start.environment.get("RAY_USAGE_STATS_ENABLED") == "0"
        if not off and "disable-usage-stats" not in start.flags:
            yield warning(
                "usage-statistics",
                "the head's `ray start` leaves them on",
                "set RAY_USAGE_STATS_ENABLED=0 in that command",
            )


def _dashboard(start: Start) -> Iterator[Finding]:
    host = start.flags.get("dashboard-host", "127.0.0.1")
    if host not in _HERE:
        yield error(
            "dashboard", f"it answers on {host or 'every address'}", f"start it with {_ONLY_HERE}"
        )


def _ports(permissions: Any) -> Iterator[Finding]:
    for rule in permissions if isinstance(permissions, list) else []:
        ranges = [*_list(rule, "IpRanges"), *_list(rule, "Ipv6Ranges")]
        sources = {mapping(one).get("CidrIp", mapping(one).get("CidrIpv6")) for one in ranges}
        first, last = (number(mapping(rule).get(key)) for key in ("FromPort", "ToPort"))
        if sources & _ANYBODY and not first == last == _SSH:
            ports = (
                "every port" if first is None or first < 0 else f"{first:g} to {last or first:g}"
            )
            yield error(
                "dashboard",
                f"provider.security_group opens {ports} to the world",
                "leave it out: Ray's own security group opens SSH alone",
            )


def _list(rule: Any, key: str) -> list[Any]:
    value = mapping(rule).get(key)
    return value if isinstance(value, list) else []


def _token(file: LauncherFile) -> Iterator[Finding]:
    nodes = {"head": file.head_starts, "worker": file.worker_starts}
    for node, found in nodes.items():
        if not found:
            received = f"{node}_start_ray_commands has no `ray start` that can be read"
            yield error("authentication", received, "compare with cluster.yaml")
        for start in found:
            yield from _asks(node, start)
    starts = [start for found in nodes.values() for start in found]
    brought = any(
        str(target).endswith("auth_token") for target in mapping(file.written, "file_mounts")
    )
    by_path = bool(starts) and all("RAY_AUTH_TOKEN_PATH" in one.environment for one in starts)
    if not brought and not by_path:
        yield error(
            "authentication",
            "nothing brings the token to the nodes",
            'add to file_mounts: "~/.ray/auth_token": "~/.ray/auth_token"',
        )
    yield from _written_token([*(start.text for start in starts), *file.setup, *_run_options(file)])


def _asks(node: str, start: Start) -> Iterator[Finding]:
    mode = start.environment.get("RAY_AUTH_MODE")
    if mode != "token":
        said = "no RAY_AUTH_MODE" if mode is None else f"RAY_AUTH_MODE={mode}"
        yield error(
            "authentication",
            f"{said} in the {node}'s `ray start`",
            "let the setup run clusters/install.sh, and write `. ~/.neurosweep.sh;` before `ray "
            "start`, or RAY_AUTH_MODE=token itself, on head and workers: whoever reaches a cluster "
            "without it runs code on it",
        )


def _written_token(commands: list[str]) -> Iterator[Finding]:
    for command in commands:
        _, found, after = command.partition("RAY_AUTH_TOKEN=")
        if found and after[:1] not in {"", "$", " ", '"'}:
            yield error(
                "authentication",
                "a token stands in the file (RAY_AUTH_TOKEN=…)",
                "take it out, make another one, and bring it by file_mounts",
            )


def _run_options(file: LauncherFile) -> list[str]:
    docker = mapping(file.written, "docker")
    names = ("run_options", "head_run_options", "worker_run_options")
    return [option for name in names for option in texts(docker.get(name))]
