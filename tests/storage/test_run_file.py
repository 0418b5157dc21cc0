"""The run file: what is written is read back, other programs can rely on it, and anything else is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_querycache.errors import ReportError, RunFileError
from pytest_querycache.model.account import Account
from pytest_querycache.model.record import Record, Run
from pytest_querycache.model.verdict import Evidence
from pytest_querycache.storage.run_file import SCHEMA, is_run, read_run, run_text, write_run
from tests.accounts import HERE, LIST, account

TRACKED = Account(run=Run(environment=HERE))


def document(whole: Account) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(run_text(whole))
    return loaded


@pytest.mark.parametrize("whole", [account(), TRACKED], ids=["gated", "empty"])
def test_what_is_written_is_read_back(tmp_path: Path, whole: Account) -> None:
    """A session comes back whole but for the section it was held against, which is a baseline's."""
    path = tmp_path / "deep" / "run.json"
    write_run(path, whole)
    read = read_run(path)
    assert run_text(read) == path.read_text(encoding="utf-8")
    assert read.run == whole.run
    assert read.occasion == whole.occasion
    assert read.result == (
        None
        if whole.result is None
        else replace(whole.result, findings=list(whole.result.findings), cleared=list(whole.result.cleared))
    )
    assert set(read.evidence) == set(whole.evidence)
    assert read.section is None


@pytest.mark.parametrize("whole", [account(), TRACKED], ids=["gated", "empty"])
def test_the_schema_describes_it(whole: Account) -> None:
    """The schema in the package is a valid one and accepts what is written."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document(whole), schema, cls=jsonschema.Draft202012Validator)


def test_the_schema_refuses_what_is_not_described() -> None:
    """A member nobody described is an error, so that schema and writer cannot part unnoticed."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    broken = document(account())
    broken["records"][LIST]["colour"] = "red"
    with pytest.raises(jsonschema.ValidationError, match="colour"):
        jsonschema.validate(broken, schema)


@settings(deadline=None)
@given(st.dictionaries(st.text(st.characters(codec=None), min_size=1), st.floats(), min_size=1, max_size=4))
def test_any_name_survives(values: dict[str, float]) -> None:
    """Node ids and metrics may hold any character, lone surrogates too; values JSON cannot hold are left out."""
    records = {name: Record(node_id=name, values={"wall_time": 1, name: values[name]}) for name in values}
    loaded = json.loads(run_text(Account(run=Run(environment=HERE, records=records))))
    assert set(loaded["records"]) == set(values)
    for name, number in values.items():
        kept = loaded["records"][name]["values"].get(name)
        assert kept == (number if abs(number) < float("inf") else None)


def test_one_line_for_each_record() -> None:
    """Two runs can be compared with a plain diff."""
    lines = run_text(account()).splitlines()
    assert sum(line.startswith(' "tests/') and '"outcome"' in line for line in lines) == 5


def test_a_ratio_to_zero() -> None:
    """An infinite ratio is written as null, which JSON has, and read back as infinite."""
    evidence = account().evidence[(LIST, "wall_time")]
    assert evidence.duel is not None
    duel = replace(evidence.duel, pair_ratios=(1.0, float("inf")))
    text = run_text(account(evidence={(LIST, "wall_time"): Evidence(duel=duel)}))
    assert '"pair_ratios": [1, null]' in text


def test_infinity_is_read_back(tmp_path: Path) -> None:
    """The reader takes null among ratios for infinity; a process's value that is none is left out."""
    path = tmp_path / "run.json"
    found = account().evidence[(LIST, "wall_time")]
    assert found.duel is not None
    duel = replace(found.duel, pair_ratios=(1.0, float("inf")))
    infinite = Evidence(duel=duel, processes=((float("inf"),), (2.0, float("inf"))))
    write_run(path, account(evidence={(LIST, "x"): infinite}))
    read = read_run(path).evidence[(LIST, "x")]
    assert read.duel is not None
    assert read.duel.pair_ratios == [1.0, float("inf")]
    assert read.processes == [[2.0]]


def _without_end(text: str) -> str:
    return text[: len(text) // 2]


def _with(name: str, value: object) -> Callable[[str], str]:
    def changed(text: str) -> str:
        return json.dumps({**json.loads(text), name: value})

    return changed


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without_end, r"run\.json:\d+: not JSON .*, expected a run; the file may have been cut off"),
        (lambda text: "", r"run\.json:1: not JSON"),
        (lambda text: "[" * 100_000, r"run\.json: not a run|not JSON"),
        (lambda text: "[1]", "this is something else, expected a run"),
        (_with("version", 2), "the file has format 2, this version reads up to 1; upgrade pytest-querycache"),
        (_with("version", True), "unexpected True in 'version', expected a number"),
        (
            _with("format", "pytest-querycache baseline"),
            "this is a baseline, expected a run; pytest --perf-json",
        ),
        (_with("records", []), "unexpected list in 'records', expected an object"),
        (
            _with("records", {"t": {"outcome": 1}}),
            r"unexpected 1 in 'records'\.'t'\.'outcome', expected a text",
        ),
        (
            _with("records", {"t": {"outcome": "passed", "values": {"wall_time": "1"}}}),
            r"unexpected '1' in 'records'\.'t'\.'values'\.'wall_time', expected a number",
        ),
        (
            _with("records", {"t": {"own_metrics": {"m": {"better": "bigger"}}}}),
            r"unexpected 'bigger' in .*'better', expected 'lower' or 'higher'",
        ),
        (_with("complete", "yes"), "unexpected 'yes' in 'complete', expected true or false"),
        (_with("deselected", [1]), "unexpected member in 'deselected', expected texts"),
        (_with("deselected", "x"), "unexpected 'x' in 'deselected', expected an array of texts"),
        (_with("evidence", [1]), "unexpected int in 'evidence', expected an object"),
        (_with("evidence", [{"processes": 1}]), "unexpected 1 in 'evidence'.'processes', expected an array"),
        (_with("evidence", [{"processes": [1]}]), "expected an array of numbers"),
        (
            _with("gate", {"findings": [{"verdict": "odd"}]}),
            "unexpected 'odd' in .*'verdict', expected a verdict",
        ),
        (
            _with("environment", {"cpu_count": 1.5}),
            "unexpected 1.5 in 'environment'.'cpu_count', expected a whole",
        ),
    ],
)
def test_what_is_no_run_is_refused(tmp_path: Path, damage: Callable[[str], str], message: str) -> None:
    """One line says where, what, what was expected, and what to do."""
    path = tmp_path / "run.json"
    path.write_text(damage(run_text(account())), encoding="utf-8")
    with pytest.raises(RunFileError, match=message) as raised:
        read_run(path)
    assert "\n" not in str(raised.value)


def test_no_file(tmp_path: Path) -> None:
    """A missing file names the option that writes one, and a folder cannot be read."""
    with pytest.raises(RunFileError, match="no such file; pytest --perf-json=FILE writes one"):
        read_run(tmp_path / "none.json")
    with pytest.raises(RunFileError, match="cannot be read"):
        read_run(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Where a file stands in the way, the message says so."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ReportError, match="cannot be written"):
        write_run(tmp_path / "file" / "run.json", TRACKED)


def test_a_run_is_told_from_a_baseline(tmp_path: Path) -> None:
    """The first lines tell which reader to ask."""
    path = tmp_path / "run.json"
    write_run(path, TRACKED)
    assert is_run(path)
    path.write_text('{"format": "pytest-querycache baseline"}', encoding="utf-8")
    assert not is_run(path)
    assert not is_run(tmp_path / "none.json")
