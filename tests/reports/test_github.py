"""Annotations in the log of a job on GitHub Actions."""

from __future__ import annotations

from dataclasses import replace

from pytest_querycache.model.record import Record
from pytest_querycache.model.verdict import Finding, GateResult, Verdict
from pytest_querycache.reports.github import annotation_lines
from tests.accounts import BYTES, RESULT, account


def regressed(number: int) -> GateResult:
    findings = [
        Finding(node_id=f"t.py::t{n}", verdict=Verdict.REGRESSED, metric=BYTES, now=1) for n in range(number)
    ]
    return replace(RESULT, findings=findings)


def test_one_line_for_each_record() -> None:
    """File, line and title lead to the test; every metric of it stands in one message."""
    first, second = annotation_lines(account(), folder="backend")
    assert first.startswith(
        "::error file=backend/tests/test_api.py,line=12,title=performance gate::"
        "tests/test_api.py::test_list%0Aregressed: allocated_bytes 1.20 MB → 2.40 MB (2.00x); "
        "limit 1.56 MB (+30 %25 and 16.0 KB; rule 1 (tests/*): hot path); warm repeats in 2 fresh"
    )
    assert "%0Aregressed: wall_time 2.00 ms → 4.00 ms (2.01x, 1.95–2.08)" in first
    assert "line=40" in second


def test_at_most_ten_and_a_count() -> None:
    """GitHub shows ten of a kind, so the eleventh line is of another kind, and counts the rest."""
    lines = list(annotation_lines(account(result=regressed(12))))
    assert len(lines) == 11
    assert lines[-1].startswith("::notice title=performance gate::2 more records regressed")
    assert len(list(annotation_lines(account(result=regressed(10))))) == 10


def test_escapes() -> None:
    """Per cent signs, line ends, colons and commas cannot start another property or command."""
    name = "a,b:c%.py::t[x\r\n::error::y]"
    result = replace(regressed(0), findings=[replace(regressed(1).findings[0], node_id=name)])
    whole = account(result=result)
    whole.run.records[name] = Record(node_id=name)
    (line,) = annotation_lines(whole)
    assert line.startswith(
        "::error file=a%2Cb%3Ac%25.py,line=1,title=performance gate::a,b:c%25.py::t[x%0D%0A::error::y]"
    )
    assert "\n" not in line


def test_what_may_pass_warns() -> None:
    """Where the project lets regressions pass they are warnings."""
    (line,) = annotation_lines(account(result=replace(regressed(1), failures=())))
    assert line.startswith("::warning file=t.py,line=1,")


def test_another_failure_has_no_place() -> None:
    """A gate that compared nothing says so, at no file."""
    (line,) = annotation_lines(account(result=GateResult(failures=["nothing was compared"])))
    assert line == "::error title=performance gate::nothing was compared"


def test_silence() -> None:
    """Nothing is said of a session that judged nothing, was interrupted, or passed."""
    assert not list(annotation_lines(account(result=None)))
    assert not list(annotation_lines(account(run=replace(account().run, complete=False))))
    assert not list(annotation_lines(account(result=GateResult())))
