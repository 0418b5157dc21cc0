"""A history as a team lives it: switched on in the configuration, filled by every session, asked in the terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_querycache.cli import main
from tests.stories.test_gate_story import suite

if TYPE_CHECKING:
    import pytest

    from tests.conftest import Project

REPORT = "test_shop.py::test_report"


def test_record_gate_twice_and_ask(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each session adds a run; afterwards the command shows what the test cost in all of them, and knows no other."""
    project.write("pyproject.toml", '[tool.pytest_querycache]\nhistory = ".perf/history.db"\n')
    project.write("test_shop.py", suite(400))
    project.record()
    said = project.gate(exit_status=0)
    assert "history: 2 records kept in .perf/history.db" in said
    project.write("test_shop.py", suite(40_000))
    project.gate(exit_status=1)

    monkeypatch.chdir(project.folder)
    capsys.readouterr()
    assert main(["history", REPORT, "--metric", "allocated_bytes", "--format", "json"]) == 0
    (series,) = json.loads(capsys.readouterr().out)["series"]
    first, second, third = (run["value"] for run in series["runs"])
    assert first == project.figure(REPORT, "allocated_bytes")
    assert second < 1.3 * first < third

    assert main(["history", REPORT, "--metric", "allocated_bytes"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"{REPORT}\n")
    assert "3 runs" in text
    assert "too few runs to tell a change" in text

    assert main(["history", "test_shop.py::test_repot"]) == 4
    assert f"did you mean {REPORT}" in capsys.readouterr().err
    assert main(["history"]) == 0
    assert "no record changed for good" in capsys.readouterr().out
