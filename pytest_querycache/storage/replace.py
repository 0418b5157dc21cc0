"""Writing a file so that a reader finds the old text or the new one, never half of either."""

from __future__ import annotations

import os
import tempfile
from glob import escape
from pathlib import Path

from ..errors import ReportError


def write_text(path: Path, text: str) -> None:
    """Replace a file, in a folder that is made where it is missing; raises ReportError with the path."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, text)
    except OSError as error:
        raise ReportError(f"{path}: cannot be written ({error.strerror}); check the path") from None


def replace_text(path: Path, text: str) -> None:
    """Write a text beside the file, flush it to the disk, and put it in the file's place.

    A link is followed, so that it stays a link; the old file's permissions are kept. What an earlier, killed
    writer left behind is removed: the caller holds the file's lock, so nobody is writing it. Raises OSError,
    with the old file untouched.
    """
    target = Path(os.path.realpath(path))
    for leftover in target.parent.glob(f".{escape(target.name)}.*.tmp"):
        leftover.unlink(missing_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(_mode(target))
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _flush_folder(target.parent)


def _mode(target: Path) -> int:
    try:
        return target.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _flush_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where folders can be flushed at all."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
