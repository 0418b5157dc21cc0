"""The report that a pull request shows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_querycache.model.account import Account, Occasion
from pytest_querycache.model.verdict import Counts, Finding, GateResult, Verdict
from pytest_querycache.reports.markdown import code, markdown_report, plain
from pytest_querycache.reports.sentence import sentence
from tests.accounts import BYTES, LIST, LOAD, RESULT, TIME, account


def test_a_failed_gate() -> None:
    """Verdict, counts, a table of what regressed with its proof, the next command, notes, and where it ran."""
    said = markdown_report(account(), accept="pytest --perf-update tests/test_api.py")
    assert said.startswith(
        "### Performance gate: failed&#58; 2 records regressed\n\ncompared 2 · regressed 2"
    )
    assert (
        "| <code>tests/test&#95;api.py&#58;&#58;test&#95;list</code> | wall&#95;time | 2.00 ms | 4.00 ms "
        "| 2.01x, 1.95–2.08 | 2.40 ms (+20 % and 100 µs&#59; built-in) |" in said
    )
    assert "| over budget |" in said
    assert "accept it:\n\n    pytest --perf-update tests/test_api.py\n" in said
    assert "<details><summary>improved: 1</summary>" in said
    assert "<details><summary>new: 1</summary>" in said
    assert "- dependencies changed since the baseline&#58; pydantic 2.1 → 2.2" in said
    assert "commit abc123 with changes" in said


@pytest.mark.parametrize(
    ("whole", "expected"),
    [
        (account(result=GateResult()), "passed"),
        (account(result=GateResult(counts=Counts(regressed=1))), "passed; the setting fail lets pass"),
        (account(result=None), "4 records measured, nothing judged"),
        (account(run=replace(account().run, complete=False)), "the session was interrupted"),
    ],
)
def test_the_sentence(whole: Account, expected: str) -> None:
    """The first line says how it ended."""
    assert sentence(whole).startswith(expected)


def test_a_tracked_session() -> None:
    """Without a baseline the most expensive tests are named."""
    said = markdown_report(account(result=None, occasion=Occasion()))
    assert "| slowest | wall&#95;time |" in said
    assert said.index("test&#95;load") < said.index("test&#95;list")
    assert "accept" not in said


def test_a_passed_session_needs_no_command() -> None:
    """Where nothing regressed nothing is to be accepted."""
    assert "accept it" not in markdown_report(account(result=GateResult()), accept="pytest --perf-update")


def test_doubt_beside_proof() -> None:
    """What is unconfirmed of a guilty record stands in its table, of another one it is folded away."""
    doubtful = [Finding(node_id=name, verdict=Verdict.UNCONFIRMED, metric=BYTES) for name in (LIST, "t::x")]
    said = markdown_report(account(result=replace(RESULT, findings=[*RESULT.findings, *doubtful])))
    assert "| unconfirmed |" in said
    assert "<details><summary>unconfirmed: 1</summary>" in said


def test_a_record_stands_together() -> None:
    """Rows of one record follow each other, whatever stands between them in the order of harm."""
    findings = [
        Finding(node_id=name, verdict=Verdict.REGRESSED, metric=BYTES, now=1) for name in ("ta", "tb", "ta")
    ]
    said = markdown_report(account(result=GateResult(findings=findings)))
    assert [line[8:10] for line in said.splitlines() if line.startswith("| <code>")] == ["ta", "ta", "tb"]


def test_many_findings_are_counted() -> None:
    """A summary is read by people: twenty records in full, fifty in a line each, then a count."""
    findings = [
        *(
            Finding(node_id=f"t::a{n}", verdict=Verdict.REGRESSED, metric=metric, now=1, proof="shown twice")
            for n in range(500)
            for metric in (BYTES, TIME)
        ),
        *(Finding(node_id=f"t::b{n}", verdict=Verdict.NEW) for n in range(70)),
    ]
    said = markdown_report(account(result=GateResult(findings=findings)))
    assert said.count("shown twice") == 40
    assert "<details><summary>more that regressed: 480</summary>" in said
    assert "\n… and 430 more\n" in said
    assert "\n- … and 20 more\n" in said
    assert len(said.splitlines()) < 200


def test_nobody_is_called_and_nothing_linked() -> None:
    """Services look for names and addresses in the finished text, where references no longer protect them."""
    assert plain("ask @octocat") == "ask &#64;&#8203;octocat"
    assert plain("WWW.example.com, https://example.com") == "WWW&#46;example.com, https&#58;//example.com"


@given(st.text(st.characters(codec=None)))
def test_nothing_hostile_is_left(text: str) -> None:
    """No character that opens Markdown or HTML survives, and no line ends inside a cell."""
    said = plain(text)
    assert not set(said) & set('<>|`*_[]\\~!@\n\r"')
    said.encode("utf-8")


def test_a_hostile_node_id() -> None:
    """A node id with tags and quotes cannot leave its code span."""
    assert code("t[</code><script>|`x`]") == (
        "<code>t&#91;&#60;/code&#62;&#60;script&#62;&#124;&#96;x&#96;&#93;</code>"
    )
    assert LOAD not in code(LOAD)
