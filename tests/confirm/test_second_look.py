"""The second look acquits cheaply, and only acquits."""

from __future__ import annotations

import pytest

from pytest_querycache.confirm.arm import Execution
from pytest_querycache.confirm.second_look import second_look
from pytest_querycache.model.decision import decide
from pytest_querycache.model.verdict import Evidence, EvidenceByMetric, Suspect, Verdict
from tests.confirm.fake_arms import FakeArm, FakeArms, Script, passed
from tests.confirm.test_duels import MS, suspect, taking


def look(script: Script, *suspects: Suspect) -> tuple[EvidenceByMetric, list[Suspect]]:
    with FakeArms(script).executor() as executor:
        return second_look(
            suspects,
            executor,
            reference_ns=100,
            clock=lambda: 0,
            deadline=1,
            progress=lambda number, total, name: None,
        )


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


def test_an_innocent_repeat_is_the_last() -> None:
    """The best of at least two repeats acquits, so nothing more is executed behind it."""
    lengths = iter([30, 30, 10, 10])
    executed = executions(lambda arm, name, warm: passed(name, wall_time=next(lengths) * MS), suspect())
    assert executed == [("t", False), ("t", True), ("t", True)]


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
