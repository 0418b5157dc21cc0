"""Old code beside new: who takes turns, when it is decided, and what is left open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle

import pytest

from pytest_querycache.confirm.arm import Execution
from pytest_querycache.confirm.duels import duel
from pytest_querycache.errors import ArmError
from pytest_querycache.model.decision import decide
from pytest_querycache.model.limit import Limit
from pytest_querycache.model.metric import METRICS, Metric
from pytest_querycache.model.record import own_metric
from pytest_querycache.model.verdict import Evidence, Suspect, Verdict
from tests.confirm.fake_arms import FakeArm, FakeArms, Script, passed

TIME = METRICS["wall_time"]
MS = 1_000_000


def suspect(name: str = "t", *, metric: Metric = TIME, now: float = 20 * MS, alone: bool = False) -> Suspect:
    """A suspect that took 10 ms when the baseline was recorded, and may take 20 % more."""
    limit = Limit(
        metric=metric, value=12 * MS, origin="built-in", rule="+20 %", reference=10 * MS, floor=100_000
    )
    return Suspect(
        node_id=name,
        test_id=name,
        metric=metric,
        now=now,
        limit=limit,
        repeat_limit=limit,
        ratio=0.2,
        alone=alone,
    )


def taking(*milliseconds: float) -> Script:
    """Every execution of the n-th process takes this long; the last length holds for all that follow."""

    def script(arm: FakeArm, name: str, warm: bool) -> Execution:
        length = milliseconds[min(arm.number, len(milliseconds) - 1)]
        return passed(name, wall_time=length * MS, cpu_time=length * MS)

    return script


def fight(
    new: FakeArms,
    old: FakeArms,
    suspects: Sequence[Suspect],
    *,
    clock: Callable[[], int] = lambda: 0,
    test_changed: bool = False,
) -> dict[tuple[str, str], Evidence]:
    with new.executor() as new_code, old.executor() as old_code:
        return duel(
            suspects,
            new_code,
            old_code,
            commit="0123456789abcdef",
            test_changed=lambda test: test_changed,
            clock=clock,
            deadline=100,
            progress=lambda number, total, name: None,
        )


def verdict_on(new: Script, old: Script, accused: Suspect | None = None) -> Verdict:
    accused = accused or suspect()
    evidence = fight(FakeArms(new), FakeArms(old), [accused])
    return decide(accused, evidence[accused.node_id, accused.metric.name], confirm="auto").verdict


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (taking(13), taking(10), Verdict.REGRESSED),
        (taking(10), taking(10), Verdict.UNCHANGED),
        (taking(11.5), taking(10), Verdict.UNCHANGED),
        (taking(9), taking(10), Verdict.UNCHANGED),
        (taking(10, 13, 13, 13, 13), taking(10), Verdict.REGRESSED),
        (taking(13, 10, 10), taking(10), Verdict.UNCHANGED),
        (taking(0.13), taking(0.10), Verdict.UNCHANGED),
    ],
    ids=["slower", "same", "within", "faster", "one dissents", "two dissent", "below the floor"],
)
def test_verdicts(new: Script, old: Script, expected: Verdict) -> None:
    """The rule of pairs, from executions to the verdict."""
    assert verdict_on(new, old) is expected


def test_higher_is_better() -> None:
    """A throughput that fell is as guilty as a time that rose."""
    rows = own_metric("rows", unit="rows/s", better="higher", deterministic=False)
    limit = Limit(metric=rows, value=80, origin="built-in", rule="+20 %", reference=100)
    accused = Suspect(
        node_id="t", test_id="t", metric=rows, now=50, limit=limit, repeat_limit=limit, ratio=0.2
    )

    def giving(number: float) -> Script:
        return lambda arm, name, warm: passed(name, rows=number)

    assert verdict_on(giving(50), giving(100), accused) is Verdict.REGRESSED
    assert verdict_on(giving(100), giving(50), accused) is Verdict.UNCHANGED


def test_innocent_leave_after_two_pairs() -> None:
    """Two pairs that do not show it clear a suspect, and no third is started."""
    new = FakeArms(taking(10))
    fight(new, FakeArms(taking(10)), [suspect()])
    assert len(new.arms) == 2


def test_pairs_share_a_hash_seed_and_differ_from_each_other() -> None:
    """Inside a pair the seed is the same, from pair to pair another one."""
    new, old = FakeArms(taking(13)), FakeArms(taking(10))
    fight(new, old, [suspect()])
    assert [arm.seed for arm in new.arms] == [arm.seed for arm in old.arms] == [1, 2, 3, 4, 5]


def test_sides_take_turns() -> None:
    """Old and new alternate, and who begins alternates too."""
    order: list[str] = []

    def side(name: str, length: float) -> Script:
        def script(arm: FakeArm, test: str, warm: bool) -> Execution:
            if warm:
                order.append(name)
            return passed(test, wall_time=length * MS)

        return script

    fight(FakeArms(side("A", 10)), FakeArms(side("B", 10)), [suspect()])
    assert "".join(order[:8]) == "ABBAABBA"


@pytest.mark.parametrize(
    ("new_times", "turns"),
    [([13.0], 4), ([10.0], 2), ([10.5, 9.0], 2), ([13.0, 16.0], 10), ([10.0, 14.0], 10)],
    ids=["all show it", "none shows it", "they differ, and none shows it", "they differ", "half show it"],
)
def test_turns_go_on_only_while_they_disagree(new_times: list[float], turns: int) -> None:
    """Two turns that show nothing end a pair, or four that agree; others are taken up to ten times."""
    values = cycle(new_times)
    now = 10.0

    def script(arm: FakeArm, test: str, warm: bool) -> Execution:
        nonlocal now
        if warm:  # a sample's first execution, which the others are like
            now = next(values)
        return passed(test, wall_time=now * MS)

    new = FakeArms(script)
    fight(new, FakeArms(taking(10)), [suspect()])
    assert {sum(warm for _, warm in executed) for executed in new.executed()} == {turns}


@pytest.mark.parametrize(("milliseconds", "turns"), [(10, 4), (110, 2)])
def test_long_tests_take_fewer_turns(milliseconds: float, turns: int) -> None:
    """A test of more than a tenth of a second evens out by itself what disturbs a short one."""
    new = FakeArms(taking(milliseconds * 1.3))
    fight(new, FakeArms(taking(milliseconds)), [suspect()])
    assert {sum(warm for _, warm in executed) for executed in new.executed()} == {turns}


def test_whom_the_time_did_not_suffice_for_is_told_so() -> None:
    """Nobody who was left out for want of time is told that a single time proves nothing."""
    now = 0

    def clock() -> int:
        return now

    def slow(arm: FakeArm, name: str, warm: bool) -> Execution:
        nonlocal now
        now += 1
        return passed(name, wall_time=13 * MS)

    accused = [suspect(f"t{number}") for number in range(6)]
    evidence = fight(FakeArms(slow), FakeArms(taking(10)), accused, clock=clock)
    left = [found for found in evidence.values() if found.duel is None or len(found.duel.pair_ratios) < 5]
    assert left
    assert all("(confirm_budget)" in found.problem for found in left)


def test_both_sides_leave_at_the_same_moment() -> None:
    """Neither process is waited for before the other was told to end, since leaving takes its time."""
    new, old = FakeArms(taking(10)), FakeArms(taking(10))
    new.leaving = old.leaving = order = []
    fight(new, old, [suspect()])
    assert order == ["told", "told", "awaited", "awaited"] * 2


def test_test_that_cannot_be_repeated_is_executed_once_a_process() -> None:
    """A test marked as alone gives one ratio a pair, from first executions, and seven pairs have to agree."""
    new = FakeArms(taking(15))
    accused = suspect(alone=True)
    evidence = fight(new, FakeArms(taking(10)), [accused])
    assert new.executed() == [[("t", False)]] * 7
    finding = decide(accused, evidence[accused.key], confirm="auto")
    assert finding.verdict is Verdict.REGRESSED
    assert finding.proof.endswith("; under the stricter bar, because it is executed once in each")


def test_who_comes_first_changes_from_pair_to_pair() -> None:
    """What only the first process of a pair pays does not convict a test that is executed once."""
    order: list[str] = []

    def side(name: str) -> Script:
        def script(arm: FakeArm, test: str, warm: bool) -> Execution:
            order.append(name)
            first = len(order) % 2 == 1
            return passed(test, wall_time=(20 if first else 10) * MS)

        return script

    accused = suspect(alone=True)
    evidence = fight(FakeArms(side("A")), FakeArms(side("B")), [accused])
    assert "".join(order[:8]) == "ABBAABBA"
    assert decide(accused, evidence[accused.key], confirm="auto").verdict is Verdict.UNCHANGED


def test_test_that_turns_out_not_to_be_repeatable() -> None:
    """A test of which no baseline said so, and which passes only once in a process, gives first executions too."""

    def once(length: float) -> Script:
        def script(arm: FakeArm, test: str, warm: bool) -> Execution:
            if len(arm.executed) > 1:
                return Execution(outcome="failed", detail="already exists")
            return passed(test, wall_time=length * MS)

        return script

    accused = suspect()
    evidence = fight(FakeArms(once(15)), FakeArms(once(10)), [accused])
    found = evidence[accused.key].duel
    assert found is not None
    assert (found.single, len(found.pair_ratios)) == (True, 7)
    assert decide(accused, evidence[accused.key], confirm="auto").verdict is Verdict.REGRESSED


def test_time_that_runs_out_leaves_it_unconfirmed() -> None:
    """When the time is used up, the pairs so far are told and nobody is convicted."""
    ticks = iter(range(0, 10_000, 5))
    accused = suspect()
    evidence = fight(FakeArms(taking(13)), FakeArms(taking(10)), [accused], clock=lambda: next(ticks))
    finding = decide(accused, evidence["t", "wall_time"], confirm="auto")
    assert finding.verdict is Verdict.UNCONFIRMED
    assert finding.proof.startswith("the time for confirmation was used up (confirm_budget)")
    assert "pairs of processes show it, beside 0123456789ab" in finding.proof


def test_old_code_that_fails_the_test_is_said() -> None:
    """A test that does not pass with the old code cannot be compared, and the reason names the side."""
    old = FakeArms(lambda arm, name, warm: Execution(outcome="failed", detail="no such function"))
    accused = suspect()
    evidence = fight(FakeArms(taking(13)), old, [accused])
    finding = decide(accused, evidence["t", "wall_time"], confirm="auto")
    assert finding.verdict is Verdict.UNCONFIRMED
    assert finding.proof == ("the test failed in a fresh process with the old code: no such function")


def test_processes_that_do_not_start_are_said() -> None:
    """A side that cannot be started leaves every suspect unconfirmed, with its reason."""
    accused = [suspect("a"), suspect("b")]
    evidence = fight(FakeArms(taking(13)), FakeArms(taking(10), broken_starts=range(10)), accused)
    assert {found.problem for found in evidence.values()} == {"a fresh process did not collect"}


def test_changed_test_is_said() -> None:
    """When the test's own source differs, the proof says so."""
    accused = suspect()
    evidence = fight(FakeArms(taking(13)), FakeArms(taking(10)), [accused], test_changed=True)
    assert decide(accused, evidence["t", "wall_time"], confirm="auto").proof.endswith(
        "; the test itself changed since"
    )


def test_one_bad_test_does_not_stop_the_others() -> None:
    """An arm that dies over one test leaves that one open and goes on with the next."""

    def script(arm: FakeArm, name: str, warm: bool) -> Execution:
        if name == "bad":
            raise ArmError("a fresh process was killed by SIGSEGV")
        return passed(name, wall_time=13 * MS)

    accused = [suspect("bad", now=90 * MS), suspect("good")]
    evidence = fight(FakeArms(script), FakeArms(taking(10)), accused)
    assert evidence["bad", "wall_time"].problem == "a fresh process was killed by SIGSEGV"
    assert decide(accused[1], evidence["good", "wall_time"], confirm="auto").verdict is Verdict.REGRESSED


def test_short_time_is_spent_on_who_can_still_be_proved() -> None:
    """When the time does not suffice for all, the most convincing are proved, and not all of them half."""
    now = 0

    def clock() -> int:
        return now

    def side(slow: float) -> Script:
        def script(arm: FakeArm, test: str, warm: bool) -> Execution:
            nonlocal now
            now += MS
            length = slow if test == "much" or slow == 10 else slow - 5
            return passed(test, wall_time=length * MS)

        return script

    accused = [suspect(name) for name in ("little", "much", "some", "more")]
    with FakeArms(side(20)).executor() as new_code, FakeArms(side(10)).executor() as old_code:
        evidence = duel(
            accused,
            new_code,
            old_code,
            commit="0123456789abcdef",
            test_changed=lambda test: False,
            clock=clock,
            deadline=260 * MS,
            progress=lambda number, total, name: None,
        )
    pairs = {name: found.duel and len(found.duel.pair_ratios) for (name, _), found in evidence.items()}
    assert pairs["much"] == 5
    assert min(count or 0 for count in pairs.values()) < 5
