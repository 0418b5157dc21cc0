"""The page, as a text: what stands in it, and that nothing hostile can come to life."""

from __future__ import annotations

import json
import re
import sys
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from math import inf

import pytest

from pytest_querycache.errors import ReportError
from pytest_querycache.model.account import Account
from pytest_querycache.model.record import Record, Run, own_metric
from pytest_querycache.model.verdict import Duel, Evidence, Finding, GateResult, Verdict
from pytest_querycache.reports.drawing import drawing_of
from pytest_querycache.reports.html import html_report
from pytest_querycache.reports.page_content import page_of
from pytest_querycache.reports.page_records import records_json
from tests.accounts import BYTES, HERE, LIST, LOAD, MB, RESULT, TIME, account

HOSTILE = (
    "t.py::t[<script>alert(1)</script>]",
    "t.py::t[</script><script>alert(1)</script>]",
    "t.py::t[\"'><img src=x onerror=alert(1)>]",
    "t.py::t[{{ 7 * 7 }}{% raw %}]",
    "t.py::t[<!--<script>]",
    "t.py::t[\ud800]",
)
HOSTILE_METRIC = "\"><b onmouseover='x()'>"


class Tags(HTMLParser):
    """Every tag with its attributes, and the text of the data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.data: dict[str, list[str]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags:
            self.data.setdefault(self.tags[-1][0], []).append(data)


def hostile_account() -> Account:
    """A session whose every name comes from an enemy."""
    own = own_metric(HOSTILE_METRIC, unit="</td><script>", better="lower", deterministic=False)
    records = {
        name: Record(node_id=name, values={"wall_time": 5, HOSTILE_METRIC: 3}, own_metrics={own.name: own})
        for name in HOSTILE
    }
    verdicts = (Verdict.REGRESSED, Verdict.UNCONFIRMED, Verdict.IMPROVED, Verdict.NEW, Verdict.MISSING)
    findings = [
        Finding(node_id=name, verdict=verdict, metric=own, was=1, now=3, proof=name, insight=name)
        for name in HOSTILE
        for verdict in verdicts
    ]
    result = GateResult(findings=findings, cleared=findings, failures=[HOSTILE[0]], notes=list(HOSTILE))
    return Account(run=Run(environment=HERE, records=records), result=result)


def test_what_the_page_says() -> None:
    """The sentence, the figures with their interval and limit, the proof and the next command are in it."""
    text = html_report(account(), accept="pytest --perf-update 'a b'")
    for part in (
        "<h1>Performance gate: failed: 2 records regressed</h1>",
        "2.01x (1.95–2.08)",
        "limit 2.40 ms (+20 % and 100 µs, built-in)",
        "5 of 5 pairs of processes show it, beside 1a733c7ddf63",
        "9,000 more blocks of 137 B on average",
        "pytest --perf-update &#39;a b&#39;",
        "SQL statements",
        "Query cache",
        "Dependencies changed since the baseline: pydantic 2.1 → 2.2",
        "coverage is measuring",
    ):
        assert part in text


def test_nothing_hostile_comes_to_life() -> None:
    """Whatever a node id, a metric or a unit holds, the page has the same tags, and no handler of events."""
    text = html_report(hostile_account(), accept=f"pytest {HOSTILE[1]}")
    found = Tags(text)
    assert [tag for tag, _ in found.tags].count("script") == 2
    assert not {"img", "b", "iframe"} & {tag for tag, attributes in found.tags if tag != "b" or attributes}
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on")]
    assert "49" not in "".join(found.data.get("code", []))
    text.encode("utf-8")


def test_the_data_is_what_was_measured() -> None:
    """The JSON in its script tag gives the names back as they are."""
    text = html_report(hostile_account())
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert match is not None
    data = json.loads(match[1])
    assert {row[0] for row in data["rows"]} == set(HOSTILE)
    assert HOSTILE_METRIC in [metric["name"] for metric in data["metrics"]]


def test_the_policy_names_what_the_page_needs() -> None:
    """The hashes are those of the style sheet and the script, and everything else is forbidden."""
    text = html_report(account())
    for tag, start in (("style", "<style>"), ("script", "<script>")):
        body = text.split(start)[1].split(f"</{tag}>")[0]
        digest = b64encode(sha256(body.encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in text
    assert "default-src &#39;none&#39;" in text


def test_nothing_is_fetched() -> None:
    """No tag names another file, and no style is written into a tag."""
    found = Tags(html_report(account()))
    for _, attributes in found.tags:
        assert not {"src", "style", "srcset", "data"} & set(attributes)
        assert (attributes.get("href") or "#").startswith("#")


def test_records() -> None:
    """Times are brought to the baseline's speed, the worst come first, and nothing measured is left out."""
    whole = account()
    whole.run.records[LIST].values["reference_time"] = 2e6
    packed = json.loads(records_json(whole))
    names = [metric["name"] for metric in packed["metrics"]]
    assert names[:2] == ["wall_time", "allocated_bytes"]
    assert names[-1] == "rows_per_s"
    assert "reference_time" not in names
    first = packed["rows"][0]
    assert first[0] == LIST
    assert packed["verdicts"][first[1]] == "regressed"
    assert first[2][0] == 2_000_000
    assert first[3][:2] == [2_000_000, round(1.2 * MB)]
    ends = {row[0]: packed["verdicts"][row[1]] for row in packed["rows"]}
    assert ends["tests/test_api.py::test_skipped"] == "skipped"
    assert ends[f"{LIST}::load"] == "not judged"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (Record(node_id="t", exempt=""), "exempt"),
        (Record(node_id="t", values={"wall_time": float("inf")}), "measured"),
    ],
)
def test_endings_without_a_gate(record: Record, expected: str) -> None:
    """A record that nothing was judged of says what it was."""
    packed = json.loads(records_json(Account(run=Run(environment=HERE, records={"t": record}))))
    assert packed["verdicts"] == [expected]
    assert packed["rows"][0][2] == []


def test_a_tracked_session() -> None:
    """Without a baseline there is one column of facts, and nothing to accept."""
    page = page_of(account(result=None, section=None), accept="pytest --perf-update")
    assert page.ending == "tracked"
    assert page.accept == ""
    assert {fact.was for fact in page.facts} == {None}
    assert "nothing judged" in html_report(account(result=None, section=None))


def test_an_interrupted_session() -> None:
    """The page of an interrupted session does not call it passed."""
    assert page_of(account(run=replace(account().run, complete=False))).ending == "interrupted"


def test_what_differs_is_marked() -> None:
    """Facts that are not the baseline's stand out."""
    differing = {fact.name for fact in page_of(account()).facts if fact.differs}
    assert differing == {"Python", "CPUs", "commit"}


def test_many_cases_are_counted() -> None:
    """A session in which everything regressed still makes a small page."""
    findings = [
        Finding(node_id=f"t::{n}", verdict=verdict, metric=BYTES, was=1, now=2)
        for n in range(300)
        for verdict in (Verdict.REGRESSED, Verdict.NEW)
    ]
    page = page_of(account(result=GateResult(findings=findings)))
    assert (len(page.groups[0].cases), page.groups[0].rest) == (100, 200)
    assert (len(page.names[0].node_ids), page.names[0].rest) == (200, 100)


def test_a_drawing_of_repeats() -> None:
    """Each process is a row, the baseline and the limit are lines, and everything lies inside."""
    evidence = account().evidence[(LIST, "allocated_bytes")]
    drawing = drawing_of(RESULT.findings[0], evidence)
    assert drawing is not None
    assert len({dot.y for dot in drawing.dots}) == 2
    assert [mark.text for mark in drawing.marks] == ["baseline 1.20 MB", "limit 1.56 MB"]
    assert [mark.anchor for mark in drawing.marks] == ["start", "middle"]
    assert all(0 < dot.x < drawing.width and 0 < dot.y < drawing.height for dot in drawing.dots)


def test_a_drawing_of_pairs() -> None:
    """Pairs are drawn by their ratio, whatever the metric's unit; a ratio to zero cannot be."""
    duel = Duel(pair_ratios=(1.5, 1.6, inf), old=1, new=2, needed=5, commit="abc")
    drawing = drawing_of(RESULT.findings[1], Evidence(duel=duel))
    assert drawing is not None
    assert [dot.text for dot in drawing.dots] == ["1.50x", "1.60x"]
    assert [mark.text for mark in drawing.marks] == ["as before 1.00x", "limit 1.20x"]


@pytest.mark.parametrize("upside_down", [False, True])
def test_a_drawing_of_turns(upside_down: bool) -> None:
    """Where a pair's turns were kept, they stand in its row, more always being worse."""
    turns = [[(3.0, 2.0), (3.2, 2.0)], [(4.0, 2.0), (4.4, 2.0)]]
    if upside_down:
        turns = [[(old, new) for new, old in pair] for pair in turns]
    duel = Duel(pair_ratios=(1.55, 2.1), old=2e6, new=4e6, needed=5, commit="abc", turns=turns)
    drawing = drawing_of(RESULT.findings[1], Evidence(duel=duel))
    assert drawing is not None
    assert [dot.text for dot in drawing.dots] == ["1.50x", "1.60x", "2.00x", "2.20x"]
    assert len({dot.y for dot in drawing.dots}) == 2
    assert drawing.caption == "2 pairs of processes, new code beside old, a row each"


@pytest.mark.parametrize(
    "evidence", [None, Evidence(problem="no"), Evidence(processes=((1.0,),))], ids=["none", "problem", "one"]
)
def test_nothing_to_draw(evidence: Evidence | None) -> None:
    """Fewer than two samples make no drawing."""
    assert drawing_of(RESULT.findings[1], evidence) is None


def test_equal_samples() -> None:
    """Samples that are all the same stand in the middle."""
    finding = Finding(node_id=LOAD, verdict=Verdict.REGRESSED, metric=TIME)
    drawing = drawing_of(finding, Evidence(processes=((0.0, 0.0),)))
    assert drawing is not None
    assert {dot.x for dot in drawing.dots} == {drawing.width / 2}


def test_without_the_template_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where jinja2 is not installed the message names the extra that brings it."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.setattr("pytest_querycache.reports.html.find_spec", lambda name: None)
    with pytest.raises(ReportError, match=r"pip install 'pytest-querycache\[html\]'"):
        html_report(account())
