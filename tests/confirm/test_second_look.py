"""The second look acquits cheaply, and only acquits."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from pytest_querycache.confirm.arm import Execution
from pytest_querycache.confirm.second_look import second_look
from pytest_querycache.model.decision import decide
from pytest_querycache.model.learned import Learned, new_entry
from pytest_querycache.model.record import Record
from pytest_querycache.model.verdict import Evidence, EvidenceByMetric, Suspect, Verdict
from tests.confirm.fake_arms import FakeArm, FakeArms, Script, passed
from tests.confirm.test_duels import MS, suspect, taking


def look(script: Script, *suspects: Suspect) -> tuple[EvidenceByMetric, list[Suspect]]:
    with FakeArms(script).executor() as executor:
        acquitted, seen, unseen = second_look(
            suspects,
            executor,
            reference_ns=100,
            clock=lambda: 0,
            deadline=1,
            progress=lambda number, total, name: None,
        )
        return acquitted, [*seen, *unseen]


@pytest.mark.parametrize(
    ("milliseconds", "acquitted"), [(10, True), (10.9, True), (11.1, False), (20, False)]
)
def test_less_than_half_the_tolerated_change_acquits(milliseconds: float, acquitted: bool) -> None:
    """Repeats below half the threshold clear a suspect; anything above it goes on to the duel."""
    evidence, remaining = look(taking(milliseconds), suspect())
    assert bool(evidence) is acquitted
    assert len(remaining) == (not acquitted)


def test_acquittal_is_the_verdict() -> None:
    """What the second look found is what the gate says, with the reason."""
    accused = suspect()
    evidence, _ = look(taking(10), accused)
    finding = decide(accused, evidence["t", "wall_time"], confirm="auto")
    assert finding.verdict is Verdict.UNCHANGED
    assert finding.proof == "a second look in a fresh process does not show it"


def test_repeats_alone_never_convict_a_time() -> None:
    """However slow the new code is by itself, without the old code beside it a time stays unconfirmed."""
    evidence = Evidence(processes=[[90 * MS], [90 * MS]])
    assert decide(suspect(), evidence, confirm="auto").verdict is Verdict.UNCONFIRMED


def test_slow_machine_is_taken_out() -> None:
    """Times are held against the baseline at the reference workload's speed, here and there."""

    def script(arm: FakeArm, name: str, warm: bool) -> Execution:
        return passed(name, wall_time=17 * MS, reference_time=170)

    evidence, _ = look(script, suspect())
    assert evidence["t", "wall_time"].processes == ([10 * MS, 10 * MS],)


def executions(script: Script, *suspects: Suspect) -> list[tuple[str, bool]]:
    """What the only process of a second look executes."""
    arms = FakeArms(script)
    with arms.executor() as executor:
        second_look(
            suspects,
            executor,
            reference_ns=None,
            clock=lambda: 0,
            deadline=100,
            progress=lambda number, total, name: None,
        )
    (executed,) = arms.executed()
    return executed


@pytest.mark.parametrize(
    ("lengths", "taken"), [([30, 10.5, 10.5], 3), ([10, 30, 10.5, 10.5], 4), ([30, 10.5, 30, 10.5], 4)]
)
def test_two_innocent_repeats_are_the_last(lengths: list[float], taken: int) -> None:
    """Two repeats acquit, whatever the first execution was, and nothing more is executed behind them."""
    left = iter(lengths)
    executed = executions(lambda arm, name, warm: passed(name, wall_time=next(left) * MS), suspect())
    assert executed == [("t", False), *[("t", True)] * (taken - 1)]


@pytest.mark.parametrize(("fast", "acquitted"), [(1, False), (2, False), (3, True)])
def test_fast_by_chance_is_not_innocent(fast: int, acquitted: bool) -> None:
    """Of nine repeats a third has to be innocent: the best of so many is, now and then, whatever the code."""
    last = [30, 10.5 if fast > 1 else 30, 10.5 if fast > 2 else 30, 30]
    left = iter([30, 30, 30, 10.5, *[30] * 4, *last])
    evidence, _ = look(lambda arm, name, warm: passed(name, wall_time=next(left) * MS), suspect())
    assert bool(evidence) is acquitted


@pytest.mark.parametrize(("milliseconds", "acquitted"), [(10.15, True), (10.25, False)])
def test_one_repeat_that_shows_next_to_nothing_is_enough(milliseconds: float, acquitted: bool) -> None:
    """On a busy machine most repeats are disturbed, and nothing makes one as fast as ever but innocence."""
    left = iter([*[30] * 11, milliseconds])
    evidence, _ = look(lambda arm, name, warm: passed(name, wall_time=next(left) * MS), suspect())
    assert bool(evidence) is acquitted


@pytest.mark.parametrize("seed", range(5))
def test_tests_that_vary_are_held_against_their_like(seed: int) -> None:
    """Of tests that vary by a tenth, few that became a third slower are let go, and few that did not remain."""
    chance = Random(seed)

    def taken(slower: float = 1.0) -> float:
        return 10 * MS * slower * chance.lognormvariate(0, 0.1)

    def is_let_go(slower: float) -> bool:
        warms = [[{"wall_time": taken()} for _ in range(2)] for _ in range(3)]
        record = Record(node_id="t", values={"wall_time": taken()})
        stored = new_entry(record, Learned(warm=warms), commit="c").figure("wall_time")
        assert stored is not None
        assert stored.warm is not None
        accused = suspect()
        assert accused.repeat_limit is not None
        limit = replace(accused.repeat_limit, value=stored.warm * 1.2, reference=stored.warm)
        accused = replace(accused, repeat_limit=limit)
        return bool(look(lambda arm, name, warm: passed(name, wall_time=taken(slower)), accused)[0])

    assert sum(is_let_go(1.0) for _ in range(60)) >= 45
    assert sum(is_let_go(1.33) for _ in range(60)) <= 6


def test_machine_that_only_seemed_slow_acquits_nobody() -> None:
    """A reference workload that was slow for one execution is not taken for the machine's speed in that."""
    speeds = iter([100, 170] * 6)
    guilty = suspect()
    acquitted, remaining = look(
        lambda arm, name, warm: passed(name, wall_time=15 * MS, reference_time=next(speeds)), guilty
    )
    assert (acquitted, [accused.now for accused in remaining]) == ({}, [15 * MS])


def test_who_still_looks_slower_is_come_back_to() -> None:
    """What was slow for a moment is acquitted when the others have had their turn; what stays slow is seen thrice."""
    lengths = {"a": iter([30] * 4 + [10] * 4), "b": iter([10] * 4), "c": iter([30] * 12)}
    executed = executions(
        lambda arm, name, warm: passed(name, wall_time=next(lengths[name]) * MS),
        *(suspect(name) for name in lengths),
    )
    four_times = [False, True, True, True]
    assert executed == [
        *(("a", warm) for warm in four_times),
        *(("b", warm) for warm in four_times[:3]),
        *(("c", warm) for warm in four_times),
        *(("a", warm) for warm in four_times[:3]),
        *(("c", warm) for warm in four_times * 2),
    ]


def test_what_fails_is_not_executed_again() -> None:
    """A test that does not pass in the fresh process is not come back to."""
    executed = executions(lambda arm, name, warm: Execution(outcome="failed"), suspect())
    assert executed == [("t", False)]


def test_what_fails_or_cannot_be_repeated_remains() -> None:
    """A test that fails in the fresh process is not acquitted by that."""
    _, remaining = look(lambda arm, name, warm: Execution(outcome="failed"), suspect())
    assert [accused.node_id for accused in remaining] == ["t"]
    _, remaining = look(taking(10), suspect(alone=True))
    assert [accused.node_id for accused in remaining] == ["t"]


def test_who_was_not_looked_at_is_told_from_who_looks_slower_again() -> None:
    """A single time that nobody had the time to repeat may be chance, however bad it is."""
    moments = iter([0, 2, 2, 2])
    with FakeArms(taking(20)).executor() as executor:
        acquitted, seen, unseen = second_look(
            [suspect("a"), suspect("b"), suspect("c", alone=True)],
            executor,
            reference_ns=None,
            clock=lambda: next(moments),
            deadline=1,
            progress=lambda number, total, name: None,
        )
    assert (acquitted, [s.node_id for s in seen]) == ({}, ["a"])
    assert [s.node_id for s in unseen] == ["b", "c"]


def test_long_tests_are_looked_at_once() -> None:
    """A test of a tenth of a second evens out by itself what makes others worth coming back to."""
    executed = executions(taking(130), suspect(now=120 * MS))
    assert executed == [("t", False), ("t", True), ("t", True)]
