"""Figures in the properties of reports: there where somebody reads them, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Project

XDIST = ("xdist.plugin",)
SUITE = """
import pytest
@pytest.fixture
def look(request):
    yield
    print("seen", sorted(name for name, _ in request.node.user_properties))
def test_a(look, record_property): record_property("own", 1)
"""
READER = "def pytest_runtest_logreport(report): report.user_properties\n"


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["plain", "xdist"])
def test_a_junit_file_shows_figures(project: Project, workers: tuple[str, ...]) -> None:
    """Each gated metric is a property of its test case, also when a worker has measured it."""
    project.write("test_a.py", SUITE)
    project.run("--perf-track", "--junitxml=junit.xml", *workers, plugins=XDIST, exit_status=0)
    text = (project.folder / "junit.xml").read_text(encoding="utf-8")
    assert text.count('name="perf.wall_time"') == 1
    assert text.count('name="perf.gc_collections"') == 1
    assert 'name="own"' in text


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["plain", "xdist"])
def test_a_hook_of_the_project_may_read_them(project: Project, workers: tuple[str, ...]) -> None:
    """A conftest that looks at reports finds the figures in them."""
    project.write("test_a.py", SUITE)
    project.write(
        "conftest.py",
        "def pytest_runtest_logreport(report):\n"
        "    if report.when == 'teardown': print('names', [name for name, _ in report.user_properties])\n",
    )
    said = project.run("--perf-track", "-s", *workers, plugins=XDIST, exit_status=0)
    assert "'perf.wall_time'" in said


def test_nobody_reads(project: Project) -> None:
    """Without a reader the test's own properties are all there are."""
    project.write("test_a.py", SUITE)
    assert "seen ['own']" in project.run("--perf-track", "-s", exit_status=0)
    project.write("conftest.py", READER)
    assert "'perf.wall_time'" in project.run("--perf-track", "-s", exit_status=0)
