"""Files that are written whole or not at all: to a temporary name beside their place, then renamed."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from jobsim.errors import InputError

Write = Callable[[Path], object]


def write_file(path: Path, write: Write) -> None:
    """Let ``write`` make a file at a temporary path, and put it in its place.

    Raises
    ------
    InputError
        When it cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
            part = Path(folder) / path.name
            write(part)
            os.replace(part, path)
    except OSError as err:
        raise InputError(f"cannot be written: {err.strerror or err} (a file)", file=str(path)) from None


def write_folder(folder: Path, files: Mapping[str, Write], stale: Sequence[str] = ()) -> None:
    """Let each of ``files`` be written by its function; the folder shows all of them or none.

    Parameters
    ----------
    folder : Path
        Made if it is not there, with what is above it; other files in it are left alone.
    files : mapping of str to callable
    stale : sequence of str
        Files that do not belong to the new ones and go.

    Raises
    ------
    InputError
        When it cannot be written.
    """
    check_writable(folder)
    staging = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        for name, write in files.items():
            write(staging / name)
        _replace(staging, folder, stale)
    except OSError as err:
        raise unwritable(folder, err.strerror or str(err)) from None
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)


def _replace(staging: Path, folder: Path, stale: Sequence[str]) -> None:
    staging.chmod(0o755)
    if not folder.exists():
        staging.rename(folder)
        return
    with _uninterrupted():
        for name in stale:
            (folder / name).unlink(missing_ok=True)
        for path in sorted(staging.iterdir()):
            os.replace(path, folder / path.name)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait while several files become the files of one run."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if heard:
        raise KeyboardInterrupt


def check_writable(folder: Path) -> None:
    """Raise InputError if a folder could not be made or written to, without making anything."""
    if folder.is_dir():
        if not os.access(folder, os.W_OK | os.X_OK):
            raise unwritable(folder, "Permission denied")
        return
    place = folder
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise unwritable(folder, f"{place} is not a directory")
    if not os.access(place, os.W_OK | os.X_OK):
        raise unwritable(folder, f"{place}: Permission denied")


def unwritable(folder: Path, why: str) -> InputError:
    """Return the error about a folder that cannot be written."""
    return InputError(f"cannot be written: {why} (a folder to make or to write to)", file=str(folder))
