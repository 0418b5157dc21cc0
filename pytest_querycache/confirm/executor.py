"""Executes tests in arms, and starts another arm when one dies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from types import TracebackType

from ..errors import ArmError, IncomparableError
from .arm import Arm, Execution, Launch
from .remedies import Remedies
from .workspace import Workspace

LaunchFor = Callable[[Sequence[str], Path, int], Launch]
"""How to start an arm for these tests, given a folder for its files and a hash seed."""

_START_TIMEOUT_S = 60.0
_SHORTEST_TIMEOUT_S = 10.0
_TIMES_KNOWN = 30
_MOST_RESTARTS = 5
_LAST_WAIT_S = 5.0

FEWEST_REPEATS = 2
MOST_REPEATS = 4
_AGREE = 0.01


class Executor:
    """Owns the arms of a session; use it as a context manager, so that none outlives the session.

    ``known_ns`` is what each test took in the session, from which the patience with a hanging one follows.
    ``foreign`` are folders and modules from which its processes must not import, the other side's code, but for what
    lies below ``own``. What goes
    wrong is told with its remedy, for processes that execute old code.
    """

    def __init__(
        self,
        launch_for: LaunchFor,
        known_ns: Mapping[str, float],
        *,
        start: Callable[[Launch, Path], Arm] = Arm,
        foreign: Sequence[Path] = (),
        own: Sequence[Path] = (),
        remedies: Remedies | None = None,
    ) -> None:
        self._launch_for = launch_for
        self._known_ns = known_ns
        self._start = start
        self._foreign = foreign
        self._own = own
        self._remedies = remedies
        self._uncollected: Mapping[str, str] = {}
        self._workspace = Workspace()
        self._arm: Arm | None = None
        self._tests: Sequence[str] = ()
        self._collected: frozenset[str] = frozenset()
        self._seed = 0
        self._restarts = 0
        self._started = 0

    def __enter__(self) -> Executor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        arm, self._arm = self._arm, None
        if arm is not None:
            # somebody who pressed Ctrl-C is not kept waiting for a test that hangs
            arm.close(patience_s=_LAST_WAIT_S if kind is None else 0)
        self._workspace.close()

    def begin_process(self, tests: Sequence[str], seed: int) -> None:
        """Start a fresh process that can execute these tests; raises ArmError when it cannot be started."""
        self.launch(tests, seed)
        self.wait_until_ready()

    def launch(self, tests: Sequence[str], seed: int) -> None:
        """Start a fresh process and do not wait for it; ``wait_until_ready`` has to follow."""
        self.end_process()
        self._tests, self._seed, self._restarts = tests, seed, 0
        self._open()

    def dismiss_process(self) -> None:
        """Tell the process to end, if there is one, and do not wait for it; ``end_process`` has to follow."""
        if self._arm is not None:
            self._arm.dismiss()

    def end_process(self) -> None:
        """End the process, if there is one."""
        arm, self._arm = self._arm, None
        if arm is not None:
            arm.close()

    def once(self, test: str, *, warm: bool) -> Execution:
        """Execute a test once; raises ArmError with the reason when it could not be."""
        if self._arm is None:
            self._restarts += 1
            if self._restarts > _MOST_RESTARTS:
                raise ArmError(f"fresh processes ended {_MOST_RESTARTS} times; no more are started")
            self._open()
            self.wait_until_ready()
        if test not in self._collected:
            raise ArmError(self._why_uncollected(test))
        arm = self._arm
        if arm is None:
            raise ArmError("no fresh process could be started")
        try:
            execution = arm.execute(test, warm=warm, timeout_s=self._patience_s(test))
        except ArmError:
            self._arm = None
            raise
        self._restarts = 0  # only processes that end one after the other are given up on
        if execution.outcome != "passed" and execution.detail:
            return replace(execution, detail=self._with_remedy(execution.detail))
        return execution

    def repeats(self, test: str) -> list[Execution]:
        """Execute a test warm two to four times, until its figures agree; raises ArmError when it fails.

        Agreement means that the two smallest values of every metric that is the same on every machine differ by
        at most 1 %; the arm's own figures say which those are.
        """
        executions: list[Execution] = []
        while len(executions) < MOST_REPEATS:
            execution = self.once(test, warm=True)
            if execution.outcome != "passed":
                raise ArmError(f"cannot be repeated in one process ({_why(execution)})")
            executions.append(execution)
            if len(executions) >= FEWEST_REPEATS and _agree(executions):
                break
        return executions

    def check_imports(self) -> None:
        """Raise IncomparableError when the process has imported the other side's code: it proves nothing."""
        if self._arm is None or not self._foreign:
            return
        foreign = self._arm.imported_from(self._foreign, _SHORTEST_TIMEOUT_S, but=self._own)
        if foreign:
            if self._remedies is not None:
                raise IncomparableError(self._remedies.of_wrong_imports(foreign[0]))
            raise IncomparableError(
                f"incomparable: the process for the new code imported the old ({foreign[0]})"
            )

    def _open(self) -> None:
        # the last process is over, and what its tests wrote may be large
        rmtree(self._workspace.path / str(self._started), ignore_errors=True)
        self._started += 1
        folder = self._workspace.path / str(self._started)
        folder.mkdir()
        self._arm = self._start(self._launch_for(self._tests, folder, self._seed), folder / "output.txt")

    def wait_until_ready(self) -> None:
        """Wait until a launched process has collected its tests; raises ArmError when it does not."""
        if self._arm is None:
            raise ArmError("no fresh process could be started")
        try:
            collected = self._arm.wait_until_ready(_START_TIMEOUT_S + len(self._tests) * 0.05)
            self._uncollected = self._arm.collection_problems
        except ArmError as error:
            # it has closed itself; after a Ctrl-C it has not, and is ended with the executor
            self._arm = None
            raise ArmError(self._with_remedy(str(error))) from None
        self._collected = frozenset(collected)
        self.check_imports()

    def _why_uncollected(self, test: str) -> str:
        problem = self._uncollected.get(test.partition("::")[0])
        reason = "a fresh process does not collect this test"
        return self._with_remedy(f"{reason} ({problem})") if problem else reason

    def _with_remedy(self, reason: str) -> str:
        return reason if self._remedies is None else self._remedies.added_to(reason)

    def _patience_s(self, test: str) -> float:
        return max(_SHORTEST_TIMEOUT_S, _TIMES_KNOWN * self._known_ns.get(test, 0.0) / 1e9)


def _why(execution: Execution) -> str:
    return f"{execution.outcome}: {execution.detail}" if execution.detail else execution.outcome


def _agree(executions: Sequence[Execution]) -> bool:
    for name in ("allocated_bytes", "db_queries"):
        for entry in executions[-1].figures:
            values = sorted(
                execution.figures[entry][name]
                for execution in executions
                if name in execution.figures.get(entry, {})
            )
            if len(values) > 1 and values[1] - values[0] > _AGREE * abs(values[0]):
                return False
    return True
