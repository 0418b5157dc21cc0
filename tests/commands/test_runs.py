"""The commands that take runs: gate, accept, merge, report."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_querycache.model.account import Account, Occasion
from pytest_querycache.model.baseline import Baseline, Commit, Entry, Figure, Section
from pytest_querycache.model.environment import Environment, StoredEnvironment
from pytest_querycache.model.metric import ALLOCATED_BYTES, WALL_TIME
from pytest_querycache.model.record import Record, Run
from pytest_querycache.model.verdict import Evidence, Finding, GateResult, Verdict
from pytest_querycache.storage.baseline_file import read_baseline
from pytest_querycache.storage.baseline_text import write_baseline
from pytest_querycache.storage.run_file import write_run
from tests.accounts import HERE, account
from tests.commands.test_compare import said

OLD = Figure(100_000, 90_000)
REGRESSED = Finding(node_id="t.py::a", verdict=Verdict.REGRESSED, metric=ALLOCATED_BYTES, now=200_000)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose baseline knows two tests."""
    monkeypatch.chdir(tmp_path)
    write_sections("perf-baseline.json", {HERE.key: ["t.py::a", "t.py::b"]})
    return tmp_path


def write_sections(path: str, names: dict[str, list[str]], figure: Figure = OLD) -> None:
    """A baseline with these tests in these environments."""
    sections = {
        key: Section(
            environment=StoredEnvironment.of(HERE),
            entries={
                node_id: Entry([("allocated_bytes", figure), ("allocated_blocks", Figure(500, 400))])
                for node_id in tests
            },
        )
        for key, tests in names.items()
    }
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(write_baseline(Baseline(sections=sections)), encoding="utf-8")


def shard(
    path: str,
    costs: dict[str, float],
    *,
    environment: Environment = HERE,
    commit: str = "c0ffee",
    deselected: tuple[str, ...] = (),
    evidence: dict[tuple[str, str], Evidence] | None = None,
    result: GateResult | None = None,
    complete: bool = True,
) -> str:
    """The run of one shard: tests of t.py with their allocated bytes."""
    records = {
        f"t.py::{name}": Record(
            node_id=f"t.py::{name}", values={"allocated_bytes": cost, "allocated_blocks": 500}
        )
        for name, cost in costs.items()
    }
    run = Run(
        environment=environment,
        records=records,
        claimed=set(records),
        deselected={f"t.py::{name}" for name in deselected},
        wholly_collected={"t.py"},
        complete=complete,
    )
    occasion = Occasion(commit=commit, finished="2026-01-02T03:04:05+00:00")
    write_run(Path(path), Account(run=run, occasion=occasion, evidence=evidence or {}, result=result))
    return path


def two_shards(second: float = 100_000) -> tuple[str, str]:
    return (
        shard("1.json", {"a": 100_000}, deselected=("b",)),
        shard("2.json", {"b": second}, deselected=("a",)),
    )


def test_shards_are_judged_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    """What one shard left out another one ran, so that nothing is missing."""
    text = said(capsys, "gate", *two_shards(), exit_status=0)
    assert "compared 2 · regressed 0 · improved 0 · unconfirmed 0 · new 0 · missing 0" in text
    assert "performance gate: passed" in text


def test_a_count_without_evidence_is_believed(capsys: pytest.CaptureFixture[str]) -> None:
    """A shard that only tracked cannot measure again; its counts fail all the same, and accepting is named."""
    text = said(capsys, "gate", *two_shards(second=200_000), exit_status=1)
    assert "t.py::b\n  regressed  allocated_bytes 97.7 KB → 195 KB (2.00x)" in text
    assert "its first execution shows it, no other was measured" in text
    assert "accept it: querycache accept 1.json && querycache accept 2.json" in text


@pytest.mark.parametrize(
    ("values", "exit_status"), [((95_000.0, 90_000.0), 0), ((200_000.0, 190_000.0), 1)], ids=["not", "shows"]
)
def test_evidence_decides(
    capsys: pytest.CaptureFixture[str], values: tuple[float, ...], exit_status: int
) -> None:
    """What the shard's own fresh processes measured acquits or convicts."""
    evidence = {("t.py::a", "allocated_bytes"): Evidence(processes=(values, values))}
    run = shard("1.json", {"a": 200_000, "b": 100_000}, evidence=evidence)
    said(capsys, "gate", run, exit_status=exit_status)


def test_a_warm_execution_is_no_proof(capsys: pytest.CaptureFixture[str]) -> None:
    """Above the stored repeats but below the first execution a value may be half cold: it stays unconfirmed."""
    write_sections("perf-baseline.json", {HERE.key: ["t.py::a"]}, Figure(300_000, 50_000))
    assert "unconfirmed 1" in said(capsys, "gate", shard("1.json", {"a": 200_000}), exit_status=0)


def test_a_veto_stays_in_force(capsys: pytest.CaptureFixture[str]) -> None:
    """What a plugin of the session vetoed is not accused again."""
    vetoed = Finding(
        node_id="t.py::a", verdict=Verdict.UNCHANGED, metric=ALLOCATED_BYTES, proof="vetoed: we know"
    )
    run = shard("1.json", {"a": 200_000, "b": 100_000}, result=GateResult(cleared=[vetoed]))
    assert "regressed 0" in said(capsys, "gate", run, "--confirm", "off", exit_status=0)
    assert "regressed 0" in said(capsys, "gate", run, exit_status=0)


def test_few_guilty_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """The next command of a single run names the tests."""
    run = shard("1.json", {"a": 200_000, "b": 100_000})
    assert "accept it: querycache accept 1.json t.py::a" in said(capsys, "gate", run, exit_status=1)


def test_the_next_command_is_for_the_same_baseline(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the gate was told of baseline and folder the next command is told too, as a shell takes it."""
    write_sections("ci files/b.json", {HERE.key: ["t.py::a", "t.py::b"]})
    run = shard("1.json", {"a": 200_000, "b": 100_000})
    text = said(capsys, "gate", run, "--baseline", "ci files/b.json", exit_status=1)
    assert "accept it: querycache accept 1.json t.py::a --baseline 'ci files/b.json'\n" in text
    said(capsys, "accept", "1.json", "t.py::a", "--baseline", "ci files/b.json", exit_status=0)
    assert "regressed 0" in said(capsys, "gate", run, "--baseline", "ci files/b.json", exit_status=0)

    (folder / "deep").mkdir()
    monkeypatch.chdir(folder / "deep")
    text = said(capsys, "gate", "../1.json", "--rootdir", "..", exit_status=1)
    assert "accept it: querycache accept ../1.json t.py::a --rootdir ..\n" in text
    report = ("report", "../1.json", "--markdown", "s.md", "--baseline", "../ci files/b.json")
    shard("../1.json", {"a": 1}, result=GateResult(findings=[REGRESSED]))
    said(capsys, *report, exit_status=0)
    command = "querycache accept ../1.json t.py::a --baseline '../ci files/b.json'"
    assert command in Path("s.md").read_text(encoding="utf-8")


def test_a_test_no_shard_ran(capsys: pytest.CaptureFixture[str]) -> None:
    """A test that every shard left out may belong to a missing one: said, and refused where the baseline knows it."""
    runs = (
        shard("1.json", {"a": 100_000}, deselected=("b", "c")),
        shard("2.json", {"b": 100_000}, deselected=("a", "c")),
    )
    text = said(capsys, "gate", *runs, exit_status=0)
    assert "1 tests were left out by every shard, t.py::c; is a shard missing?" in text
    write_sections("perf-baseline.json", {HERE.key: ["t.py::a", "t.py::b", "t.py::c"]})
    text = said(capsys, "gate", *runs, exit_status=4)
    assert text == (
        "querycache: 1.json, 2.json: no run has t.py::c, which the baseline knows; is a shard missing? "
        "Where these are all, say --shards 2\n"
    )
    assert "1 tests were left out" in said(capsys, "gate", *runs, "--shards", "2", exit_status=0)


@pytest.mark.parametrize(
    ("second", "more", "message"),
    [
        ({}, {}, "2 runs given (1.json, 2.json), expected 3: 3.json is missing"),
        (
            {"environment": replace(HERE, minor_version="3.13")},
            {},
            "runs of one environment are judged together",
        ),
        ({"commit": "beef"}, {}, "1.json was measured at commit c0ffee, 2.json at beef: expected one commit"),
        ({"costs": {"a": 1}}, {}, "t.py::a is in 1.json and in 2.json: the shards overlap"),
        ({"complete": False}, {}, "2.json: its session was interrupted"),
    ],
    ids=["missing", "environments", "commits", "overlap", "interrupted"],
)
def test_runs_that_are_no_session(
    capsys: pytest.CaptureFixture[str], second: dict[str, object], more: object, message: str
) -> None:
    """Runs that do not make up one session are refused with one line that names them."""
    runs = shard("1.json", {"a": 1}), shard("2.json", **{"costs": {"b": 1}, **second})  # type: ignore[arg-type]
    expected = ("--shards", "3") if not second else ()
    text = said(capsys, "gate", *runs, *expected, exit_status=4)
    assert message in text
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gate", "1.json", "1.json"), "1.json: the same run was given twice"),
        (("gate", "none.json"), "none.json: no such file; pytest --perf-json=FILE writes one"),
        (("gate", "perf-baseline.json"), "perf-baseline.json: this is a baseline, expected a run"),
        (("gate", "1.json", "--baseline", "1.json"), "1.json: this is a run, expected a baseline"),
        (("accept", "1.json", "t.py::zzz"), "1.json: the run has no test t.py::zzz"),
        (("report", "1.json"), "no report was asked for: expected --html FILE, --markdown FILE or --gitlab"),
        (("merge", "1.json", "--into", "all.json"), "1.json: this is a run, expected a baseline"),
        (("compare", "1.json", "none.json"), "none.json: no such file, expected a run or a baseline"),
    ],
)
def test_wrong_files(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
    """A file of the wrong kind is named in one line, with exit status 4."""
    shard("1.json", {"a": 1})
    text = said(capsys, *arguments, exit_status=4)
    assert message in text
    assert text.count("\n") == 1


def test_nothing_compared_is_no_pass(capsys: pytest.CaptureFixture[str]) -> None:
    """Shards all of whose tests failed compare nothing, and the command says so by its exit status."""
    records = {"t.py::a": Record(node_id="t.py::a", outcome="failed")}
    write_run(Path("1.json"), Account(run=Run(environment=HERE, records=records, claimed={"t.py::a"})))
    assert "nothing was compared" in said(capsys, "gate", "1.json", exit_status=1)


def test_distorted_figures_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """What coverage made larger is not accepted."""
    write_run(Path("run.json"), account())
    text = said(capsys, "accept", "run.json", "--baseline", "new.json", exit_status=4)
    assert "run.json: coverage is measuring: figures measured under it cannot be accepted" in text
    assert not Path("new.json").exists()


def test_a_test_that_is_executed_alone_stays_so(capsys: pytest.CaptureFixture[str]) -> None:
    """A run does not know whether a test can be repeated; what the baseline knows of it stays."""
    baseline = read_baseline(Path("perf-baseline.json"))
    entries_before = baseline.sections[HERE.key].entries
    old = Entry([("allocated_bytes", OLD), ("allocated_blocks", Figure(500, 400))], alone=True)
    entries_before.update({"t.py::a": old, "t.py::b": old})
    Path("perf-baseline.json").write_text(write_baseline(baseline), encoding="utf-8")
    said(capsys, "accept", shard("1.json", {"a": 200_000, "b": 100_000}), exit_status=0)
    assert entries()["t.py::b"] == old
    assert entries()["t.py::a"].alone
    assert entries()["t.py::a"].figure("allocated_blocks") == Figure(500, 400)


def test_evidence_on_a_budget(capsys: pytest.CaptureFixture[str]) -> None:
    """Evidence that was found for a budget is learned from like any other."""
    evidence = {("t.py::a", "allocated_bytes budget"): Evidence(processes=((190_000.0,),))}
    said(capsys, "accept", shard("1.json", {"a": 200_000}, evidence=evidence), exit_status=0)
    assert entries()["t.py::a"].figure("allocated_bytes") == Figure(200_000, 190_000)


def test_a_budget_is_another_question(capsys: pytest.CaptureFixture[str]) -> None:
    """Evidence that acquits a metric by its threshold says nothing of its budget."""
    record = Record(
        node_id="t.py::a", values={"allocated_bytes": 200_000}, budgets={"allocated_bytes": "150KiB"}
    )
    acquitted = {("t.py::a", "allocated_bytes"): Evidence(processes=((90_000.0,),))}
    run = Run(environment=HERE, records={"t.py::a": record}, claimed={"t.py::a"})
    write_run(Path("1.json"), Account(run=run, evidence=acquitted))
    text = said(capsys, "gate", "1.json", exit_status=1)
    assert "over budget  allocated_bytes 195 KB" in text
    assert "cleared: t.py::a" in text


def test_no_section(capsys: pytest.CaptureFixture[str]) -> None:
    """A run of an environment the baseline does not know compares with nothing, which is no pass."""
    run = shard("1.json", {"a": 1}, environment=replace(HERE, minor_version="3.99"))
    assert "perf-baseline.json: no section for cpython-3.99" in said(capsys, "gate", run, exit_status=4)


def test_other_dependencies_and_machines(capsys: pytest.CaptureFixture[str]) -> None:
    """Shards of different machines are judged by their counts, and what differs is said."""
    other = replace(HERE, cpu_model="CPU B", distributions={"pydantic": "2.3", "attrs": "24.1"})
    runs = shard("1.json", {"a": 100_000}), shard("2.json", {"b": 100_000}, environment=other)
    text = said(capsys, "gate", *runs, exit_status=0)
    assert "installed in 1.json → 2.json: pydantic 2.2 → 2.3" in text
    assert "time is not compared: stored on another CPU (CPU A; here CPU A and CPU B)" in text


def entries() -> dict[str, Entry]:
    return read_baseline(Path("perf-baseline.json")).sections[HERE.key].entries


def test_accept_takes_what_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """The changed metric takes the run's figures with its evidence; everything else stays what it was."""
    evidence = {("t.py::a", "allocated_bytes"): Evidence(processes=((190_000.0, 180_000.0), (185_000.0,)))}
    before = entries()
    text = said(
        capsys, "accept", shard("1.json", {"a": 200_000, "b": 100_001}, evidence=evidence), exit_status=0
    )
    assert "accepted into perf-baseline.json: new 0 · changed 1 · unchanged 1" in text
    after = entries()
    assert after["t.py::a"].figure("allocated_bytes") == Figure(200_000, 180_000, 5_000)
    assert after["t.py::a"].figure("allocated_blocks") == Figure(500, 400)
    assert after["t.py::a"].commit == "c0ffee"
    assert after["t.py::b"] == before["t.py::b"]
    said(capsys, "gate", "1.json", exit_status=0)


def test_accept_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    """Only the named test is accepted, with its sections."""
    before = entries()
    run = shard("1.json", {"a": 200_000, "a::load": 5_000, "b": 200_000, "ab": 7})
    assert "new 1 · changed 1" in said(capsys, "accept", run, "t.py::a", exit_status=0)
    after = entries()
    assert after["t.py::b"] == before["t.py::b"]
    assert set(after) == {"t.py::a", "t.py::a::load", "t.py::b"}


def test_a_slow_moment_is_not_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    """A time of one execution stays out, unless the run's gate proved it, the test is named, or nothing was known."""
    entry = Entry([("wall_time", Figure(1e6, 1e6)), ("allocated_bytes", OLD)])
    section = Section(environment=StoredEnvironment.of(HERE), entries={"t.py::a": entry})
    text = write_baseline(Baseline(sections={HERE.key: section}))
    records = {
        name: Record(node_id=name, values={"wall_time": 9e6, "allocated_bytes": 200_000})
        for name in ("t.py::a", "t.py::new")
    }
    run = Run(environment=HERE, records=records, claimed=set(records))
    proved = Finding(node_id="t.py::a", verdict=Verdict.REGRESSED, metric=WALL_TIME, now=9e6)

    def accepted(*names: str, result: GateResult | None = None) -> str:
        Path("perf-baseline.json").write_text(text, encoding="utf-8")
        write_run(Path("run.json"), Account(run=run, result=result))
        return said(capsys, "accept", "run.json", *names, exit_status=0)

    assert "times of 1 test differ, and one execution proves nothing" in accepted()
    after = entries()
    assert after["t.py::a"].figure("wall_time") == Figure(1e6, 1e6)
    assert after["t.py::a"].figure("allocated_bytes") == Figure(200_000)
    assert after["t.py::new"].figure("wall_time") == Figure(9e6)
    for more in (("t.py::a",), ()):
        assert "proves nothing" not in accepted(*more, result=GateResult(findings=[proved]))
        assert entries()["t.py::a"].figure("wall_time") == Figure(9e6)
    assert "proves nothing" not in accepted("t.py::a")


def section() -> Section:
    return read_baseline(Path("perf-baseline.json")).sections[HERE.key]


def test_accept_into_a_new_file(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipeline's first run makes the first baseline."""
    run = shard("1.json", {"a": 200_000})
    said(capsys, "accept", run, "--baseline", "new.json", exit_status=0)
    assert set(read_baseline(Path("new.json")).sections) == {HERE.key}


def test_merge(capsys: pytest.CaptureFixture[str]) -> None:
    """Sections of a matrix stand in one file, which keeps what it alone knows; figures that differ are refused."""
    write_sections("one.json", {"e1": ["t.py::a"]})
    write_sections("two.json", {"e2": ["t.py::a"], "e1": ["t.py::a"]})
    said(capsys, "merge", "one.json", "two.json", "--into", "perf-baseline.json", exit_status=0)
    assert set(read_baseline(Path("perf-baseline.json")).sections) == {"e1", "e2", HERE.key}
    assert "perf-baseline.json: e1 is unchanged" in said(
        capsys, "merge", "one.json", "--into", "perf-baseline.json", exit_status=0
    )
    write_sections("three.json", {"e1": ["t.py::b"]})
    text = said(capsys, "merge", "one.json", "three.json", "--into", "all.json", exit_status=4)
    assert "one.json and three.json hold e1 with different figures" in text
    assert not Path("all.json").exists()


def test_merge_what_each_job_updated(capsys: pytest.CaptureFixture[str]) -> None:
    """Jobs of a matrix update their own sections in copies of one file; the copies' old sections give way."""
    write_sections("perf-baseline.json", {"e1": ["t.py::a"], "e2": ["t.py::a"], "e3": ["t.py::a"]})
    write_sections("1/b.json", {"e1": ["t.py::a", "t.py::new"], "e2": ["t.py::a"], "e3": ["t.py::a"]})
    write_sections("2/b.json", {"e1": ["t.py::a"], "e2": ["t.py::other"], "e3": ["t.py::a"]})
    text = said(capsys, "merge", "1/b.json", "2/b.json", "--into", "perf-baseline.json", exit_status=0)
    assert text == "perf-baseline.json: e1\nperf-baseline.json: e2\nperf-baseline.json: e3 is unchanged\n"
    sections = read_baseline(Path("perf-baseline.json")).sections
    assert {key: set(section.entries) for key, section in sections.items()} == {
        "e1": {"t.py::a", "t.py::new"},
        "e2": {"t.py::other"},
        "e3": {"t.py::a"},
    }


@pytest.mark.parametrize(
    "change",
    [
        {"environment": replace(StoredEnvironment.of(HERE), distributions={"pydantic": "2.3"})},
        {"environment": replace(StoredEnvironment.of(HERE), cpu_model="CPU B")},
        {"reference_ns": 50_000},
        {"commits": {"c0ffee": Commit(dirty=False, date="2026-01-02")}},
    ],
    ids=["dependencies", "processor", "reference", "commits"],
)
def test_merge_what_was_measured_elsewhere(
    capsys: pytest.CaptureFixture[str], change: dict[str, object]
) -> None:
    """Equal figures of a newer environment are news too, and two different ones are refused."""
    old = read_baseline(Path("perf-baseline.json")).sections[HERE.key]
    new = replace(old, **change)  # type: ignore[arg-type]
    Path("new.json").write_text(write_baseline(Baseline(sections={HERE.key: new})), encoding="utf-8")
    text = said(capsys, "merge", "new.json", "--into", "perf-baseline.json", exit_status=0)
    assert text == f"perf-baseline.json: {HERE.key}\n"
    assert section() == new
    write_sections("old.json", {HERE.key: ["t.py::a", "t.py::b"]})
    text = said(capsys, "merge", "new.json", "old.json", "--into", "all.json", exit_status=4)
    assert f"new.json and old.json hold {HERE.key} with different machines, dependencies or commits" in text


def test_report(capsys: pytest.CaptureFixture[str]) -> None:
    """A run that is over still makes a page and a summary, beside the baseline where there is one."""
    write_run(Path("run.json"), account())
    text = said(capsys, "report", "run.json", "--html", "p/page.html", "--markdown", "s.md", exit_status=0)
    assert text == f"wrote {Path('p/page.html')}\nwrote s.md\n"
    page = Path("p/page.html").read_text(encoding="utf-8")
    assert "failed: 2 records regressed" in page
    assert "querycache accept run.json" in page
    assert '<th scope="col">baseline</th>' in page
    Path("perf-baseline.json").unlink()
    said(capsys, "report", "run.json", "--html", "page.html", exit_status=0)
    assert '<th scope="col">baseline</th>' not in Path("page.html").read_text(encoding="utf-8")
    said(capsys, "report", "run.json", "--html", "page.html", "--baseline", "none.json", exit_status=4)


def test_reports_of_a_gate(capsys: pytest.CaptureFixture[str]) -> None:
    """Shards that are judged as one leave the reports of one, also where the gate fails."""
    reports = ("--markdown", "s.md", "--gitlab", "gl", "--json", "whole.json", "--html", "page.html")
    text = said(capsys, "gate", *two_shards(second=200_000), *reports, exit_status=1)
    assert "wrote page.html\nwrote s.md\nwrote gl\nwrote whole.json\n" in text
    assert "failed&#58; 1 record regressed" in Path("s.md").read_text(encoding="utf-8")
    assert "t.py::b" in Path("gl/gl-code-quality-report.json").read_text(encoding="utf-8")
    assert "compared 2 · regressed 1" in said(capsys, "gate", "whole.json", exit_status=1)
    assert "s.md: expected a folder, not a file" in said(
        capsys, "report", "1.json", "--gitlab", "s.md", exit_status=4
    )


def test_help_loads_little() -> None:
    """The command's help imports neither pytest nor sqlglot nor anything else that takes its time."""
    program = (
        "import sys\nfrom pytest_querycache.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'pytest', 'sqlglot', 'psutil', 'jinja2', 'json', 'sqlite3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")
    assert "querycache gate shard-1.json" in done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_terminal_without_unicode(encoding: str) -> None:
    """Output to a terminal or pipe that cannot carry every character is still readable."""
    shard("1.json", {"a": 200_000})
    done = subprocess.run(
        [sys.executable, "-m", "pytest_querycache.cli", "gate", "1.json"],
        capture_output=True,
        env={"PYTHONIOENCODING": encoding, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 1
    assert b"regressed  allocated_bytes 97.7 KB" in done.stdout
