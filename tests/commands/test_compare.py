"""``querycache compare``: runs and baselines on either side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_querycache.cli import main
from pytest_querycache.model.account import Account
from pytest_querycache.model.baseline import Baseline, Entry, Figure, Section
from pytest_querycache.model.environment import StoredEnvironment
from pytest_querycache.model.record import Record, Run
from pytest_querycache.storage.baseline_text import write_baseline
from pytest_querycache.storage.run_file import write_run
from tests.accounts import HERE, ROWS

KEY = HERE.key


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without settings."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_file(name: str, *, environment: object = HERE, **values: dict[str, float]) -> str:
    """A run in which each test cost these values."""
    records = {
        f"t.py::{test}": Record(
            node_id=f"t.py::{test}",
            values=found,
            own_metrics={"rows_per_s": ROWS} if "rows_per_s" in found else {},
        )
        for test, found in values.items()
    }
    run = Run(environment=environment, records=records, claimed=set(records), wholly_collected={"t.py"})  # type: ignore[arg-type]
    write_run(Path(name), Account(run=run))
    return name


def baseline_file(name: str, *keys: str, **figures: Figure) -> str:
    """A baseline with the allocated bytes of each test, in each of these environments."""
    section = Section(
        environment=StoredEnvironment.of(HERE),
        entries={f"t.py::{test}": Entry([("allocated_bytes", figure)]) for test, figure in figures.items()},
    )
    text = write_baseline(Baseline(sections=dict.fromkeys(keys or (KEY,), section)))
    Path(name).write_text(text, encoding="utf-8")
    return name


def said(capsys: pytest.CaptureFixture[str], *arguments: str, exit_status: int) -> str:
    """What a command prints, which has to end with this status."""
    assert main(arguments) == exit_status
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_two_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """First executions are held against first executions: counts count, a time alone proves nothing."""
    old = run_file("a.json", x={"allocated_bytes": 100_000, "wall_time": 1e6}, gone={"wall_time": 1})
    new = run_file("b.json", x={"allocated_bytes": 200_000, "wall_time": 9e6}, fresh={"wall_time": 1})
    text = said(capsys, "compare", old, new, exit_status=1)
    lines = text.splitlines()
    assert lines[0].split() == "regressed allocated_bytes 97.7 KB 195 KB 2.00x t.py::x".split()
    assert lines[1].startswith("unconfirmed  wall_time")
    assert lines[2].startswith("missing ")
    assert lines[3].startswith("new ")
    assert lines[-2] == (
        "compared 1 · regressed 1 · improved 0 · unconfirmed 0 · new 1 · missing 1 · not judged 0"
    )
    assert lines[-1] == "failed: 1 record regressed"


def test_times_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    """With --confirm=off a slower time is a regression, with strict an unconfirmed one fails."""
    old, new = run_file("a.json", x={"wall_time": 1e6}), run_file("b.json", x={"wall_time": 9e6})
    said(capsys, "compare", old, new, exit_status=0)
    assert "regressed 1" in said(capsys, "compare", old, new, "--confirm", "off", exit_status=1)
    assert "unconfirmed 1" in said(capsys, "compare", old, new, "--confirm", "strict", exit_status=1)


def test_speed_of_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    """Times are brought to one speed of the reference workload before they are compared."""
    old = run_file("a.json", x={"wall_time": 1e6, "reference_time": 1e6})
    new = run_file("b.json", x={"wall_time": 2e6, "reference_time": 2e6})
    assert "regressed 0" in said(capsys, "compare", old, new, "--confirm", "off", exit_status=0)


def test_the_same_run(capsys: pytest.CaptureFixture[str]) -> None:
    """A run beside itself differs in nothing."""
    same = run_file("a.json", x={"allocated_bytes": 1e6, "wall_time": 1e6, "rows_per_s": 5})
    text = said(capsys, "compare", same, same, "--confirm", "off", exit_status=0)
    assert text.startswith("compared 1 · regressed 0")


def test_own_metrics_keep_their_direction(capsys: pytest.CaptureFixture[str]) -> None:
    """Fewer rows per second are worse, as the test declared."""
    old, new = run_file("a.json", x={"rows_per_s": 100}), run_file("b.json", x={"rows_per_s": 50})
    assert "regressed  rows_per_s" in said(capsys, "compare", old, new, exit_status=1)
    assert "improved  rows_per_s" in said(capsys, "compare", new, old, exit_status=0)


def test_baseline_and_run(capsys: pytest.CaptureFixture[str]) -> None:
    """A run is held against what a baseline has of first executions, and the reverse."""
    base = baseline_file("base.json", x=Figure(100_000, 10_000))
    run = run_file("run.json", x={"allocated_bytes": 200_000})
    assert "97.7 KB" in said(capsys, "compare", base, run, exit_status=1)
    assert "0.50x" in said(capsys, "compare", run, base, exit_status=0)


@pytest.mark.parametrize(
    ("old", "new", "regressed"),
    [
        (Figure(100_000, 10_000), Figure(100_000, 90_000), 1),
        (Figure(10_000, 10_000), Figure(100_000, 10_000), 0),
        (Figure(10_000), Figure(100_000, 10_000), 1),
        (Figure(100_000, 10_000, 100_000), Figure(100_000, 90_000), 0),
    ],
    ids=["warm rose", "cold rose, warm did not", "no warm on one side", "within its own spread"],
)
def test_two_baselines(capsys: pytest.CaptureFixture[str], old: Figure, new: Figure, regressed: int) -> None:
    """Between baselines repeats are held against repeats where both know them, else first executions."""
    files = baseline_file("a.json", x=old), baseline_file("b.json", x=new)
    text = said(capsys, "compare", *files, exit_status=int(regressed > 0))
    assert f"regressed {regressed}" in text


def test_which_environment(capsys: pytest.CaptureFixture[str]) -> None:
    """Where both files know several environments one has to be chosen, and an unknown one is refused."""
    figures = {"x": Figure(1)}
    files = baseline_file("a.json", "e1", "e2", **figures), baseline_file("b.json", "e1", "e2", **figures)
    assert "both know e1, e2: choose one with --section KEY" in said(capsys, "compare", *files, exit_status=4)
    said(capsys, "compare", *files, "--section", "e2", exit_status=0)
    text = said(capsys, "compare", *files, "--section", "e3", exit_status=4)
    assert text == "querycache: a.json knows e1, e2, b.json e1, e2: expected e3 in both\n"


def test_formats(capsys: pytest.CaptureFixture[str]) -> None:
    """Markdown is a report for a pull request, JSON the gate's answer as the run file has it."""
    old, new = run_file("a.json", x={"allocated_bytes": 1e5}), run_file("b.json", x={"allocated_bytes": 2e5})
    text = said(capsys, "compare", old, new, "--format", "markdown", exit_status=1)
    assert text.startswith("### Performance gate: failed")
    document = json.loads(said(capsys, "compare", old, new, "--format", "json", exit_status=1))
    assert document["counts"]["regressed"] == 1
    assert document["findings"][0]["metric"]["name"] == "allocated_bytes"


def test_thresholds_of_the_project(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The project's settings decide what is tolerated."""
    old, new = run_file("a.json", x={"allocated_bytes": 1e5}), run_file("b.json", x={"allocated_bytes": 2e5})
    (folder / "pyproject.toml").write_text(
        "[tool.pytest_querycache.thresholds]\nmemory = '150%'\n", encoding="utf-8"
    )
    assert "regressed 0" in said(capsys, "compare", old, new, exit_status=0)


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_every_section(capsys: pytest.CaptureFixture[str], form: str) -> None:
    """With --all each environment that both baselines know is told, by its name, and one that is worse decides."""
    baseline_file("old.json", "e1", "e2", "gone", x=Figure(100_000, 90_000))
    baseline_file("new.json", "e1", "e2", "fresh", x=Figure(200_000, 190_000))
    text = said(capsys, "compare", "old.json", "new.json", "--all", "--format", form, exit_status=1)
    assert text.index("e1") < text.index("e2")
    assert "fresh" not in text
    if form == "json":
        assert {key: result["success"] for key, result in json.loads(text).items()} == {
            "e1": False,
            "e2": False,
        }
    said(capsys, "compare", "old.json", "old.json", "--all", "--format", form, exit_status=0)
    assert "choose one with --section KEY, or --all" in said(
        capsys, "compare", "old.json", "new.json", exit_status=4
    )


def test_no_section_in_common(capsys: pytest.CaptureFixture[str]) -> None:
    """Baselines of different environments have nothing to compare, whatever is asked for."""
    baseline_file("old.json", "e1", x=Figure(1))
    baseline_file("new.json", "e2", x=Figure(1))
    text = said(capsys, "compare", "old.json", "new.json", "--all", exit_status=4)
    assert "old.json knows e1, new.json e2: expected an environment in both" in text


@pytest.mark.parametrize("interrupted", ["a.json", "b.json"])
@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_an_interrupted_session_is_refused(
    capsys: pytest.CaptureFixture[str], interrupted: str, form: str
) -> None:
    """Half a session decides nothing, on either side and in any form: one line, and exit status 4."""
    files = [run_file(name, x={"allocated_bytes": 1e5}) for name in ("a.json", "b.json")]
    text = Path(interrupted).read_text(encoding="utf-8")
    Path(interrupted).write_text(text.replace('"complete": true', '"complete": false'), encoding="utf-8")
    said_of_it = said(capsys, "compare", *files, "--format", form, exit_status=4)
    assert said_of_it == (
        f"querycache: {interrupted}: its session was interrupted, so nothing can be decided; run it again\n"
    )


def test_a_hostile_name_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    """What programs read is JSON, and the name is what it was."""
    name = "x[##[add-mask]\n::add-mask::y\x1b[2J]"
    old, new = run_file("a.json", **{name: {"allocated_bytes": 1e5}}), run_file("b.json")
    for form in ("text", "markdown"):
        text = said(capsys, "compare", old, new, "--format", form, exit_status=1)
        assert "\n::" not in text
        assert "\x1b" not in text
        assert "##[" not in text
    document = json.loads(said(capsys, "compare", old, new, "--format", "json", exit_status=1))
    assert document["findings"][0]["node_id"] == f"t.py::{name}"
