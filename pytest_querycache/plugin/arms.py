"""Arms for this session's tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ..confirm.arm import Launch
from ..confirm.executor import Executor
from ..model.record import Run
from .arm_command import launch_of


def executor_for(config: pytest.Config, run: Run) -> Executor:
    """Executes this session's tests in fresh processes of its own kind."""

    def launch_for(tests: Sequence[str], folder: Path, seed: int) -> Launch:
        return launch_of(config, tests, cache_dir=folder / "cache", hash_seed=seed)

    known_ns = {node_id: record.values.get("wall_time", 0) for node_id, record in run.records.items()}
    return Executor(launch_for, known_ns)
