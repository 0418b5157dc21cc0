"""The fixture ``perf_tracker``: sections and own metrics, with and without an option."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Project

SECTIONS = """
ROWS = {rows}
def work(): return [str(number) + 'x' for number in range(ROWS)]

def test_shop(perf_tracker):
    with perf_tracker.scoped("load") as section:
        with perf_tracker.scoped("parse"):
            assert work()
    perf_tracker.start("sell")
    metrics = perf_tracker.complete()
    assert metrics.wall_time >= 0 if hasattr(metrics, "wall_time") else metrics
    perf_tracker.record("rows_per_second", {speed}, unit="rows/s", better="higher", deterministic=True)
"""


def test_without_an_option(project: Project) -> None:
    """The fixture works in a session that measures nothing, and changes nothing about it."""
    project.write("test_shop.py", SECTIONS.format(rows=3000, speed=100))
    said = project.run(exit_status=0)
    assert "1 passed" in said
    assert "performance gate" not in said


def test_sections_are_entries(project: Project) -> None:
    """Sections become entries beside their test and are gated like it, in workers as well."""
    project.write("test_shop.py", SECTIONS.format(rows=3000, speed=100))
    project.record()
    assert set(project.entries()) == {
        "test_shop.py::test_shop",
        "test_shop.py::test_shop::load",
        "test_shop.py::test_shop::load/parse",
        "test_shop.py::test_shop::sell",
    }
    project.gate("-n1", plugins=("xdist.plugin",), exit_status=0)
    project.write("test_shop.py", SECTIONS.format(rows=30_000, speed=100))
    said = project.gate("-n1", plugins=("xdist.plugin",), exit_status=1)
    assert "compared 4 · regressed 3" in said
    assert "test_shop.py::test_shop::load/parse\n  regressed" in said
    assert "test_shop.py::test_shop::sell\n" not in said


def test_sections_are_confirmed(project: Project) -> None:
    """A section that costs more is repeated with its test, and the command that accepts it names the test."""
    project.write("test_shop.py", SECTIONS.format(rows=1000, speed=100))
    project.run("--perf-update", "--perf-set=update_runs=1", exit_status=0)
    project.write("test_shop.py", SECTIONS.format(rows=30_000, speed=100))
    said = project.run("--perf-baseline", "--perf-threshold=time=off", exit_status=1)
    assert "compared 4 · regressed 3" in said
    assert "test_shop.py::test_shop::load/parse\n  regressed" in said
    assert said.count("show it") >= 3


def test_a_vanished_section_is_missing(project: Project) -> None:
    """A section that the test does not reach any more is missing, while its test is compared."""
    project.write("test_shop.py", SECTIONS.format(rows=1000, speed=100))
    project.record()
    project.write("test_shop.py", SECTIONS.format(rows=1000, speed=100).replace('"sell"', '"buy"'))
    said = project.gate(exit_status=0)
    assert "new 1 · missing 1" in said
    assert "  test_shop.py::test_shop::sell" in said


def test_own_metric_with_a_direction(project: Project) -> None:
    """A metric of the user's own regresses when it falls, where higher is better, and not when it rises."""
    project.write("test_shop.py", SECTIONS.format(rows=1000, speed=100))
    project.record()
    project.write("test_shop.py", SECTIONS.format(rows=1000, speed=300))
    project.gate(exit_status=0)
    project.write("test_shop.py", SECTIONS.format(rows=1000, speed=50))
    said = project.gate(exit_status=1)
    assert "rows_per_second 100 rows/s → 50 rows/s (0.50x)" in said
    project.gate("--perf-threshold=custom.rows_per_second=60%", exit_status=0)


def test_fixture_of_an_unfinished_test(project: Project) -> None:
    """A section left open, and one an exception passes through, neither fail the session nor stay open."""
    project.write(
        "test_shop.py",
        """
import pytest
def test_left_open(perf_tracker):
    perf_tracker.start("open")
def test_raises(perf_tracker):
    with pytest.raises(KeyError):
        with perf_tracker.scoped("raising"):
            raise KeyError
def test_after(perf_tracker):
    with perf_tracker.scoped("after"):
        pass
""",
    )
    said = project.run("--perf-update", "--perf-confirm=off", exit_status=0)
    assert "3 passed" in said
    entries = set(project.entries())
    assert {"test_shop.py::test_raises::raising", "test_shop.py::test_after::after"} <= entries


def test_measured_functions_are_gated_by_the_call(project: Project) -> None:
    """How often a function was called to time it is no matter: the test around it costs what the rest of it costs."""
    test = (
        "import json\n"
        "def test_parse(perf_tracker):\n"
        "    assert [str(n) for n in range({rows})]\n"
        "    perf_tracker.measure(json.loads, '[1, 2]', rounds={rounds}, warmup=0)\n"
    )
    project.write("test_a.py", test.format(rows=3000, rounds=1))
    project.record()
    assert project.figure("test_a.py::test_parse", "allocated_blocks") < 10_000
    project.write("test_a.py", test.format(rows=3000, rounds=10))
    assert "compared 2 · regressed 0" in project.gate(exit_status=0)
    project.write("test_a.py", test.format(rows=9000, rounds=1))
    assert "compared 2 · regressed 1" in project.gate(exit_status=1)
