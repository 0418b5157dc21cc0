"""Duels: suspects whose time is proved by the old code beside the new; ``model.pairs`` states the rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from statistics import median

from ..errors import ArmError, IncomparableError
from ..model.metric import WALL_TIME
from ..model.pairs import pairs_needed, shows
from ..model.verdict import OUT_OF_TIME, EvidenceByMetric, Suspect
from ..probes.strain import load
from .arena import Arena, Pair
from .controls import choose_controls
from .guard import MOST_REPEATS, Guard
from .side import Side
from .standing import Standing
from .turns import Question, Round, Task

BATCH = 12
"""How many tests share the start of a pair of processes."""

CONTROL_RATIO = 0.2
"""Tests that nobody suspects disturb a pair when they show what a threshold of 20 % would call a regression."""

Progress = Callable[[int, int, str], None]


def duel(
    suspects: Sequence[Suspect],
    new_code: Side,
    old_code: Side,
    *,
    commit: str,
    test_changed: Callable[[str], bool],
    clock: Callable[[], int],
    deadline: int,
    progress: Progress,
    controls: Mapping[str, float] | None = None,
    is_unfit: Callable[[str], bool] | None = None,
    guard: Guard | None = None,
    stored_reference_ns: float | None = None,
) -> EvidenceByMetric:
    """Let old and new code take turns on the suspects' tests, in their order, until each is decided.

    ``deadline`` is a time on ``clock``. What it leaves undecided keeps the pairs it has, and says why there are
    no more. ``test_changed`` tells of a test whether its own source differs in the old code. ``controls`` are the
    times of tests that nobody suspects, from which some are executed beside; ``is_unfit`` tells which control
    nothing. With ``stored_reference_ns`` the old side is made of stored values, which were taken at that speed of
    the reference workload.
    """

    def check_time() -> None:
        if clock() > deadline:
            raise ArmError(f"{OUT_OF_TIME}{_on_what_machine()}")

    stored = stored_reference_ns is not None
    arena = Arena(
        new_code,
        old_code,
        check_time=check_time,
        guard=guard or Guard(),
        apart=stored,
        reference_ns=stored_reference_ns,
    )
    standings = [Standing(suspect, single=suspect.alone) for suspect in suspects]
    tests = list(dict.fromkeys(standing.suspect.test_id for standing in standings))
    decided: EvidenceByMetric = {}
    for start in range(0, len(tests), BATCH):
        batch = set(tests[start : start + BATCH])
        accused = [standing for standing in standings if standing.suspect.test_id in batch]
        table = _Batch(
            accused,
            arena,
            time_left=lambda: deadline - clock(),
            suspects=len(standings),
            controls=choose_controls(batch, controls or {}, is_unfit or test_changed),
            stored=stored,
        )
        table.decide(lambda number, name, begin=start: progress(begin + number, len(tests), name))  # type: ignore[misc]
        for standing in accused:
            decided[standing.suspect.key] = standing.evidence(
                needed=table.needed(standing), commit=commit, apart=arena.apart, test_changed=test_changed
            )
    return decided


class _Batch:
    """Some tests that share their pairs of processes."""

    def __init__(
        self,
        standings: Sequence[Standing],
        arena: Arena,
        *,
        time_left: Callable[[], int],
        suspects: int,
        controls: Sequence[str],
        stored: bool,
    ) -> None:
        self._standings = standings
        self._arena = arena
        self._time_left = time_left
        # what a pair's start takes, and each test in it; unknown before the first
        self._start_ns = self._cost_ns = 0.0
        self._suspects = suspects
        self._controls = [Task(test, (Question(test, WALL_TIME, CONTROL_RATIO),)) for test in controls]
        self._stored = stored
        self._last_control = 1.0

    def needed(self, standing: Standing) -> int:
        """How many pairs convict."""
        return pairs_needed(self._suspects, standing.bar(self._arena.bar))

    def _open(self) -> list[Standing]:
        return [s for s in self._standings if s.is_open(self.needed(s), s.bar(self._arena.bar))]

    def _affordable(self, standings: Sequence[Standing]) -> list[Standing]:
        """Those for whom the time left suffices, the most convincing first.

        Going on with all of them would prove none when the time is short.
        """
        left = self._time_left()
        chosen: list[Standing] = []
        most, total = 0, 0.0
        for standing in sorted(standings, key=lambda standing: -min(standing.ratios, default=inf)):
            # one pair more clears whom one did not show already
            innocent = standing.ratios and not shows(min(standing.ratios), standing.suspect.worse_ratio)
            pairs = 1 if innocent else self.needed(standing) - len(standing.ratios)
            most, total = max(most, pairs), total + pairs * self._cost_ns
            if chosen and total + most * self._start_ns > left:
                break
            chosen.append(standing)
        return [standing for standing in standings if any(standing is one for one in chosen)]

    def decide(self, progress: Callable[[int, str], None]) -> None:
        """Run pairs until every suspect is decided, or there is no more time."""
        pair = redone = 0
        was_apart = self._arena.apart
        while open_ones := self._affordable(self._open()):
            begun = started = self._time_left()
            accused = _tasks(open_ones)
            most = max(pair + 1, *(self.needed(standing) for standing in open_ones))

            def begins(
                number: int, test: str, pair: int = pair, own: int = len(accused), most: int = most
            ) -> None:
                nonlocal started
                if number == 1:
                    started = self._time_left()
                if number <= own:  # the controls come last, and are nobody's concern
                    progress(number, f"pair {pair + 1} of {most}: {test}")

            try:
                found = self._arena.pair([*accused, *self._controls], seed=1 + pair + redone, begins=begins)
            except ArmError as error:
                _give_up(self._open(), error)  # also those for whom the time did not suffice before
                return
            if self._arena.apart != was_apart:
                # what was measured in turns does not go together with what is measured apart
                was_apart = True
                for standing in open_ones:
                    standing.forget()
            self._start_ns, self._cost_ns = begun - started, (started - self._time_left()) / len(found)
            control = self._control(found)
            disturbed = self._is_disturbed(control)
            if disturbed and not self._stored and redone < MOST_REPEATS:
                redone += 1
                continue
            pair += 1
            for standing in open_ones:
                self._add(standing, found[standing.suspect.test_id], control, disturbed=disturbed)

    def _add(
        self, standing: Standing, found: Round | ArmError, control: float | None, *, disturbed: bool
    ) -> None:
        if isinstance(found, ArmError):
            _give_up([standing], found)
        elif self._stored and control is None:
            standing.give_up("no test that nobody suspects could be measured beside it")
        else:
            standing.add(found, control, disturbed=disturbed, divide=self._stored)

    def _is_disturbed(self, control: float | None) -> bool:
        """Whether tests that nobody suspects changed, and did not in the pair before this one.

        Slower ones accuse the innocent, and faster ones hide the guilty. What they do in one pair and again in the
        next is no disturbance: the code changed under them too.
        """
        if control is None:
            return False
        last, self._last_control = self._last_control, control
        lasting = _changed(last) and (last > 1) == (control > 1)
        return _changed(control) and not lasting

    def _control(self, found: Pair) -> float | None:
        """How many times as long the tests that nobody suspects took, in the middle; None without any."""
        ratios: list[float] = []
        for task in self._controls:
            measured = found.get(task.test)
            if isinstance(measured, Round):
                several = [ratio for ratio, _, _ in measured.ratios(task.questions[0])]
                if several:
                    ratios.append(median(several))
        return median(ratios) if ratios else None


def _changed(control: float) -> bool:
    """Whether the controls' ratio shows what would be a regression, in whichever direction."""
    return shows(max(control, 1 / control), CONTROL_RATIO)


def _on_what_machine() -> str:
    """The machine's load where it explains that time ran out; empty otherwise."""
    busy, processors = load()
    return f", on a machine with load {busy:.1f} on {processors} processors" if busy > processors + 1 else ""


def _tasks(standings: Iterable[Standing]) -> list[Task]:
    """What to execute for some suspects, each test once."""
    by_test: dict[str, list[Standing]] = {}
    for standing in standings:
        by_test.setdefault(standing.suspect.test_id, []).append(standing)
    return [
        Task(test, tuple(s.question for s in several), alone=any(s.suspect.alone for s in several))
        for test, several in by_test.items()
    ]


def _give_up(standings: Iterable[Standing], error: ArmError) -> None:
    for standing in standings:
        standing.give_up(str(error), incomparable=isinstance(error, IncomparableError))
