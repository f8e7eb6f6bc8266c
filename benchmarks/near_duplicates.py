"""How well near-duplicates are found, and how long the search takes.

    python benchmarks/near_duplicates.py [--volumes 80] [--data DIR]

The truth is made: slices of bent phantom volumes, each with a disguised copy (turned by up to 5
degrees, flipped, brightened by up to 20 %, JPEG of quality 50 to 95, or all at once). Prints the
share of copies found, kind by kind; the false alarms among all pairs of slices of one volume that
lie 3 mm or more apart; and the seconds the search takes among 1,000 to 100,000 made hashes. With
`--data`, images of a real folder are disguised and sought as well.
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scans.copies.hash_index import near_hashes
from scans.copies.resemblance import NEAR, similarities
from scans.copies.signature import HASH_BYTES, perceptual_hashes, sign_picture
from scans.files.folder import find_files
from scans.phantom.disguise import DISGUISES, disguise
from scans.phantom.volume import draw_volume
from scans.pictures.decode import decode

SLICES, SPACING, SIZE = 30, 3.0, 224
REAL_IMAGES = 2000
Signatures = NDArray[np.uint8]


def sign(pictures: list[NDArray[np.uint8]]) -> Signatures:
    return np.stack([sign_picture(Image.fromarray(picture)) for picture in pictures])


def signed_volume(number: int) -> tuple[Signatures, Signatures, list[str]]:
    """Signatures of a volume's slices and of a copy of each, and how the copies are disguised."""
    volume = draw_volume(np.random.SeedSequence(number), slices=SLICES, spacing=SPACING, size=SIZE)
    slices = [one for one in volume if one.max() > 60]  # a slice beside the head shows nothing
    return sign(slices), *signed_copies(slices, number)


def signed_copies(pictures: list[NDArray[np.uint8]], seed: int) -> tuple[Signatures, list[str]]:
    random = np.random.default_rng(seed)
    kinds = [DISGUISES[number % len(DISGUISES)] for number in range(len(pictures))]
    copies = [disguise(one, kind, random) for one, kind in zip(pictures, kinds, strict=True)]
    return sign(copies), kinds


def found_pairs(signatures: Signatures) -> set[tuple[int, int]]:
    """Pairs that the search calls near-duplicates, the way `scans.find_copies` does."""
    pairs = near_hashes(perceptual_hashes(signatures))
    near = similarities(signatures, pairs[:, 0], pairs[:, 1]) >= NEAR
    return set(map(tuple, pairs[near].tolist()))


def recall(originals: Signatures, copies: Signatures, kinds: list[str]) -> dict[str, float]:
    found = found_pairs(np.concatenate([originals, copies]))
    hits: dict[str, list[bool]] = {}
    for number, kind in enumerate(kinds):
        hits.setdefault(kind, []).append((number, number + len(kinds)) in found)
    return {kind: float(np.mean(hit)) for kind, hit in hits.items()} | {
        "every kind": float(np.mean([one for hit in hits.values() for one in hit]))
    }


def false_alarms(volumes: list[Signatures]) -> tuple[int, int, float]:
    """False alarms, pairs, and the similarity of the most similar pair, within volumes."""
    alarms, pairs, most = 0, 0, 0.0
    for signatures in volumes:
        first, second = np.triu_indices(len(signatures), 1)
        most = max(most, float(similarities(signatures, first, second).max()))
        pairs += len(first)
        alarms += len(found_pairs(signatures))
    return alarms, pairs, most


def made_hashes(count: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Hashes with a near copy of every fourth one: three bands changed by two bits."""
    originals = np.argsort(random.random((count * 4 // 5, 8, 16)), axis=2) >= 8
    copies = originals[: count - len(originals)].copy()
    for bits in copies:
        for band in bits[random.choice(8, 3, replace=False)]:
            band[random.choice(np.flatnonzero(band))] = False
            band[random.choice(np.flatnonzero(~band))] = True
    bits = np.concatenate([originals, copies]).reshape(count, 8 * HASH_BYTES)
    return np.packbits(bits, axis=1)


def real_pictures(root: Path) -> list[NDArray[np.uint8]]:
    files = [found.file for found in find_files(root).files]
    chosen = np.random.default_rng(0).permutation(len(files))[:REAL_IMAGES]
    return [decode(root / files[n], image_size=None, color="grey")[..., 0] for n in chosen]


def print_recall(title: str, shares: dict[str, float]) -> None:
    print(f"\n{title}")
    for kind, share in shares.items():
        print(f"  {kind:<12} {share:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--volumes", type=int, default=80)
    parser.add_argument("--data", type=Path, help="a folder of real images")
    options = parser.parse_args()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        signed = list(pool.map(signed_volume, range(options.volumes)))
    originals, copies = (np.concatenate([one[side] for one in signed]) for side in (0, 1))
    kinds = [kind for one in signed for kind in one[2]]
    print_recall(f"copies found, of {len(kinds):,} slices", recall(originals, copies, kinds))
    alarms, pairs, most = false_alarms([one[0] for one in signed])
    print(f"\nfalse alarms among pairs 3 mm or more apart: {alarms} of {pairs:,}")
    print(f"  most similar pair {most:.4f}; near-duplicates begin at {NEAR}")
    if options.data is not None:
        pictures = real_pictures(options.data)
        shares = recall(sign(pictures), *signed_copies(pictures, 0))
        print_recall(f"copies found, of {len(pictures):,} real images", shares)
    print("\nseconds to find the near pairs among made hashes")
    for count in (1_000, 10_000, 100_000):
        hashes = made_hashes(count, np.random.default_rng(count))
        began = time.perf_counter()
        found = len(near_hashes(hashes))
        print(f"  {count:>7,}  {time.perf_counter() - began:7.3f} s  {found:,} pairs")


if __name__ == "__main__":
    main()
