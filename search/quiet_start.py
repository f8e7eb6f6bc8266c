"""Loads TensorFlow without its greeting.

TensorFlow's libraries write lines about the processor and missing GPUs straight to file
descriptor 2 while they are loaded, before any log level of theirs is looked at. A user who runs
`neurosweep predict` should see predictions.
"""

from __future__ import annotations

import os
import sys
import tempfile

__all__ = ["load_tensorflow"]


def load_tensorflow() -> None:
    """Imports TensorFlow with standard error held back; shows it if the import fails."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        real = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            held.seek(0)
            os.write(real, held.read())
            raise
        finally:
            os.dup2(real, 2)
            os.close(real)
