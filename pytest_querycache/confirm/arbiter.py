"""Suspects measured again in fresh processes, worst first, within a budget of time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from ..errors import ArmError
from ..model.decision import confirmable
from ..model.verdict import OUT_OF_TIME, Evidence, EvidenceByMetric, Suspect
from .arm import Execution
from .executor import Executor

PROCESSES = 2
"""How many fresh processes must agree; the second has another hash seed, and sees only who failed the first."""

Progress = Callable[[int, int, str], None]


class _UnrepeatableError(ArmError):
    """A test passed once in a process, and did not a second time."""


def confirm_repeats(
    suspects: Sequence[Suspect],
    executor: Executor,
    *,
    clock: Callable[[], int],
    budget_ns: float,
    progress: Progress,
) -> EvidenceByMetric:
    """Measure the suspects that repeats of the new code can confirm.

    The evidence of each holds one sequence of values for each process, or the reason why there is none. A test
    that cannot be repeated is executed once in each process; where that shows only now, for its budgets alone, since
    what its baseline calls warm was a repeat. ``progress`` is told the number of the test, how many there are, and
    its name. ``budget_ns`` is a time on ``clock`` counted from now.
    """
    remaining = [suspect for suspect in suspects if confirmable(suspect)]
    remaining.sort(key=lambda suspect: -suspect.excess)
    rounds = _Rounds(executor, clock, clock() + budget_ns, progress, remaining)
    for process in range(PROCESSES):
        if not remaining:
            break
        rounds.carry_out(remaining, seed=process + 1)
        remaining = [suspect for suspect in remaining if rounds.is_open(suspect)]
    return rounds.evidence()


class _Rounds:
    """What each process showed; tests that share one come first in a round, then those that want one each."""

    def __init__(
        self,
        executor: Executor,
        clock: Callable[[], int],
        deadline: float,
        progress: Progress,
        suspects: Iterable[Suspect],
    ) -> None:
        self._executor = executor
        self._clock = clock
        self._deadline = deadline
        self._progress = progress
        self._alone = {suspect.test_id for suspect in suspects if suspect.alone}
        self._values: dict[tuple[str, str], list[list[float]]] = {}
        self._problems: dict[tuple[str, str], str] = {}

    def carry_out(self, suspects: Sequence[Suspect], *, seed: int) -> None:
        """Execute the tests of the suspects in one more process."""
        names = dict.fromkeys(suspect.test_id for suspect in suspects)
        waiting = deque(sorted(names, key=self._alone.__contains__))
        sampler = _Sampler(self._executor, list(names), seed)
        done = 0
        while waiting:
            test = waiting.popleft()
            done += 1
            self._progress(done, done + len(waiting), test)
            accused = [s for s in suspects if s.test_id == test and s.key not in self._problems]
            try:
                if self._clock() > self._deadline:
                    raise ArmError(OUT_OF_TIME)
                executions = sampler.sample(test, alone=test in self._alone)
            except _UnrepeatableError as error:
                self._give_up((suspect for suspect in accused if not suspect.is_budget), str(error))
                if any(suspect.is_budget for suspect in accused):
                    self._alone.add(test)
                    waiting.append(test)
            except ArmError as error:
                self._give_up(accused, str(error))
            else:
                self._note(accused, executions)
        self._executor.end_process()

    def is_open(self, suspect: Suspect) -> bool:
        """Whether another process is worth its time: nothing went wrong, and all so far confirm the suspicion."""
        key = suspect.key
        return key not in self._problems and _shows(suspect, self._values[key][-1])

    def evidence(self) -> EvidenceByMetric:
        """What was found, by the suspects' keys."""
        return {
            key: Evidence(processes=self._values.get(key, ()), problem=self._problems.get(key, ""))
            for key in {*self._values, *self._problems}
        }

    def _give_up(self, accused: Iterable[Suspect], problem: str) -> None:
        self._problems.update({suspect.key: problem for suspect in accused})

    def _note(self, accused: Iterable[Suspect], executions: Sequence[Execution]) -> None:
        for suspect in accused:
            measured = _values(executions, suspect)
            if measured:
                self._values.setdefault(suspect.key, []).append(measured)
            else:
                self._problems[suspect.key] = _why_unmeasured(executions, suspect)


class _Sampler:
    """Takes the samples of one round."""

    def __init__(self, executor: Executor, tests: Sequence[str], seed: int) -> None:
        self._executor = executor
        self._tests = tests
        self._seed = seed
        self._shared = False

    def sample(self, test: str, *, alone: bool) -> list[Execution]:
        if alone:
            self._executor.begin_process([test], self._seed)
            return [_passed(self._executor.once(test, warm=False))]
        if not self._shared:
            self._executor.begin_process(self._tests, self._seed)
            self._shared = True
        _passed(self._executor.once(test, warm=False))
        try:
            return self._executor.repeats(test)
        except ArmError as error:
            raise _UnrepeatableError(str(error)) from None


def _passed(execution: Execution) -> Execution:
    if execution.outcome != "passed":
        detail = f": {execution.detail}" if execution.detail else ""
        raise ArmError(f"the test {execution.outcome} in a fresh process{detail}")
    return execution


def _values(executions: Iterable[Execution], suspect: Suspect) -> list[float]:
    found = []
    for execution in executions:
        value = execution.figures.get(suspect.node_id, {}).get(suspect.metric.name)
        if value is not None:
            found.append(value)
    return found


def _why_unmeasured(executions: Iterable[Execution], suspect: Suspect) -> str:
    for execution in executions:
        reason = execution.unmeasured.get(suspect.node_id, {}).get(suspect.metric.name)
        if reason:
            return f"not measured in a fresh process: {reason}"
    return "a fresh process did not measure it"


def _shows(suspect: Suspect, values: Sequence[float]) -> bool:
    """Whether a process confirms the suspicion, so that another one is worth its time."""
    limit = suspect.repeat_limit or suspect.limit
    return all(limit.exceeded_by(value) for value in values)
