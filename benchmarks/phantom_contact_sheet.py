"""Draws the contact sheet of docs/images/phantom.png: ten slices of each class.

python benchmarks/phantom_contact_sheet.py docs/images/phantom.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from scans.phantom.folder import draw_phantom
from scans.phantom.lesions import LESIONS

SLICES_OF_EACH = 10
SIZE = 112  # pixels; a sheet is looked at, not trained on


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    rows = [
        np.hstack(
            [
                draw_phantom(label, np.random.SeedSequence(7, spawn_key=(row, column)), size=SIZE)
                for column in range(SLICES_OF_EACH)
            ]
        )
        for row, label in enumerate(LESIONS)
    ]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.vstack(rows)).save(options.output, optimize=True)


if __name__ == "__main__":
    main()
