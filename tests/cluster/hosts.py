"""Several hosts on one machine, for tests of what crosses a network.

A host is a network, mount, process and host name of its own: it has an address, a home folder, a
/tmp and an SSH server, and sees no process of another. Its disk outlives a loss of power. The
programs are this machine's own, and folders that are shared stand at the same place everywhere.

Needs root, iproute2, util-linux and openssh-server; `missing()` says what is not there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_NETWORK = "10.213.77"
_BRIDGE = "nsweep0"
_ANSWERS_WITHIN = 20.0  # seconds for an SSH server to answer
_ROUTER = 1  # the machine that runs the tests, as hosts see it


def missing() -> str | None:
    """Says why there can be no hosts here; None if there can."""
    if os.geteuid() != 0:
        return "several hosts need root: network and mount namespaces are made"
    needed = ("ip", "unshare", "ssh", "ssh-keygen", "rsync", "/usr/sbin/sshd")
    absent = [program for program in needed if shutil.which(program) is None]
    if absent:
        return f"several hosts need {', '.join(absent)} (iproute2, openssh-server, rsync)"
    probe = subprocess.run(["unshare", "-m", "-p", "-n", "-u", "-f", "true"], capture_output=True)
    if probe.returncode:
        return f"no namespaces here: {probe.stderr.decode().strip()}"
    probe = subprocess.run(
        ["ip", "link", "add", "nsw-probe", "type", "bridge"], capture_output=True
    )
    subprocess.run(["ip", "link", "del", "nsw-probe"], capture_output=True)
    return None if probe.returncode == 0 else f"no bridges here: {probe.stderr.decode().strip()}"


@dataclass
class Hosts:
    """Hosts 0, 1, … of one network; `up` makes one, and all end with the block."""

    folder: Path
    shared: Sequence[Path]
    key: Path = field(init=False)
    _servers: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.key = self.folder / "key"
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key))
        Path("/run/sshd").mkdir(exist_ok=True)

    @property
    def router(self) -> str:
        """Address of the machine that runs the tests."""
        return f"{_NETWORK}.{_ROUTER}"

    def address(self, number: int) -> str:
        return f"{_NETWORK}.{10 + number}"

    def home(self, number: int) -> Path:
        """Where a host's home folder lies on this machine."""
        return self._disk(number) / "home"

    def scratch(self, number: int) -> Path:
        """Where a host's /tmp lies on this machine."""
        return self._disk(number) / "tmp"

    def up(self, number: int) -> None:
        """Starts a host, with the disk it had when it ended; returns when it answers."""
        self._plug_in(number)
        self._boot(number)
        end = time.monotonic() + _ANSWERS_WITHIN
        while self.ssh(number, "true").returncode != 0:
            if time.monotonic() > end:
                log = (self._disk(number) / "sshd.log").read_text()
                raise RuntimeError(f"host {number} does not answer:\n{log}")
            time.sleep(0.1)

    def cut_off(self, number: int) -> None:
        """Ends a host at once: nobody on the network hears a word of farewell."""
        _end(number)
        server = self._servers.pop(number, None)
        if server is not None:
            server.kill()
            server.wait(timeout=60)

    def ssh(self, number: int, command: str, *, key: Path | None = None, seconds: float = 120):
        """Runs a command on a host as root."""
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        options += ["ConnectTimeout=5", "IdentitiesOnly=yes", "BatchMode=yes"]
        words = [word for option in options for word in ("-o", option)]
        place = f"root@{self.address(number)}"
        return subprocess.run(
            ["ssh", "-i", str(key or self.key), *words, place, command],
            capture_output=True,
            text=True,
            timeout=seconds,
        )

    def down(self) -> None:
        for number in [*self._servers]:
            self.cut_off(number)

    def _disk(self, number: int) -> Path:
        return self.folder / f"host{number}"

    def _plug_in(self, number: int) -> None:
        space, link = _namespace(number), _link(number)
        _run("ip", "netns", "add", space)
        _run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
        _run("ip", "link", "set", link, "master", _BRIDGE, "up")
        _run("ip", "-n", space, "addr", "add", f"{self.address(number)}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            _run("ip", "-n", space, "link", "set", device, "up")
        # Ray takes for its own the address from which a packet would leave the network.
        _run("ip", "-n", space, "route", "add", "default", "via", self.router)

    def _boot(self, number: int) -> None:
        disk = self._disk(number)
        (disk / "home/.ssh").mkdir(parents=True, exist_ok=True, mode=0o700)
        (disk / "tmp").mkdir(exist_ok=True)
        (disk / "tmp").chmod(0o1777)
        shutil.copy(self.key.with_suffix(".pub"), disk / "home/.ssh/authorized_keys")
        # An SSH session begins with the server's PATH: that of a login has no Python of ours.
        server = ["/usr/sbin/sshd", "-D", "-e", "-o", "PidFile=none", "-o", "UsePAM=no"]
        server += ["-o", "StrictModes=no", "-o", "PermitRootLogin=yes"]
        server += ["-o", f"AuthorizedKeysFile={Path.home()}/.ssh/authorized_keys"]
        steps = [f"hostname host{number}", *self._mounts(disk), f"exec {' '.join(server)}"]
        isolated = ["unshare", "-m", "-p", "-u", "-f", "--kill-child", "--mount-proc"]
        with (disk / "sshd.log").open("wb") as log:
            self._servers[number] = subprocess.Popen(
                [
                    "ip",
                    "netns",
                    "exec",
                    _namespace(number),
                    *isolated,
                    "bash",
                    "-ec",
                    "; ".join(steps),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _mounts(self, disk: Path) -> Iterator[str]:
        """Shell commands: the host's own home and /tmp, and in them what is shared."""
        own = {Path.home(): disk / "home", Path("/tmp"): disk / "tmp"}
        for folder in self.shared:
            for outside, inside in own.items():
                if folder.is_relative_to(outside):
                    place = inside / folder.relative_to(outside)
                    yield f"mkdir -p '{place}'"
                    yield f"mount --bind '{folder}' '{place}'"
        for outside, inside in own.items():
            yield f"mount --rbind '{inside}' '{outside}'"


@contextlib.contextmanager
def hosts(shared: Sequence[Path]) -> Iterator[Hosts]:
    """A network without hosts yet; what was made is gone after the block."""
    _remove_bridge()  # of a test that was killed
    _run("ip", "link", "add", _BRIDGE, "type", "bridge")
    _run("ip", "addr", "add", f"{_NETWORK}.{_ROUTER}/24", "dev", _BRIDGE)
    _run("ip", "link", "set", _BRIDGE, "up")
    # Not below /tmp or the home folder, which hosts have of their own.
    folder = Path(tempfile.mkdtemp(prefix="neurosweep-hosts-", dir="/var/lib"))
    network = Hosts(folder, shared)
    try:
        yield network
    finally:
        network.down()
        _remove_bridge()
        shutil.rmtree(folder, ignore_errors=True)


def _remove_bridge() -> None:
    for number in range(16):
        _end(number)
    subprocess.run(["ip", "link", "del", _BRIDGE], capture_output=True)


def _end(number: int) -> None:
    """Takes away whatever there is of a host but its disk, the link to the network first."""
    space = _namespace(number)
    # By itself a link goes only some time after its namespace.
    subprocess.run(["ip", "link", "del", _link(number)], capture_output=True)
    inside = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True)
    subprocess.run(["kill", "-9", *inside.stdout.split()], capture_output=True)
    subprocess.run(["ip", "netns", "del", space], capture_output=True)


def _namespace(number: int) -> str:
    return f"nsweep{number}"


def _link(number: int) -> str:
    return f"nsw-host{number}"


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
