"""One of the two sides of a duel: whatever executes tests as an ``Executor`` does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .arm import Execution


class Side(Protocol):
    """Executes tests with one side's code; every method raises ArmError with the reason when it cannot."""

    def launch(self, tests: Sequence[str], seed: int) -> None:
        """Start a process that can execute these tests, and do not wait for it."""

    def wait_until_ready(self) -> None:
        """Wait until a launched process can execute tests."""

    def once(self, test: str, *, warm: bool) -> Execution:
        """Execute a test once, with ``warm`` after a full collection."""

    def check_imports(self) -> None:
        """Raise IncomparableError when the process runs the other side's code."""

    def dismiss_process(self) -> None:
        """Tell the process to end, if there is one, and do not wait for it."""

    def end_process(self) -> None:
        """End the process, if there is one."""
