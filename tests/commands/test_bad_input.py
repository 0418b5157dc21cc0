"""What every command says of files, names and terminals that it cannot use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE
from typing import IO

import pytest

from pytest_querycache.model.baseline import Entry
from pytest_querycache.reports.signs import carried
from pytest_querycache.storage.baseline_file import read_baseline
from tests.accounts import HERE
from tests.commands.test_compare import said
from tests.commands.test_runs import shard, write_sections

TESTS = """
import pytest
from elsewhere import test_borrowed

class TestApi:
    def test_list(self): pass

class TestInherited(Base):
    pass

@pytest.mark.perf_threshold(time="50%")
def test_a(): pass

if True:
    def test_conditional(): pass
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a baseline, two shards, and files that are something else."""
    monkeypatch.chdir(tmp_path)
    write_sections("perf-baseline.json", {HERE.key: ["t.py::a", "t.py::a::load", "t.py::b", "u.py::c"]})
    Path("t.py").write_text(TESTS, encoding="utf-8")
    shard("1.json", {"a": 100_000}, deselected=("b",))
    shard("2.json", {"b": 100_000}, deselected=("a",))
    run, baseline = Path("1.json").read_text("utf-8"), Path("perf-baseline.json").read_text("utf-8")
    for name, text in {
        "newer-run.json": run.replace('"version": 1', '"version": 9'),
        "newer-baseline.json": baseline.replace('"version": 1', '"version": 9'),
        "half-run.json": run[: len(run) // 2],
        "half-baseline.json": baseline[: len(baseline) // 2],
        "empty.json": "",
        "list.json": "[1, 2]",
        "other.json": '{"format": "something"}',
    }.items():
        Path(name).write_text(text, encoding="utf-8")
    Path("bytes.json").write_bytes(b"\xff\xfe\x00")
    Path("folder.json").mkdir()
    return tmp_path


WRONG = {
    "newer-run.json": "upgrade pytest-querycache",
    "half-run.json": "the file may have been cut off",
    "empty.json": "expected a",
    "list.json": "expected a",
    "other.json": "this is ",
    "bytes.json": "not a",
    "folder.json": "Is a directory",
    "none.json": "no such file",
}
READING_RUNS = {
    "gate": ("gate", "{}"),
    "gate of shards": ("gate", "1.json", "{}"),
    "accept": ("accept", "{}"),
    "report": ("report", "{}", "--html", "page.html"),
    "compare": ("compare", "1.json", "{}"),
    "compare with": ("compare", "{}", "1.json"),
}
READING_BASELINES = {
    "show": ("show", "--baseline", "{}"),
    "prune": ("prune", "--baseline", "{}"),
    "merge": ("merge", "{}", "--into", "all.json"),
    "merge into": ("merge", "perf-baseline.json", "--into", "{}"),
    "gate": ("gate", "1.json", "2.json", "--baseline", "{}"),
    "accept": ("accept", "1.json", "--baseline", "{}"),
    "compare": ("compare", "{}", "1.json"),
}


def one_line(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a command refuses with; a complaint about files leaves the files as they were."""
    before = {path: path.read_bytes() for path in Path().glob("*.json") if path.is_file()}
    text = said(capsys, *arguments, exit_status=4)
    assert text.startswith("querycache: ")
    assert text.count("\n") == 1
    assert {path: path.read_bytes() for path in Path().glob("*.json") if path.is_file()} == before
    return text


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("command", READING_RUNS)
def test_no_run(capsys: pytest.CaptureFixture[str], command: str, name: str) -> None:
    """Where a run is expected, anything else is named in one line that says what is wrong with it."""
    text = one_line(capsys, *(part.format(name) for part in READING_RUNS[command]))
    assert name in text
    assert WRONG[name] in text or (command.startswith("compare") and "not a" in text)


@pytest.mark.parametrize("name", ["newer-baseline.json", "half-baseline.json", "list.json", "bytes.json"])
@pytest.mark.parametrize("command", READING_BASELINES)
def test_no_baseline(capsys: pytest.CaptureFixture[str], command: str, name: str) -> None:
    """Where a baseline is expected, anything else is named in one line."""
    text = one_line(capsys, *(part.format(name) for part in READING_BASELINES[command]))
    assert f"querycache: {name}" in text


@pytest.mark.parametrize("command", [name for name in READING_BASELINES if name != "compare"])
def test_a_run_for_a_baseline(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """A run in a baseline's place is recognised, and the command that makes one of it is named."""
    text = one_line(capsys, *(part.format("1.json") for part in READING_BASELINES[command]))
    assert "1.json: this is a run, expected a baseline; querycache accept RUN" in text


@pytest.mark.parametrize("command", ["gate", "accept", "report"])
def test_a_baseline_for_a_run(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """A baseline in a run's place is recognised, and the option that writes a run is named."""
    text = one_line(capsys, *(part.format("perf-baseline.json") for part in READING_RUNS[command]))
    assert "perf-baseline.json: this is a baseline, expected a run; pytest --perf-json=FILE" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("explain", "none.py::x"), "none.py: no such file; node ids start from "),
        (("explain", "."), ".: a folder, expected a test"),
        (("explain", "::test_a"), ".: a folder, expected a test"),
        (("explain", "folder.json/../t.py::test_a"), "t.py: expected a node id; node ids start from "),
        (("explain", "t.py::test_typo"), "t.py: there is no test_typo in this file"),
        (("explain", "t.py::TestApi::test_typo"), "t.py: there is no test_typo in this file"),
        (("explain", "t.py::test_a", "--metric", "speed"), "--metric speed: unknown metric, expected one of"),
        (("show", "--rootdir", "none"), "--rootdir none: no such folder"),
        (("show", "t.py::zzz"), "perf-baseline.json: no section knows t.py::zzz"),
        (("prune", "t.py::zzz"), "perf-baseline.json: no section knows t.py::zzz"),
        (("report", "1.json", "--html", "1.json/page.html"), "1.json/page.html: cannot be written"),
        (("accept", "1.json", "--baseline", "1.json/b.json"), "1.json/b.json: "),
        (
            ("gate", "1.json", "2.json", "--shards", "1"),
            "2 runs given (1.json, 2.json), expected 1: these are",
        ),
        (("gate", "1.json", "2.json", "--shards", "3"), "expected 3: 3.json is missing"),
        (("gate", "1.json", "--shards", "3"), "1 run given (1.json), expected 3: 2.json, 3.json are missing"),
    ],
)
def test_names(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
    """Names that lead nowhere are said in one line, never answered as if they did."""
    assert message in one_line(capsys, *arguments)


@pytest.mark.parametrize(
    "node_id",
    [
        "t.py",
        "t.py::test_a::a section",
        "t.py::test_borrowed",
        "t.py::TestInherited::test_x",
        "t.py::test_conditional",
    ],
)
def test_names_that_may_exist(capsys: pytest.CaptureFixture[str], node_id: str) -> None:
    """Sections, borrowed, inherited and conditional tests cannot be denied by looking at the file."""
    assert "wall_time" in said(capsys, "explain", node_id, exit_status=0)


@pytest.mark.parametrize(
    ("names", "shards", "missing"),
    [
        (("run-0.json", "run-2.json"), "3", "run-1.json is missing"),
        (("a/shard-01.json", "a/shard-03.json"), "3", "a/shard-02.json is missing"),
        (("unit.json", "api.json"), "3", "a shard is missing"),
        (("3.json", "9.json"), "3", "a shard is missing"),
    ],
)
def test_which_shard_is_missing(
    capsys: pytest.CaptureFixture[str], names: tuple[str, ...], shards: str, missing: str
) -> None:
    """Numbered runs tell by their names which one is missing; of others only the number is known."""
    assert missing in one_line(capsys, "gate", *names, "--shards", shards)


def test_a_file_that_no_shard_ran(capsys: pytest.CaptureFixture[str]) -> None:
    """A suite that is split by files lacks a missing shard's files: refused, unless that number of runs was meant."""
    text = one_line(capsys, "gate", "1.json", "2.json")
    assert (
        "no run has u.py, which the baseline knows; is a shard missing? Where these are all, say --shards 2"
        in text
    )
    for runs in (("1.json", "2.json", "--shards", "2"), ("1.json",)):
        text = said(capsys, "gate", *runs, exit_status=0)
        assert "note: no run collected u.py, which the baseline knows; is a shard missing?" in text


def test_what_a_script_measured_belongs_to_no_shard(capsys: pytest.CaptureFixture[str]) -> None:
    """An entry without a file is none that a shard could lack."""
    write_sections("perf-baseline.json", {HERE.key: ["t.py::a", "t.py::b", "import of the catalogue"]})
    assert "no run collected" not in said(capsys, "gate", "1.json", "2.json", exit_status=0)


def test_prune(capsys: pytest.CaptureFixture[str]) -> None:
    """Entries of gone files, or those named with their sections, are dropped, and said."""
    assert "dropped u.py::c\nperf-baseline.json: 1 entry dropped" in said(capsys, "prune", exit_status=0)
    assert "2 entries dropped" in said(capsys, "prune", "t.py::a", exit_status=0)
    assert set(entries()) == {"t.py::b"}


def test_prune_from_a_wrong_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Where no file is found at all it is the folder that is wrong, and everything stays."""
    (tmp_path / "elsewhere").mkdir()
    text = one_line(capsys, "prune", "--rootdir", "elsewhere", "--baseline", "perf-baseline.json")
    assert "holds not one of its files, such as t.py" in text
    assert len(entries()) == 4


def test_a_baseline_without_sections(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty baseline is no mistake, but silence would leave people guessing."""
    write_sections("fresh.json", {})
    assert "fresh.json: no section yet" in said(capsys, "show", "--baseline", "fresh.json", exit_status=0)


def test_mixed_environments(capsys: pytest.CaptureFixture[str]) -> None:
    """A run is not held against a baseline of other environments, and both are named."""
    write_sections("other.json", {"pypy-3.11-linux-x86_64-net": ["t.py::a"]})
    text = one_line(capsys, "compare", "other.json", "1.json")
    assert f"other.json knows pypy-3.11-linux-x86_64-net, 1.json {HERE.key}" in text


def entries() -> dict[str, Entry]:
    return read_baseline(Path("perf-baseline.json")).sections[HERE.key].entries


def started(
    *arguments: str, stdout: int | IO[bytes] = PIPE, stderr: int | IO[bytes] = PIPE, **environment: str
) -> subprocess.Popen[bytes]:
    """The command in a process of its own, whose output goes into pipes unless it is said where."""
    inherited = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "pytest_querycache.cli", *arguments],
        stdout=stdout,
        stderr=stderr,
        env={**inherited, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
    )


@pytest.mark.parametrize(
    ("arguments", "exit_status"),
    [
        (("explain", "t.py::test_a"), 0),
        (("show",), 0),
        (("--help",), 0),
        (("gate", "1.json", "2.json", "--shards", "2"), 0),
        (("gate", "worse.json"), 1),
        (("compare", "perf-baseline.json", "1.json", "--format", "json"), 0),
        (("report", "1.json", "--markdown", "summary.md"), 0),
        (("gate", "none.json"), 4),
    ],
)
def test_nobody_reads_on(arguments: tuple[str, ...], exit_status: int) -> None:
    """A closed pipe, as ``| head`` leaves it, brings no traceback and changes neither work nor exit status."""
    shard("worse.json", {"a": 200_000, "b": 100_000})
    process = started(*arguments)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr as stream:
        complaint = stream.read()
    assert process.wait() == exit_status
    assert b"Traceback" not in complaint
    assert b"BrokenPipe" not in complaint
    assert Path("summary.md").exists() == ("--markdown" in arguments)


@pytest.mark.skipif("not os.path.exists('/dev/full')", reason="needs a device that is always full")
def test_nothing_can_be_written() -> None:
    """A full disk behind the standard output is said; behind the standard error the exit status still tells."""
    with open("/dev/full", "wb") as full:  # noqa: PTH123 (a device)
        process = started("show", stdout=full)
        assert b"No space left" in process.communicate()[1]
        assert process.returncode == 4
        process = started("gate", "none.json", stderr=full)
        process.communicate()
        assert process.returncode == 4


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["ascii", "C"],
)
def test_no_unicode(environment: dict[str, str]) -> None:
    """In a terminal that knows ASCII alone our own signs are written out."""
    shard("worse.json", {"a": 200_000, "b": 100_000})
    out, problem = started("gate", "worse.json", NO_COLOR="1", COLUMNS="40", **environment).communicate()
    assert b"97.7 KB -> 195 KB (2.00x)" in out
    assert b"compared 2 | regressed 1" in out
    assert not problem
    _, problem = started("gate", "→.json", **environment).communicate()
    assert problem.startswith(b"querycache: ")
    assert b"Traceback" not in problem


def test_every_help_is_plain() -> None:
    """The help of every command can be read in a terminal of 40 columns that knows ASCII alone."""
    commands = ("compare", "accept", "gate", "merge", "report", "show", "prune", "explain")
    narrow = {"PYTHONIOENCODING": "ascii:strict", "COLUMNS": "40"}
    processes = [started(command, "--help", **narrow) for command in commands]
    for command, process in zip(commands, processes, strict=True):
        out, problem = process.communicate()
        assert process.returncode == 0, problem
        assert f"querycache {command}".encode() in out
        assert max(map(len, out.splitlines())) <= 60


def test_signs_that_have_no_other_form() -> None:
    """Text that is not ours keeps its characters where it can, and shows that some are missing where it cannot."""
    assert carried("t[é] → 2", "latin-1") == "t[é] -> 2"
    assert carried("t[é] · 2", "ascii") == "t[?] | 2"
    assert carried("t[é] → 2", "utf-8") == "t[é] → 2"


def test_json_has_no_other_signs(capsys: pytest.CaptureFixture[str]) -> None:
    """What programs read is never written out differently."""
    text = said(capsys, "compare", "perf-baseline.json", "1.json", "--format", "json", exit_status=0)
    assert text.isascii()
    assert json.loads(text)["success"] is True
