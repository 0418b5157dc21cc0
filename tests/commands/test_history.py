"""``querycache history``: one record's course, and the records of a suite that changed."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pytest_querycache.cli import main
from pytest_querycache.model.history import Cost, Machine, Moment
from pytest_querycache.model.record import own_metric
from pytest_querycache.storage.history import append_run
from tests.commands.test_compare import said

HERE = Machine(key="cpython-3.12-linux-x86_64-native", cpu_model="CPU A")
THERE = Machine(key="cpython-3.12-linux-x86_64-native", cpu_model="CPU B")
RUNS = 60
STEP = 40
ROWS = own_metric("rows_per_s", unit="rows/s", better="higher", deterministic=False)

STEPPED, CREEPING, STEADY, FASTER, SLOWER = (
    f"t.py::test_{name}" for name in ("stepped", "creeping", "steady", "faster", "slower")
)


def moment(run: int) -> Moment:
    """Five runs a week from the 5th of January on; every third with changes."""
    day = date(2026, 1, 5) + timedelta(days=run // 5 * 7 + run % 5)
    return Moment(finished=f"{day}T04:00:00+00:00", commit=f"{run:04x}c0ffee", dirty=run % 3 == 0)


def costs(run: int) -> dict[str, Cost]:
    """What five tests cost in a run, the times with 5 % of noise."""
    random = Random(run)

    def time(factor: float = 1.0) -> float:
        return 2e6 * factor * random.gauss(1, 0.05)

    return {
        STEADY: Cost(values={"wall_time": time(), "allocated_bytes": 100_000}),
        STEPPED: Cost(values={"wall_time": time(), "allocated_bytes": 100_000 + 50_000 * (run >= STEP)}),
        CREEPING: Cost(values={"wall_time": time(1.02 ** (run / 5)), "allocated_bytes": 100_000}),
        FASTER: Cost(values={"wall_time": time(), "allocated_bytes": 300_000 - 100_000 * (run >= 30)}),
        SLOWER: Cost(values={"rows_per_s": 900 - 225 * (run >= 20)}, own_metrics={"rows_per_s": ROWS}),
    }


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose configuration names a history of twelve weeks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    Path("pyproject.toml").write_text('[tool.pytest_querycache]\nhistory = "h.db"\n', encoding="utf-8")
    for run in range(RUNS):
        append_run(tmp_path / "h.db", HERE, moment(run), costs(run))
    return tmp_path


def plain(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    """The series that the command prints as JSON."""
    document = json.loads(said(capsys, "history", *arguments, "--format", "json", exit_status=0))
    assert (document["format"], document["version"]) == ("pytest-querycache history", 1)
    series: list[dict[str, Any]] = document["series"]
    return series


def test_one_record(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each metric, the change with its date and commit, and the newest runs with the change marked."""
    lines = said(capsys, "history", STEPPED, "--limit", "30", exit_status=0).splitlines()
    assert lines[:4] == [
        STEPPED,
        "",
        "cpython-3.12-linux-x86_64-native · CPU A",
        "30 runs, 2026-02-16 to 2026-03-27",
    ]
    assert "  allocated_bytes  ▁▁▁▁▁▁▁▁▁▁████████████████████  97.7 KB → 146 KB (+50 %)" in lines
    assert "    2026-03-02  0028c0ffee  97.7 KB → 146 KB (+50 %)" in lines
    assert "  2026-03-02 04:00  0028c0ffee         146 KB  +50 %   * new level" in lines
    assert "  2026-03-03 04:00  0029c0ffee         146 KB  =" in lines
    assert "  2026-03-05 04:00  002bc0ffee         146 KB  =" in lines
    assert sum(line.startswith("  2026-") for line in lines) == 30
    assert max(map(len, lines)) <= 80


def test_changes_with_uncommitted_work_are_marked(capsys: pytest.CaptureFixture[str]) -> None:
    """A run of a tree with changes has a plus behind its commit."""
    text = said(capsys, "history", STEPPED, exit_status=0)
    assert "002ac0ffee+ " in text
    assert "0029c0ffee+" not in text


def test_a_creeping_loss_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """2 % a week is told from start to end, although no run stands out from the one before."""
    text = said(capsys, "history", CREEPING, "--metric", "wall_time", exit_status=0)
    assert ", creeping" in text
    (series,) = plain(capsys, CREEPING, "--metric", "wall_time")
    assert series["creeping"]
    assert series["end"] / series["start"] == pytest.approx(1.02**12, abs=0.06)
    assert series["shifts"] == []


def test_a_steady_record(capsys: pytest.CaptureFixture[str]) -> None:
    """What did not change is said to be so."""
    text = said(capsys, "history", STEADY, exit_status=0)
    assert text.count("no change") == 2
    assert "new level" not in text


def test_the_suite_worst_first(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a test, the records that changed for good: the worst first by ratio, the better ones last."""
    text = said(capsys, "history", exit_status=0)
    named = [line.strip() for line in text.splitlines() if line.startswith("  t.py::")]
    assert named == [STEPPED, SLOWER, CREEPING, FASTER]
    assert "h.db: 60 runs, 2026-01-05 to 2026-03-27, 5 records" in text
    assert "rows_per_s 900 rows/s → 675 rows/s (-25 %), at 2026-02-02 0014c0ffee" in text
    assert text.index("worse: 3 records") < text.index("better: 1 record")
    assert text.endswith(f"ask for one of them: querycache history {STEPPED}\n")


def test_the_printed_command_is_safe_to_paste(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A name with quotes and a command in it is one argument of the command that is printed, and nothing else."""
    name = "t.py::test_x[it's '; touch hacked; ']"
    for run in range(20):
        values = {"allocated_bytes": 10_000_000 * (1 + (run >= 10))}
        append_run(folder / "other.db", HERE, moment(run), {name: Cost(values=values)})
    text = said(capsys, "history", "--history", "other.db", exit_status=0)
    command = text.splitlines()[-1].partition(": ")[2]
    assert shlex.split(command) == ["querycache", "history", name]


def test_the_suite_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get the same list, with every change."""
    series = plain(capsys)
    assert [each["node_id"] for each in series] == [STEPPED, SLOWER, CREEPING, FASTER]
    assert "runs" not in series[0]
    assert series[0]["shifts"] == [
        {"finished": "2026-03-02T04:00:00+00:00", "commit": "0028c0ffee", "dirty": False}
        | {"before": 100_000, "after": 150_000}
    ]


def test_what_stays_below_the_floor_does_not_count(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """The project's own thresholds say from which size on a change is worth reading."""
    text = '[tool.pytest_querycache]\nhistory = "h.db"\nthresholds.memory = "30% and 60KB"\nthresholds.time = "off"\n'
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    assert [each["node_id"] for each in plain(capsys)] == [SLOWER, FASTER]


def test_a_suite_without_changes(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to tell is told."""
    assert "no record changed for good" in said(capsys, "history", "--limit", "5", exit_status=0)


@pytest.mark.parametrize(
    ("since", "runs"),
    [
        ("2026-03-02", 20),
        ("2026-03-02T12", 19),
        ("2026-03-02 03:59", 20),
        ("2026-03-02 04:01", 19),
        ("2026-03-02T04:00:00Z", 20),
        ("2026-03-02T05:30+02:00", 20),
        ("2026-03-01T23:30-05:00", 19),
        ("0028", 20),
        ("0028c0ffee12345", 20),
    ],
)
def test_since(capsys: pytest.CaptureFixture[str], since: str, runs: int) -> None:
    """A time in any notation, or a commit, shorter or longer than the one that was kept, leaves out the rest."""
    (series,) = plain(capsys, STEPPED, "--metric", "wall_time", "--since", since)
    assert len(series["runs"]) == runs
    assert series["runs"][-1]["finished"] == "2026-03-27T04:00:00+00:00"


def test_limit(capsys: pytest.CaptureFixture[str]) -> None:
    """Only the newest runs count, which come last."""
    (series,) = plain(capsys, STEPPED, "--metric", "allocated_bytes", "--limit", "3")
    assert [run["value"] for run in series["runs"]] == [150_000] * 3


def test_machines_are_never_mixed(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Another CPU's runs are a series of their own, and count against no limit but their own."""
    for run in range(RUNS, RUNS + 10):
        slow = Cost(values={"wall_time": 9e6, "allocated_bytes": 150_000})
        append_run(folder / "h.db", THERE, moment(run), {STEPPED: slow})
    series = plain(capsys, STEPPED, "--metric", "wall_time", "--limit", "8")
    assert [(each["cpu_model"], len(each["runs"])) for each in series] == [("CPU B", 8), ("CPU A", 8)]
    assert {run["value"] for run in series[0]["runs"]} == {9e6}
    assert all(run["value"] < 3e6 for run in series[1]["runs"])
    text = said(capsys, "history", STEPPED, exit_status=0)
    assert text.index("· CPU B") < text.index("· CPU A")


def test_counts_go_on_from_one_processor_to_the_next(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    """A count that changed when the runs moved to another CPU is found, and told without naming either."""
    for run in range(20):
        count = Cost(values={"wall_time": 2e6, "allocated_bytes": 100_000 + 60_000 * (run >= 10)})
        append_run(folder / "other.db", HERE if run < 10 else THERE, moment(run), {STEADY: count})
    (series,) = plain(capsys, "--history", "other.db")
    assert (series["metric"], series["cpu_model"], series["end"]) == ("allocated_bytes", "", 160_000)
    text = said(capsys, "history", STEADY, "--history", "other.db", exit_status=0)
    assert "\ncpython-3.12-linux-x86_64-native\n20 runs, " in text


def test_times_are_brought_to_one_speed(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A machine that does everything at half its speed in every second run makes no test slower."""
    for run in range(20):
        speed = 1 + run % 2
        values = {"wall_time": 3e6 * speed, "cpu_time": 3e6 * speed, "reference_time": 1e6 * speed}
        append_run(folder / "other.db", HERE, moment(run), {STEADY: Cost(values=values)})
    (series,) = plain(capsys, STEADY, "--metric", "wall_time", "--history", "other.db")
    assert len({run["value"] for run in series["runs"]}) == 1


def test_without_block_elements(folder: Path) -> None:
    """A terminal that knows only ASCII gets a line, arrows and dots it can print."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest_querycache.cli", "history", STEPPED],
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    text = done.stdout.decode("ascii")
    assert "?" not in text
    assert "97.7 KB -> 146 KB (+50 %)" in text
    assert "______" in text
    assert "######" in text


@pytest.mark.parametrize("columns", ["30", "80", "400"])
def test_width(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    """Sparklines fit the terminal; in a narrow one the figures stand beneath."""
    monkeypatch.setenv("COLUMNS", columns)
    lines = said(capsys, "history", CREEPING, exit_status=0).splitlines()
    drawn = [line for line in lines if "▁" in line]
    assert len(drawn) == 2
    assert all(len(line) <= max(int(columns), 30) for line in drawn)


def test_near_matches(capsys: pytest.CaptureFixture[str]) -> None:
    """A test that nobody knows is answered with those that may have been meant."""
    text = said(capsys, "history", "t.py::test_stepd", exit_status=4)
    assert text.startswith(f"querycache: h.db: no record t.py::test_stepd; did you mean {STEPPED}, ")
    assert "did you mean t.py::test_faster?" in said(
        capsys, "history", "other.py::test_faster", exit_status=4
    )
    assert "it knows 5 records" in said(capsys, "history", "xyzzy", exit_status=4)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            (STEPPED, "--metric", "rows"),
            f"--metric rows: not kept of {STEPPED}, expected one of wall_time, all",
        ),
        (
            (STEPPED, "--since", "2026-99-99"),
            "--since 2026-99-99: no such date, expected one such as 2026-01-31",
        ),
        (
            (STEPPED, "--since", "2026-03-02 noon"),
            "--since 2026-03-02 noon: no such date, expected one such as",
        ),
        ((STEPPED, "--since", "soon"), "--since soon: expected a date such as 2026-01-31, or a commit"),
        (
            (STEPPED, "--since", "2027-01-01"),
            "h.db has no run since then; the newest is of 2026-03-27 003bc0ffee",
        ),
        (("--since", "beef"), "h.db has no run of that commit; the newest is of 2026-03-27 003bc0ffee"),
        (("--history", "none.db"), "none.db: no such file; with history = "),
        (("--history", "."), "the history is a folder, expected a file"),
    ],
)
def test_what_cannot_be_answered(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], expected: str
) -> None:
    """One line that says what is wrong, and exit status 4."""
    text = said(capsys, "history", *arguments, exit_status=4)
    assert expected in text
    assert text.count("\n") == 1


def test_no_history_is_configured(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Without a configured file the command says where one is named."""
    (folder / "pyproject.toml").write_text("", encoding="utf-8")
    assert "no history is configured: expected history = " in said(capsys, "history", exit_status=4)


@pytest.mark.parametrize("limit", ["0", "-3", "many"])
def test_a_wrong_limit(capsys: pytest.CaptureFixture[str], limit: str) -> None:
    """A limit is a number from 1 on; anything else is wrong usage."""
    with pytest.raises(SystemExit, match="2"):
        main(["history", f"--limit={limit}"])
    assert "expected a number from 1 on" in capsys.readouterr().err


@pytest.mark.parametrize(
    "spoil",
    [lambda path: path.write_bytes(b"garbage\0" * 99), lambda path: os.truncate(path, 5_000)],
    ids=["garbage", "cut off"],
)
def test_a_damaged_history(
    capsys: pytest.CaptureFixture[str], folder: Path, spoil: Callable[[Path], object]
) -> None:
    """Asking a damaged file says so in one line, and leaves it where it is."""
    spoil(folder / "h.db")
    text = said(capsys, "history", STEPPED, exit_status=4)
    assert "h.db: the history is damaged" in text
    assert text.count("\n") == 1
    assert (folder / "h.db").exists()


def test_help_imports_nothing_heavy() -> None:
    """The command's help starts without sqlite3, pytest and sqlglot."""
    code = (
        "import sys; from pytest_querycache.cli import main\n"
        "try: main(['history', '--help'])\n"
        "except SystemExit: print({'sqlite3', 'pytest', 'sqlglot'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")
