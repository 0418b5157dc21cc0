"""Arms for this session's tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..confirm.arm import Launch
from ..confirm.base_tree import BaseTree
from ..confirm.executor import Executor
from ..confirm.workspace import Workspace
from ..model.record import Run
from .arm_command import launch_of
from .progress import Progress
from .settings import Settings


@contextmanager
def laid_out(
    top: Path, commit: str, *, config: pytest.Config, settings: Settings, progress: Progress
) -> Iterator[BaseTree]:
    """A commit's code in a temporary folder, gone afterwards; raises ArmError when it cannot be had."""
    with Workspace() as workspace:
        yield BaseTree(top, commit, workspace.path)


def executor_for(
    config: pytest.Config, run: Run, *, base: BaseTree | None = None, foreign: Path | None = None
) -> Executor:
    """Executes this session's tests in fresh processes, with the tree as it is or with the old code.

    ``foreign`` is the folder of the other side's code, from which nothing may be imported.
    """

    def launch_for(tests: Sequence[str], folder: Path, seed: int) -> Launch:
        return launch_of(
            config,
            tests,
            cache_dir=folder / "cache",
            hash_seed=seed,
            counter=run.environment.counter,
            base=base,
        )

    records = run.records.values()
    # a fixture of the module or session is set up again in a fresh process, for whichever test comes first
    longest_setup_ns = max((record.setup_ns for record in records), default=0)
    known_ns = {
        record.node_id: record.values.get("wall_time", 0) + record.teardown_ns + longest_setup_ns
        for record in records
    }
    return Executor(launch_for, known_ns, foreign=foreign)
