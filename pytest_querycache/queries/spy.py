"""Questions a test may ask about its own statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import isawaitable
from typing import Any

from ..errors import MeasurementError
from .recording import Recording
from .statement import Statement, Summary
from .tally import Mark

_MOST_LISTED = 15
_OF_NOBODY = (
    "that belong to no test for certain: threads and tasks take part in a test with its context, "
    "as contextvars.copy_context().run hands it on"
)


class QuerySpy:
    """The statements of the running test: read them, limit them, or see whether they grow with the size.

    Transaction control and savepoints are left out, unless a call asks for them.
    """

    def __init__(self, current: Callable[[], Recording]) -> None:
        self._current = current

    @property
    def statements(self) -> tuple[Statement, ...]:
        """The statements of the phase so far, in order; of more than 1,000 the first 1,000."""
        return self._current().statements()

    @property
    def count(self) -> int:
        """How many statements the phase has executed so far, exactly."""
        return self._current().count()

    @property
    def unattributed(self) -> int:
        """Statements seen meanwhile in threads or tasks that do not belong to this test for certain."""
        return self._current().unattributed

    def summary(self) -> Summary:
        """The statements of the phase so far, by fingerprint."""
        return self._current().summary()

    @contextmanager
    def expect(self, *, max: int, transaction_control: bool = False) -> Iterator[None]:
        """Fail with an AssertionError when the block executes more than ``max`` statements, or may have.

        The error lists them by fingerprint, with counts and call sites. Statements meanwhile that belong to no test
        for certain may be the block's: with them, too, it must stay within the limit. What the block raises is
        passed on.
        """
        recording = self._current()
        mark, unattributed = recording.mark(), recording.unattributed
        yield
        done = recording.summary(mark, transaction_control=transaction_control)
        of_nobody = recording.unattributed - unattributed
        if done.count + of_nobody > max:
            told = [f"{_statements(done.count)}, expected at most {max}:", *_use_lines(done)]
            if of_nobody:
                told.append(f"  {of_nobody} more {_OF_NOBODY}")
            raise AssertionError("\n".join(told))

    def scaling(self, func: Callable[[int], Any], small: int, large: int) -> tuple[Summary, Summary]:
        """Run a function with two sizes, and fail when it executes more statements for the larger one.

        Growth is looked for in the total and in every fingerprint that both runs execute, so that statements of
        a first use, which only the first run has, hide none. Returns the summaries of both runs. Raises
        MeasurementError for a function whose statements cannot be seen: a coroutine function, one that executes
        none, or one during which statements were seen that belong to no test for certain.
        """
        if small >= large:
            raise MeasurementError(f"query_spy.scaling(…, {small}, {large}): expected the smaller size first")
        recording = self._current()
        unattributed = recording.unattributed
        first, second = self._measured(func, small), self._measured(func, large)
        of_nobody = recording.unattributed - unattributed
        if not first.count and not second.count and not of_nobody:
            raise MeasurementError(
                "query_spy.scaling: neither run executed a statement that was seen; a driver that is not "
                "supported, a connection opened before recording began, or a thread without the test's context?"
            )
        if told := _growth_lines(first, second, small, large):
            if of_nobody:
                told.append(f"  {of_nobody} more {_OF_NOBODY}")
            raise AssertionError("\n".join(told))
        if of_nobody:
            raise MeasurementError(
                f"query_spy.scaling: {_statements(of_nobody)} {_OF_NOBODY}; whether those grow cannot be told"
            )
        return first, second

    def _measured(self, func: Callable[[int], Any], size: int) -> Summary:
        recording = self._current()
        mark: Mark = recording.mark()
        answer = func(size)
        if isawaitable(answer):
            if hasattr(answer, "close"):
                answer.close()
            raise MeasurementError(
                "query_spy.scaling: the function returned an awaitable, whose statements would come later; "
                "give a plain function that runs it, such as lambda n: asyncio.run(work(n))"
            )
        return recording.summary(mark)


def _statements(count: int) -> str:
    return f"{count} statement{'' if count == 1 else 's'} executed"


def _use_lines(summary: Summary) -> list[str]:
    lines = [f"  {use.count}x  {use.text}{_place(use.call_site)}" for use in summary.uses[:_MOST_LISTED]]
    if len(summary.uses) > _MOST_LISTED:
        lines.append(f"  … and {len(summary.uses) - _MOST_LISTED} more")
    if summary.not_kept:
        lines.append(f"  {summary.not_kept}x  texts that were too many to keep")
    return lines


def _place(call_site: str) -> str:
    return f"  at {call_site}" if call_site else ""


def _growth_lines(first: Summary, second: Summary, small: int, large: int) -> list[str]:
    """Lines about what the second run executed more often, and what only it did; empty where nothing grew."""
    before = {use.fingerprint: use.count for use in first.uses}
    grown = [use for use in second.uses if 0 < before.get(use.fingerprint, 0) < use.count]
    if second.count <= first.count and not grown:
        return []
    return [
        f"statements grow with the size: {first.count} for {small}, {second.count} for {large}",
        *(
            f"  {before[use.fingerprint]} → {use.count}  {use.text}{_place(use.call_site)}"
            for use in grown[:_MOST_LISTED]
        ),
        *(
            f"  + {use.count}  {use.text}{_place(use.call_site)}"
            for use in second.uses[:_MOST_LISTED]
            if use.fingerprint not in before
        ),
    ]
