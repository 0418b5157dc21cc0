"""What the gate says in the terminal, line by line."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import replace
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_querycache.model.limit import Limit
from pytest_querycache.model.metric import METRICS
from pytest_querycache.model.record import Record
from pytest_querycache.model.verdict import OUT_OF_TIME, Counts, Finding, GateResult, Verdict
from pytest_querycache.reports.terminal import Line, change_text, gate_lines, quoted, track_lines

ACCEPT = ("pytest --perf-update", "tests/api")
BYTES, TIME = METRICS["allocated_bytes"], METRICS["wall_time"]
MB = 1024**2


def finding(
    node_id: str = "tests/api/test_users.py::test_list",
    verdict: Verdict = Verdict.REGRESSED,
    metric: str = "allocated_bytes",
    **more: object,
) -> Finding:
    """A finding as the gate leaves it: 1.20 MB have become 2.41."""
    if metric == "allocated_bytes":
        limit = Limit(
            metric=BYTES,
            value=1.56 * MB,
            origin="rule 1 (tests/api/*)",
            rule="+30 % and 16.0 KB",
            reason="hot path of the service",
            reference=1.2 * MB,
        )
        defaults: dict[str, object] = {"was": 1.2 * MB, "now": 2.41 * MB, "limit": limit}
    else:
        limit = Limit(metric=TIME, value=1.44e6, origin="built-in", rule="+20 % and 100 µs", reference=1.2e6)
        defaults = {"was": 1.2e6, "now": 2.41e6, "limit": limit}
    return Finding(node_id=node_id, verdict=verdict, metric=METRICS[metric], **{**defaults, **more})  # type: ignore[arg-type]


def doubtful(number: int = 1, **more: object) -> Finding:
    return finding(
        f"tests/test_b.py::test_{number}",
        Verdict.UNCONFIRMED,
        "wall_time",
        **{"proof": "a single time proves nothing", **more},
    )


def plain(lines: Iterable[Line]) -> str:
    return "".join(f"{text}\n" for text, _ in lines)


def shown(result: GateResult, *, verbose: bool = False, complete: bool = True) -> str:
    return plain(gate_lines(result, verbose=verbose, accept=ACCEPT, complete=complete))


def text(block: str) -> str:
    return dedent(block).lstrip("\n")


def test_a_quiet_session() -> None:
    """Nothing to tell takes two lines."""
    assert shown(GateResult(counts=Counts(compared=12))) == text("""
        compared 12 · regressed 0 · improved 0 · unconfirmed 0 · new 0 · missing 0 · not judged 0
        performance gate: passed
    """)


def test_a_regression() -> None:
    """Test, metric, was and is, ratio, limit with its rule and reason, proof, insight, and the next command."""
    both = [
        finding(proof="warm repeats in 2 fresh processes show it", insight="9,000 more blocks"),
        finding(verdict=Verdict.UNCONFIRMED, metric="wall_time", proof="a single time proves nothing"),
    ]
    result = GateResult(
        findings=both, counts=Counts(compared=12, regressed=1), failures=["1 record regressed"]
    )
    assert shown(result) == text("""
        tests/api/test_users.py::test_list
          regressed  allocated_bytes 1.20 MB → 2.41 MB (2.01x)
            limit 1.56 MB (+30 % and 16.0 KB; rule 1 (tests/api/*): hot path of the service)
          unconfirmed  wall_time 1.20 ms → 2.41 ms (2.01x)
            limit 1.44 ms (+20 % and 100 µs; built-in)
          warm repeats in 2 fresh processes show it
          9,000 more blocks
          a single time proves nothing
        compared 12 · regressed 1 · improved 0 · unconfirmed 0 · new 0 · missing 0 · not judged 0
        performance gate: failed: 1 record regressed
        if this cost is wanted, accept it: pytest --perf-update tests/api
    """)


def test_a_proof_that_two_metrics_share_is_said_once() -> None:
    """The same sentence twice tells no more."""
    both = [finding(proof="warm repeats show it"), finding(metric="wall_time", proof="warm repeats show it")]
    assert shown(GateResult(findings=both)).count("warm repeats show it") == 1


@pytest.mark.parametrize("verdict", [Verdict.REGRESSED, Verdict.UNCONFIRMED])
def test_an_insight_of_several_lines(verdict: Verdict) -> None:
    """Statements that became more stand below each other, each in a line that can be written by itself."""
    told = finding(verdict=verdict, insight="+ 3  SELECT 1\n  - 1  SELECT 2")
    lines = [line for line, _ in gate_lines(GateResult(findings=[told]), verbose=False, accept=ACCEPT)]
    first = next(at for at, line in enumerate(lines) if line.endswith("+ 3  SELECT 1"))
    assert lines[first + 1] == lines[first].replace("+ 3  SELECT 1", "- 1  SELECT 2")
    assert not any("\n" in line for line in lines)


def test_a_budget() -> None:
    """What exceeds a budget has no old value, and accepting does not help."""
    limit = Limit(metric=TIME, value=200e6, origin="mark", rule="budget")
    over = Finding(
        node_id="t.py::test_a",
        verdict=Verdict.OVER_BUDGET,
        metric=TIME,
        now=250e6,
        limit=limit,
        proof="it is",
    )
    result = GateResult(
        findings=[over], counts=Counts(compared=1, regressed=1), failures=["1 record regressed"]
    )
    assert shown(result) == text("""
        t.py::test_a
          over budget  wall_time 250 ms
            limit 200 ms (budget; mark)
          it is
        compared 1 · regressed 1 · improved 0 · unconfirmed 0 · new 0 · missing 0 · not judged 0
        performance gate: failed: 1 record regressed
        make it cheaper, or raise the limit in the test's mark perf_budget
    """)


def test_everything_at_once() -> None:
    """Doubtful, missing, new and improved records in the order of harm, and notes before the counts."""
    result = GateResult(
        findings=[
            doubtful(insight="wall time rose, CPU time did not: it waits"),
            Finding(node_id="t.py::gone", verdict=Verdict.MISSING),
            Finding(node_id="t.py::born", verdict=Verdict.NEW),
            finding("t.py::fast", Verdict.IMPROVED, was=2 * MB, now=MB, limit=None),
        ],
        cleared=[finding("t.py::fine", Verdict.UNCHANGED, proof="a fresh process does not show it")],
        counts=Counts(compared=3, improved=1, unconfirmed=1, new=1, missing=1, not_judged=3),
        not_judged={"skipped": 1, "failed": 2},
        notes=("time is not compared: stored on another CPU",),
    )
    assert shown(result) == text("""
        unconfirmed: 1 measured worse, and nothing proves it
          tests/test_b.py::test_1
            wall_time 1.20 ms → 2.41 ms (2.01x); a single time proves nothing
            wall time rose, CPU time did not: it waits
        missing: 1 · no test claimed these entries
          t.py::gone
        new: 1 · the baseline does not know these
          t.py::born
        improved: 1
          t.py::fast
            allocated_bytes 2.00 MB → 1.00 MB (0.50x)
        note: time is not compared: stored on another CPU
        compared 3 · regressed 0 · improved 1 · unconfirmed 1 · new 1 · missing 1 · not judged 3
        performance gate: passed
        to take new tests in: pytest --perf-update tests/api
        to drop entries that no test claims: querycache prune NODEID…
    """)
    assert text("""
        cleared: t.py::fine
            allocated_bytes 1.20 MB → 2.41 MB (2.01x); a fresh process does not show it
        not judged: 2 · failed
        not judged: 1 · skipped
    """) in shown(result, verbose=True)


def test_doubtful_metrics_of_one_record() -> None:
    """They stand under its name once, so that the number agrees with the counts."""
    result = GateResult(findings=[doubtful(), doubtful(now=9e6)], counts=Counts(unconfirmed=1))
    assert shown(result).startswith(
        text("""
        unconfirmed: 1 measured worse, and nothing proves it
          tests/test_b.py::test_1
            wall_time 1.20 ms → 2.41 ms (2.01x); a single time proves nothing
            wall_time 1.20 ms → 9.00 ms (7.50x); a single time proves nothing
        compared
    """).rstrip()
    )


def test_what_more_time_would_settle() -> None:
    """Where the budget was too small, the setting is named, with the number of records it is about."""
    late = doubtful(2, proof=f"{OUT_OF_TIME} (1 of 1 pairs of processes show it)")
    result = GateResult(findings=[doubtful(), late], counts=Counts(unconfirmed=2))
    assert "  more time would settle 1 of them: confirm_budget, such as 120s\n" in shown(result)
    assert "more time" not in shown(GateResult(findings=[doubtful()], counts=Counts(unconfirmed=1)))


@pytest.mark.parametrize(
    ("verdict", "listed"),
    [(Verdict.UNCONFIRMED, 10), (Verdict.NEW, 5), (Verdict.MISSING, 5), (Verdict.IMPROVED, 5)],
)
def test_long_lists_are_cut(verdict: Verdict, listed: int) -> None:
    """The first few are shown, then how many more there are; -v shows all."""
    result = GateResult(findings=[finding(f"t.py::test_{number:02}", verdict) for number in range(40)])
    short = shown(result)
    assert f"  … and {40 - listed} more (-v lists them all)\n" in short
    assert short.count("t.py::test_") == listed
    assert shown(result, verbose=True).count("t.py::test_") == 40


def test_hundreds_of_regressions_do_not_hide_their_cause() -> None:
    """The worst are told whole, more with one line each, the rest as a number; -v tells all of them whole."""
    guilty = GateResult(findings=[finding(f"t.py::test_{number:03}") for number in range(200)])
    short = shown(guilty)
    assert short.count("t.py::test_") == 40
    assert short.count("    limit ") == 12
    assert "… and 160 more that regressed (-v lists them all)\n" in short
    assert shown(guilty, verbose=True).count("    limit ") == 200


def test_times_that_cannot_be_proved_here() -> None:
    """They are listed under their one reason, which says what mends it."""
    found = [
        replace(finding(f"t.py::test_{number}", Verdict.INCOMPARABLE), proof="wrong code; do this")
        for number in range(7)
    ]
    said = shown(GateResult(findings=found, ungated_times="wrong code; do this"))
    assert "incomparable: 7 slower times could not be proved: wrong code; do this\n" in said
    assert "  … and 2 more (-v lists them all)\n" in said
    assert " · times not gated\n" in said


def test_an_interrupted_session() -> None:
    """Nothing is decided, and no next step is suggested."""
    result = GateResult(findings=[finding()], failures=["1 record regressed"])
    last = shown(result, complete=False).splitlines()[-1]
    assert last == "performance gate: the session was interrupted, so nothing is decided"


@pytest.mark.parametrize(
    ("counts", "failure", "step"),
    [
        (
            Counts(),
            "nothing was compared",
            "the baseline and this session have no record in common; record one: pytest --perf-update tests/api",
        ),
        (
            Counts(compared=1, new=1),
            '1 record new, and new = "fail"',
            "to take new tests in: pytest --perf-update tests/api",
        ),
        (
            Counts(compared=1, missing=1),
            '1 record missing, and missing = "fail"',
            "to drop entries that no test claims: querycache prune NODEID…",
        ),
    ],
)
def test_the_next_command(counts: Counts, failure: str, step: str) -> None:
    """Every failure that a command ends names the command."""
    lines = shown(GateResult(counts=counts, failures=[failure])).splitlines()
    assert lines[-2:] == [f"performance gate: failed: {failure}", step]


def test_a_regression_that_is_allowed() -> None:
    """A team that is only adopting the gate is told what it lets pass."""
    result = GateResult(findings=[finding()], counts=Counts(compared=1, regressed=1))
    line, style = list(gate_lines(result, verbose=False, accept=ACCEPT))[-1]
    assert line == "performance gate: passed; the setting fail lets pass what regressed: 1"
    assert style == {"yellow": True, "bold": True}


@pytest.mark.parametrize(
    ("result", "colour"),
    [
        (GateResult(counts=Counts(compared=1)), "green"),
        (GateResult(counts=Counts(compared=1, unconfirmed=1)), "yellow"),
        (GateResult(counts=Counts(compared=1, missing=1), failures=["no"]), "red"),
    ],
)
def test_colours(result: GateResult, colour: str) -> None:
    """The verdict is green, yellow where something is doubtful, or red."""
    (style,) = [
        style
        for line, style in gate_lines(result, verbose=False, accept=ACCEPT)
        if line.startswith("performance gate")
    ]
    assert style == {colour: True, "bold": True}


def test_ordinary_lines_do_not_wrap() -> None:
    """With ids and rules of ordinary length every line but the counts fits a terminal of 80 columns."""
    result = GateResult(
        findings=[
            finding(
                "tests/api/test_users.py::TestListing::test_pages[postgres-100]",
                proof="warm repeats in 2 fresh processes show it",
            ),
            doubtful(),
            Finding(node_id="tests/api/test_users.py::TestListing::test_gone", verdict=Verdict.MISSING),
        ],
        counts=Counts(compared=1, regressed=1, unconfirmed=1, missing=1),
        failures=["1 record regressed"],
    )
    long = [line for line in shown(result).splitlines() if len(line) > 80 and not line.startswith("compared")]
    assert long == ["    limit 1.56 MB (+30 % and 16.0 KB; rule 1 (tests/api/*): hot path of the service)"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, "allocated_bytes 1.20 MB → 2.41 MB (2.01x)"),
        ({"was": 0}, "allocated_bytes 0 B → 2.41 MB"),
        ({"was": None}, "allocated_bytes 2.41 MB"),
        ({"was": -5}, "allocated_bytes -5 B → 2.41 MB"),
        ({"metric": "wall_time", "interval": (1.9, 2.125)}, "wall_time 1.20 ms → 2.41 ms (2.01x, 1.90–2.12)"),
        ({"now": None}, ""),
    ],
)
def test_a_change(more: dict[str, object], expected: str) -> None:
    """Was and is, and how many times as much where that can be said."""
    assert change_text(finding(**more)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["t.py::test_a", "t.py::test_a[x y]", "t.py::test_a[it's]", "t.py::a[$HOME#`!]"]
)
def test_a_name_for_the_shell(name: str) -> None:
    """A node id can be pasted into a shell, whatever its parameters are; an ordinary one stays readable."""
    assert shlex.split(quoted(name)) == [name]
    assert (quoted(name) == name) is ("[" not in name)


@settings(deadline=None)
@given(st.text(min_size=1))
def test_any_name_for_the_shell(name: str) -> None:
    """So is every other text one word."""
    assert shlex.split(quoted(name)) == [name]


def test_tracking() -> None:
    """Without a baseline the most expensive records are shown by time, memory and collections."""
    records = [
        Record(
            node_id=f"t.py::test_{number}",
            values={"wall_time": number * 1e6, "allocated_bytes": (9 - number) * 1024, "gc_collections": 0},
        )
        for number in range(1, 8)
    ]
    records.append(Record(node_id="t.py::skipped", outcome="skipped"))
    assert plain(track_lines(records, top=2)) == text("""
        slowest (wall_time)
             7.00 ms  t.py::test_7
             6.00 ms  t.py::test_6
        most allocated (allocated_bytes)
             8.00 KB  t.py::test_1
             7.00 KB  t.py::test_2
        measured 7 records
    """)


def test_tracking_one_record_or_none() -> None:
    """One is a record, and none is said to be none."""
    one = Record(node_id="t.py::a", values={"gc_collections": 3})
    assert plain(track_lines([one])) == text("""
        most collections (gc_collections)
                   3  t.py::a
        measured 1 record
    """)
    assert plain(track_lines([])) == "no test was measured\n"
