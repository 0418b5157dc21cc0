"""The temporary folder that holds what confirmation lays out: base commits, their builds, the arms' own files.

Whoever made a folder holds the kernel's lock on it. The kernel lets go when the process dies, however it dies, so
a folder that nobody holds is what a killed session left; neither a process number that was given out again nor
a clock that was set can make it look otherwise.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from time import monotonic
from types import TracebackType

_PREFIX = "pytest-querycache-"
_PATIENCE_S = 5.0


class Workspace:
    """A temporary folder of this session's own, gone when it is closed.

    Making one also clears what killed sessions of the same user left in the folder for temporary files.
    """

    def __init__(self) -> None:
        _clear_abandoned(Path(tempfile.gettempdir()))
        while True:
            self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
            self.path = Path(self._folder.name)
            self._held = _hold(self.path, wait=True)
            if self.path.is_dir():
                break
            # another session cleared it in the moment before it was held
            _release(self._held)
            self._folder.cleanup()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the folder."""
        held, self._held = self._held, None
        if sys.platform == "win32":
            _release(held)  # a file that is open cannot be removed there
            self._folder.cleanup()
        else:
            self._folder.cleanup()
            _release(held)


def _clear_abandoned(parent: Path) -> None:
    """Remove the folders nobody holds; quietly, and no more of them once the time for it is over."""
    deadline = monotonic() + _PATIENCE_S
    try:
        folders = [path for path in parent.iterdir() if path.name.startswith(_PREFIX)]
    except OSError:
        return
    for folder in folders:
        if monotonic() > deadline:
            return
        _clear(folder)


def _clear(folder: Path) -> None:
    if not _is_own_folder(folder):
        return
    try:
        held = _hold(folder, wait=False)
    except OSError:
        return
    if held is None:
        return
    if sys.platform == "win32":
        _release(held)
    _remove(folder)
    if sys.platform != "win32":
        _release(held)


def _is_own_folder(folder: Path) -> bool:
    """Whether it is a folder, not a link to one, and belongs to the user of this session."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and (sys.platform == "win32" or status.st_uid == os.getuid())


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    for parent, _, files in os.walk(folder):  # links to folders are not followed
        _make_removable(Path(parent))
        if sys.platform == "win32":
            for file in files:
                _make_removable(Path(parent, file))
    shutil.rmtree(folder, ignore_errors=True)


def _make_removable(path: Path) -> None:
    try:
        path.chmod(stat.S_IRWXU)
    except OSError:
        pass  # removing it will fail again, and nothing depends on it


def _release(held: int | None) -> None:
    if held is not None:
        os.close(held)


if sys.platform == "win32":

    def _hold(folder: Path, *, wait: bool) -> int | None:
        """Hold a folder; None when another process does.

        An open file cannot be removed, so one that can be belongs to nobody.
        """
        file = folder / "held"
        if not wait:
            try:
                file.unlink(missing_ok=True)
            except OSError:
                return None
        return os.open(file, os.O_RDWR | os.O_CREAT)

else:
    import fcntl

    def _hold(folder: Path, *, wait: bool) -> int | None:
        """Hold a folder; None when another process does, or where the file system knows no locks."""
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            os.close(descriptor)
            return None
        return descriptor
