"""What a test is said to cost depends on the test alone; and a session without an option pays nothing."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Project

COUNTS = ("allocated_bytes", "allocated_blocks")
BODY = "assert len([str(number) + 'x' for number in range(3000)]) == 3000"


def counts(project: Project, node_id: str, *args: str, plugins: tuple[str, ...] = ()) -> list[float]:
    """The cold counts of one test in a session of its own."""
    project.baseline.unlink(missing_ok=True)
    project.record(*args, plugins=plugins)
    return [project.figure(node_id, metric) for metric in COUNTS]


def test_length_of_the_node_id(project: Project) -> None:
    """A test whose name is 20,000 letters long costs what one with a short name costs, but for free lists."""
    long = "test_" + "x" * 20_000
    project.write("test_a.py", f"def test_warm(): {BODY}\ndef test_s(): {BODY}\ndef {long}(): {BODY}\n")
    project.record()
    for metric, tolerance in zip(COUNTS, (2048, 16), strict=True):
        short = project.figure("test_a.py::test_s", metric)
        assert project.figure(f"test_a.py::{long}", metric) == pytest.approx(short, abs=tolerance)


def test_number_of_tests_before(project: Project) -> None:
    """A test costs the same as the only one and behind three hundred others."""
    project.write("test_a.py", f"def test_last(): {BODY}\n")
    alone = counts(project, "test_a.py::test_last")
    others = "import pytest\n@pytest.mark.parametrize('n', range(300))\ndef test_before(n): assert [n]\n"
    project.write("test_a.py", others + f"def test_last(): {BODY}\n")
    behind = counts(project, "test_a.py::test_last")
    assert behind == pytest.approx(alone, rel=0.01)


def test_threads_of_xdist(project: Project) -> None:
    """In a worker, whose threads allocate while a test runs, a test costs what it costs without workers."""
    project.write("test_a.py", f"def test_a(): {BODY}\n")
    plain = counts(project, "test_a.py::test_a")
    worker = counts(project, "test_a.py::test_a", "-n1", plugins=("xdist.plugin",))
    assert worker == pytest.approx(plain, rel=0.01)


def test_cache_of_rewritten_assertions(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first session, which rewrites the assertions, and the second, which finds them, count the same."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    project.write("test_a.py", f"def test_a(): {BODY}\n")
    first = counts(project, "test_a.py::test_a")
    assert list((project.folder / "__pycache__").glob("test_a*.pyc"))
    second = counts(project, "test_a.py::test_a")
    shutil.rmtree(project.folder / "__pycache__")
    third = counts(project, "test_a.py::test_a")
    assert third == pytest.approx(first, rel=0.001)
    assert second == pytest.approx(first, rel=0.001)


LOOKS = """
import sys

def test_imports():
    loaded = [name for name in ("psutil", "sqlglot", "sqlite3", "tomllib", "tomli") if name in sys.modules]
    loaded += [name for name in sys.modules if name.startswith("pytest_querycache.") and not (
        name in ALLOWED or name.startswith("pytest_querycache.plugin"))]
    assert loaded == []

ALLOWED = {"pytest_querycache.errors", "pytest_querycache.model"}

def test_hooks(pytestconfig):
    hook = pytestconfig.hook
    for name in ("pytest_runtest_call", "pytest_pyfunc_call", "pytest_runtest_makereport",
                 "pytest_runtest_logreport", "pytest_runtestloop", "pytest_collection_finish",
                 "pytest_runtest_protocol", "pytest_runtest_setup", "pytest_runtest_teardown"):
        owners = [implementation.plugin_name for implementation in getattr(hook, name).get_hookimpls()]
        assert not [owner for owner in owners if "querycache" in owner], name

def test_collector():
    import gc
    assert [callback for callback in gc.callbacks if "querycache" in type(callback).__module__] == []
"""


def test_nothing_is_loaded_or_hooked_without_an_option(project: Project) -> None:
    """Without a --perf-* option nothing expensive is imported, and no hook around tests is registered."""
    project.write("test_looks.py", LOOKS)
    said = project.run("-o", "addopts=--perf-threshold=time=3%", exit_status=0)
    assert "3 passed" in said
    assert "performance gate" not in said


def test_marks_are_known_without_an_option(project: Project) -> None:
    """The marks pass --strict-markers and are listed by --markers in every session."""
    project.write("test_a.py", "import pytest\n@pytest.mark.perf_skip('why')\ndef test_a(): pass\n")
    project.run("--strict-markers", "-W", "error", exit_status=0)
    said = project.run("--markers", exit_status=0)
    for mark in ("perf_threshold(", "perf_budget(", "perf_skip("):
        assert f"@pytest.mark.{mark}" in said
