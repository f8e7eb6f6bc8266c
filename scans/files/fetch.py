"""Gets the Kaggle set that the papers used, whole or not at all."""

import contextlib
import errno
import logging
import os
import shutil
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from neurosweep.errors import DataError
from neurosweep.extras import install_extra
from scans.files.folder import find_files
from scans.files.known_sets import BRAIN_TUMOR_MRI, KnownSet, describe, recognise, total

PAGE = "https://www.kaggle.com/datasets/masoudnickparvar/brain-tumor-mri-dataset"
"""Where a person finds the set."""

# Version 1 is the one with 7,023 images, version 2 of February 2026 the one with 7,200: so say
# repositories that trained on the one before that date and on the other since. That cannot be
# looked up without Kaggle, so the counts of what came decide.
_HANDLE = "masoudnickparvar/brain-tumor-mri-dataset/versions/1"

_EXTRA = f"`{install_extra('kaggle')}` in the checkout"


def fetch(folder: Path, *, wanted: KnownSet = BRAIN_TUMOR_MRI) -> None:
    """Download the set into `folder`, which appears when all of it is there and was counted.

    It is gathered in a hidden folder beside it, on the same disk, and renamed. What an interrupted
    download or a broken line left there is taken up by the next call; any other failure removes it.

    Args:
        folder: The folder to make; it must not exist, or be empty.
        wanted: The counts that the download must have.

    Raises:
        DataError: `folder` holds something, kagglehub is not installed, Kaggle cannot be reached or
            refuses, the download is damaged or has other counts, or the disk is full. Each message
            says how to get the set by hand.
    """
    folder = folder.expanduser().absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} exists and is not an empty folder; name another one")
    _load_kagglehub(folder)
    aside = folder.with_name(f".{folder.name}.fetching")
    with _errors_as_data_errors(folder, aside), _alone(aside):
        files = _download(aside)
        _check_counts(files, wanted, folder)
        if folder.exists():
            folder.rmdir()
        files.rename(folder)
    shutil.rmtree(aside, ignore_errors=True)


def by_hand(folder: Path) -> str:
    """Say how a person gets the set into `folder` without this program."""
    return (
        f"To get it by hand: sign in at {PAGE}, choose version 1 and Download, unzip it into "
        f"{folder}, so that Training and Testing stand there, then `neurosweep audit {folder}`"
    )


def _load_kagglehub(folder: Path) -> None:
    """Import it, or raise before anything is made; its bar is shown, its talk of caches is not."""
    try:
        # Its log goes where standard output points now, which belongs to the command's result.
        with contextlib.redirect_stdout(sys.stderr):
            import kagglehub  # noqa: F401
        logging.getLogger("kagglehub").setLevel(logging.WARNING)
    except ImportError as error:
        raise DataError(
            f"downloading from Kaggle needs kagglehub, which is missing ({error}); install it with "
            f"{_EXTRA}. {by_hand(folder)}"
        ) from error


@contextlib.contextmanager
def _alone(aside: Path) -> Iterator[None]:
    """Make the folder beside; only one process at a time may gather there."""
    aside.mkdir(parents=True, exist_ok=True)
    try:
        # The system drops the lock with the process, so a killed one holds nobody up.
        with FileLock(aside / "lock", timeout=0):
            yield
    except Timeout:
        raise _BusyError(
            f"another process is downloading into {aside}; wait for it, or name another folder"
        ) from None


class _BusyError(DataError):
    """Somebody else gathers in the folder beside: what is there is not ours to remove."""


def _download(aside: Path) -> Path:
    """Have kagglehub download and unpack into `aside`; return where the files are.

    Its cache is put there rather than its output folder: the cache goes on with half an archive.
    """
    settings = {
        "KAGGLEHUB_CACHE": str(aside),
        # Inside Kaggle's and Colab's notebooks it would hand out a mounted folder instead.
        "DISABLE_KAGGLE_CACHE": "true",
        "DISABLE_COLAB_CACHE": "true",
    }
    import kagglehub

    with _environment(settings), contextlib.redirect_stdout(sys.stderr):
        return Path(kagglehub.dataset_download(_HANDLE))


@contextlib.contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    """Set environment variables for the length of the block."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _check_counts(files: Path, wanted: KnownSet, folder: Path) -> None:
    """Raise unless the download has the wanted number of images in every part and class."""
    try:
        found = find_files(files).files
    except DataError as error:
        raise DataError(
            f"Kaggle sent no folder of images as expected ({error}). {by_hand(folder)}"
        ) from error
    counts: dict[str, dict[str, int]] = {}
    for (part, label), number in Counter((one.part, one.label) for one in found).items():
        counts.setdefault(part, {})[label] = number
    if counts == wanted.counts:
        return
    known = recognise(counts, "")
    what = "" if known is None else f": {known.name}"
    raise DataError(
        f"the download must be the {wanted.name} ({describe(wanted.counts)}), but Kaggle sent "
        f"{total(counts):,} ({describe(counts)}){what}. Nothing was kept. {by_hand(folder)}"
    )


@contextlib.contextmanager
def _errors_as_data_errors(folder: Path, aside: Path) -> Iterator[None]:
    """Turn whatever goes wrong into a message, and remove what no later call can use."""
    try:
        yield
    except (_BusyError, KeyboardInterrupt):
        raise
    except DataError:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    except Exception as error:
        message, can_go_on = _explain(error)
        if not can_go_on:
            shutil.rmtree(aside, ignore_errors=True)
        raise DataError(f"{message}. {by_hand(folder)}") from error


def _explain(error: Exception) -> tuple[str, bool]:
    """What went wrong, and whether a later call can go on with what is there.

    Anything else is raised again: an error of ours must not look like one of Kaggle's.
    """
    from kagglehub.exceptions import DataCorruptionError
    from requests import HTTPError, RequestException

    if isinstance(error, HTTPError):
        error.response.close()  # kagglehub leaves it open
        return _refusal(error.response.status_code), False
    if isinstance(error, RequestException):
        told = str(error).splitlines()[0]
        return (
            f"Kaggle could not be reached, or the line broke ({told}); is there an internet "
            "connection? The same command goes on with what has arrived",
            True,
        )
    if isinstance(error, OSError):
        return _disk_trouble(error), False
    if isinstance(error, DataCorruptionError | ValueError | zipfile.BadZipFile | zlib.error):
        return f"what Kaggle sent could not be used ({str(error).strip()})", False
    raise error


def _refusal(status: int) -> str:
    """What an answer of Kaggle's servers means."""
    if status in (401, 403):
        return (
            f"Kaggle refused the download (status {status}); it wants an account: make a token at "
            "https://www.kaggle.com/settings/api and put it into the environment as "
            "KAGGLE_API_TOKEN"
        )
    if status == 404:
        return f"Kaggle has no {_HANDLE} any more (status 404)"
    return f"Kaggle could not serve the download (status {status}); try again later"


def _disk_trouble(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return (
            "the disk is full; it must hold archive and images at once while they are unpacked: "
            "make space, or name a folder on another disk"
        )
    return (
        f"the download could not be written ({error.strerror or error}); name a folder that you "
        "may write to"
    )
