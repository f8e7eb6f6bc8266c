"""Weight files in Keras' old layout that take no space: their numbers are all one fill value."""

import hashlib
import json

import h5py
import numpy as np

from spaces import BACKBONES


def write_small(folder, name, *, file=None, values=None, layers=1):
    """A file with as many numbers as the backbone has, under Keras' own name; returns it."""
    record = BACKBONES[name]
    path = folder / (file or record.weights_file)
    total = record.parameters if values is None else values
    sizes = [total // layers + (total % layers if one == 0 else 0) for one in range(layers)]
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as written:
        written.attrs["layer_names"] = np.array([f"layer_{n}".encode() for n in range(layers)])
        for number, size in enumerate(sizes):
            group = written.create_group(f"layer_{number}")
            group.attrs["weight_names"] = np.array([b"kernel:0"])
            group.create_dataset("kernel:0", (size,), np.float32, chunks=(min(size, 4096),))
        written.attrs["of"] = name
    return path


def entry(path, name, **changes):
    """What a truthful weights.json says of a file, but for the changes."""
    content = path.read_bytes()
    told = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "backbone": name,
        "source": "a test",
    }
    return {**told, **changes}


def write_listing(folder, files, **changes):
    """A weights.json; `files` maps names to entries."""
    path = folder / "weights.json"
    path.write_text(json.dumps({"schema": 1, "files": files, **changes}))
    return path


def stage_small(folder, *names):
    """Small files of several backbones with a truthful weights.json."""
    files = {}
    for name in names:
        path = write_small(folder, name)
        files[path.name] = entry(path, name)
    write_listing(folder, files)
    return folder
