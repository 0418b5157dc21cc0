"""Arms for this session's tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic_ns

import pytest

from ..confirm.arm import Launch
from ..confirm.base_build import Build, build
from ..confirm.base_tree import BaseTree
from ..confirm.executor import Executor
from ..confirm.installed_copies import installed_copies
from ..confirm.remedies import Remedies
from ..confirm.virtual_environment import VirtualEnvironment
from ..confirm.workspace import Workspace
from ..model.quantity import format_quantity
from ..model.record import Run
from ..storage.project_file import project_name
from .arm_command import arm_variables, launch_of
from .progress import Progress
from .settings import Settings


@contextmanager
def laid_out(
    top: Path, commit: str, *, config: pytest.Config, settings: Settings, progress: Progress
) -> Iterator[BaseTree]:
    """A commit's code in a temporary folder, built as configured, gone afterwards; raises ArmError without it."""
    with Workspace() as workspace:
        base = BaseTree(top, commit, workspace.path)
        command = settings.configuration.confirm_setup
        if command:
            progress.show(f"building {commit[:12]}: {command}")
            base.build = _built(base, command, config, workspace.path)
            took = format_quantity(base.built_ns, "ns")
            progress.announce(f"built {commit[:12]} in {took}, beside the budget")
        yield base


def _built(base: BaseTree, command: str, config: pytest.Config, folder: Path) -> Build:
    path = base.mapped_path(map(str, sys.path))
    return build(
        command,
        folder=base.mapped(config.rootpath),
        environment=lambda: VirtualEnvironment(folder / "environment", path, base.top),
        variables=arm_variables(base),
        log=folder / "build.txt",
        clock=monotonic_ns,
    )


def executor_for(
    config: pytest.Config, run: Run, *, base: BaseTree | None = None, foreign: Path | None = None
) -> Executor:
    """Executes this session's tests in fresh processes, with the tree as it is or with the old code.

    ``foreign`` is the folder of the other side's code, from which nothing may be imported, nor, where the old code is
    to be executed, from copies of the new that are installed.
    """

    def launch_for(tests: Sequence[str], folder: Path, seed: int) -> Launch:
        return launch_of(
            config,
            tests,
            folder=folder,
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
    places = [foreign] if foreign is not None else []
    if base is None:
        return Executor(launch_for, known_ns, foreign=places)
    setup = base.build.command if base.build is not None else ""
    return Executor(
        launch_for,
        known_ns,
        foreign=[*places, *installed_copies(base.top, project_name(config.rootpath))],
        # the temporary folder may lie inside the working tree
        own=[base.root.resolve()],
        remedies=Remedies(setup=setup),
    )
