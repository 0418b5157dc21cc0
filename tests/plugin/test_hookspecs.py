"""What other plugins may add to the gate, and veto."""

from __future__ import annotations

import pytest

CONFTEST = """
import pytest

def pytest_querycache_environment(config):
    return {"engine": "7.1"}

def pytest_querycache_metrics(item):
    return {"widgets": len(item.name)}

@pytest.hookimpl
def pytest_querycache_baseline_key(config, environment):
    return "own-" + environment.minor_version

def pytest_querycache_judge(config, finding):
    if config.getini("veto"):
        return "we know"

def pytest_querycache_report(config, run, result):
    print("reported", len(run.records), result.counts.regressed)

def pytest_addoption(parser):
    parser.addini("veto", "", "bool", False)
"""

SUITE = """
SIZE = 1_000

def test_list():
    assert [bytes(1_000) for _ in range(SIZE)]
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(SUITE)
    return pytester


def test_other_plugins_are_asked(project: pytest.Pytester) -> None:
    """Shows that facts, metrics and a section's name of other plugins arrive, and that they are told the result."""
    assert project.runpytest_subprocess("--perf-update", "--perf-set", "update_runs=1").ret == 0
    text = (project.path / "perf-baseline.json").read_text()
    assert '"engine": "7.1"' in text
    assert '"widgets": [9' in text
    assert '"own-3.' in text
    done = project.runpytest_subprocess("--perf-baseline", "-s")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["*reported 1 0*"])


def test_verdict_can_be_vetoed(project: pytest.Pytester) -> None:
    """Shows that a veto acquits a regression, and that its reason is told."""
    assert project.runpytest_subprocess("--perf-update", "--perf-set", "update_runs=1").ret == 0
    project.makepyfile(SUITE.replace("1_000\n", "9_000\n"))
    assert project.runpytest_subprocess("--perf-baseline").ret == 1
    done = project.runpytest_subprocess("--perf-baseline", "-o", "veto=true")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["note: *test_list: regressed was vetoed: we know"])
