"""``querycache accept`` for runs of another machine than the baseline's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_querycache.model.account import Account, Occasion
from pytest_querycache.model.baseline import Baseline, Entry, Figure, Section
from pytest_querycache.model.environment import StoredEnvironment
from pytest_querycache.model.record import Record, Run
from pytest_querycache.storage.baseline_file import read_baseline
from pytest_querycache.storage.baseline_text import write_baseline
from pytest_querycache.storage.run_file import write_run
from tests.accounts import HERE
from tests.commands.test_compare import said
from tests.commands.test_runs import OLD, section, shard, write_sections

LAPTOP = StoredEnvironment(full_version="3.12.1", cpu_model="CPU A", distributions={"attrs": "24.1"})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project whose baseline knows two tests."""
    monkeypatch.chdir(tmp_path)
    write_sections("perf-baseline.json", {HERE.key: ["t.py::a", "t.py::b"]})


def suite_on(cpu_model: str, *names: str, rows: float = 100_000, factor: float = 1.0) -> str:
    """A run of two tests of 10 ms on a processor that is faster or slower than the laptop's by a factor."""
    values = {
        "wall_time": 10e6 * factor,
        "cpu_time": 10e6 * factor,
        "reference_time": 100e3 * factor,
        "allocated_bytes": rows,
    }
    records = {name: Record(node_id=name, values=values) for name in names or ("t.py::a", "t.py::b")}
    run = Run(environment=replace(HERE, cpu_model=cpu_model), records=records, claimed=set(records))
    write_run(Path("run.json"), Account(run=run, occasion=Occasion(commit="c0ffee")))
    return "run.json"


def recorded_on_a_laptop(*, times: bool = True, reference_ns: float | None = 100e3) -> Section:
    """A baseline of the same two tests, as the section it holds."""
    of_time = [("wall_time", Figure(10e6, 9e6)), ("cpu_time", Figure(10e6))] if times else []
    entries = {name: Entry([*of_time, ("allocated_bytes", OLD)]) for name in ("t.py::a", "t.py::b")}
    recorded = Section(environment=LAPTOP, entries=entries, reference_ns=reference_ns)
    text = write_baseline(Baseline(sections={HERE.key: recorded}))
    Path("perf-baseline.json").write_text(text, encoding="utf-8")
    return recorded


@pytest.mark.parametrize("names", [(), ("t.py::a", "t.py::b")], ids=["whole run", "every test by name"])
def test_a_run_of_another_processor_brings_its_counts_alone(
    capsys: pytest.CaptureFixture[str], names: tuple[str, ...]
) -> None:
    """Old times never stand beside the name or the reference workload of a processor they were not measured on."""
    before = recorded_on_a_laptop()
    text = said(capsys, "accept", suite_on("CPU B", rows=200_000, factor=0.5), *names, exit_status=0)
    assert "new 0 · changed 2 · unchanged 0" in text
    assert (
        "times stay as they were: stored on another CPU (CPU A; here CPU B); pytest --perf-update of all tests"
        in text
    )
    after = section()
    assert (after.environment, after.reference_ns) == (before.environment, before.reference_ns)
    for name, entry in after.entries.items():
        assert entry.figure("wall_time") == before.entries[name].figure("wall_time")
        assert entry.figure("cpu_time") == before.entries[name].figure("cpu_time")
        assert entry.figure("allocated_bytes") == Figure(200_000)


def test_a_section_without_times_moves_to_the_processor_of_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no old time is kept, a whole run's times are taken together with its processor and its reference."""
    recorded_on_a_laptop(times=False, reference_ns=None)
    assert "times stay" not in said(capsys, "accept", suite_on("CPU B", factor=0.5), exit_status=0)
    after = section()
    assert (after.environment.cpu_model, after.reference_ns) == ("CPU B", 50e3)
    assert {entry.figure("wall_time") for entry in after.entries.values()} == {Figure(5e6)}


def test_times_without_a_reference_get_none(capsys: pytest.CaptureFixture[str]) -> None:
    """Old times that were brought to no machine's speed are not called those of the run's machine."""
    recorded_on_a_laptop(reference_ns=None)
    said(capsys, "accept", suite_on("CPU A", rows=200_000, factor=1.01), exit_status=0)
    assert section().reference_ns is None
    assert section().entries["t.py::a"].figure("wall_time") == Figure(10e6, 9e6)


def test_shards_of_two_processors_are_accepted_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    """A joined run's processors are never noted as one; where the baseline has its own, the counts are taken."""
    shards = (
        shard("1.json", {"a": 200_000}),
        shard("2.json", {"b": 100_000}, environment=replace(HERE, cpu_model="CPU B")),
    )
    said(capsys, "gate", *shards, "--json", "whole.json", exit_status=1)
    text = said(capsys, "accept", "whole.json", "--baseline", "new.json", exit_status=4)
    assert "whole.json: its shards were measured on CPU A and CPU B" in text
    assert text.count("\n") == 1
    assert not Path("new.json").exists()
    for name in shards:
        said(capsys, "accept", name, "--baseline", "new.json", exit_status=0)
    assert read_baseline(Path("new.json")).sections[HERE.key].environment.cpu_model == "CPU A"
    recorded_on_a_laptop()
    assert "changed 2" in said(capsys, "accept", "whole.json", exit_status=0)
    assert section().environment == LAPTOP
