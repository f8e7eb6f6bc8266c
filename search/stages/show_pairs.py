"""Pictures of copies, put into the run directory for the report to show."""

from __future__ import annotations

from typing import Any

import scans
from search.runs.run_directory import RunDirectory

__all__ = ["show_pairs"]

_FOLDER = "audit"


def show_pairs(
    run: RunDirectory, manifest: scans.Manifest, copies: scans.Copies
) -> list[dict[str, Any]]:
    """Writes small pictures of a few pairs of copies below audit/.

    Returns:
        What audit.json says of them under `shown`: kind, files, labels, parts, similarity and the
        names of the pictures.
    """
    chosen = scans.choose_shown(manifest, copies)
    shown = []
    for number, (kind, twins) in enumerate(chosen):
        pictures = []
        for side, file in zip("ab", twins.files, strict=True):
            name = f"{_FOLDER}/{number:03}-{side}.png"
            run.write(name, scans.thumbnail(manifest.root / file))
            pictures.append(name)
        shown.append(
            {
                "kind": kind,
                "files": list(twins.files),
                "labels": list(twins.labels),
                "parts": list(twins.parts),
                "similarity": twins.similarity,
                "pictures": pictures,
            }
        )
    return shown
