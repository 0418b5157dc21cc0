"""The executor: one process at a time, another one when it dies, and none left at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_querycache.confirm.arm import Execution
from pytest_querycache.confirm.remedies import Remedies
from pytest_querycache.errors import ArmError, IncomparableError
from tests.confirm.fake_arms import FakeArm, FakeArms, passed


def works(arm: FakeArm, test: str, warm: bool) -> Execution:
    return passed(test, allocated_bytes=100)


def dies(arm: FakeArm, test: str, warm: bool) -> Execution:
    raise ArmError("a fresh process was killed by SIGKILL")


def test_executions_share_a_process() -> None:
    """Everything is executed in the process that was begun, until another one is."""
    arms = FakeArms(works)
    with arms.executor() as executor:
        executor.begin_process(["a", "b"], 7)
        executor.once("a", warm=False)
        executor.once("b", warm=True)
        executor.begin_process(["b"], 8)
        executor.once("b", warm=False)
    assert arms.executed() == [[("a", False), ("b", True)], [("b", False)]]
    assert [arm.seed for arm in arms.arms] == [7, 8]
    assert all(arm.closed for arm in arms.arms)


def test_a_process_that_died_is_replaced() -> None:
    """The execution that killed it is reported, and the next one finds a new process with the same seed."""

    def script(arm: FakeArm, test: str, warm: bool) -> Execution:
        return dies(arm, test, warm) if test == "bad" else works(arm, test, warm)

    arms = FakeArms(script)
    with arms.executor() as executor:
        executor.begin_process(["bad", "good"], 3)
        with pytest.raises(ArmError, match="SIGKILL"):
            executor.once("bad", warm=False)
        assert executor.once("good", warm=False).outcome == "passed"
    assert [arm.seed for arm in arms.arms] == [3, 3]


def test_processes_that_always_die_are_given_up() -> None:
    """After five replacements no more are started, and the reason is told."""
    arms = FakeArms(dies)
    with arms.executor() as executor:
        executor.begin_process(["a"], 1)
        for _ in range(6):
            with pytest.raises(ArmError, match="SIGKILL"):
                executor.once("a", warm=False)
        with pytest.raises(ArmError, match=r"^fresh processes ended 5 times; no more are started$"):
            executor.once("a", warm=False)
        assert len(arms.arms) == 6
        # another round begins with new patience
        executor.begin_process(["a"], 2)
    assert len(arms.arms) == 7


def test_a_process_that_does_not_start() -> None:
    """It leaves nothing behind that could be asked to execute."""
    arms = FakeArms(works, broken_starts=[0])
    with arms.executor() as executor:
        with pytest.raises(ArmError, match="did not collect"):
            executor.begin_process(["a"], 1)
        assert executor.once("a", warm=False).outcome == "passed"
    assert len(arms.arms) == 2


def test_a_test_that_is_not_collected() -> None:
    """It is not asked for, so that the process lives on."""
    arms = FakeArms(works, uncollectable=["a"])
    with arms.executor() as executor:
        executor.begin_process(["a", "b"], 1)
        with pytest.raises(ArmError, match=r"^a fresh process does not collect this test$"):
            executor.once("a", warm=False)
        executor.once("b", warm=False)
    assert arms.executed() == [[("b", False)]]


def test_a_file_that_could_not_be_collected() -> None:
    """The reason why a test is missing is the one its file gave, with what mends it."""
    arms = FakeArms(works, uncollectable=["t.py::a"])
    arms.collection_problems = {"t.py": "ModuleNotFoundError: No module named 'x'", "u.py": "another"}
    with arms.executor(remedies=Remedies(setup="make")) as executor:
        executor.begin_process(["t.py::a", "b"], 1)
        with pytest.raises(ArmError) as raised:
            executor.once("t.py::a", warm=False)
    assert str(raised.value) == (
        "a fresh process does not collect this test (ModuleNotFoundError: No module named 'x'); "
        "does confirm_setup (make) build what the old code imports?"
    )


def test_a_test_that_fails_for_want_of_a_file() -> None:
    """A test of the old code that fails is told with what mends it; a test of the new code as it is."""
    arms = FakeArms(lambda arm, test, warm: Execution(outcome="failed", detail="FileNotFoundError: data"))
    for remedies, behind in ((None, ""), (Remedies(), "; is it a file that git does not track? ")):
        with arms.executor(remedies=remedies) as executor:
            executor.begin_process(["a"], 1)
            detail = executor.once("a", warm=False).detail
            assert detail.startswith(f"FileNotFoundError: data{behind}")
            assert bool(behind) == (detail != "FileNotFoundError: data")


@pytest.mark.parametrize(
    ("remedies", "message"),
    [
        (None, "incomparable: the process for the new code imported the old (/old/lib.py)"),
        (
            Remedies(setup="make"),
            "incomparable: the process for the old code imported the new (/old/lib.py); ",
        ),
    ],
    ids=["new code", "old code"],
)
def test_a_process_that_imports_the_other_side(remedies: Remedies | None, message: str) -> None:
    """It proves nothing, at the start or later: an error of its own kind says so."""
    arms = FakeArms(works)
    with arms.executor(foreign=[Path("/old")], remedies=remedies) as executor:
        arms.imported = ["/new/lib.py"]
        executor.begin_process(["a"], 1)
        arms.imported = ["/new/lib.py", "/old/lib.py"]
        with pytest.raises(IncomparableError) as later:
            executor.check_imports()
        with pytest.raises(IncomparableError) as at_once:
            executor.begin_process(["a"], 2)
    assert str(later.value).startswith(message)
    assert str(at_once.value) == str(later.value)


@pytest.mark.parametrize(
    ("values", "repeats"),
    [
        ([100, 100, 1, 1], 2),
        ([100, 101, 1, 1], 2),  # within one per cent
        ([100, 102, 100, 1], 3),  # the two smallest agree
        ([100, 200, 300, 400, 500], 4),  # no more than four
        ([0, 0], 2),
    ],
)
def test_repeats_until_they_agree(values: list[float], repeats: int) -> None:
    """A test is repeated warm until the two smallest counts agree, two to four times."""
    figures = iter(values)
    arms = FakeArms(lambda arm, test, warm: passed(test, allocated_bytes=next(figures)))
    with arms.executor() as executor:
        executor.begin_process(["a"], 1)
        assert len(executor.repeats("a")) == repeats
    assert arms.executed() == [[("a", True)] * repeats]


def test_times_need_not_agree() -> None:
    """A count is repeated until it settles; a time never does."""
    times = iter(range(1, 99))
    arms = FakeArms(lambda arm, test, warm: passed(test, wall_time=next(times), allocated_bytes=5))
    with arms.executor() as executor:
        executor.begin_process(["a"], 1)
        assert len(executor.repeats("a")) == 2


def test_a_repeat_that_fails() -> None:
    """Tests need not be repeatable; the message says what happened at the repeat."""
    arms = FakeArms(lambda arm, test, warm: Execution(outcome="failed", detail="the table exists"))
    with arms.executor() as executor:
        executor.begin_process(["a"], 1)
        with pytest.raises(
            ArmError, match=r"^cannot be repeated in one process \(failed: the table exists\)$"
        ):
            executor.repeats("a")


def test_patience_follows_from_what_is_known() -> None:
    """A test that took a second in the session may take half a minute; a short one ten seconds."""
    arms = FakeArms(works)
    with arms.executor(slow=1e9, quick=1e3) as executor:
        executor.begin_process(["slow", "quick", "unknown"], 1)
        for test in ("slow", "quick", "unknown"):
            executor.once(test, warm=False)
    assert arms.timeouts == {"slow": 30.0, "quick": 10.0, "unknown": 10.0}


def test_an_exception_leaves_no_process() -> None:
    """A Ctrl-C in the middle ends what was started."""
    arms = FakeArms(works)

    def interrupted() -> None:
        with arms.executor() as executor:
            executor.begin_process(["a"], 1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert arms.arms[0].closed
