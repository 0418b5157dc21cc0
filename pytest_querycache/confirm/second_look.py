"""A second look at slower times: a few repeats of the new code, so that only lasting suspicions cost a duel.

It only acquits, and never convicts: on a shared machine one slow execution in four is noise, and measuring the new
code again takes a hundredth of what pairs of processes take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..errors import ArmError
from ..model.decision import looks_innocent
from ..model.metric import REFERENCE_TIME
from ..model.record import at_reference_speed
from ..model.verdict import Evidence, EvidenceByMetric, Suspect
from .arm import Execution
from .executor import Executor
from .turns import LONG_NS

FEWEST_REPEATS = 2
REPEATS = 3

PASSES = 3
"""How often the tests that still look slower are come back to: a machine is slow for seconds at a time, in which all
repeats of a test are."""


def second_look(
    suspects: Sequence[Suspect],
    executor: Executor,
    *,
    reference_ns: float | None,
    clock: Callable[[], int],
    deadline: int,
    progress: Callable[[int, int, str], None],
) -> tuple[EvidenceByMetric, list[Suspect], list[Suspect]]:
    """Repeat the suspects' tests in one fresh process, in their order.

    Gives what acquits, who remains suspect, and who was not looked at. Who remains has the best of the repeats for
    its value, which says far better than a session's single execution how bad it is. Values are brought to
    ``reference_ns``, the reference workload's time that the baseline was stored at. ``deadline`` is a time on
    ``clock``. What cannot be repeated, or is not reached, is not looked at.
    """
    by_test: dict[str, list[Suspect]] = {}
    for suspect in suspects:
        by_test.setdefault(suspect.test_id, []).append(suspect)
    tests = list(dict.fromkeys(suspect.test_id for suspect in suspects if not suspect.alone))
    look = _Look(by_test, executor, reference_ns)
    try:
        if tests:
            executor.begin_process(tests, seed=1)
        for _ in range(PASSES):
            waiting, tests = tests, []
            for number, test in enumerate(waiting, 1):
                if clock() > deadline:
                    break
                progress(number, len(waiting), test)
                if look.leaves_open(test):
                    tests.append(test)
    except ArmError:
        pass  # no process could be started: nobody is looked at
    finally:
        executor.end_process()
    remaining = [suspect for suspect in suspects if suspect.key not in look.acquitted]
    seen = [look.seen(suspect) for suspect in remaining if look.has_seen(suspect)]
    return look.acquitted, seen, [suspect for suspect in remaining if not look.has_seen(suspect)]


class _Look:
    """What the repeats of some suspects' tests have shown so far."""

    def __init__(
        self, by_test: Mapping[str, Sequence[Suspect]], executor: Executor, reference_ns: float | None
    ) -> None:
        self._by_test = by_test
        self._executor = executor
        self._reference_ns = reference_ns
        self._known: dict[tuple[str, str], list[float]] = {}
        self.acquitted: EvidenceByMetric = {}

    def leaves_open(self, test: str) -> bool:
        """Repeat a test, and tell whether it is worth repeating again; what cannot be repeated is not."""
        accused = [suspect for suspect in self._by_test[test] if suspect.key not in self.acquitted]
        try:
            repeats = self._repeat(test, accused)
        except ArmError:
            return False
        for suspect, values in zip(accused, repeats, strict=True):
            known = self._known.setdefault(suspect.key, [])
            known.extend(values)
            if known and looks_innocent(suspect, known):
                self.acquitted[suspect.key] = Evidence(processes=(known,))
        return (
            any(repeats)
            and any(suspect.key not in self.acquitted for suspect in accused)
            and not self._is_long(test)
        )

    def _is_long(self, test: str) -> bool:
        """Whether a test's own length evens out what the machine does for a moment, and makes coming back dear."""
        return any(suspect.metric.unit == "ns" and suspect.now > LONG_NS for suspect in self._by_test[test])

    def has_seen(self, suspect: Suspect) -> bool:
        """Whether there are repeats of it."""
        return bool(self._known.get(suspect.key))

    def seen(self, suspect: Suspect) -> Suspect:
        """The suspect with the best of its repeats for its value."""
        return replace(suspect, now=suspect.metric.best(self._known[suspect.key]))

    def _repeat(self, test: str, accused: Sequence[Suspect]) -> list[list[float]]:
        """The values of each accused metric over the repeats; none when the test cannot be repeated.

        There are no more as soon as they acquit, which takes two. All are brought to the reference speed from the
        fastest one seen.
        """
        executions = [self._executor.once(test, warm=False)]
        while executions[-1].outcome == "passed":
            values = [self._values_of(suspect, executions) for suspect in accused]
            innocent = all(
                looks_innocent(s, found) for s, found in zip(accused, values, strict=True) if found
            )
            most = FEWEST_REPEATS if self._is_long(test) else REPEATS
            if len(executions) > most or (innocent and len(executions) > FEWEST_REPEATS):
                return values
            executions.append(self._executor.once(test, warm=True))
        return [[] for _ in accused]

    def _values_of(self, suspect: Suspect, executions: Sequence[Execution]) -> list[float]:
        """What a suspect's repeats took, all but the first execution."""
        figures = [execution.figures.get(suspect.node_id, {}) for execution in executions]
        speeds = [each[REFERENCE_TIME.name] for each in figures if each.get(REFERENCE_TIME.name)]
        here = {REFERENCE_TIME.name: min(speeds)} if speeds else {}
        found = (
            at_reference_speed({**each, **here}, suspect.metric, self._reference_ns) for each in figures[1:]
        )
        return [value for value in found if value is not None]
