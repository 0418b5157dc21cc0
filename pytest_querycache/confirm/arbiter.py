"""Suspects measured again in fresh processes, worst first, within a budget of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..errors import ArmError
from ..model.gate import confirmable
from ..model.verdict import Evidence, EvidenceByMetric, Suspect
from .arm import Execution
from .executor import Executor

PROCESSES = 2
"""How many fresh processes must agree; the second has another hash seed, and sees only who failed the first."""

Progress = Callable[[int, int, str], None]


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
    that cannot be repeated is executed once in each process. ``progress`` is told the number of the test, how
    many there are, and its name. ``budget_ns`` is a time on ``clock`` counted from now.
    """
    deadline = clock() + budget_ns
    values: dict[tuple[str, str], list[list[float]]] = {}
    problems: dict[tuple[str, str], str] = {}
    remaining = [suspect for suspect in suspects if confirmable(suspect)]
    remaining.sort(key=lambda suspect: -suspect.excess)
    for process in range(PROCESSES):
        if not remaining:
            break
        tests = list(dict.fromkeys(suspect.test_id for suspect in remaining))
        alone = {suspect.test_id for suspect in remaining if suspect.alone}
        sampler = _Sampler(executor, seed=process + 1)
        for number, test in enumerate(sorted(tests, key=alone.__contains__), 1):
            accused = [suspect for suspect in remaining if suspect.test_id == test]
            progress(number, len(tests), test)
            try:
                if clock() > deadline:
                    raise ArmError("the time for confirmation was used up (confirm_budget)")
                executions = sampler.sample(test, tests, alone=test in alone)
            except ArmError as error:
                problems.update({_key(suspect): str(error) for suspect in accused})
                continue
            # a budget and a threshold may accuse the same metric, which was measured once all the same
            for suspect in {_key(suspect): suspect for suspect in accused}.values():
                measured = _values(executions, suspect)
                if measured:
                    values.setdefault(_key(suspect), []).append(measured)
                else:
                    problems[_key(suspect)] = _why_unmeasured(executions, suspect)
        executor.end_process()
        remaining = [
            suspect
            for suspect in remaining
            if _key(suspect) not in problems and _shows(suspect, values[_key(suspect)][-1])
        ]
    return {
        key: Evidence(processes=values.get(key, ()), problem=problems.get(key, ""))
        for key in {*values, *problems}
    }


class _Sampler:
    """Takes the samples of one round; tests that share a process come first, then those that want one each."""

    def __init__(self, executor: Executor, *, seed: int) -> None:
        self._executor = executor
        self._seed = seed
        self._shared = False

    def sample(self, test: str, tests: Sequence[str], *, alone: bool) -> list[Execution]:
        if alone:
            self._executor.begin_process([test], self._seed)
            return [_passed(self._executor.once(test, warm=False))]
        if not self._shared:
            self._executor.begin_process(tests, self._seed)
            self._shared = True
        _passed(self._executor.once(test, warm=False))
        return self._executor.repeats(test)


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


def _key(suspect: Suspect) -> tuple[str, str]:
    return suspect.key
