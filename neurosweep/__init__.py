"""What every room stands on: the version and the tree of errors.

The rooms (`spaces`, `scans`, `reports`, `trainables`, `search`) may all import this package;
it imports none of them.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
