"""The commit that a session says it was measured at."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.storage.test_repository import IDENTITY

if TYPE_CHECKING:
    from tests.conftest import Project


@pytest.mark.parametrize("mode", ["--perf-track", "--perf-baseline"])
def test_the_gates_own_files_change_nothing(project: Project, mode: str) -> None:
    """Sessions that keep a history and a baseline in the repository go on naming the commit without changes."""
    # the last three are what pytester itself leaves behind
    project.write(".gitignore", "__pycache__\nstdout\nstderr\nrunpytest-*\n")
    project.write("pyproject.toml", '[tool.pytest_querycache]\nhistory = "perf.db"\n')
    project.write("test_shop.py", "def test_list():\n    assert [bytes(1_000) for _ in range(100)]\n")
    for command in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message=one")):
        subprocess.run(["git", *IDENTITY, *command], cwd=project.folder, check=True)
    project.record()
    project.run(
        mode, "--perf-confirm=off", "--perf-threshold=time=off", "--perf-json=.git/run.json", exit_status=0
    )
    assert (project.folder / "perf.db").exists()
    assert json.loads((project.folder / ".git/run.json").read_text(encoding="utf-8"))["dirty"] is False
    project.record()
    baseline = json.loads(project.baseline.read_text(encoding="utf-8"))
    (section,) = (value for key, value in baseline["sections"].items() if key != "~")
    assert [commit["dirty"] for name, commit in section["commits"].items() if name != "~"] == [False]
