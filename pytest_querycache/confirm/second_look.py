"""A second look at slower times: a few repeats of the new code, so that only lasting suspicions cost a duel.

It only acquits, and never convicts: on a shared machine one slow execution in four is noise, and measuring the new
code again takes a hundredth of what pairs of processes take.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..errors import ArmError
from ..model.decision import looks_innocent
from ..model.record import at_reference_speed
from ..model.verdict import Evidence, EvidenceByMetric, Suspect
from .executor import Executor

REPEATS = 3


def second_look(
    suspects: Sequence[Suspect],
    executor: Executor,
    *,
    reference_ns: float | None,
    clock: Callable[[], int],
    deadline: int,
    progress: Callable[[int, int, str], None],
) -> tuple[EvidenceByMetric, list[Suspect]]:
    """Repeat the suspects' tests in one fresh process, in their order; gives what acquits, and who remains suspect.

    Who remains has the best of the repeats for its value, which says far better than a session's single execution
    how bad it is. Values are brought to ``reference_ns``, the reference workload's time that the baseline was stored
    at. ``deadline`` is a time on ``clock``. What cannot be repeated, or is not reached, remains.
    """
    by_test: dict[str, list[Suspect]] = {}
    for suspect in suspects:
        by_test.setdefault(suspect.test_id, []).append(suspect)
    tests = list(dict.fromkeys(suspect.test_id for suspect in suspects if not suspect.alone))
    acquitted: EvidenceByMetric = {}
    best: dict[tuple[str, str], float] = {}
    if not tests:
        return acquitted, list(suspects)
    try:
        executor.begin_process(tests, seed=1)
        for number, test in enumerate(tests, 1):
            if clock() > deadline:
                break
            progress(number, len(tests), test)
            accused = by_test[test]
            try:
                repeats = _repeated(test, accused, executor, reference_ns)
            except ArmError:
                continue  # whoever is not acquitted remains
            for suspect, values in zip(accused, repeats, strict=True):
                if not values:
                    continue
                best[suspect.key] = suspect.metric.best(values)
                if looks_innocent(suspect, values):
                    acquitted[suspect.key] = Evidence(processes=(values,))
    except ArmError:
        pass  # no process could be started: everybody remains
    finally:
        executor.end_process()
    return acquitted, [replace(s, now=best.get(s.key, s.now)) for s in suspects if s.key not in acquitted]


def _repeated(
    test: str, accused: Sequence[Suspect], executor: Executor, reference_ns: float | None
) -> list[list[float]]:
    """The values of each accused metric over the repeats; none when the test cannot be repeated.

    The best of them acquits, so there are no more as soon as it does.
    """
    values: list[list[float]] = [[] for _ in accused]
    if executor.once(test, warm=False).outcome != "passed":
        return values
    for _ in range(REPEATS):
        execution = executor.once(test, warm=True)
        if execution.outcome != "passed":
            return [[] for _ in accused]
        for found, suspect in zip(values, accused, strict=True):
            figures = execution.figures.get(suspect.node_id, {})
            value = at_reference_speed(figures, suspect.metric, reference_ns)
            if value is not None:
                found.append(value)
        if all(looks_innocent(s, found) for s, found in zip(accused, values, strict=True) if found):
            break
    return values
