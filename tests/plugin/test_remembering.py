"""Sessions that are kept in a history, and those that are not."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_querycache.cli import main
from pytest_querycache.storage.history_reader import history
from tests.stories.test_gate_story import XDIST, suite

if TYPE_CHECKING:
    from tests.conftest import Project

KEPT = "--perf-set=history=.perf/h.db"


def test_every_mode_adds_one_run(project: Project) -> None:
    """Tracking, accepting (with its fresh processes) and gating on two workers: a run each, whole."""
    project.write("test_shop.py", suite(400))
    said = project.run("--perf-track", KEPT, exit_status=0)
    assert "history: 2 records kept in .perf/h.db" in said
    project.run("--perf-update", "--perf-set=update_runs=1", KEPT, exit_status=0)
    project.run("--perf-baseline", "-n2", KEPT, plugins=XDIST, exit_status=0)
    with history(project.folder / ".perf/h.db") as reader:
        assert len(reader.runs) == 3
        for node_id in ("test_shop.py::test_report", "test_shop.py::test_light"):
            assert len(list(reader.costs(node_id))) == 3


def test_the_configuration_alone_measures_nothing(project: Project) -> None:
    """A configured history is filled by sessions that measure, and by no other."""
    project.write("pyproject.toml", '[tool.pytest_querycache]\nhistory = "h.db"\n')
    project.write("test_shop.py", suite(400))
    project.run(exit_status=0)
    project.run("--perf-track", "--collect-only", exit_status=0)
    assert not (project.folder / "h.db").exists()
    project.run("--perf-track", exit_status=0)
    assert (project.folder / "h.db").exists()


def test_failed_tests_and_interrupted_sessions_are_not_kept(project: Project) -> None:
    """A test that failed has no cost, and a session that stopped early is left out whole."""
    project.write("test_shop.py", suite(400) + "def test_broken():\n    assert False\n")
    project.run("--perf-track", "-x", KEPT, exit_status=1)
    assert not (project.folder / ".perf").exists()
    project.run("--perf-track", KEPT, exit_status=1)
    with history(project.folder / ".perf/h.db") as reader:
        assert len(reader.runs) == 1
        assert reader.node_ids() == ["test_shop.py::test_light", "test_shop.py::test_report"]


def test_the_historys_own_statements_are_not_counted(project: Project) -> None:
    """Even a run that is added while a test executes SQL of its own counts for nothing."""
    project.write(
        "test_sql.py",
        """
import sqlite3
from pytest_querycache.model.history import Cost, Machine, Moment
from pytest_querycache.storage.history import append_run
from pytest_querycache.storage.history_reader import history

def test_sql(tmp_path):
    connection = sqlite3.connect(":memory:")
    connection.execute("SELECT 1")
    path = tmp_path / "h.db"
    append_run(path, Machine(key="k"), Moment(finished="2026"), {"a": Cost(values={"wall_time": 1})})
    with history(path) as reader:
        assert [cost.values for _, _, cost in reader.costs("a")] == [{"wall_time": 1}]
    connection.execute("SELECT 2")
    connection.close()
""",
    )
    project.run("--perf-track", KEPT, exit_status=0)
    with history(project.folder / ".perf/h.db") as reader:
        ((_, _, cost),) = reader.costs("test_sql.py::test_sql")
    assert cost.values["db_queries"] == 2


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        ("mkdir", "the history is a folder, expected a file"),
        ("another", "this is another program's database, expected a history"),
    ],
)
def test_what_can_never_be_a_history_stops_the_session(project: Project, prepare: str, expected: str) -> None:
    """It is said before the first test, with exit status 4, and nothing is changed."""
    project.write("test_shop.py", suite(400))
    if prepare == "mkdir":
        (project.folder / "h.db").mkdir()
    else:
        header = bytearray(b"SQLite format 3\0".ljust(100, b"\0"))
        (project.folder / "h.db").write_bytes(header)
    said = project.run("--perf-track", "--perf-set=history=h.db", exit_status=4)
    assert expected in said
    assert "1 passed" not in said


def test_a_history_that_cannot_be_written_fails_the_session(project: Project) -> None:
    """As with a report that was asked for: one line, and exit status 1; the tests' own results stay."""
    project.write("test_shop.py", "from pathlib import Path\ndef test_x():\n    Path('h.db').mkdir()\n")
    said = project.run("--perf-track", "--perf-set=history=h.db", exit_status=1)
    assert "h.db: the history is a folder, expected a file" in said
    assert said.count("the history is a folder") == 1
    assert "1 passed" in said


def test_a_damaged_history_is_set_aside_and_said(project: Project) -> None:
    """The session passes, the old file is still there under the name that is printed, and a new one is begun."""
    project.write("test_shop.py", suite(400))
    content = b"garbage\0" * 100
    (project.folder / "h.db").write_bytes(content)
    said = project.run("--perf-track", "--perf-set=history=h.db", exit_status=0)
    assert "history: h.db was damaged: it is now h.db.damaged-1, and a new one was begun" in said
    assert (project.folder / "h.db.damaged-1").read_bytes() == content
    with history(project.folder / "h.db") as reader:
        assert len(reader.runs) == 1


def test_what_regressed_has_its_history_on_the_page(project: Project) -> None:
    """The page of a failing session draws the earlier runs of the guilty test, this one last, with its limit."""
    pytest.importorskip("jinja2")
    project.write("test_shop.py", suite(400))
    project.record(KEPT)
    project.gate(KEPT, exit_status=0)
    project.write("test_shop.py", suite(40_000))
    project.gate(KEPT, "--perf-html=page.html", exit_status=1)
    page = (project.folder / "page.html").read_text(encoding="utf-8")
    assert "<title>allocated_bytes over 3 runs</title>" in page
    assert "The limit is " in page


def test_a_report_made_later_draws_the_history_too(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """``querycache report`` finds the history that the project keeps; one that cannot be read is said."""
    pytest.importorskip("jinja2")
    project.write("pyproject.toml", '[tool.pytest_querycache]\nhistory = "h.db"\n')
    project.write("test_shop.py", suite(400))
    project.record()
    project.write("test_shop.py", suite(40_000))
    project.gate("--perf-json=run.json", exit_status=1)
    run, page = str(project.folder / "run.json"), project.folder / "page.html"
    report = ["report", run, "--rootdir", str(project.folder), "--html", str(page)]
    assert main(report) == 0
    assert "<title>allocated_bytes over 2 runs</title>" in page.read_text(encoding="utf-8")
    # a run that was made since is no part of it, nor is there any history of a run that was not kept
    project.gate(exit_status=1)
    altered(project.folder / "h.db", "UPDATE runs SET finished = '2999-01-01T00:00:00+00:00' WHERE id = 3")
    assert main(report) == 0
    assert "<title>allocated_bytes over 2 runs</title>" in page.read_text(encoding="utf-8")
    altered(project.folder / "h.db", "UPDATE runs SET finished = '2001-01-01T00:00:00+00:00'")
    assert main(report) == 0
    assert "<title>allocated_bytes over" not in page.read_text(encoding="utf-8")
    (project.folder / "h.db").write_bytes(b"garbage\0" * 100)
    capsys.readouterr()
    assert main(report) == 0
    assert "no history on the page: " in capsys.readouterr().out
    assert "<title>allocated_bytes over" not in page.read_text(encoding="utf-8")


def altered(path: Path, statement: str) -> None:
    """Execute a statement on a history's file."""
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_counts_of_another_processor_are_on_the_page(project: Project) -> None:
    """What regressed in a count is drawn over the runs of other CPUs too, because the gate compares them too."""
    pytest.importorskip("jinja2")
    project.write("test_shop.py", suite(400))
    project.record(KEPT)
    altered(project.folder / ".perf/h.db", "UPDATE machines SET cpu_model = 'another'")
    project.write("test_shop.py", suite(40_000))
    project.gate(KEPT, "--perf-html=page.html", exit_status=1)
    page = (project.folder / "page.html").read_text(encoding="utf-8")
    assert "<title>allocated_bytes over 2 runs</title>" in page


def test_a_row_that_cannot_be_read_is_said_in_one_line(project: Project) -> None:
    """A history with a row that is none of ours does not end the session in a traceback."""
    pytest.importorskip("jinja2")
    project.write("test_shop.py", suite(400))
    project.record(KEPT)
    altered(project.folder / ".perf/h.db", "UPDATE figures SET more = '{'")
    project.write("test_shop.py", suite(40_000))
    said = project.gate(KEPT, "--perf-html=page.html", exit_status=1)
    assert "the history is damaged (run 1: " in said
    assert "Traceback" not in said
    assert (project.folder / "page.html").exists()
