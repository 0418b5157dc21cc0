"""GitLab's metrics report and code quality report, read as their readers read them."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from pytest_querycache.model.account import Account
from pytest_querycache.model.record import Record
from pytest_querycache.model.verdict import Counts, Finding, GateResult, Verdict
from pytest_querycache.reports.gitlab import metrics_report, quality_report
from tests.accounts import BYTES, LIST, RESULT, ROWS, TIME, account

# docs.gitlab.com, Code Quality, "Code Quality report format": these members and no others are read
QUALITY_SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "additionalProperties": False,
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": r"^(?!\./|/)."},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}


def samples(report: str) -> dict[tuple[str, ...], float]:
    """The values of a metrics report by their names and labels' values, as an OpenMetrics parser reads them."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(report)
        for sample in family.samples
    }


def as_gitlab_reads(report: str) -> dict[str, str]:
    """The values by series as GitLab's own parser finds them: comments cut off, then split like a shell's line."""
    split = (shlex.split(re.sub("#.*$", "", line)) for line in report.split("\n"))
    return {parts[0]: parts[1] for parts in split if parts}


def quality(whole: Account, folder: str = "") -> list[dict[str, Any]]:
    """The entries of a code quality report, held against the format's schema."""
    entries: list[dict[str, Any]] = json.loads(quality_report(whole, folder=folder))
    jsonschema.validate(entries, QUALITY_SCHEMA)
    return entries


def told(*findings: Finding, **more: Any) -> Account:
    """A session of which the gate said these things."""
    return account(result=GateResult(findings=findings, **more))


def worse(node_id: str, verdict: Verdict = Verdict.REGRESSED, **more: Any) -> Finding:
    return Finding(node_id=node_id, verdict=verdict, **{"metric": BYTES, "was": 1, "now": 2, **more})


def test_metrics_of_a_gate() -> None:
    """Counts, the suite's sums in base units, and the records of which something was said, sections left out."""
    found = samples(metrics_report(account()))
    assert found["perf_gate_records", "regressed"] == 2
    assert found["perf_gate_records", "not judged"] == 1
    assert found["perf_suite_wall_time_seconds",] == 0.25
    assert found["perf_suite_allocated_bytes",] == float(f"{3.4 * 1024**2:.3g}")
    assert found["perf_suite_db_queries",] == 12
    assert found["perf_record", LIST, "wall_time", "seconds", "regressed"] == 0.004
    assert (
        found["perf_record", "tests/test_api.py::test_load", "allocated_bytes", "bytes", "improved"]
        == 1024**2
    )
    assert not any("test_gone" in key for key in found)


def test_metrics_of_a_tracked_session() -> None:
    """Where nothing was judged the sums alone are told, and there is no finding."""
    found = samples(metrics_report(account(result=None)))
    assert {key[0] for key in found} == {
        "perf_suite_wall_time_seconds",
        "perf_suite_allocated_bytes",
        "perf_suite_db_queries",
    }
    assert quality(account(result=None)) == []


def test_an_interrupted_session() -> None:
    """Half a suite's sums compare with nothing, and nothing was decided."""
    interrupted = account(run=replace(account().run, complete=False))
    assert metrics_report(interrupted) == "# EOF\n"
    assert quality(interrupted) == []


def test_noise_is_rounded_off() -> None:
    """What differs by a few bytes is the same text, since GitLab compares texts."""
    report = metrics_report(account())
    run = account().run
    run.records["more"] = Record(node_id="more", values={"allocated_bytes": 900, "wall_time": 10_000})
    assert metrics_report(account(run=run)) == report


def test_a_large_suite() -> None:
    """A suite of 10,000 tests of which each regressed still makes a short report."""
    findings = [worse(f"tests/test_{n}.py::test_x[{n}]") for n in range(10_000)]
    whole = told(*findings, counts=Counts(compared=10_000, regressed=10_000))
    whole.run.records.update(
        (finding.node_id, Record(node_id=finding.node_id, values={"allocated_bytes": 2}))
        for finding in findings
    )
    report = metrics_report(whole)
    assert len(report.splitlines()) < 150
    assert ("perf_record", findings[0].node_id, "allocated_bytes", "bytes", "regressed") in samples(report)
    assert len(json.loads(quality_report(whole))) == 10_000


def test_own_metrics_keep_their_unit() -> None:
    """A user's own metric is told by a label, whatever it is called, in its own unit."""
    own = replace(ROWS, name='rows "per" second')
    found = samples(metrics_report(told(worse("t.py::t", metric=own, now=5.5))))
    assert found["perf_record", "t.py::t", 'rows "per" second', "rows/s", "regressed"] == 5.5


@given(st.text(st.characters(codec=None)))
def test_hostile_names(name: str) -> None:
    """Whatever a node id holds, both readers find the one value, and the label holds the name on one line."""
    report = metrics_report(told(worse(f"t.py::t[{name}]")))
    (series,) = (key for key in samples(report) if key[0] == "perf_record")
    cleaned = " ".join(f"t.py::t[{name}]".encode("utf-8", "replace").decode().splitlines())
    assert series[1] == cleaned.replace("#", "%23")
    (value,) = (value for name, value in as_gitlab_reads(report).items() if name.startswith("perf_record"))
    assert value == "2"


def test_quality_of_a_gate() -> None:
    """One entry for each metric that is worse, at the test's line from the repository's root."""
    first, second, third = quality(account(), folder="backend")
    assert first["location"] == {"path": "backend/tests/test_api.py", "lines": {"begin": 12}}
    assert first["check_name"] == "performance gate: allocated_bytes"
    assert first["description"].startswith(
        "tests/test_api.py::test_list: regressed: allocated_bytes 1.20 MB → 2.40 MB (2.00x); limit 1.56 MB"
    )
    assert first["severity"] == second["severity"] == "major"
    assert third["description"].startswith("tests/test_api.py::test_load: over budget: wall_time 250 ms")


def test_severities() -> None:
    """What fails is major, what may pass minor, and what is doubtful for information."""
    doubtful = worse("t.py::b", Verdict.UNCONFIRMED)
    found = quality(told(worse("t.py::a"), doubtful, failures=["1 record regressed"]))
    assert [entry["severity"] for entry in found] == ["major", "info"]
    assert [entry["severity"] for entry in quality(told(worse("t.py::a"), doubtful))] == ["minor", "info"]


def test_a_fingerprint_is_the_finding_s_own() -> None:
    """It stays when figures and lines change, and differs for another test, metric, verdict or project."""
    (one,) = quality(told(worse(LIST)))
    moved = told(worse(LIST, now=3))
    moved.run.records[LIST].line = 99
    (same,) = quality(moved)
    assert same["fingerprint"] == one["fingerprint"]
    assert same["location"] != one["location"]
    others = quality(told(worse("t.py::b"), worse(LIST, metric=TIME), worse(LIST, Verdict.OVER_BUDGET)))
    others += quality(told(worse(LIST)), folder="backend")
    assert len({one["fingerprint"], *(entry["fingerprint"] for entry in others)}) == 5


def test_a_name_that_is_not_utf_8() -> None:
    """Lone surrogates, as file names bring them, are replaced: other programs' JSON readers refuse them."""
    (entry,) = quality(told(worse("t\udcff.py::t")))
    assert entry["location"] == {"path": "t?.py", "lines": {"begin": 1}}


def test_what_regressed_is_all_there() -> None:
    """New, missing and improved records are no findings."""
    names = {entry["fingerprint"] for entry in quality(account(result=RESULT))}
    assert len(names) == 3
