"""Container images: pinned, with our Ray and Python, and the same on all nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from search.cluster_files.findings import Finding, error, warning
from search.cluster_files.images import OUR_PYTHON, OUR_RAY, Tag, parse, python_of
from search.cluster_files.launcher import LauncherFile
from search.cluster_files.reading import mapping

__all__ = ["image_findings", "launcher_images"]

_MOVING = {"latest", "nightly", "main", "master", "dev", "stable", "edge"}

_TAKE = f"take one from the table in docs/cluster_files.md, with Ray {OUR_RAY}"


def launcher_images(file: LauncherFile) -> dict[str, str]:
    """The images of a file of Ray's launcher, by the place where they stand."""
    docker = mapping(file.written, "docker")
    found = {f"docker.{key}": docker.get(key) for key in ("image", "head_image", "worker_image")}
    for name, kind in {**file.workers, "head": file.head}.items():
        place = f"available_node_types.{name}.docker.worker_image"
        found[place] = mapping(kind, "docker").get("worker_image")
    images = {place: image for place, image in found.items() if isinstance(image, str) and image}
    if "docker.head_image" in images and "docker.worker_image" in images:
        images.pop("docker.image", None)  # nobody takes it
    return images


def image_findings(images: Mapping[str, str]) -> Iterator[Finding]:
    """What is wrong with each image, and whether they agree.

    Args:
        images: References of images by the place where they stand.
    """
    for place, image in images.items():
        yield from _of_one(f"{place}: {image}", parse(image))
    if len(set(images.values())) > 1:
        yield from _together(images)


def _of_one(received: str, tag: Tag) -> Iterator[Finding]:
    if not tag.digest and (not tag.tag or tag.tag.split("-")[0] in _MOVING):
        yield error("image", f"{received} is another image tomorrow", f"pin it by its tag; {_TAKE}")
        return
    if tag.ray is not None and tag.ray != OUR_RAY:
        yield error("image", f"{received} has Ray {tag.ray}, ours is {OUR_RAY}", _TAKE)
    elif tag.rays_own and tag.ray is None and not tag.digest:
        yield error("image", f"{received} does not say which Ray it has", _TAKE)
    if tag.rays_own and tag.ray is not None and tag.python is None:
        yield error("image", f"{received} does not say which Python it has", f"{_TAKE}-py311")
    python = python_of(tag) or tag.python
    if python is not None and not _agrees(python):
        yield error("image", f"{received} has Python {python}, ours is {OUR_PYTHON}", _TAKE)


def _agrees(python: str) -> bool:
    return python == OUR_PYTHON or OUR_PYTHON.startswith(f"{python}.")


def _together(images: Mapping[str, str]) -> Iterator[Finding]:
    """Different images on one cluster must be known to have the same Python."""
    pythons = {image: python_of(parse(image)) for image in images.values()}
    if None not in pythons.values() and len(set(pythons.values())) == 1:
        return
    said = ", ".join(
        f"{image} (Python {python or 'not known'})" for image, python in pythons.items()
    )
    yield warning(
        "image",
        f"different images on one cluster: {said}",
        "Ray refuses a node whose Python differs in the patch level: use one image for all, or "
        "compare what `docker run --rm IMAGE python -V` says",
    )
