"""What an update learns of every test, from several fresh processes."""

from __future__ import annotations

from pytest_querycache.confirm.arm import Execution
from pytest_querycache.confirm.learning import learn
from pytest_querycache.errors import ArmError
from pytest_querycache.model.learned import Learned
from tests.confirm.fake_arms import FakeArm, FakeArms, passed


def learned(
    arms: FakeArms, *tests: str, processes: int = 2, told: list[tuple[int, int, str]] | None = None
) -> dict[str, Learned]:
    heard: list[tuple[int, int, str]] = told if told is not None else []
    with arms.executor() as executor:
        found = learn(tests, executor, processes=processes, progress=lambda *where: heard.append(where))
    assert all(arm.closed for arm in arms.arms)
    return found


def test_cold_once_and_then_warm() -> None:
    """In each process every test is executed cold first, then warm until it agrees with itself."""
    arms = FakeArms(lambda arm, test, warm: passed(test, allocated_bytes=(10 if warm else 50) + arm.seed))
    found = learned(arms, "a", "b")
    assert arms.executed() == [[(t, warm) for t in "ab" for warm in (False, True, True)]] * 2
    assert found["a"] == Learned(
        cold=[[{"allocated_bytes": 51}], [{"allocated_bytes": 52}]],
        warm=[[{"allocated_bytes": 11}] * 2, [{"allocated_bytes": 12}] * 2],
    )


def test_progress() -> None:
    """Every execution to come is counted."""
    told: list[tuple[int, int, str]] = []
    learned(FakeArms(lambda arm, test, warm: passed(test)), "a", "b", told=told)
    assert told == [(1, 4, "a"), (2, 4, "b"), (3, 4, "a"), (4, 4, "b")]


def test_sections_have_entries_of_their_own() -> None:
    """What a test's sections cost is learned with it."""
    figures = {"a": {"wall_time": 5.0}, "a::part": {"wall_time": 2.0}}
    found = learned(FakeArms(lambda *_: Execution(outcome="passed", figures=figures)), "a", processes=1)
    assert found["a::part"].warm == [[{"wall_time": 2.0}] * 2]


def test_a_test_that_cannot_be_repeated() -> None:
    """It is executed once in processes of its own; what those show counts as warm, and the entry says so."""

    def script(arm: FakeArm, test: str, warm: bool) -> Execution:
        if test == "a" and warm:
            return Execution(outcome="failed", detail="the table exists")
        return passed(test, allocated_bytes=7)

    arms = FakeArms(script)
    found = learned(arms, "a", "b", processes=3)
    assert found["a"] == Learned(
        cold=[[{"allocated_bytes": 7}]],
        warm=[[{"allocated_bytes": 7}]] * 3,
        alone=True,
        problem="cannot be repeated in one process (failed: the table exists)",
    )
    assert [list(arm.tests) for arm in arms.arms[3:]] == [["a"]] * 3
    assert [arm.seed for arm in arms.arms[3:]] == [1, 2, 3]
    assert (found["b"].alone, found["b"].problem, len(found["b"].warm)) == (False, "", 3)


def test_a_test_that_fails_in_every_fresh_process() -> None:
    """Nothing is learned of it but the reason; the session's own figures have to do."""

    def script(arm: FakeArm, test: str, warm: bool) -> Execution:
        return Execution(outcome="failed", detail="no database") if test == "a" else passed(test)

    found = learned(FakeArms(script), "a", "b")
    assert found["a"] == Learned(problem="failed in a fresh process: no database")
    assert found["b"].problem == ""


def test_a_test_that_kills_its_process() -> None:
    """The other tests are learned in another process; the killer is tried alone, once, and named."""

    def script(arm: FakeArm, test: str, warm: bool) -> Execution:
        if test == "a":
            raise ArmError("a fresh process was killed by SIGSEGV")
        return passed(test, allocated_bytes=1)

    arms = FakeArms(script)
    found = learned(arms, "a", "b")
    assert found["a"] == Learned(problem="a fresh process was killed by SIGSEGV")
    assert len(found["b"].warm) == 2
    assert sum(("a", False) in arm.executed for arm in arms.arms) == 2


def test_a_test_that_is_repeatable_only_sometimes() -> None:
    """Warm values from before it turned out are given up: they are not comparable with first executions."""

    def script(arm: FakeArm, test: str, warm: bool) -> Execution:
        if warm and arm.seed == 2:
            return Execution(outcome="failed")
        return passed(test, allocated_bytes=3 if warm else 9)

    found = learned(FakeArms(script), "a", processes=2)
    assert found["a"].warm == [[{"allocated_bytes": 9}]] * 2
    assert found["a"].alone
