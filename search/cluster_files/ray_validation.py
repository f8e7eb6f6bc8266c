"""What Ray itself says of a file of its launcher, offline and without its prints."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
from collections.abc import Iterator
from typing import Any

from search.cluster_files.findings import Finding, error, warning

__all__ = ["ray_defaults", "ray_findings"]

_ADVICE = "compare with cluster.yaml, whose keys have their reasons beside them"


def ray_findings(document: dict[str, Any]) -> list[Finding]:
    """Ray's own validation: `prepare_config`, which fills in defaults, and `validate_config`."""
    try:
        with _quietly():
            from ray.autoscaler._private.util import prepare_config, validate_config

            validate_config(prepare_config(copy.deepcopy(document)))
    except ImportError as failure:
        name = failure.name or "a package"
        return [
            warning("ray", f"Ray's validation needs {name}", f"pip install {name}, and check again")
        ]
    except (Exception, SystemExit) as failure:  # noqa: BLE001  Ray raises of everything at bad files
        return [error("ray", f"Ray refuses the file: {_said(failure)}", _ADVICE)]
    return []


def ray_defaults(provider: str) -> dict[str, Any]:
    """What Ray puts where a file of this provider says nothing; empty for one it does not know."""
    try:
        with _quietly():
            from ray.autoscaler._private.providers import _get_default_config

            return dict(_get_default_config({"type": provider}))
    except (NotImplementedError, ImportError, OSError):
        return {}


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Ray's launcher prints warnings of its own style to both streams; ours say what matters."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def _said(failure: BaseException) -> str:
    """The message in a line; of a mistake against the schema, with its place."""
    path = [str(part) for part in getattr(failure, "absolute_path", ())]
    message = str(getattr(failure, "message", failure)) or type(failure).__name__
    if isinstance(failure, KeyError | AttributeError | TypeError):
        message = f"{type(failure).__name__}: {message}"
    text = " ".join(message.split())
    text = text if len(text) <= 300 else f"{text[:300]}…"
    return f"{'.'.join(path)}: {text}" if path else text
