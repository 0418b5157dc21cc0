"""Suspects are repeated in fresh processes, whatever the tests and the project's options are like."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Project

ROWS = "import os, sys, pytest\ndef work(): return [str(number) + 'x' for number in range(ROWS)]\n"
REPEATED = "'PYTHONHASHSEED' in os.environ"
"""True in a fresh process only: sessions of these tests have no hash seed."""


def suite(body: str, *, rows: int) -> str:
    """A test file whose cost grows with ``rows``."""
    return f"ROWS = {rows}\n{ROWS}{body}"


def grown(project: Project, body: str, *args: str, plugins: tuple[str, ...] = ()) -> str:
    """Record a suite with care, let it ask for ten times as much, and gate it."""
    project.write("test_a.py", suite(body, rows=1000))
    project.run("--perf-update", "--perf-set=update_runs=1", *args, plugins=plugins, exit_status=0)
    project.write("test_a.py", suite(body, rows=10_000))
    return project.run("--perf-baseline", "--perf-threshold=time=off", "-v", *args, plugins=plugins)


FIXTURES = """
@pytest.fixture(scope="session")
def service():
    return work()

@pytest.fixture(scope="module")
def database(service):
    with open("log", "a") as log: log.write(f"{os.getpid()} up\\n")
    yield {"rows": len(service), "inserted": 0}
    with open("log", "a") as log: log.write(f"{os.getpid()} down\\n")

class TestShop:
    @pytest.fixture(scope="class", autouse=True)
    def shop(self, request, database):
        request.cls.database = database

    def test_inserts(self):
        self.database["inserted"] += 1
        assert work()

def test_counts(database):
    assert database["inserted"] == 1 or EACH_ALONE

EACH_ALONE = "PYTHONHASHSEED" in os.environ
def test_output(capsys):
    print("printed")
    os.write(1, b"raw output\\n")
    assert work() and "printed" in capsys.readouterr().out

def test_input():
    with pytest.raises((EOFError, OSError)):
        input()
    assert work()
"""


def test_fixtures_streams_and_classes(project: Project) -> None:
    """Tests with wide fixtures, output and input are repeated; the session's own fixtures see no repeat."""
    said = grown(project, FIXTURES)
    assert "compared 4 · regressed 3 · improved 0 · unconfirmed 0" in said
    assert "1 failed, 4 passed" in said
    assert said.count("warm repeats in 2 fresh processes show it") == 3
    log = [line.split() for line in (project.folder / "log").read_text().splitlines()]
    processes = {process for process, _ in log}
    # the two sessions and their fresh processes: each set the database up, and tore it down
    assert len(processes) >= 4
    assert all(sum(line == [process, "up"] for line in log) >= 1 for process in processes)
    ups = sum(event == "up" for _, event in log)
    assert ups == len(log) - ups


def test_what_happens_only_in_fresh_processes(project: Project) -> None:
    """A test that fails the second time is executed alone; one that dies in a fresh process is doubtful."""
    said = grown(
        project,
        f"""
seen = []
def test_only_once():
    assert not seen
    seen.append(1)
    assert work()

def test_dies():
    assert work()
    if {REPEATED} and ROWS > 1000: os._exit(7)

def test_fails():
    assert work()
    assert not ({REPEATED} and ROWS > 1000), "no service here"

def test_plain():
    assert work()
""",
    )
    assert "compared 4 · regressed 2 · improved 0 · unconfirmed 2" in said
    assert "first executions in 2 fresh processes show it" in said
    assert "a fresh process ended with exit status 7" in said
    assert "the test failed in a fresh process" in said
    assert "1 failed, 4 passed" in said


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_killed_process_is_named(project: Project) -> None:
    """A fresh process that a signal ends is named with it, and the tests behind it are still repeated."""
    said = grown(
        project,
        f"""
def test_killed():
    assert work()
    if {REPEATED} and ROWS > 1000: os.kill(os.getpid(), 9)

def test_plain():
    assert work()
""",
    )
    assert "a fresh process was killed by SIGKILL" in said
    assert "compared 2 · regressed 1 · improved 0 · unconfirmed 1" in said


def test_options_of_the_project(project: Project) -> None:
    """Options that make a session of its own, or stop one early, do not reach a fresh process."""
    project.write(
        "pytest.ini",
        "[pytest]\naddopts = -n2 -x --junitxml=out/report.xml -k 'plain or other' --strict-markers -rA\n",
    )
    said = grown(
        project,
        "def test_plain(): assert work()\ndef test_other(): assert work()\ndef test_left_out(): assert 0\n",
        plugins=("xdist.plugin",),
    )
    assert "compared 2 · regressed 2" in said
    assert "warm repeats in 2 fresh processes show it" in said
    assert 'tests="3"' in (project.folder / "out" / "report.xml").read_text()


def test_coverage_in_addopts(project: Project) -> None:
    """Under --cov counts are not compared, and the way to gate them is named; without it they are."""
    pytest.importorskip("pytest_cov")
    project.write("test_a.py", suite("def test_plain(): assert work()", rows=1000))
    project.record()
    said = project.gate("--cov=.", "-v", plugins=("pytest_cov",))
    assert "coverage is measuring (pytest --no-cov gates it)" in said
    assert "compared 0" in said
    assert "not judged 1" in said


def test_several_modules_and_nothing_left_behind(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Suspects of several files are repeated in one process each time, and no temporary file is left."""
    temporary = project.folder / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    body = "def test_one(): assert work()\ndef test_two(): assert [1]\n"
    project.write("pkg/test_b.py", suite(body, rows=1000))
    project.write("pkg/test_c.py", suite(body, rows=1000))
    project.run("--perf-update", "--perf-set=update_runs=1", exit_status=0)
    project.write("pkg/test_b.py", suite(body, rows=10_000))
    project.write("pkg/test_c.py", suite(body, rows=10_000))
    said = project.run("--perf-baseline", "--perf-threshold=time=off", "pkg", exit_status=1)
    assert "compared 4 · regressed 2" in said
    assert "accept it: pytest --perf-update pkg/test_b.py::test_one pkg/test_c.py::test_one" in said
    assert list(temporary.glob("pytest-querycache-*")) == []


def test_cold_alarm_is_cleared(project: Project) -> None:
    """A first execution that fills a cache another test used to fill is acquitted by warm repeats."""
    project.write(
        "test_a.py",
        f"""
{ROWS.replace("ROWS", "20_000")}
import functools
cached = functools.cache(work)
def test_first(): assert cached()
def test_second(): assert cached()
""",
    )
    project.run("--perf-update", "--perf-set=update_runs=1", exit_status=0)
    said = project.run("--perf-baseline", "--perf-threshold=time=off", "-v", "-k", "second", exit_status=0)
    assert "compared 1 · regressed 0 · improved 0 · unconfirmed 0" in said
    assert "cleared: test_a.py::test_second" in said


def test_budget_of_confirmation(project: Project) -> None:
    """When the time for confirmation is used up, the suspects left are unconfirmed, and that is said."""
    said = grown(project, "def test_plain(): assert work()", "--perf-set=confirm_budget=0s")
    assert "the time for confirmation was used up (confirm_budget)" in said
    assert "compared 1 · regressed 0 · improved 0 · unconfirmed 1" in said


def test_a_budget_of_a_new_test_that_cannot_be_repeated(project: Project) -> None:
    """Nothing is known of the test, and its second execution fails: first executions in fresh processes prove it."""
    project.write("test_known.py", "def test_known(): assert [str(n) for n in range(3000)]")
    project.record()
    project.write(
        "test_new.py",
        "import pytest\nDONE = []\n"
        "@pytest.mark.perf_budget(allocated_blocks=1000)\n"
        "def test_new():\n    assert not DONE\n    DONE.extend(str(n) for n in range(5000))\n",
    )
    said = project.run("--perf-baseline", "--perf-threshold=time=off", "test_new.py", exit_status=1)
    assert "over budget  allocated_blocks" in said
    assert "first executions in 2 fresh processes show it" in said


def test_counts_do_not_depend_on_the_reference_workload(project: Project) -> None:
    """What it leaves on the interpreter's free lists is no discount for whichever test comes next."""
    project.write("pairs.py", "def pairs(): return [(number, number) for number in range(250)]")
    tests = "\n".join(f"def test_{name}(): assert pairs()" for name in "abcdefgh")
    project.write("test_a.py", f"from pairs import pairs\n{tests}")
    project.run("--perf-update", exit_status=0)
    figures = [entry["allocated_blocks"] for entry in project.entries().values()]
    assert {len(figure) for figure in figures} == {2}  # none has a spread
    warms = [figure[1] for figure in figures]
    assert len(warms) == 8
    assert 250 < min(warms) <= max(warms) < min(warms) + 20


def test_the_temporary_folders_that_pytest_keeps_are_the_sessions(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fresh processes leave none of their own, and push none of the user's last three out."""
    temporary = project.folder / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("PYTEST_DEBUG_TEMPROOT", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    project.write("test_a.py", "def test_a(tmp_path): (tmp_path / 'mine').write_text('x')")
    # without its own --basetemp, which the outer session's plugin gives it
    command = [sys.executable, "-m", "pytest", "-p", "pytest_querycache.plugin.hooks", "--perf-update"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "new 1 · changed 0" in done.stdout
    assert [folder.name for folder in temporary.glob("pytest-of-*/*[0-9]")] == ["pytest-0"]
    assert list(temporary.glob("pytest-querycache-*")) == []
