"""Whose statement it is: context variables that follow a test into its tasks, and what they cannot follow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import get_ident
from typing import Any, ClassVar, Final

from .recording import Recording
from .shape import shape_of
from .statement import Source
from .tally import Execution, Tally, leave

_MOST_OF_TRANSACTION_CONTROL: Final = 400
"""Characters above which nobody asks whether a text begins, ends or marks a transaction."""


class Owner:
    """A test that may cause statements; ``recording`` is that of its current phase, None where none is wanted."""

    __slots__ = ("is_over", "keeps_records", "name", "recording", "thread")
    is_inside: ClassVar[bool] = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.recording: Recording | None = None
        self.keeps_records = False
        self.is_over = False
        self.thread = get_ident()


class Open:
    """A statement on its way through the outermost layer that saw it; ``scope`` is what stood before it."""

    __slots__ = ("execution", "recording", "scope", "started_ns")

    def __init__(self, recording: Recording, execution: Tally | Execution, scope: Scope) -> None:
        self.recording = recording
        self.execution = execution
        self.scope = scope
        self.started_ns = recording.clock()

    def close(self, rows: int) -> None:
        """Complete the statement; ``rows`` below zero is not told."""
        leave(self.execution, self.recording.clock() - self.started_ns, rows)


Scope = Owner | Tally | Execution
NOBODY: Final = Owner("")
UNCOUNTED: Final = Tally(Source("none"), "")
"""In the place of what an outer layer has counted, where it has nothing to count; nobody reads it."""
SCOPE: Final[ContextVar[Scope]] = ContextVar("pytest_querycache_scope", default=NOBODY)
"""Whose this context is. While an outer layer executes a statement, what it has counted it in, so that the layers
below it do not. One variable says both, because every statement asks."""

_RUNNING: list[Owner] = []


class ToldByOuter:
    """A cursor that an outer layer may tell, in ``_outer``, what it has counted the statement in.

    That takes a third of the time that ``SCOPE`` takes, which is there for all that is no such cursor.
    """

    __slots__ = ()
    _outer: Tally | Execution | None


def begin(owner: Owner) -> None:
    """Make the test the owner of what this context, and those copied from it, execute from now on."""
    _RUNNING.append(owner)
    # also over an execution that was torn out of its layer, as by KeyboardInterrupt, and never closed
    SCOPE.set(owner)


def end(owner: Owner) -> None:
    """End the test; what its left-over tasks and threads still execute is nobody's."""
    owner.recording = None
    owner.is_over = True
    if owner in _RUNNING:
        _RUNNING.remove(owner)
    SCOPE.set(_RUNNING[-1] if _RUNNING else NOBODY)


def recording_without(scope: Scope, sql: object) -> Recording | None:
    """The recording of a statement whose ``scope.recording`` is None, or None when it is not to be counted.

    A statement that runs beside a test and is not certainly its own is noted as such, by the outermost layer:
    while that executes it, it keeps the layers below from asking, by ``uncounted``.
    """
    if not isinstance(scope, Owner) or not (scope is NOBODY or scope.is_over):
        return None
    if not _RUNNING:
        return None
    running = _RUNNING[-1]
    if scope is NOBODY and running.thread == get_ident():
        # a context made empty on purpose, in the one thread where the test itself runs
        return running.recording
    if running.recording is not None and not _is_transaction_control(sql):
        running.recording.unattributed += 1
        if scope.is_over:
            running.recording.left_over += 1
    return None


def enter(source: Source, sql: str) -> Open | None:
    """Count a statement, unless an outer layer has or it is nobody's; ``Open.close`` completes it.

    A caller with layers below it sets ``SCOPE`` to its ``execution`` while it executes the statement, and back to
    its ``scope`` afterwards.
    """
    scope = SCOPE.get()
    recording = scope.recording or recording_without(scope, sql)
    if recording is None:
        return None
    return Open(recording, recording.enter(source, sql), scope)


@contextmanager
def uncounted(cursor: object = None) -> Iterator[None]:
    """Keep the layers below from counting what the block executes, through this cursor if it can be told."""
    if isinstance(cursor, ToldByOuter):
        told: Any = cursor  # whose class has the slot
        told._outer = UNCOUNTED
        try:
            yield
        finally:
            told._outer = None
        return
    outside = SCOPE.get()
    SCOPE.set(UNCOUNTED)
    try:
        yield
    finally:
        SCOPE.set(outside)


def _is_transaction_control(sql: object) -> bool:
    if not isinstance(sql, str) or len(sql) > _MOST_OF_TRANSACTION_CONTROL:
        return False
    return shape_of(sql).is_transaction_control
