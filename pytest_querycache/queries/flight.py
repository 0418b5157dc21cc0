"""Single-flight: one factory run in the air for a key, and everybody else who wants it waiting.

Waiting can go wrong in one way: in a circle. A factory that asks for its own key, two threads that each
compile what the other waits for, a blocking look-up on the thread whose event loop has to finish the
compilation. So the waits of all caches are kept as one graph, and whoever would close a circle is told to
compile for himself instead. Nodes are flights and threads: a flight needs the thread its leader runs on, a
blocked thread needs the flight it waits for, and a flight needs every flight awaited from inside its factory.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Hashable
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .statistics import Account

_inside: ContextVar[tuple[Flight, ...]] = ContextVar("pytest_querycache_inside", default=())
_graph = threading.RLock()  # re-entrant: a finaliser or signal handler may land here while it is held
# Thread ident → the flights it waits for: one, or more where a signal handler looks something up meanwhile.
_blocked: dict[int, list[Flight]] = {}


class Flight:
    """One run of a factory, from the look-up that started it to its landing.

    It lands in one of three ways: with a value, with an ``Exception`` for everybody who waits, or abandoned.
    Abandoned means that what ended it was addressed to the leader and says nothing about the query: a
    KeyboardInterrupt or SystemExit, the cancellation of its task, a test outcome such as ``pytest.skip``.
    Those who waited then ask again, and one of them becomes the leader.
    """

    __slots__ = (
        "_awaited",
        "_on_landing",
        "_thread",
        "_traceback",
        "abandoned",
        "account",
        "error",
        "landed",
        "signature",
        "started_ns",
        "tags",
        "value",
    )

    def __init__(self, signature: Hashable, tags: frozenset[str], account: Account) -> None:
        self.signature = signature
        self.tags = tags
        self.account = account
        self.started_ns: int | None = None
        self.landed = False
        self.abandoned = False
        self.value: Any = None
        self.error: Exception | None = None
        self._traceback: Any = None
        self._thread = threading.get_ident()
        self._awaited: list[Flight] = []
        self._on_landing: list[Callable[[], object]] = []

    def enter(self) -> Token[tuple[Flight, ...]]:
        """Mark what runs from here, tasks and worker threads included, as inside this flight's factory."""
        return _inside.set((*_inside.get(), self))

    def leave(self, token: Token[tuple[Flight, ...]]) -> None:
        """Undo enter()."""
        try:
            _inside.reset(token)
        except ValueError:
            pass  # a coroutine that nobody finished is closed from another context, which was never marked

    def land(self, value: Any) -> None:
        """Hand the value to everybody who waits."""
        self.value = value
        self._land()

    def fail(self, error: BaseException) -> None:
        """Hand the exception to everybody who waits, or let them try themselves if it was not meant for them."""
        if isinstance(error, Exception):
            self.error, self._traceback = error, error.__traceback__
        else:
            self.abandoned = True
        self._land()

    def _land(self) -> None:
        with _graph:
            if self.landed:
                return
            self.landed = True
            callbacks, self._on_landing = self._on_landing, []
        for callback in callbacks:
            callback()

    def result(self) -> Any:
        """Return the value to one who waited, or raise an exception of his own.

        One exception object raised in several threads would have its traceback and context written by all
        of them, so each gets a copy that begins with the leader's traceback. An exception that does not copy
        faithfully is shared, its traceback set back first, so that it does not grow from waiter to waiter.
        """
        if self.error is None:
            return self.value
        raise (_copied(self.error) or self.error).with_traceback(self._traceback)

    def wait(self) -> bool:
        """Block until landing; return False at once if that could never come."""
        thread, inside, event = threading.get_ident(), _inside.get(), threading.Event()
        if not self._register(event.set, inside, thread):
            return self.landed
        try:
            event.wait()
        finally:
            self._unregister(inside, thread)
        return True

    async def join(self) -> bool:
        """Like wait(), for a task: the event loop goes on meanwhile."""
        import asyncio  # only here: who never awaits need not load it

        loop, inside = asyncio.get_running_loop(), _inside.get()
        future = loop.create_future()

        def settle() -> None:
            if not future.done():  # the waiting task may have been cancelled
                future.set_result(None)

        def wake() -> None:
            try:
                loop.call_soon_threadsafe(settle)
            except RuntimeError:
                pass  # its loop is closed, so nobody waits there any more

        if not self._register(wake, inside, None):
            return self.landed
        try:
            await future
        finally:
            self._unregister(inside, None)
        return True

    def _register(self, wake: Callable[[], object], inside: tuple[Flight, ...], thread: int | None) -> bool:
        """Note who waits, in one step with the look for a circle, so that two cannot close one together."""
        with _graph:
            if self.landed or _closes_circle(self, inside, thread):
                return False
            self._on_landing.append(wake)
            for flight in inside:
                flight._awaited.append(self)
            if thread is not None:
                _blocked.setdefault(thread, []).append(self)
        return True

    def _unregister(self, inside: tuple[Flight, ...], thread: int | None) -> None:
        with _graph:
            for flight in inside:
                flight._awaited.remove(self)
            if thread is not None:
                _blocked[thread].remove(self)
                if not _blocked[thread]:
                    del _blocked[thread]


def _closes_circle(wanted: Flight, inside: tuple[Flight, ...], thread: int | None) -> bool:
    """Say whether the wanted flight needs, directly or not, the one who is about to wait for it.

    ``thread`` is the one about to block; None for a task, which blocks nobody but the flights it is inside of.
    """
    ahead, seen = [wanted], set[Flight]()
    while ahead:
        flight = ahead.pop()
        if flight in seen or flight.landed:
            continue
        seen.add(flight)
        if flight in inside or flight._thread == thread:
            return True
        ahead += flight._awaited
        ahead += _blocked.get(flight._thread, ())
    return False


def _copied(error: Exception) -> Exception | None:
    """Return an equal exception, or None when its class does not copy faithfully."""
    try:
        twin = copy.copy(error)
        if type(twin) is type(error) and twin is not error and str(twin) == str(error):
            twin.__cause__, twin.__suppress_context__ = error.__cause__, error.__suppress_context__
            return twin
    except Exception:
        pass  # such as an __init__ that wants other arguments than it keeps
    return None
