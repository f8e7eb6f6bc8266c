"""A request to end a search as at the end of its budget: a file in the run directory.

`neurosweep stop` makes it, from any shell that sees the directory; the driver looks for it, hands
out no more trials once it is there, and takes it away.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import platform
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from neurosweep.errors import RunDirectoryError

__all__ = ["StopRequest"]


@dataclass(frozen=True)
class StopRequest:
    """The request to stop the search in a run directory.

    Attributes:
        run: The run directory.
    """

    run: Path

    @property
    def path(self) -> Path:
        """The file."""
        return self.run / "stop"

    def exists(self) -> bool:
        """Whether someone asked; one look at the directory."""
        return self.path.exists()

    def ask(self) -> None:
        """Asks; to ask twice is to ask once.

        Raises:
            RunDirectoryError: The file could not be written.
        """
        asked = {"asked_by": _asker(), "asked_at": datetime.now(UTC).isoformat(timespec="seconds")}
        aside = self.run / f".stop.{secrets.token_hex(4)}"
        try:
            aside.write_text(json.dumps(asked) + "\n", encoding="utf-8")
            aside.replace(self.path)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise RunDirectoryError(
                f"a search is stopped through a file in its directory, and {self.path} could not "
                f"be written ({error.strerror}); ask as a user who may write there"
            ) from None

    def take(self) -> str | None:
        """Takes the request away and returns who asked and when; None where nobody did."""
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except OSError:  # a folder, say: it was put there to stop the search
            text = ""
        with contextlib.suppress(OSError):  # whoever may not remove it leaves it to a later look
            self.path.unlink()
        return _told(text)


def _asker() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run a user that has no name
        user = f"user {os.getuid()}"
    return f"{user}, process {os.getpid()} on {platform.node()}"


def _told(text: str) -> str:
    """Who asked and when; a file that a person made by hand says less, and stops as well."""
    from reports.wording import printable

    try:
        asked = json.loads(text)
        return printable(f"{asked['asked_by']}, at {asked['asked_at']}")
    except (ValueError, KeyError, TypeError):
        return "a file named stop in the run directory"
