"""The images of a run, as caches of features know them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import scans
from trainables.features.frozen import Frozen, store_of
from trainables.features.store import FeatureStore

__all__ = ["Images"]


@dataclass(frozen=True, kw_only=True)
class Images:
    """The images of a run, without a single one of them being read."""

    source: scans.Source
    rows: scans.ImageRows

    @classmethod
    def of(cls, source: scans.Source) -> Images:
        """Takes the rows from the source's split."""
        return cls(source=source, rows=scans.rows_of(source))

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the rows."""
        return self.rows.files

    @property
    def fingerprint(self) -> str:
        """Of the images."""
        return self.source.fingerprint

    @property
    def cache(self) -> Path:
        """Folder of the source's caches."""
        return self.source.cache

    def store(self, frozen: Frozen) -> FeatureStore:
        """Where a backbone's features are kept."""
        return store_of(frozen, self)
