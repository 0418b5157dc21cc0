"""RegressionTester: the gate for scripts, and how its entries live beside those of tests."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_querycache import BaselineError, ConfigurationError, PerfMetrics, PerfTracker, RegressionTester
from pytest_querycache.cli import main
from pytest_querycache.model.record import own_metric
from pytest_querycache.storage.baseline_file import read_baseline

if TYPE_CHECKING:
    from tests.conftest import Project

OPERATION = "import of the catalogue"
HITS = own_metric("hits", unit="hits", better="higher", deterministic=True)


def measured(operation: str = OPERATION, **values: float) -> PerfMetrics:
    return PerfMetrics(
        operation=operation,
        timestamp=datetime(2024, 5, 6, tzinfo=timezone.utc),
        values=values,
        own_metrics={"hits": HITS} if "hits" in values else {},
    )


@pytest.fixture
def tester(tmp_path: Path) -> Iterator[RegressionTester]:
    """A tester whose file knows one operation, of 100 ms and 1 MB."""
    tester = RegressionTester(tmp_path / "perf.json")
    tester.establish_baseline([measured(wall_time=100_000_000, allocated_bytes=1_000_000)])
    return tester


def test_what_costs_the_same_passes(tester: RegressionTester) -> None:
    """A measurement within its thresholds is no regression, and the file is only read."""
    before = tester.path.read_bytes()
    result = tester.validate([measured(wall_time=110_000_000, allocated_bytes=1_200_000)])
    assert result.success
    assert result.message.startswith("no regression (compared 1")
    assert (result.regressions, result.improvements) == ([], [])
    assert tester.path.read_bytes() == before


def test_what_costs_more_fails(tester: RegressionTester) -> None:
    """Beyond the threshold it is a regression at once, and the report says from what to what."""
    result = tester.validate([measured(wall_time=150_000_000, allocated_bytes=1_000_000)])
    assert not result.success
    assert [(finding.node_id, finding.was, finding.now) for finding in result.regressions] == [
        (OPERATION, 100_000_000, 150_000_000)
    ]
    assert result.message.startswith("1 record regressed")
    told = io.StringIO()
    tester.print_report(result, file=told)
    assert "wall_time 100 ms → 150 ms" in told.getvalue()
    assert "establish_baseline()" in told.getvalue()


def test_a_gain_is_told(tester: RegressionTester) -> None:
    """A count that fell by more than a tenth is an improvement."""
    result = tester.validate([measured(allocated_bytes=500_000)])
    assert [finding.now for finding in result.improvements] == [500_000]


def test_the_best_of_several_measurements_counts(tester: RegressionTester) -> None:
    """Noise only ever makes one worse: the smallest cost and the largest gain stand for the operation."""
    tester.establish_baseline([measured("queries", wall_time=100_000_000, hits=50)])
    several = [
        measured("queries", wall_time=time, hits=hits)
        for time, hits in ((190e6, 50), (101e6, 10), (150e6, 20))
    ]
    assert tester.validate(several).success
    assert [finding.now for finding in tester.validate(several[::2]).regressions] == [150_000_000]
    assert [finding.now for finding in tester.validate(several[1:]).regressions] == [20]


def test_a_cost_that_is_wanted_is_accepted(tester: RegressionTester) -> None:
    """Establishing the baseline again takes in what changed, and the next validation passes."""
    acceptance = tester.establish_baseline([measured(wall_time=150_000_000, allocated_bytes=1_000_000)])
    assert [(change.was, change.now) for change in acceptance.changed] == [(100_000_000, 150_000_000)]
    assert tester.validate([measured(wall_time=150_000_000)]).success


def test_thresholds_of_its_own(tester: RegressionTester) -> None:
    """They are written as in the configuration, and what cannot be understood is refused."""
    strict = RegressionTester(tester.path, thresholds={"allocated_bytes": "5% and 1KiB"})
    assert not strict.validate([measured(allocated_bytes=1_100_000)]).success
    with pytest.raises(ConfigurationError, match=r"RegressionTester\(thresholds=…\)"):
        RegressionTester(tester.path, thresholds={"time": "fast"})


def test_nothing_to_compare_with(tester: RegressionTester, tmp_path: Path) -> None:
    """A file that is not there, and an operation nobody recorded, do not pass for a comparison."""
    with pytest.raises(BaselineError, match=r"none\.json"):
        RegressionTester(tmp_path / "none.json").validate([measured(wall_time=1)])
    result = tester.validate([measured("another", wall_time=1)])
    assert (result.success, result.gate.counts.new) == (False, 1)


def test_what_a_tracker_measured(tmp_path: Path) -> None:
    """The sections a tracker completed go straight into a tester and come back as unchanged."""
    tracker = PerfTracker()
    with tracker.scoped(OPERATION):
        rows = [str(number) for number in range(1000)]
    tracker.close()
    tester = RegressionTester(tmp_path / "perf.json")
    assert tester.establish_baseline(tracker.completed).new == [OPERATION]
    assert tester.validate(tracker.completed).success
    assert rows


def test_entries_of_a_script_in_the_tests_own_file(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """One file may hold both: no test is asked for an operation, nothing prunes it, an update leaves it alone."""
    project.write("test_a.py", "def test_a(): assert [str(n) for n in range(3000)]\n")
    project.record()
    tester = RegressionTester(project.baseline)
    tester.establish_baseline([measured(wall_time=100_000_000)])
    assert "missing 0" in project.gate(exit_status=0)
    assert tester.validate([measured(wall_time=100_000_000)]).gate.counts.missing == 0
    project.record()
    assert main(["prune", "--rootdir", str(project.folder)]) == 0
    assert "0 entries dropped" in capsys.readouterr().out
    (section,) = read_baseline(project.baseline).sections.values()
    assert set(section.entries) == {OPERATION, "test_a.py::test_a"}


def test_a_script_and_no_test_in_a_file(tester: RegressionTester, capsys: pytest.CaptureFixture[str]) -> None:
    """Pruning a file of operations is no sign of a wrong folder, and drops those that are named."""
    where = ["prune", "--rootdir", str(tester.path.parent), "--baseline", str(tester.path)]
    assert main(where) == 0
    assert main([*where, OPERATION]) == 0
    assert f"dropped {OPERATION}" in capsys.readouterr().out
