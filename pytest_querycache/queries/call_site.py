"""Where in the user's own code a statement comes from."""

from __future__ import annotations

import sys
import sysconfig
from contextvars import ContextVar
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

_PACKAGE: Final = str(Path(__file__).resolve().parents[1])
_INSTALLED: Final = ("site-packages", "dist-packages")


CallSite = tuple[int, int]
"""A place in a function: the identity of its code, and the instruction's offset; ``CallSites`` makes a line of it."""


CALLER: Final[ContextVar[FrameType | None]] = ContextVar("pytest_querycache_caller", default=None)
"""The user's frame that sent work to another thread, whose own stack does not know it."""


class CallSites:
    """Finds the innermost frame of the user's code: not of the standard library, an installed package, or ours.

    ``root`` is the folder that shown paths are relative to. What a file is, is looked up once for each file.
    """

    __slots__ = ("_codes", "_root", "_standard", "own")

    def __init__(self, root: str = "") -> None:
        self._root = root
        self.own: dict[str, bool] = {}
        """Whether a file is the user's, for the files met so far."""
        self._codes: dict[int, CodeType] = {}
        paths = sysconfig.get_paths()
        self._standard = tuple({_with_separator(paths[name]) for name in ("stdlib", "platstdlib")})

    def own_frame(self, frame: FrameType | None) -> FrameType | None:
        """Return the innermost frame of the user's code at or above a frame."""
        own = self.own
        while frame is not None:
            filename = frame.f_code.co_filename
            is_own = own.get(filename)
            if is_own:
                return frame
            if is_own is None:
                own[filename] = self._is_own(filename)
            else:
                frame = frame.f_back
        found = self._own_frame_outside_greenlet() if "greenlet" in sys.modules else None
        return found or CALLER.get()

    def remember(self, frame: FrameType) -> None:
        """Keep the function of a place alive, so that its identity is given to no other one."""
        self._codes[id(frame.f_code)] = frame.f_code

    def shown(self, site: CallSite | None) -> str:
        """``tests/shop/views.py:41 in list_orders``; empty for a place that is not known."""
        if site is None:
            return ""
        code = self._codes.get(site[0])
        if code is None:
            return ""
        path = code.co_filename
        if self._root and path.startswith(_with_separator(self._root)):
            path = path[len(_with_separator(self._root)) :]
        elif Path(path).is_absolute():
            path = "/".join(Path(path).parts[-3:])
        return f"{path.replace(chr(92), '/')}:{_line_of(code, site[1])} in {_function_of(code)}"

    def _own_frame_outside_greenlet(self) -> FrameType | None:
        """Look further where SQLAlchemy's asyncio engines execute: in a greenlet, whose stack ends at its start."""
        parent = sys.modules["greenlet"].getcurrent().parent
        while parent is not None and parent.gr_frame is None:
            parent = parent.parent
        frame = None if parent is None else parent.gr_frame
        while frame is not None:
            filename = frame.f_code.co_filename
            is_own = self.own.get(filename)
            if is_own is None:
                is_own = self.own[filename] = self._is_own(filename)
            if is_own:
                break
            frame = frame.f_back
        own_frame: FrameType | None = frame
        return own_frame

    def _is_own(self, filename: str) -> bool:
        if filename.startswith(("<", _with_separator(_PACKAGE))):
            return False
        if any(part in _INSTALLED for part in Path(filename).parts):
            return False
        return not filename.startswith(self._standard)


def _function_of(code: CodeType) -> str:
    """The function a line stands in: for a comprehension or a lambda the one around it, where Python tells."""
    names = getattr(code, "co_qualname", code.co_name).split(".")
    return next((name for name in reversed(names) if not name.startswith("<")), code.co_name)


def _line_of(code: CodeType, offset: int) -> int:
    for start, stop, line in code.co_lines():
        if start <= offset < stop and line is not None:
            return line
    return code.co_firstlineno


def _with_separator(folder: str) -> str:
    return folder.rstrip("/\\") + ("\\" if "\\" in folder else "/")
