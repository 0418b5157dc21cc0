"""One test's turns in one pair of processes: what is executed how often, and the ratios that follow.

Both sides warm up, then take turns A B B A …, until their ratios agree or none shows that anything is there. The
length of a sample follows from how long the test takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from ..errors import ArmError
from ..model.metric import WALL_TIME, Better, Metric
from ..model.pairs import shows
from ..model.record import at_reference_speed
from .arm import Execution
from .guard import MOST_REPEATS, Guard, speed_of
from .side import Side

INNOCENT_AFTER = 2
"""Two turns, A B B A, neither of which shows anything, end a pair: it takes another pair like it to clear a test."""

FEWEST_TURNS = 4
"""How many ratios a pair takes of each test: A B B A, twice. The pairs of quiet processes differ by 1 % then …"""

MOST_TURNS = 10
"""… and how many at most, while they disagree about whether the test is slower, and by how much."""

LONG_NS = 100_000_000
"""A test that takes longer evens out by itself what disturbs it: A B B A, once, is enough if both turns agree."""

AGREE = 0.10
"""Turns agree when the middle half of their ratios spans no more than this part of the smaller one."""

SAMPLE_NS = 5_000_000
"""A short test is executed again until about this much of it was measured."""

FEWEST_EXECUTIONS = 2
MOST_EXECUTIONS = 10
"""… but no more often, because each execution costs pytest's own work besides."""

ONCE_NS = 20_000_000
"""A test that takes longer is executed once for a sample."""

Sample = list[Execution]
Turn = tuple[Sample, Sample]
"""What the new code's executions gave, and the old code's."""


class NotPassedError(ArmError):
    """A test was executed in a fresh process, and did not pass there."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a test: one metric of one of its records, and the change that is tolerated."""

    node_id: str
    metric: Metric
    ratio: float

    def answer(self, execution: Execution, reference_ns: float | None = None) -> float | None:
        """The value an execution gives, a time brought to a reference speed where one is given."""
        figures = execution.figures.get(self.node_id, {})
        return at_reference_speed(figures, self.metric, reference_ns)


@dataclass(frozen=True, slots=True)
class Task:
    """A test to be executed, and what is asked of it; ``alone`` where it can be executed once in a process.

    A question's ratio is one of which more is always worse.
    """

    test: str
    questions: Sequence[Question]
    alone: bool = False


@dataclass(slots=True)
class Round:
    """The turns that one test took in one pair of processes.

    ``reference_ns`` is the speed that times are brought to, None where both sides took turns and saw the same
    machine, as they mostly do. ``disturbance`` is what disturbed the round although it was measured again;
    ``single`` says that it consists of first executions, because the test cannot be repeated.
    """

    turns: list[Turn] = field(default_factory=list)
    reference_ns: float | None = None
    disturbance: str = ""
    single: bool = False

    def ratios(self, question: Question) -> list[tuple[float, float, float]]:
        """For each turn how many times worse the new value is, the new value and the old one."""
        return list(_ratios(self.turns, question, self.reference_ns))

    def readings(self, question: Question) -> list[list[tuple[float, float, float]]]:
        """The ratios in each way the round can be read: where it was disturbed, also as the times are.

        A processor that was slower beside one side made its times longer; a thread or a tracer of one side's code
        makes its reference workload slower, too, and its times are longer by right.
        """
        as_they_are = [list(_ratios(self.turns, question, None))] if self.disturbance else []
        return [self.ratios(question), *as_they_are]

    def rise(self, node_id: str, metric: str) -> float:
        """New − old of a metric; one that is only sent when it is not zero counts as zero."""
        return self._typical(0, node_id, metric) - self._typical(1, node_id, metric)

    def _typical(self, side: int, node_id: str, metric: str) -> float:
        return median(
            min(execution.figures.get(node_id, {}).get(metric, 0) for execution in turn[side])
            for turn in self.turns
        )


def _ratios(
    turns: Iterable[Turn], question: Question, reference_ns: float | None
) -> Iterator[tuple[float, float, float]]:
    higher = question.metric.better is Better.HIGHER
    for new_sample, old_sample in turns:
        new = _best(new_sample, question, reference_ns)
        old = _best(old_sample, question, reference_ns)
        if new is not None and old is not None and new > 0 and old > 0:
            yield (old / new if higher else new / old), new, old


def _best(sample: Sample, question: Question, reference_ns: float | None) -> float | None:
    values = [question.answer(execution, reference_ns) for execution in sample]
    known = [value for value in values if value is not None]
    return question.metric.best(known) if known else None


def take_turns(
    new_code: Side,
    old_code: Side,
    task: Task,
    first: Turn,
    guard: Guard,
    check_time: Callable[[], None],
) -> Round:
    """A round of turns, measured again while something disturbs it, twice at most.

    ``first`` are both sides' first executions; a test that cannot be repeated has no others. ``check_time`` raises
    ArmError when there is no time left, which one long test must not hold up.
    """
    if task.alone:
        return Round(turns=[first], single=True)
    attempts = 1 if guard.is_futile else 1 + MOST_REPEATS
    for _ in range(attempts):
        guard.begin()
        try:
            found = _one_round(new_code, old_code, task, first[0][0], check_time)
        except NotPassedError:
            # it passed once on both sides, so it is repeating that it does not bear
            return Round(turns=[first], single=True)
        found.disturbance = guard.disturbance(
            (execution for turn in found.turns for execution in turn[0]),
            (execution for turn in found.turns for execution in turn[1]),
        )
        if not found.disturbance:
            break
    if found.disturbance:
        # one side's processor was slower, or was taken away, for the whole round: the speed can be taken out
        found.reference_ns = speed_of(
            execution for turn in found.turns for side in turn for execution in side
        )
    guard.keep(disturbed=bool(found.disturbance))
    return found


def _one_round(
    new_code: Side, old_code: Side, task: Task, first: Execution, check_time: Callable[[], None]
) -> Round:
    times = executions_in_sample(first, task)
    found = Round()
    while not _is_enough(found, task.questions):
        check_time()
        if len(found.turns) % 2:
            old = sample(old_code, task.test, times, "old")
            new = sample(new_code, task.test, times, "new")
        else:
            new = sample(new_code, task.test, times, "new")
            old = sample(old_code, task.test, times, "old")
        found.turns.append((new, old))
    return found


def executions_in_sample(first: Execution, task: Task) -> int:
    """How many executions of a test make a sample, from what its first one took."""
    times = [question.answer(first) for question in task.questions if question.metric.unit == "ns"]
    shortest = min((time for time in times if time), default=SAMPLE_NS)
    # a short section may belong to a long test, and an execution takes as long as the test
    whole = first.figures.get(task.test, {}).get(WALL_TIME.name, shortest)
    if whole > ONCE_NS:
        return 1
    return max(FEWEST_EXECUTIONS, min(MOST_EXECUTIONS, math.ceil(SAMPLE_NS / max(shortest, 1))))


def sample(side: Side, test: str, times: int, which: str) -> Sample:
    """Some executions of one test on one side, of which the first follows a full collection."""
    return [checked(side.once(test, warm=number == 0), which) for number in range(times)]


def checked(execution: Execution, which: str) -> Execution:
    """The execution, if its test passed; raises ArmError."""
    if execution.outcome != "passed":
        detail = f": {execution.detail}" if execution.detail else ""
        raise NotPassedError(f"the test {execution.outcome} in a fresh process with the {which} code{detail}")
    return execution


def _is_enough(found: Round, questions: Sequence[Question]) -> bool:
    """Whether the turns so far can speak for their pair."""
    taken = len(found.turns)
    if taken < INNOCENT_AFTER:
        return False
    return taken >= MOST_TURNS or all(_is_settled(found.ratios(question), question) for question in questions)


def _is_settled(ratios: Sequence[tuple[float, float, float]], question: Question) -> bool:
    """Whether more turns are not worth their time: where none shows anything, their median does not either."""
    if not any(shows(ratio, question.ratio) for ratio, _, _ in ratios):
        return True
    is_long = question.metric.unit == "ns" and all(min(new, old) > LONG_NS for _, new, old in ratios)
    fewest = INNOCENT_AFTER if is_long else FEWEST_TURNS
    return len(ratios) >= fewest and _agree([ratio for ratio, _, _ in ratios])


def _agree(ratios: Sequence[float]) -> bool:
    """Whether ratios lie together closely enough for their median to speak for the pair."""
    ordered = sorted(ratios)
    quarter = len(ordered) // 4
    return not ordered or ordered[-1 - quarter] - ordered[quarter] <= AGREE * ordered[quarter]
