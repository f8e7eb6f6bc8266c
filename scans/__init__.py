"""What is learned from: image folders in, arrays out.

Manifest, audit, split, decoded cache and phantom data. Names are loaded when they are first asked
for, so that a command that needs few of them answers at once, and helper processes start at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scans.auditing.audit import audit
    from scans.auditing.showcase import choose_shown
    from scans.caches.decoded import default_cache
    from scans.copies.grouping import divide, group_images, groups_file_of
    from scans.copies.search import Copies, find_copies
    from scans.dataset import Dataset, ImageRows, Source, build_caches, open_dataset, rows_of
    from scans.division.clean import clean_test_rows
    from scans.division.folds import fold_split
    from scans.division.split import Division, parts_hash, split
    from scans.files.whole_files import remove_unfinished, write_whole
    from scans.manifest import Manifest, Unreadable, read_manifest
    from scans.phantom import write_phantom
    from scans.pictures.decode import decode
    from scans.pictures.thumbnail import thumbnail

__all__ = [
    "Copies",
    "Dataset",
    "Division",
    "ImageRows",
    "Manifest",
    "Source",
    "Unreadable",
    "audit",
    "build_caches",
    "choose_shown",
    "clean_test_rows",
    "decode",
    "default_cache",
    "divide",
    "find_copies",
    "fold_split",
    "group_images",
    "groups_file_of",
    "open_dataset",
    "parts_hash",
    "read_manifest",
    "remove_unfinished",
    "rows_of",
    "split",
    "thumbnail",
    "write_phantom",
    "write_whole",
]

_HOMES = {
    "Copies": "scans.copies.search",
    "Dataset": "scans.dataset",
    "Division": "scans.division.split",
    "ImageRows": "scans.dataset",
    "Manifest": "scans.manifest",
    "Source": "scans.dataset",
    "Unreadable": "scans.manifest",
    "audit": "scans.auditing.audit",
    "build_caches": "scans.dataset",
    "choose_shown": "scans.auditing.showcase",
    "clean_test_rows": "scans.division.clean",
    "decode": "scans.pictures.decode",
    "default_cache": "scans.caches.decoded",
    "divide": "scans.copies.grouping",
    "find_copies": "scans.copies.search",
    "fold_split": "scans.division.folds",
    "group_images": "scans.copies.grouping",
    "groups_file_of": "scans.copies.grouping",
    "open_dataset": "scans.dataset",
    "parts_hash": "scans.division.split",
    "read_manifest": "scans.manifest",
    "remove_unfinished": "scans.files.whole_files",
    "rows_of": "scans.dataset",
    "split": "scans.division.split",
    "thumbnail": "scans.pictures.thumbnail",
    "write_phantom": "scans.phantom",
    "write_whole": "scans.files.whole_files",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'scans' has no attribute {name!r}")
    found: object = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
