"""Arms, talked to through programs of a few lines: what they answer, and all the ways in which they do not."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from pytest_querycache.confirm import arm as arm_module
from pytest_querycache.confirm.arm import Arm, Execution, Launch
from pytest_querycache.errors import ArmError

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")

PATIENCE_S = 30.0
"""For answers that do come."""

IMPATIENCE_S = 0.2
"""For answers that do not."""

PROLOGUE = """
import json, os, signal, sys
def tell(**answer):
    print(json.dumps(answer), flush=True)
def commands():
    return map(json.loads, sys.stdin)
with open(json.loads(sys.stdin.readline())["instructions"]) as file:
    instructions = json.load(file)
"""

READY = 'tell(ready=["t.py::a", "t.py::b"])\n'

StartArm = Callable[..., Arm]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartArm]:
    """Starts an arm that runs a program; whatever happens, none outlives the test."""
    arms: list[Arm] = []

    def start(
        body: str, *, prologue: str = PROLOGUE, instructions: Mapping[str, Any] = {"args": ["µ"]}
    ) -> Arm:
        launch = Launch(
            command=[sys.executable, "-I", "-S", "-c", prologue + dedent(body)],
            folder=tmp_path,
            environment=os.environ,
            instructions=instructions,
        )
        arms.append(Arm(launch, tmp_path / f"log-{len(arms)}.txt"))
        return arms[-1]

    yield start
    for arm in arms:
        arm.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For processes that will not end by themselves: they are not waited for."""
    monkeypatch.setattr(arm_module, "_LAST_WAIT_S", IMPATIENCE_S)


def is_gone(arm: Arm) -> bool:
    return arm._process.poll() is not None


def test_an_arm_that_does_as_it_is_told(start: StartArm) -> None:
    """It names its tests, executes what it is asked to, cold or warm, and ends when it is closed."""
    arm = start(
        READY
        + dedent("""
        for command in commands():
            figures = {command["run"]: {"wall_time": 5, "warm": command["warm"]}}
            tell(outcome="passed", figures=figures, unmeasured={"x": {"y": "why"}})
        """)
    )
    assert arm.wait_until_ready(PATIENCE_S) == ["t.py::a", "t.py::b"]
    for warm in (False, True):
        assert arm.execute("t.py::a", warm=warm, timeout_s=PATIENCE_S) == Execution(
            outcome="passed",
            figures={"t.py::a": {"wall_time": 5, "warm": warm}},
            unmeasured={"x": {"y": "why"}},
        )
    assert not is_gone(arm)
    arm.close()
    assert arm._process.returncode == 0
    arm.close()


def test_instructions_come_first(start: StartArm) -> None:
    """The first line names a file that tells the process what to do, in any alphabet."""
    assert start("tell(ready=instructions['args'])").wait_until_ready(PATIENCE_S) == ["µ"]


def test_instructions_nobody_reads(start: StartArm) -> None:
    """A process that never reads its input is given up on, however long its instructions are."""
    arm = start("signal.pause()", prologue="import signal\n", instructions={"args": ["long"] * 100_000})
    with pytest.raises(ArmError, match=r"^a fresh process did not finish collecting"):
        arm.wait_until_ready(IMPATIENCE_S)


def test_a_test_that_fails_is_an_answer(start: StartArm) -> None:
    """What a test does is reported, not raised."""
    arm = start(READY + 'next(commands()); tell(outcome="failed", detail="assert 1 == 2")')
    arm.wait_until_ready(PATIENCE_S)
    execution = arm.execute("t.py::a", warm=False, timeout_s=PATIENCE_S)
    assert execution == Execution(outcome="failed", detail="assert 1 == 2")


def test_a_test_that_hangs(start: StartArm) -> None:
    """After the time that it is given the process is killed, and the message says how long that was."""
    arm = start(READY + "next(commands()); signal.pause()")
    arm.wait_until_ready(PATIENCE_S)
    with pytest.raises(ArmError, match=r"^a fresh process hung \(no answer after 0 s\)$"):
        arm.execute("t.py::a", warm=False, timeout_s=IMPATIENCE_S)
    assert is_gone(arm)


def test_a_collection_that_hangs(start: StartArm) -> None:
    """So is one that never finishes collecting."""
    arm = start("signal.pause()")
    with pytest.raises(
        ArmError, match=r"^a fresh process did not finish collecting \(no answer after 0 s\)$"
    ):
        arm.wait_until_ready(IMPATIENCE_S)
    assert is_gone(arm)


@posix
@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGTERM"])
def test_a_test_that_kills_the_process(start: StartArm, name: str) -> None:
    """The signal is named, with the last thing the process said."""
    arm = start(
        READY + f'next(commands()); print("last words", file=sys.stderr, flush=True); '
        f"os.kill(os.getpid(), signal.{name})"
    )
    arm.wait_until_ready(PATIENCE_S)
    with pytest.raises(ArmError, match=f"^a fresh process was killed by {name}: last words$"):
        arm.execute("t.py::a", warm=False, timeout_s=PATIENCE_S)


def test_a_test_that_exits(start: StartArm) -> None:
    """The exit status is told."""
    arm = start(READY + "next(commands()); os._exit(7)")
    arm.wait_until_ready(PATIENCE_S)
    with pytest.raises(ArmError, match=r"^a fresh process ended with exit status 7$"):
        arm.execute("t.py::a", warm=False, timeout_s=PATIENCE_S)
    with pytest.raises(ArmError):
        arm.execute("t.py::a", warm=False, timeout_s=PATIENCE_S)


def test_a_process_that_dies_at_once(start: StartArm) -> None:
    """One that cannot even start says why, whether it is noticed at the first line or later."""
    with pytest.raises(ArmError, match=r"^a fresh process ended with exit status 1: .*ZeroDivisionError"):
        start("", prologue="1 / 0").wait_until_ready(PATIENCE_S)


def test_a_collection_that_fails(start: StartArm) -> None:
    """The process itself may say what is wrong."""
    arm = start('tell(problem="could not collect the tests (SyntaxError)")')
    with pytest.raises(ArmError, match=r"^a fresh process could not collect the tests \(SyntaxError\)$"):
        arm.wait_until_ready(PATIENCE_S)


@pytest.mark.parametrize(
    "nonsense",
    [
        'print("hello")',
        "print()",
        'print("[1, 2]")',
        'print("5")',
        'print("[" * 100_000)',
        'print("9" * 5_000)',
        'sys.stdout.buffer.write(b"\\xff\\xfe\\n")',
        'sys.stdout.buffer.write(bytes(range(256)) * 1000 + b"\\n")',
    ],
)
def test_an_answer_that_is_nonsense(start: StartArm, nonsense: str) -> None:
    """Whatever else comes out of the process, it is refused and ended."""
    arm = start(f"{nonsense}; sys.stdout.flush(); sys.stdin.read()")
    with pytest.raises(ArmError, match=r"^a fresh process answered nonsense$"):
        arm.wait_until_ready(PATIENCE_S)
    assert is_gone(arm)


def test_a_long_answer(start: StartArm) -> None:
    """A million names are read like one, and do not block the process while nobody reads."""
    arm = start('tell(ready=["t" * 100] * 50_000); next(commands()); tell(outcome="passed")')
    assert len(arm.wait_until_ready(PATIENCE_S)) == 50_000
    assert arm.execute("t", warm=False, timeout_s=PATIENCE_S).outcome == "passed"


def test_much_noise_on_the_error_stream(start: StartArm) -> None:
    """What tests print goes to a file, so that a full pipe stops nobody; the last line is quoted, not more."""
    arm = start(
        READY + 'print("noise " * 1_000_000, file=sys.stderr); print("the end" + "!" * 999, file=sys.stderr)'
    )
    assert arm.wait_until_ready(PATIENCE_S)
    with pytest.raises(ArmError) as raised:
        arm.execute("t.py::a", warm=False, timeout_s=PATIENCE_S)
    assert "the end!" in str(raised.value)
    assert len(str(raised.value)) < 500


@posix
@pytest.mark.usefixtures("impatient")
def test_a_process_that_closes_its_output(start: StartArm) -> None:
    """It can never answer again, so it is ended."""
    arm = start("os.close(1); signal.pause()")
    with pytest.raises(ArmError, match=r"^a fresh process closed its output$"):
        arm.wait_until_ready(PATIENCE_S)
    assert is_gone(arm)


@posix
@pytest.mark.usefixtures("impatient")
def test_a_process_that_will_not_end(start: StartArm) -> None:
    """One that ignores the end of its input and a kind signal is killed."""
    arm = start("signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + READY + "while True: signal.pause()")
    arm.wait_until_ready(PATIENCE_S)
    arm.close()
    assert arm._process.returncode == -signal.SIGKILL


@posix
@pytest.mark.usefixtures("impatient")
def test_a_child_of_the_process_that_stays(start: StartArm, tmp_path: Path) -> None:
    """A server that a test forked, and that holds the process's output, is ended with it and blocks nobody."""
    arm = start(
        """
        child = os.fork()
        if child == 0:
            signal.pause()
        tell(ready=[str(child)])
        sys.stdin.read()
        """
    )
    (child,) = arm.wait_until_ready(PATIENCE_S)
    arm.close()
    assert is_gone(arm)
    assert not arm._reader.is_alive()
    status = Path(f"/proc/{child}/stat")
    # the kernel has the signal, and takes its moment to carry it out
    for _ in range(100_000):
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] in "ZX":
            return
        os.sched_yield()
    pytest.fail(f"process {child} is still there")


@posix
@pytest.mark.usefixtures("impatient")
def test_a_child_that_has_left_the_group(start: StartArm) -> None:
    """Even a daemon that holds the output open does not keep the session waiting."""
    arm = start(
        """
        child = os.fork()
        if child == 0:
            os.setsid()
            tell(ready=[str(os.getpid())])
            signal.pause()
        sys.stdin.read()
        """
    )
    (child,) = arm.wait_until_ready(PATIENCE_S)
    arm.close()
    assert is_gone(arm)
    os.kill(int(child), signal.SIGKILL)
    arm._reader.join()
    arm.close()


def test_a_program_that_does_not_exist(tmp_path: Path) -> None:
    """What the system refuses to start is a problem of the arm, not a crash of the session."""
    launch = Launch(command=[str(tmp_path / "nothing")], folder=tmp_path, environment={}, instructions={})
    with pytest.raises(ArmError, match=r"^a fresh process could not be started: .*No such file"):
        Arm(launch, tmp_path / "log.txt")


def test_as_a_context(start: StartArm) -> None:
    """The end of the block is the end of the process."""
    with start(READY + "sys.stdin.read()") as arm:
        arm.wait_until_ready(PATIENCE_S)
    assert is_gone(arm)
