"""What an update learns: every test executed in several fresh processes, cold once and then warm."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..errors import ArmError
from ..model.learned import Learned
from .arm import Execution
from .executor import Executor

Progress = Callable[[int, int, str], None]


def learn(
    tests: Sequence[str], executor: Executor, *, processes: int, progress: Progress
) -> dict[str, Learned]:
    """Execute every test in ``processes`` fresh processes; gives what was learned by entry.

    A test that cannot be repeated in one process is executed once in each of as many processes of its own. What
    cannot be executed in a fresh process at all is left out; its reason is in ``Learned.problem``.
    """
    learned: dict[str, Learned] = {}
    unrepeatable: dict[str, str] = {}
    total = len(tests) * processes
    for process in range(processes):
        try:
            executor.begin_process(tests, process + 1)
        except ArmError:
            if not process:
                raise
            break  # what earlier processes showed is worth keeping
        for number, test in enumerate(tests, 1):
            progress(process * len(tests) + number, total, test)
            if test in unrepeatable:
                continue
            try:
                cold = executor.once(test, warm=False)
                if cold.outcome != "passed":
                    raise ArmError(f"{cold.outcome} in a fresh process{_detail(cold)}")
                _add(learned, [cold], "cold")
                _add(learned, executor.repeats(test), "warm")
            except ArmError as error:
                unrepeatable[test] = str(error)
        executor.end_process()
    for number, (test, problem) in enumerate(unrepeatable.items(), 1):
        progress(number, len(unrepeatable), test)
        _learn_alone(test, executor, processes, problem, learned)
    return learned


def _learn_alone(
    test: str, executor: Executor, processes: int, problem: str, learned: dict[str, Learned]
) -> None:
    for entry in [name for name in learned if name == test or name.startswith(f"{test}::")]:
        learned[entry].warm.clear()
    learned.setdefault(test, Learned()).problem = problem
    for process in range(processes):
        try:
            executor.begin_process([test], process + 1)
            execution = executor.once(test, warm=False)
        except ArmError as error:
            learned[test].problem = str(error)
            return
        finally:
            executor.end_process()
        if execution.outcome != "passed":
            learned[test].problem = f"{execution.outcome} in a fresh process{_detail(execution)}"
            return
        _add(learned, [execution], "warm")
        for entry in execution.figures:
            learned[entry].alone = True


def _detail(execution: Execution) -> str:
    return f": {execution.detail}" if execution.detail else ""


def _add(learned: dict[str, Learned], executions: Iterable[Execution], kind: str) -> None:
    """Add the executions of one test in one process."""
    by_entry: dict[str, list[dict[str, float]]] = {}
    for execution in executions:
        for entry, values in execution.figures.items():
            by_entry.setdefault(entry, []).append(dict(values))
    for entry, values_of_process in by_entry.items():
        target = learned.setdefault(entry, Learned())
        (target.cold if kind == "cold" else target.warm).append(values_of_process)
