"""Where old and new code meet: pairs of fresh processes that take turns.

Two processes of one project may get in each other's way, over a port, a test database, a lock file. The first time
something fails beside the other side it is tried alone; if that works, the sides run one after the other from then
on, and the stricter bar of ``model.pairs`` holds. The baseline's own values are such a side too, one that is never
there at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..errors import ArmError, IncomparableError
from ..model.pairs import APART, IN_TURNS, Bar
from .guard import Guard, speed_of
from .side import Side
from .turns import (
    FEWEST_TURNS,
    NotPassedError,
    Round,
    Sample,
    Task,
    checked,
    executions_in_sample,
    sample,
    take_turns,
)

Pair = Mapping[str, "Round | ArmError"]
"""What a pair of processes gave of each test, or why it gave nothing."""


class Arena:
    """The two sides of a session's duels.

    ``check_time`` raises ArmError when there is no time left. ``reference_ns`` is the speed that times are brought
    to where the sides cannot take turns; with ``apart`` they never do.
    """

    def __init__(
        self,
        new_code: Side,
        old_code: Side,
        *,
        check_time: Callable[[], None],
        guard: Guard,
        apart: bool = False,
        reference_ns: float | None = None,
    ) -> None:
        self._new = new_code
        self._old = old_code
        self._check_time = check_time
        self._guard = guard
        self._reference_ns = reference_ns
        self._is_probed = apart
        self.apart = apart

    @property
    def bar(self) -> Bar:
        """How much has to be shown here."""
        return APART if self.apart else IN_TURNS

    def pair(self, tasks: Sequence[Task], seed: int, begins: Callable[[int, str], None]) -> Pair:
        """Run one pair of processes; raises ArmError when they cannot be started at all, or there is no time.

        ``begins`` is told the number and the name of each test.
        """
        self._check_time()
        if not self.apart:
            found = self._side_by_side(tasks, seed, begins)
            if found is not None:
                return found
        return self._one_after_the_other(tasks, seed, begins)

    def _side_by_side(
        self, tasks: Sequence[Task], seed: int, begins: Callable[[int, str], None]
    ) -> Pair | None:
        """Both sides take turns; None when they turn out to get in each other's way."""
        tests = [task.test for task in tasks]
        found: dict[str, Round | ArmError] = {}
        try:
            self._start(tests, seed)
        except IncomparableError:
            raise
        except ArmError:
            if self._collide(tests[0], seed):
                return None
            raise
        for number, task in enumerate(tasks, 1):
            begins(number, task.test)
            try:
                self._check_time()
                found[task.test] = self._turns(task, seed)
            except _BesideEachOther as error:
                found[task.test] = error
                if not self._is_probed:
                    if self._collide(task.test, seed):
                        return None
                    self._start(tests[number:], seed)  # the probe ended the processes
            except ArmError as error:
                found[task.test] = error
        # not behind what is no ArmError: somebody who pressed Ctrl-C is not kept waiting
        self._end()
        return found

    def _start(self, tests: Sequence[str], seed: int) -> None:
        # both start at the same moment: starting is not measured, and there is a core for each
        if tests:
            self._new.launch(tests, seed)
            self._old.launch(tests, seed)
            self._new.wait_until_ready()
            self._old.wait_until_ready()

    def _turns(self, task: Task, seed: int) -> Round:
        first: dict[str, Sample] = {}
        try:
            for side, which in self._in_order(seed):
                first[which] = [checked(side.once(task.test, warm=False), which)]
        except NotPassedError as error:
            raise _BesideEachOther(str(error)) from None
        self._new.check_imports()
        self._old.check_imports()
        both = first["new"], first["old"]
        return take_turns(self._new, self._old, task, both, self._guard, self._check_time)

    def _in_order(self, seed: int) -> list[tuple[Side, str]]:
        """Both sides; who is first, and pays for what only the first one pays, changes from pair to pair."""
        sides = [(self._new, "new"), (self._old, "old")]
        return sides if seed % 2 else sides[::-1]

    def _collide(self, test: str, seed: int) -> bool:
        """Whether what failed beside the other side works alone; asked once in a session."""
        if self._is_probed:
            return False
        self._is_probed = True
        self._end()
        try:
            for side, which in ((self._new, "new"), (self._old, "old")):
                side.launch([test], seed)
                side.wait_until_ready()
                checked(side.once(test, warm=False), which)
                side.end_process()
        except ArmError:
            return False
        finally:
            self._end()
        self.apart = True
        return True

    def _one_after_the_other(
        self, tasks: Sequence[Task], seed: int, begins: Callable[[int, str], None]
    ) -> Pair:
        """First one side's samples of every test, then the other's."""
        series: dict[str, dict[str, list[Sample] | ArmError]] = {"new": {}, "old": {}}
        for side, which in self._in_order(seed):
            side.launch([task.test for task in tasks], seed)
            side.wait_until_ready()
            for number, task in enumerate(tasks, 1):
                begins(number, task.test)
                try:
                    self._check_time()
                    series[which][task.test] = _series(side, task, which, self._check_time)
                except ArmError as error:
                    series[which][task.test] = error
            side.end_process()
        return {task.test: self._joined(series["new"][task.test], series["old"][task.test]) for task in tasks}

    def _joined(self, new: list[Sample] | ArmError, old: list[Sample] | ArmError) -> Round | ArmError:
        if isinstance(new, ArmError):
            return new
        if isinstance(old, ArmError):
            return old
        if self._reference_ns is None:
            self._reference_ns = speed_of(execution for each in new for execution in each)
        turns = list(zip(new, old, strict=False))
        single = len(turns) == 1 and len(new[0]) == 1
        return Round(turns=turns, reference_ns=self._reference_ns, single=single)

    def _end(self) -> None:
        # both end at the same moment, as they started: leaving can take a tenth of a second
        self._new.dismiss_process()
        self._old.dismiss_process()
        self._new.end_process()
        self._old.end_process()


class _BesideEachOther(ArmError):
    """A test's first execution did not succeed while the other side's process was there."""


def _series(side: Side, task: Task, which: str, check_time: Callable[[], None]) -> list[Sample]:
    """One side's samples of a test in one process."""
    first = checked(side.once(task.test, warm=False), which)
    side.check_imports()
    if task.alone:
        return [[first]]
    times = executions_in_sample(first, task)
    series = []
    try:
        for _ in range(FEWEST_TURNS):
            check_time()
            series.append(sample(side, task.test, times, which))
    except NotPassedError:
        return [[first]]
    return series
