"""A slower time, from the suspicion to the verdict: with real processes and a real repository."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Project

SUITE = """
from lib import work

def test_work():
    assert work() > 0
"""

# the slow-down is so large that no neighbour on the machine can hide it, and it allocates nothing
LIBRARY = "def work():\n    total = 0\n    for number in range({0}):\n        total += number & 7\n    return total\n"


def _git(project: Project, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=project.folder, check=True, capture_output=True)


@pytest.fixture
def repository(project: Project) -> Project:
    project.write("test_work.py", SUITE)
    project.write("lib.py", LIBRARY.format(40_000))
    project.write("conftest.py", "")
    _git(project, "init")
    _git(project, "add", ".")
    _git(project, "commit", "-m", "the library")
    return project


BUDGET = "--perf-set=confirm_budget=120s"


def test_slower_code_is_proved_beside_the_commit_of_the_baseline(repository: Project) -> None:
    """A change that only takes longer turns the session red, and the proof names pairs and commit; undone, green."""
    repository.run("--perf-update", "--perf-set=update_runs=1", exit_status=0)
    _git(repository, "add", ".")
    _git(repository, "commit", "-m", "a baseline")
    repository.write("lib.py", LIBRARY.format(400_000))
    said = repository.run("--perf-baseline", BUDGET, exit_status=1)
    assert "  regressed  wall_time" in said
    assert "pairs of processes show it, beside " in said
    assert "regressed 1 · improved 0 · unconfirmed 0" in said
    repository.write("lib.py", LIBRARY.format(40_000))
    repository.run("--perf-baseline", BUDGET, exit_status=0)


def test_ref_proves_times_without_a_baseline(repository: Project) -> None:
    """With --perf-against a slower test is convicted although nothing was ever stored."""
    repository.write("lib.py", LIBRARY.format(400_000))
    said = repository.run("--perf-against=HEAD", BUDGET, exit_status=1)
    assert "  regressed  wall_time" in said
    assert not repository.baseline.exists()


def test_unknown_ref_stops_the_session_before_the_first_test(repository: Project) -> None:
    """A ref that names no commit is a usage error that says what was expected."""
    said = repository.run("--perf-against=nowhere", exit_status=4)
    assert "--perf-against=nowhere: names no commit here, expected a git ref" in said


CONTROLLED = """
import pytest
from lib import work, other

def test_work():
    assert work() > 0

@pytest.mark.parametrize("number", range(3))
def test_other(number):
    assert other() > 0
"""
OTHER = "def other():\n    return sum(number & 7 for number in range(20_000))\n"


def test_without_git_the_baseline_stands_for_the_old_code(project: Project) -> None:
    """A change that takes ten times as long is proved against stored values, beside tests that nobody suspects."""
    project.write("test_work.py", CONTROLLED)
    project.write("conftest.py", "")
    project.write("lib.py", LIBRARY.format(40_000) + OTHER)
    project.run("--perf-update", "--perf-set=update_runs=1", exit_status=0)
    project.write("lib.py", LIBRARY.format(400_000) + OTHER)
    said = project.run("--perf-baseline", BUDGET, exit_status=1)
    assert "  times: this is no git repository; without old code beside them a stricter bar holds" in said
    assert "test_work.py::test_work\n  regressed  " in said
    assert "  regressed  wall_time " in said
    assert "fresh processes show it, against the baseline's own" in said
    assert "regressed 1 · improved 0 · unconfirmed 0" in said


def test_everything_slower_is_suite_wide(repository: Project) -> None:
    """When all tests take ten times as long, a note says that it is the code, and the session fails."""
    tests = "".join(f"def test_{number}():\n    assert work()\n\n" for number in range(24))
    repository.write("test_work.py", f"from lib import work\n\n{tests}")
    repository.write("lib.py", LIBRARY.format(8_000))
    repository.run("--perf-update", "--perf-set=update_runs=1", exit_status=0)
    _git(repository, "add", ".")
    _git(repository, "commit", "-m", "a baseline")
    repository.write("lib.py", LIBRARY.format(80_000))
    said = repository.run("--perf-baseline", "--perf-set=confirm_budget=40s", exit_status=1)
    assert "note: suite-wide: half of the tests took " in said
    assert ", and it is the code: 8 sampled tests took " in said
    assert ", 8 of them slower\n" in said
