"""What is learned from: image folders in, arrays out.

Manifest, audit, split, decoded cache and phantom data. Importing this room loads neither
scikit-learn nor nilearn nor SciPy: the functions that need them import them.
"""

from scans.audit import audit
from scans.cache import default_cache
from scans.clean import clean_test_rows
from scans.dataset import Dataset, Source, open_dataset
from scans.decode import decode
from scans.folds import fold_split
from scans.manifest import Manifest, Unreadable, read_manifest
from scans.phantom import write_phantom
from scans.split import split

__all__ = [
    "Dataset",
    "Manifest",
    "Source",
    "Unreadable",
    "audit",
    "clean_test_rows",
    "decode",
    "default_cache",
    "fold_split",
    "open_dataset",
    "read_manifest",
    "split",
    "write_phantom",
]
