"""Whose statement it is: context variables that follow a test into its tasks, and what they cannot follow."""

from __future__ import annotations

from contextvars import ContextVar
from sys import _getframe
from threading import get_ident
from typing import Final

from .recording import Recording
from .statement import Source
from .tally import Execution, Tally


class Owner:
    """A test that may cause statements; ``recording`` is that of its current phase, None where none is wanted."""

    __slots__ = ("is_over", "keeps_records", "name", "recording", "thread")

    def __init__(self, name: str) -> None:
        self.name = name
        self.recording: Recording | None = None
        self.keeps_records = False
        self.is_over = False
        self.thread = get_ident()


class Open:
    """A statement on its way through the outermost layer that saw it."""

    __slots__ = ("execution", "recording", "started_ns")

    def __init__(self, recording: Recording, execution: Tally | Execution) -> None:
        self.recording = recording
        self.execution = execution
        self.started_ns = recording.clock()

    def close(self, rows: int) -> None:
        """Complete the statement; ``rows`` below zero is not told."""
        self.execution.leave(self.recording.clock() - self.started_ns, rows)


OWNER: Final[ContextVar[Owner | None]] = ContextVar("pytest_querycache_owner", default=None)
INSIDE: Final[ContextVar[Tally | Execution | None]] = ContextVar("pytest_querycache_inside", default=None)
"""What an outer layer has counted the statement in, so that the layers below it do not."""

_RUNNING: list[Owner] = []


def begin(owner: Owner) -> None:
    """Make the test the owner of what this context, and those copied from it, execute from now on."""
    _RUNNING.append(owner)
    OWNER.set(owner)
    # an execution that was torn out of its layer, as by KeyboardInterrupt, never closed its statement
    INSIDE.set(None)


def end(owner: Owner) -> None:
    """End the test; what its left-over tasks and threads still execute is nobody's."""
    owner.recording = None
    owner.is_over = True
    if owner in _RUNNING:
        _RUNNING.remove(owner)
    OWNER.set(_RUNNING[-1] if _RUNNING else None)


def current_recording() -> Recording | None:
    """The recording a statement of this context belongs to, or None when it is not to be counted."""
    owner = OWNER.get()
    if owner is not None:
        recording = owner.recording
        if recording is not None or not owner.is_over:
            return recording
    return _recording_without_owner(owner)


def _recording_without_owner(former: Owner | None) -> Recording | None:
    if not _RUNNING:
        return None
    running = _RUNNING[-1]
    if former is None and running.thread == get_ident():
        # a context made empty on purpose, in the one thread where the test itself runs
        return running.recording
    if running.recording is not None:
        running.recording.unattributed += 1
    return None


def enter(source: Source, sql: str) -> Open | None:
    """Count a statement, unless an outer layer has or it is nobody's; ``Open.close`` completes it.

    A caller with layers below it sets ``INSIDE`` to its ``execution`` while it executes the statement.
    """
    if INSIDE.get() is not None:
        return None
    recording = current_recording()
    if recording is None:
        return None
    return Open(recording, recording.enter(source, sql, _getframe(1)))
