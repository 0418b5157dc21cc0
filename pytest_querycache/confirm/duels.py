"""Duels: suspects whose time is proved by the old code beside the new; ``model.pairs`` states the rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from ..errors import ArmError
from ..model.metric import ALLOCATED_BLOCKS, CPU_TIME, GC_PAUSE, Better
from ..model.pairs import is_cleared, pairs_needed
from ..model.verdict import Duel, Evidence, EvidenceByMetric, Suspect
from .arm import Execution
from .executor import Executor

FEWEST_TURNS = 6
"""How many ratios a pair takes of each test …"""

MOST_TURNS = 16
"""… and how many at most, while they disagree."""

AGREE = 0.10
"""Turns agree when the middle half of their ratios spans no more than this."""

SAMPLE_NS = 5_000_000
"""A short test is executed again until about this much of it was measured."""

FEWEST_EXECUTIONS = 2
MOST_EXECUTIONS = 10
"""… but no more often, because each execution costs pytest's own work besides."""

BATCH = 12
"""How many tests share the start of a pair of processes."""

_EXPLAINING = (CPU_TIME.name, GC_PAUSE.name, ALLOCATED_BLOCKS.name)

_Turn = tuple[list[Execution], list[Execution]]
"""What the new code's executions gave, and the old code's."""

Progress = Callable[[int, int, str], None]


@dataclass(slots=True)
class _Standing:
    """How one suspect stands after the pairs so far."""

    suspect: Suspect
    ratios: list[float] = field(default_factory=list)
    old: list[float] = field(default_factory=list)
    new: list[float] = field(default_factory=list)
    rises: dict[str, list[float]] = field(default_factory=dict)
    problem: str = ""

    def is_open(self, needed: int) -> bool:
        return (
            not self.problem and len(self.ratios) < needed and not is_cleared(self.ratios, self.suspect.ratio)
        )


def duel(
    suspects: Sequence[Suspect],
    new_code: Executor,
    old_code: Executor,
    *,
    commit: str,
    test_changed: Callable[[str], bool],
    clock: Callable[[], int],
    deadline: int,
    progress: Progress,
) -> EvidenceByMetric:
    """Let old and new code take turns on the suspects' tests, worst first, until each is decided.

    ``deadline`` is a time on ``clock``. What it leaves undecided keeps the pairs it has, and says why there are no
    more. ``test_changed`` tells of a test whether its own source differs in the old code.
    """
    standings = [_Standing(suspect) for suspect in sorted(suspects, key=lambda s: -s.excess)]
    needed = pairs_needed(len(standings))
    tests = list(dict.fromkeys(standing.suspect.test_id for standing in standings))
    for start in range(0, len(tests), BATCH):
        batch = set(tests[start : start + BATCH])
        _decide_batch(
            [standing for standing in standings if standing.suspect.test_id in batch],
            _Arena(new_code, old_code, clock, deadline),
            needed,
            lambda number, name, begin=start: progress(begin + number, len(tests), name),  # type: ignore[misc]
        )
    return {standing.suspect.key: _evidence(standing, needed, commit, test_changed) for standing in standings}


@dataclass(frozen=True, slots=True)
class _Arena:
    """The two sides, and how long they may go on."""

    new_code: Executor
    old_code: Executor
    clock: Callable[[], int]
    deadline: int

    def begin_pair(self, tests: Sequence[str], seed: int) -> None:
        # both start at the same moment: starting is not measured, and there is a core for each
        self.new_code.launch(tests, seed)
        self.old_code.launch(tests, seed)
        self.new_code.wait_until_ready()
        self.old_code.wait_until_ready()

    def end_pair(self) -> None:
        self.new_code.end_process()
        self.old_code.end_process()

    def check_imports(self) -> None:
        self.new_code.check_imports()
        self.old_code.check_imports()

    def check_time(self) -> None:
        if self.clock() > self.deadline:
            raise ArmError("the time for confirmation was used up (confirm_budget)")


def _decide_batch(
    standings: Sequence[_Standing],
    arena: _Arena,
    needed: int,
    progress: Callable[[int, str], None],
) -> None:
    for pair in range(1, needed + 1):
        undecided = [standing for standing in standings if standing.is_open(needed)]
        tests = list(dict.fromkeys(standing.suspect.test_id for standing in undecided))
        if not tests:
            return
        try:
            arena.check_time()
            arena.begin_pair(tests, pair)
        except ArmError as error:
            _give_up(undecided, str(error))
            return
        for number, test in enumerate(tests, 1):
            progress(number, f"pair {pair} of {needed}: {test}")
            accused = [standing for standing in undecided if standing.suspect.test_id == test]
            try:
                arena.check_time()
                _take_turns(test, accused, arena)
            except ArmError as error:
                _give_up(accused, str(error))
        arena.end_pair()


def _give_up(standings: Iterable[_Standing], problem: str) -> None:
    for standing in standings:
        standing.problem = problem


def _take_turns(test: str, accused: Sequence[_Standing], arena: _Arena) -> None:
    """One pair's turns on one test: both warm up, then A B B A …; each turn of both gives a ratio.

    A test that cannot be repeated gives the single ratio of its first executions.
    """
    first_new = _checked(arena.new_code.once(test, warm=False), "new")
    first_old = _checked(arena.old_code.once(test, warm=False), "old")
    arena.check_imports()
    turns: list[_Turn] = []
    if not any(standing.suspect.alone for standing in accused):
        times = _executions(first_new, accused)
        while len(turns) < FEWEST_TURNS or (len(turns) < MOST_TURNS and not _agree(turns, accused)):
            if len(turns) % 2:
                old = _sample(arena.old_code, test, times, "old")
                new = _sample(arena.new_code, test, times, "new")
            else:
                new = _sample(arena.new_code, test, times, "new")
                old = _sample(arena.old_code, test, times, "old")
            turns.append((new, old))
    else:
        turns.append(([first_new], [first_old]))
    for standing in accused:
        _add_pair(standing, turns)


def _sample(side: Executor, test: str, times: int, which: str) -> list[Execution]:
    """Some executions of one test on one side, of which the first follows a full collection."""
    return [_checked(side.once(test, warm=number == 0), which) for number in range(times)]


def _checked(execution: Execution, which: str) -> Execution:
    if execution.outcome != "passed":
        detail = f": {execution.detail}" if execution.detail else ""
        raise ArmError(f"the test {execution.outcome} in a fresh process with the {which} code{detail}")
    return execution


def _executions(first: Execution, accused: Sequence[_Standing]) -> int:
    """How many executions of a test make one sample."""
    shortest = min(
        (
            _value(first, standing) or SAMPLE_NS
            for standing in accused
            if standing.suspect.metric.unit == "ns"
        ),
        default=SAMPLE_NS,
    )
    return max(FEWEST_EXECUTIONS, min(MOST_EXECUTIONS, math.ceil(SAMPLE_NS / max(shortest, 1))))


def _value(execution: Execution, standing: _Standing) -> float | None:
    return execution.figures.get(standing.suspect.node_id, {}).get(standing.suspect.metric.name)


def _agree(turns: Sequence[_Turn], accused: Sequence[_Standing]) -> bool:
    """Whether the turns' ratios lie together closely enough for their median to speak for the pair."""
    for standing in accused:
        ratios = sorted(ratio for ratio, _, _ in _ratios(standing, turns))
        quarter = len(ratios) // 4
        if ratios and ratios[-1 - quarter] - ratios[quarter] > AGREE:
            return False
    return True


def _add_pair(standing: _Standing, turns: Sequence[_Turn]) -> None:
    ratios = list(_ratios(standing, turns))
    if len(ratios) < len(turns):
        standing.problem = "a fresh process did not measure it, or measured zero"
        return
    standing.ratios.append(median(ratio for ratio, _, _ in ratios))
    standing.new.append(median(new for _, new, _ in ratios))
    standing.old.append(median(old for _, _, old in ratios))
    for name in (standing.suspect.metric.name, *_EXPLAINING):
        rise = _typical(turns, 0, standing, name) - _typical(turns, 1, standing, name)
        standing.rises.setdefault(name, []).append(rise)


def _typical(turns: Sequence[_Turn], side: int, standing: _Standing, name: str) -> float:
    """The middle one of a side's best values; a metric that is only sent when it is not zero counts as zero."""
    entry = standing.suspect.node_id
    return median(
        min(execution.figures.get(entry, {}).get(name, 0) for execution in turn[side]) for turn in turns
    )


def _ratios(standing: _Standing, turns: Iterable[_Turn]) -> Iterator[tuple[float, float, float]]:
    """For each turn how many times worse the new value is, the new value and the old one."""
    higher = standing.suspect.metric.better is Better.HIGHER
    for new_executions, old_executions in turns:
        new, old = _best(new_executions, standing), _best(old_executions, standing)
        if new is not None and old is not None and new > 0 and old > 0:
            yield (old / new if higher else new / old), new, old


def _best(executions: Iterable[Execution], standing: _Standing) -> float | None:
    """The best value of a sample: a neighbour on the machine only ever makes a value worse."""
    values = [value for value in (_value(e, standing) for e in executions) if value is not None]
    if not values:
        return None
    return max(values) if standing.suspect.metric.better is Better.HIGHER else min(values)


def _evidence(standing: _Standing, needed: int, commit: str, test_changed: Callable[[str], bool]) -> Evidence:
    if not standing.ratios:
        return Evidence(problem=standing.problem)
    return Evidence(
        problem=standing.problem,
        duel=Duel(
            pair_ratios=tuple(standing.ratios),
            old=median(standing.old),
            new=median(standing.new),
            needed=needed,
            commit=commit[:12],
            test_changed=test_changed(standing.suspect.test_id),
            rises={name: median(values) for name, values in standing.rises.items()},
        ),
    )
