"""A suite split over two jobs, as its pipeline lives it: record, gate the shards as one, accept, pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_querycache.cli import main

if TYPE_CHECKING:
    from tests.conftest import Project

SUITE = """
import pytest

@pytest.mark.parametrize("number", range(4))
def test_report(number):
    assert len([str(row) * 2 for row in range(ROWS if number == 3 else 400)])
"""


@pytest.mark.parametrize("mode", ["--perf-track", "--perf-baseline"])
def test_record_split_fail_accept_pass(
    project: Project, mode: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Shards that only track and shards that gate themselves fail together, by the one test that regressed."""
    monkeypatch.chdir(project.folder)
    project.write("test_shop.py", SUITE.replace("ROWS", "400"))
    project.run("--perf-update", "--perf-set=update_runs=1", exit_status=0)

    project.write("test_shop.py", SUITE.replace("ROWS", "40_000"))
    for shard, others in (("1", (2, 3)), ("2", (0, 1))):
        left_out = [f"--deselect=test_shop.py::test_report[{number}]" for number in others]
        project.run(mode, "--perf-threshold=time=off", f"--perf-json={shard}.json", *left_out)
    shards = ("gate", "1.json", "2.json", "--shards", "2")
    assert main(shards) == 1
    said = capsys.readouterr().out
    assert "compared 4 · regressed 1" in said
    assert "missing 0" in said
    assert "test_shop.py::test_report[3]\n  regressed  allocated_" in said
    assert "accept it: querycache accept 1.json && querycache accept 2.json" in said

    assert main(("accept", "2.json", "test_shop.py::test_report[3]")) == 0
    assert "changed 1" in capsys.readouterr().out
    assert main(shards) == 0
    project.run("--perf-baseline", "--perf-threshold=time=off", exit_status=0)
