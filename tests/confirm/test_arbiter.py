"""Suspects that repeats can confirm: measured worst first, in two processes, within a budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from pytest_querycache.confirm.arbiter import confirm_repeats
from pytest_querycache.confirm.arm import Execution
from pytest_querycache.errors import ArmError
from pytest_querycache.model.limit import Limit
from pytest_querycache.model.metric import METRICS
from pytest_querycache.model.verdict import Evidence, Suspect
from tests.confirm.fake_arms import FakeArm, FakeArms, passed

BYTES, TIME, PEAK = (METRICS[name] for name in ("allocated_bytes", "wall_time", "peak_rss"))


def suspect(
    name: str,
    *,
    metric: str = "allocated_bytes",
    now: float = 2000,
    section: str = "",
    alone: bool = False,
    budget: bool = False,
) -> Suspect:
    """A suspect whose repeats may cost 1,300."""
    limit = Limit(
        metric=METRICS[metric],
        value=1300,
        origin="built-in",
        rule="+30 %",
        reference=None if budget else 1000,
    )
    return Suspect(
        node_id=f"{name}::{section}" if section else name,
        test_id=name,
        metric=METRICS[metric],
        now=now,
        limit=limit,
        repeat_limit=limit,
        alone=alone,
    )


def confirm(
    arms: FakeArms,
    suspects: Sequence[Suspect],
    *,
    clock: Callable[[], int] = lambda: 0,
    budget_ns: float = 1e9,
    told: list[tuple[int, int, str]] | None = None,
) -> dict[tuple[str, str], Evidence]:
    heard: list[tuple[int, int, str]] = told if told is not None else []
    with arms.executor() as executor:
        evidence = confirm_repeats(
            suspects,
            executor,
            clock=clock,
            budget_ns=budget_ns,
            progress=lambda *where: heard.append(where),
        )
    assert all(arm.closed for arm in arms.arms)
    return evidence


def costs(**by_test: float) -> FakeArms:
    """Processes in which each test always costs the same, cold or warm."""
    return FakeArms(lambda arm, test, warm: passed(test, allocated_bytes=by_test[test], wall_time=5))


def test_two_processes_must_agree() -> None:
    """Who is still suspect after one process is measured in another one, with another hash seed."""
    arms = costs(guilty=2000, innocent=1000)
    evidence = confirm(arms, [suspect("guilty"), suspect("innocent")])
    assert evidence == {
        ("guilty", "allocated_bytes"): Evidence(processes=[[2000, 2000], [2000, 2000]]),
        ("innocent", "allocated_bytes"): Evidence(processes=[[1000, 1000]]),
    }
    assert [(arm.seed, list(arm.tests)) for arm in arms.arms] == [
        (1, ["guilty", "innocent"]),
        (2, ["guilty"]),
    ]


def test_a_cold_execution_comes_first() -> None:
    """Each test is executed once before its repeats are measured, and that one does not count."""
    arms = FakeArms(lambda arm, test, warm: passed(test, allocated_bytes=1000 if warm else 9000))
    evidence = confirm(arms, [suspect("a")])
    assert arms.executed() == [[("a", False), ("a", True), ("a", True)]]
    assert evidence["a", "allocated_bytes"].processes == [[1000, 1000]]


def test_the_worst_come_first() -> None:
    """When time runs out, the smallest excesses are those left over."""
    told: list[tuple[int, int, str]] = []
    confirm(
        costs(small=1000, large=1000, middle=1000),
        [suspect("small", now=1400), suspect("large", now=9000), suspect("middle", now=3000)],
        told=told,
    )
    assert told == [(1, 3, "large"), (2, 3, "middle"), (3, 3, "small")]


def test_what_repeats_cannot_confirm_is_left_out() -> None:
    """A time needs the old code; without another suspect no process is started."""
    arms = costs()
    assert confirm(arms, [suspect("a", metric="wall_time")]) == {}
    assert arms.arms == []


def test_nobody_to_confirm() -> None:
    """Without suspects nothing is started."""
    arms = costs()
    assert confirm(arms, []) == {}
    assert arms.arms == []


def test_metrics_and_sections_of_one_test_share_its_executions() -> None:
    """A test is executed for all its suspects at once."""
    figures = {
        "a": {"allocated_bytes": 1000.0, "peak_rss": 2000.0},
        "a::part": {"allocated_bytes": 1500.0},
    }
    arms = FakeArms(lambda arm, test, warm: Execution(outcome="passed", figures=figures))
    evidence = confirm(arms, [suspect("a"), suspect("a", metric="peak_rss"), suspect("a", section="part")])
    assert {key: [list(v) for v in found.processes] for key, found in evidence.items()} == {
        ("a", "allocated_bytes"): [[1000, 1000]],
        ("a", "peak_rss"): [[2000, 2000]] * 2,
        ("a::part", "allocated_bytes"): [[1500, 1500]] * 2,
    }
    assert arms.executed() == [[("a", False), ("a", True), ("a", True)]] * 2


def test_a_metric_accused_twice_is_measured_once() -> None:
    """A budget and a threshold over the same metric share their evidence, one entry for each process."""
    evidence = confirm(costs(a=2000), [suspect("a"), suspect("a", budget=True)])
    assert evidence["a", "allocated_bytes"].processes == [[2000, 2000]] * 2


def test_a_test_that_cannot_be_repeated() -> None:
    """It is executed once in each of two processes of its own, after those that share one."""
    arms = costs(alone=2000, shared=2000)
    evidence = confirm(arms, [suspect("alone", now=9000, alone=True), suspect("shared")])
    assert evidence["alone", "allocated_bytes"].processes == [[2000], [2000]]
    assert (
        arms.executed()
        == [
            [("shared", False), ("shared", True), ("shared", True)],
            [("alone", False)],
        ]
        * 2
    )
    assert [list(arm.tests) for arm in arms.arms[1::2]] == [["alone"], ["alone"]]


def cannot_be_repeated(arm: FakeArm, test: str, warm: bool) -> Execution:
    """A test that passes once in a process; only nobody knew."""
    if arm.executed.count((test, False)) + arm.executed.count((test, True)) > 1:
        return Execution(outcome="failed", detail="the table is there already")
    return passed(test, allocated_bytes=2000)


def test_a_budget_of_a_new_test_that_cannot_be_repeated() -> None:
    """Nothing was known of it: it goes on with one execution in each of two processes of its own."""
    arms = FakeArms(cannot_be_repeated)
    told: list[tuple[int, int, str]] = []
    evidence = confirm(arms, [suspect("new", budget=True), suspect("other", now=1500)], told=told)
    assert evidence["new", "allocated_bytes budget"] == Evidence(processes=[[2000], [2000]])
    assert arms.executed()[1:] == [[("new", False)], [("new", False)]]
    assert told == [(1, 2, "new"), (2, 3, "other"), (3, 3, "new"), (1, 1, "new")]


def test_a_known_test_that_cannot_be_repeated_any_more() -> None:
    """Its baseline holds repeats, beside which a first execution proves nothing: only its budget is proved."""
    evidence = confirm(FakeArms(cannot_be_repeated), [suspect("a"), suspect("a", budget=True)])
    assert evidence["a", "allocated_bytes"] == Evidence(
        problem="cannot be repeated in one process (failed: the table is there already)"
    )
    assert evidence["a", "allocated_bytes budget"].processes == [[2000], [2000]]


def test_a_budget_of_time() -> None:
    """What is not reached in time is told as such, and costs no process."""
    now = 0

    def script(arm: FakeArm, test: str, warm: bool) -> Execution:
        nonlocal now
        now += 40
        return passed(test, allocated_bytes=1000)

    arms = FakeArms(script)
    evidence = confirm(arms, [suspect("a", now=9000), suspect("b")], clock=lambda: now, budget_ns=100)
    assert evidence["a", "allocated_bytes"].problem == ""
    assert evidence["b", "allocated_bytes"] == Evidence(
        problem="the time for confirmation was used up (confirm_budget)"
    )


def test_time_that_runs_out_in_the_second_process() -> None:
    """The first process's values are kept, beside the reason why there are no more."""
    ticks = iter([0, 0, 999])
    evidence = confirm(costs(a=2000), [suspect("a")], clock=lambda: next(ticks), budget_ns=100)
    found = evidence["a", "allocated_bytes"]
    assert found.processes == [[2000, 2000]]
    assert found.problem == "the time for confirmation was used up (confirm_budget)"


@pytest.mark.parametrize(
    ("outcome", "detail", "problem"),
    [
        ("failed", "assert 1 == 2", "the test failed in a fresh process: assert 1 == 2"),
        ("skipped", "", "the test skipped in a fresh process"),
    ],
)
def test_a_test_that_does_not_pass_alone(outcome: str, detail: str, problem: str) -> None:
    """Its suspects keep the reason, and the others are measured all the same."""

    def script(arm: FakeArm, test: str, warm: bool) -> Execution:
        if test == "bad":
            return Execution(outcome=outcome, detail=detail)
        return passed(test, allocated_bytes=2000)

    evidence = confirm(FakeArms(script), [suspect("bad", now=9000), suspect("good")])
    assert evidence["bad", "allocated_bytes"] == Evidence(problem=problem)
    assert evidence["good", "allocated_bytes"].processes == [[2000, 2000]] * 2


def test_a_test_that_kills_its_process() -> None:
    """The next test finds another process."""

    def script(arm: FakeArm, test: str, warm: bool) -> Execution:
        if test == "bad":
            raise ArmError("a fresh process was killed by SIGSEGV")
        return passed(test, allocated_bytes=1000)

    evidence = confirm(FakeArms(script), [suspect("bad", now=9000), suspect("good")])
    assert evidence["bad", "allocated_bytes"].problem == "a fresh process was killed by SIGSEGV"
    assert evidence["good", "allocated_bytes"].processes == [[1000, 1000]]


def test_a_figure_that_is_not_there() -> None:
    """The process's own reason is told, or that there is none."""
    unmeasured = {"a": {"allocated_bytes": "a hook was put over ours"}}
    arms = FakeArms(lambda arm, test, warm: Execution(outcome="passed", unmeasured=unmeasured))
    evidence = confirm(arms, [suspect("a"), suspect("a", metric="peak_rss")])
    assert evidence["a", "allocated_bytes"].problem == (
        "not measured in a fresh process: a hook was put over ours"
    )
    assert evidence["a", "peak_rss"].problem == "a fresh process did not measure it"


def test_no_process_starts() -> None:
    """Every suspect learns why, and nothing is raised."""
    evidence = confirm(FakeArms(dict, broken_starts=range(99)), [suspect("a"), suspect("b")])  # type: ignore[arg-type]
    assert {found.problem for found in evidence.values()} == {"a fresh process did not collect"}
    assert len(evidence) == 2
