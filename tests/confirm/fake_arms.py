"""Arms without processes: what they answer is written down beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from pytest_querycache.confirm.arm import Execution, Launch
from pytest_querycache.confirm.executor import Executor
from pytest_querycache.confirm.remedies import Remedies
from pytest_querycache.errors import ArmError

Script = Callable[["FakeArm", str, bool], Execution]
"""What an arm answers when it is told to execute a test, warm or not; it may raise ArmError, like a real one."""


class FakeArm:
    """One process: remembers what it executed."""

    def __init__(self, world: FakeArms, number: int, tests: Sequence[str], seed: int) -> None:
        self.world = world
        self.number = number
        self.tests = tests
        self.seed = seed
        self.executed: list[tuple[str, bool]] = []
        self.closed = False
        self.collection_problems = world.collection_problems

    def wait_until_ready(self, timeout_s: float) -> list[str]:
        if self.number in self.world.broken_starts:
            self.closed = True
            raise ArmError("a fresh process did not collect")
        return [test for test in self.tests if test not in self.world.uncollectable]

    def execute(self, name: str, *, warm: bool, timeout_s: float) -> Execution:
        self.executed.append((name, warm))
        self.world.timeouts[name] = timeout_s
        try:
            return self.world.script(self, name, warm)
        except ArmError:
            self.closed = True  # a real one closes itself before it raises
            raise

    def imported_from(
        self, places: Sequence[Path], timeout_s: float, *, but: Sequence[Path] = ()
    ) -> list[str]:
        return [file for file in self.world.imported if any(Path(file).is_relative_to(p) for p in places)]

    def dismiss(self) -> None:
        self.world.leaving.append("told")

    def close(self, *, patience_s: float = 5.0) -> None:
        if not self.closed:
            self.world.leaving.append("awaited")
        self.closed = True


class FakeArms:
    """Starts fake arms, and keeps all it has started."""

    def __init__(
        self, script: Script, *, uncollectable: Iterable[str] = (), broken_starts: Iterable[int] = ()
    ) -> None:
        self.script = script
        self.uncollectable = frozenset(uncollectable)
        self.broken_starts = frozenset(broken_starts)
        self.arms: list[FakeArm] = []
        self.collection_problems: Mapping[str, str] = {}
        self.imported: Sequence[str] = ()
        self.timeouts: dict[str, float] = {}
        self.leaving: list[str] = []
        self._next: tuple[Sequence[str], int] = ((), 0)

    def executor(
        self, *, foreign: Sequence[Path] = (), remedies: Remedies | None = None, **known_ns: float
    ) -> Executor:
        """An executor of these arms; ``known_ns`` is what tests took in the session."""
        return Executor(
            self._launch_for,
            known_ns,
            start=self._start,  # type: ignore[arg-type]
            foreign=foreign,
            remedies=remedies,
        )

    def executed(self) -> list[list[tuple[str, bool]]]:
        """What each process executed, in order: the test, and whether it was told to be warm."""
        return [arm.executed for arm in self.arms]

    def _launch_for(self, tests: Sequence[str], folder: Path, seed: int) -> Launch:
        assert folder.is_dir()
        self._next = (tests, seed)
        return Launch(command=[], folder=folder, environment={}, instructions={})

    def _start(self, launch: Launch, log: Path) -> FakeArm:
        self.arms.append(FakeArm(self, len(self.arms), *self._next))
        return self.arms[-1]


def passed(test: str, **values: float) -> Execution:
    """An execution that passed, with these figures of the test itself."""
    return Execution(outcome="passed", figures={test: values})
