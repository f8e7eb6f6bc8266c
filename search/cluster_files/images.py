"""Which image has which Ray and which Python: the table, and how a tag is read.

Ray refuses a node whose Ray or Python differs from the head's, be it in the patch level, so the
nodes of a cluster need images that agree. What is not known for sure is said to be not known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["IMAGES", "LOOKED_UP", "OUR_PYTHON", "OUR_RAY", "Image", "Tag", "parse", "python_of"]

OUR_RAY = "2.60.0"
"""The Ray of constraints.txt."""

OUR_PYTHON = "3.11.7"
"""The Python that this project is tested with, and that clusters/Dockerfile has."""

LOOKED_UP = "2026-11-25"
"""The day on which the table was made."""

_CONDA = (
    "Ray's docker/base-deps/Dockerfile asks conda for `python=3.11`, which is the newest 3.11 of "
    "the day of the build"
)


@dataclass(frozen=True, kw_only=True)
class Image:
    """A row of the table.

    Args:
        name: Repository and tag.
        ray: The Ray inside; empty for none.
        python: The Python inside to the patch level; None where that is not verified.
        source: How this is known, or why not.
    """

    name: str
    ray: str
    python: str | None
    source: str

    @property
    def command(self) -> str:
        """The command that shows what is inside."""
        return f"docker run --rm {self.name} python -V"


IMAGES = (
    Image(
        name="rayproject/ray:2.60.0-py311-cpu",
        ray="2.60.0",
        python=None,
        source=f"Ray by the tag; {_CONDA}",
    ),
    Image(
        name="rayproject/ray:2.60.0-py311-gpu",
        ray="2.60.0",
        python=None,
        source=f"Ray by the tag; {_CONDA}, which may be another day than that of -cpu",
    ),
    Image(
        name="python:3.11.7-slim-bookworm",
        ray="",
        python="3.11.7",
        source="by the tag; what clusters/Dockerfile begins with",
    ),
    Image(
        name="REGISTRY/neurosweep:2.60.0-py3.11.7",
        ray="2.60.0",
        python="3.11.7",
        source="clusters/Dockerfile, whose build ends with an error if it is not so",
    ),
)
"""The images that the cluster files and the Dockerfile name."""

_RAYS_OWN = re.compile(r"(?:docker\.io/)?rayproject/ray(?:-\w+)?")
_RAY_TAG = re.compile(r"(?P<ray>\d+\.\d+\.\d+)(?:-py(?P<major>\d)(?P<minor>\d+))?(?:-.*)?")
_OUR_TAG = re.compile(r"(?P<ray>\d+\.\d+\.\d+)-py(?P<python>\d+\.\d+\.\d+)(?:-.*)?")


@dataclass(frozen=True, kw_only=True)
class Tag:
    """What the reference of an image says.

    Args:
        repository: The name without tag and digest.
        tag: The tag; empty for none.
        digest: Whether the image is named by its digest.
        rays_own: Whether it is one that the makers of Ray publish.
        ray: The Ray that the tag names, None if it names none.
        python: The Python that the tag names, `3.11` or `3.11.7`, None if it names none.
    """

    repository: str
    tag: str
    digest: bool
    rays_own: bool
    ray: str | None
    python: str | None


def parse(reference: str) -> Tag:
    """Reads the reference of an image, `REPOSITORY[:TAG][@DIGEST]`."""
    name, _, digest = reference.partition("@")
    head, colon, tail = name.rpartition(":")
    repository, tag = (head, tail) if colon and "/" not in tail else (name, "")
    rays_own = _RAYS_OWN.fullmatch(repository) is not None
    ours = _OUR_TAG.fullmatch(tag)
    if ours is not None:
        ray, python = ours["ray"], ours["python"]
    else:
        ray, python = _of_ray(tag)
    return Tag(
        repository=repository,
        tag=tag,
        digest=bool(digest),
        rays_own=rays_own,
        ray=ray,
        python=python,
    )


def python_of(tag: Tag) -> str | None:
    """The Python of an image to the patch level, from its tag or the table; None if not known."""
    if tag.python is not None and tag.python.count(".") == 2:
        return tag.python
    known = {image.name: image.python for image in IMAGES}
    return known.get(f"{tag.repository.removeprefix('docker.io/')}:{tag.tag}")


def _of_ray(tag: str) -> tuple[str | None, str | None]:
    found = _RAY_TAG.fullmatch(tag)
    if found is None:
        return None, None
    python = f"{found['major']}.{found['minor']}" if found["major"] else None
    return found["ray"], python
