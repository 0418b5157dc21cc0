"""Arms for this session's tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ..confirm.arm import Launch
from ..confirm.base_tree import BaseTree
from ..confirm.executor import Executor
from ..model.record import Run
from .arm_command import launch_of


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
