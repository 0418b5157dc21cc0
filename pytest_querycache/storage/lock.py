"""An advisory lock between processes that write the same file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    @contextmanager
    def exclusive(path: Path) -> Iterator[None]:
        """Hold the lock on a file that is about to be replaced; waits for another holder."""
        lock = path.with_name(f".{path.name}.lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
            yield
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        finally:
            os.close(descriptor)

else:
    import fcntl

    @contextmanager
    def exclusive(path: Path) -> Iterator[None]:
        """Hold the lock on a file that is about to be replaced; waits for another holder.

        The folder carries the lock, because the file itself is replaced by a new one and a lock file beside it
        would be litter in somebody's repository. The kernel lets go of it when the process dies.
        """
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
