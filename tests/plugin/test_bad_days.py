"""Sessions that end early, and tests that fork, exit, die, or change what the probes rely on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Project

XDIST = ("xdist.plugin",)
WORK = "def work(rows=3000): return [str(number) + 'x' for number in range(rows)]\n"
SUITE = (
    WORK + "import os, pytest\ndef test_a(): assert work()\ndef test_b(): {0}\ndef test_c(): assert work()\n"
)
posix = pytest.mark.skipif(os.name != "posix", reason="needs fork and signals")


def recorded(project: Project, body: str) -> bytes:
    """Record a suite of three tests, then give the second one another body."""
    project.write("test_a.py", SUITE.format("assert work()"))
    project.record()
    project.write("test_a.py", SUITE.format(body))
    return project.baseline.read_bytes()


@pytest.mark.parametrize(
    ("body", "args", "exit_status"),
    [
        ("assert 0", ("-x",), 1),
        ("assert 0", ("--maxfail=1", "-n2"), 2),
        ("assert 0", ("--sw",), 2),
        ("pytest.exit('enough')", (), 2),
        ("raise KeyboardInterrupt", (), 2),
    ],
)
def test_interrupted_session_decides_nothing(
    project: Project, body: str, args: tuple[str, ...], exit_status: int
) -> None:
    """An interrupted session keeps pytest's exit status, calls nothing missing, and neither passes nor fails."""
    before = recorded(project, body)
    said = project.gate(*args, plugins=XDIST, exit_status=exit_status)
    assert "the session was interrupted, so nothing is decided" in said
    assert "missing 0" in said
    assert "performance gate: passed" not in said
    assert project.baseline.read_bytes() == before


def test_interrupted_update_writes_nothing(project: Project) -> None:
    """An update that Ctrl-C ends leaves the file alone, and says that nothing was accepted."""
    before = recorded(project, "raise KeyboardInterrupt")
    said = project.run("--perf-update", exit_status=2)
    assert "nothing was accepted" in said
    assert project.baseline.read_bytes() == before


@pytest.mark.parametrize(
    ("args", "exit_status"), [(("-x",), 1), (("--maxfail=1", "-n1"), 2), (("--sw",), 2)], ids=str
)
def test_an_update_that_pytest_ends_early_keeps_what_it_measured(
    project: Project, args: tuple[str, ...], exit_status: int
) -> None:
    """With -x and its like the tests before the failure are accepted; the failed one and the rest stay."""
    recorded(project, "assert 0")
    before = project.entries()
    suite = SUITE.format("assert 0").replace(
        "def test_a(): assert work()", "def test_a(): assert work(30_000)"
    )
    project.write("test_a.py", suite)
    said = project.run("--perf-update", "--perf-confirm=off", *args, plugins=XDIST, exit_status=exit_status)
    assert (
        "accepted into perf-baseline.json: new 0 · changed 1 · unchanged 0 · failed or skipped, kept 1"
        in said
    )
    after = project.entries()
    assert after["test_a.py::test_a"] != before["test_a.py::test_a"]
    assert {**after, "test_a.py::test_a": 0} == {**before, "test_a.py::test_a": 0}


def test_exit_status_of_an_empty_session(project: Project) -> None:
    """A session without any test, or with all of them deselected, keeps pytest's exit status 5."""
    recorded(project, "assert work()")
    project.gate("-k", "nothing_is_called_so", exit_status=5)
    (project.folder / "test_a.py").unlink()
    project.gate(exit_status=5)


def test_failed_collection(project: Project) -> None:
    """A file that cannot be collected ends the session as pytest does, with exit status 2."""
    before = recorded(project, "assert work()")
    project.write("test_broken.py", "import nowhere_to_be_found")
    said = project.gate(exit_status=2)
    assert "1 error" in said
    assert project.baseline.read_bytes() == before


def test_crashed_worker(project: Project) -> None:
    """A test that kills its xdist worker is not judged and keeps its entry; the others are compared."""
    recorded(project, "os._exit(5)")
    said = project.gate("-n2", "-v", plugins=XDIST, exit_status=1)
    assert "not judged: 1 · crashed its xdist worker" in said
    assert "compared 2 · regressed 0" in said
    assert "missing 0" in said
    entries = project.entries()
    project.run("--perf-update", "--perf-confirm=off", "-n2", plugins=XDIST, exit_status=1)
    assert set(project.entries()) == set(entries)
    assert project.entries()["test_a.py::test_b"] == entries["test_a.py::test_b"]


def test_last_failed_judges_what_it_runs(project: Project) -> None:
    """Under --lf only the tests that ran are judged, and those left out are not missing."""
    recorded(project, "assert 0")
    project.gate("--tb=no", exit_status=1)
    project.write("test_a.py", SUITE.format("assert work(30_000)"))
    said = project.gate("--lf", exit_status=1)
    assert "compared 1 · regressed 1 · improved 0 · unconfirmed 0 · new 0 · missing 0" in said


def test_without_the_cache_plugin(project: Project) -> None:
    """Nothing needs pytest's cache, neither the session nor its fresh processes."""
    project.write("pytest.ini", "[pytest]\naddopts = -p no:cacheprovider --strict-markers --strict-config\n")
    recorded(project, "assert work(30_000)")
    project.run("--perf-update", "--perf-set=update_runs=1", exit_status=0)
    project.write("test_a.py", SUITE.format("assert work(60_000 * 2)"))
    said = project.run("--perf-baseline", "--perf-threshold=time=off", exit_status=1)
    assert "show it" in said


def test_collect_only_is_never_judged(project: Project) -> None:
    """--collect-only lists tests and says nothing of the gate, even where no baseline exists."""
    project.write("test_a.py", SUITE.format("pass"))
    said = project.run("--perf-baseline", "--collect-only", "-q", exit_status=0)
    assert "3 tests collected" in said
    assert "gate" not in said


def test_uncalled_for_ends_say_only_their_own(project: Project) -> None:
    """A session called with a path that does not exist ends with pytest's message, and no verdict."""
    recorded(project, "assert work()")
    said = project.gate("test_nowhere.py", exit_status=4)
    assert "file or directory not found: test_nowhere.py" in said
    assert "compared" not in said


MEDDLING = (
    WORK
    + """
import gc, os, tracemalloc

def test_before(): assert work()

def test_forks():
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
def test_after_fork(): assert work()

def test_clears_callbacks(): gc.callbacks.clear()
def test_after_callbacks(): assert work()

def test_starts_tracemalloc(): tracemalloc.start()
def test_traced(): assert work()
def test_stops_tracemalloc(): tracemalloc.stop()
def test_after_tracemalloc(): assert work()

def test_changes_gc(): gc.set_threshold(5, 5, 5)
def test_after_change(): assert work()
def test_restores_gc(): gc.set_threshold(*DEFAULTS)
def test_after_restoring(): assert work()
DEFAULTS = gc.get_threshold()
"""
)


@posix
def test_meddling_tests_leave_the_others_right(project: Project) -> None:
    """Forks, an emptied gc.callbacks, tracemalloc and other thresholds leave the tests after them right."""
    project.write("test_meddling.py", MEDDLING)
    project.record()
    entries = {name.partition("::test_")[2]: entry for name, entry in project.entries().items()}
    assert len(entries) == 13
    expected = entries["before"]["allocated_blocks"][0]
    for name in ("after_fork", "after_callbacks", "after_tracemalloc", "after_restoring"):
        assert entries[name]["allocated_blocks"][0] == pytest.approx(expected, abs=16), name
        assert "gc_collections" in entries[name], name
    assert "allocated_blocks" not in entries["traced"]
    assert "gc_collections" not in entries["after_change"]
    said = project.gate(exit_status=0)
    assert "compared 13" in said


@posix
def test_child_that_returns_into_pytest(project: Project) -> None:
    """A forked child that comes back into pytest neither judges nor writes, and confuses no fresh process."""
    body = "child = os.fork()\n    if child: os.waitpid(child, 0)"
    project.write("test_a.py", SUITE.format(f"\n    {body}"))
    project.run("--perf-update", "--perf-set=update_runs=1", exit_status=0)
    assert project.baseline.read_text().count('"~": {}') == 1
    said = project.gate(exit_status=0)
    assert said.count("compared 3 · regressed 0") == 1
    assert said.count("performance gate: passed") == 1
    for test in ("test_a", "test_c"):
        assert project.entries()[f"test_a.py::{test}"]["allocated_blocks"][1] > 3000


def arms_of(folder: Path) -> list[int]:
    """The fresh processes that work in a folder."""
    found = []
    for process in os.scandir("/proc"):
        if not process.name.isdigit():
            continue
        try:
            working = Path(f"/proc/{process.name}/cwd").readlink()
            command = Path(f"/proc/{process.name}/cmdline").read_bytes()
        except OSError:
            continue
        if working == folder and b"arm_hooks" in command:
            found.append(int(process.name))
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_ctrl_c_while_confirming(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C during confirmation ends the session with exit status 2, its processes and its temporary files."""
    project.write("test_a.py", SUITE.format("assert work()"))
    project.run("--perf-update", "--perf-set=update_runs=1", exit_status=0)
    hangs = "\n    assert work(30_000)\n    while 'PYTHONHASHSEED' in os.environ: pass"
    project.write("test_a.py", SUITE.format(hangs))
    temporary = project.folder / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    # where a pipeline reads, Python keeps lines back; that confirming has begun is told at once
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    command = ["-m", "pytest", "-p", "pytest_querycache.plugin.hooks", "--perf-baseline"]
    session = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)
    assert session.stdout is not None
    printed = []
    for line in session.stdout:
        printed.append(line)
        if "suspect" in line:
            break
    # asked once: a process that has just been forked is seen, and for a moment seen no more, until it is another
    while not (arms := arms_of(project.folder)) and session.poll() is None:
        time.sleep(0.01)
    assert arms, "".join([*printed, *session.stdout])
    session.send_signal(signal.SIGINT)
    printed.extend(session.stdout)
    session.stdout.close()
    assert session.wait() == 2
    assert "performance gate: passed" not in "".join(printed)
    assert "KeyboardInterrupt" in "".join(printed)
    # one that was only being started when the key was pressed ends by itself, once it finds its input closed
    deadline = time.monotonic() + 30
    while arms_of(project.folder) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert arms_of(project.folder) == []
    assert list(temporary.glob("pytest-querycache-*")) == []
