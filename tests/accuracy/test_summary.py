"""Raw results summed up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.accuracy.parts import Part
from tests.accuracy.results import Results
from tests.accuracy.rivals import flagged_by_min, flagged_by_single_run
from tests.accuracy.sessions import outcome_of
from tests.accuracy.summary import (
    middle,
    recall,
    summed_everything,
    summed_identical,
    summed_overhead,
    summed_planted,
)
from tests.accuracy.table import lines_of, summary_of, write_table


def session(**members: Any) -> dict[str, Any]:
    """A row of a session of identical code that passed."""
    return {
        "library": "jinja2",
        "version": "jinja2 3",
        "condition": "idle",
        "gate_failures": [],
        "regressed": [],
        "unconfirmed": [],
        "cleared": {"second look": 4, "duel": 2},
        "counts": {"compared": 900, "unconfirmed": 0},
        "confirming_seconds": 3.0,
        "records_over_floor": 500,
        "single_run": ["a", "b"],
        "duels": [],
    } | members


def trial(verdict: str, *, duel: bool, level: int = 30) -> dict[str, Any]:
    """One planted test's end."""
    return {
        "test": "t",
        "level": level,
        "kind": "c",
        "verdict": verdict,
        "duel": duel,
        "seen": 31.0,
        "warm_ns": 2e6,
    }


def test_failures_are_counted_by_condition_and_together() -> None:
    """Shows numerators and denominators of each condition, and of all."""
    told = [{"test": "t", "metric": "wall_time"}]
    rows = [
        session(),
        session(condition="busy", gate_failures=["1 record regressed"], regressed=told, single_run=[]),
        session(rounds={"tests": 25, "flagged": ["a"]}),
    ]
    found = summed_identical(rows)
    assert [
        (name, f["failed_sessions"]["hits"], f["failed_sessions"]["trials"]) for name, f in found.items()
    ] == [
        ("idle", 0, 2),
        ("busy", 1, 1),
        ("all", 1, 3),
    ]
    whole = found["all"]
    assert whole["cleared_by"] == {"second look": 12, "duel": 6}
    assert (whole["single_run"]["failed_sessions"]["hits"], whole["single_run"]["flagged_tests"]["hits"]) == (
        2,
        4,
    )
    assert (whole["min_20"]["failed_sessions"]["trials"], whole["min_20"]["flagged_tests"]["trials"]) == (
        1,
        25,
    )


def test_unconfirmed_trials_are_missed() -> None:
    """Shows that whatever is not called regressed counts as missed, and among whom."""
    found = recall(
        [
            trial("regressed", duel=True),
            trial("unconfirmed", duel=True),
            trial("cleared", duel=False),
            trial("not a suspect", duel=False),
        ]
    )
    assert (found["reached"]["hits"], found["reached"]["trials"]) == (1, 2)
    assert (found["end_to_end"]["hits"], found["end_to_end"]["trials"]) == (1, 4)
    assert found["missed"] == {
        "unconfirmed in a duel": 1,
        "cleared by a second look": 1,
        "not a suspect": 1,
    }


def test_forced_trials_say_nothing_of_end_to_end() -> None:
    """Shows that trials which were forced to be suspects count among what reached confirmation only."""
    row = session(kind="c", trials=[trial("regressed", duel=True)], others_regressed=[], counts_regressed=[])
    found = summed_planted([row], [row, row])["by_level"]["30"]
    assert (found["reached"]["trials"], found["end_to_end"]["trials"]) == (3, 1)


def test_overhead_is_told_as_a_ratio_and_in_seconds() -> None:
    """Shows that pairs of sessions give the middle of their ratios, and of what was added."""
    rows = [
        {"library": "lark", "plain": plain, "gated": gated}
        for plain, gated in ((10, 10.2), (5, 5.3), (2, 2.1))
    ]
    found = summed_overhead(rows)["all"]
    assert found["median"] == pytest.approx(1.05)
    assert found["seconds"] == pytest.approx(0.2)


def test_blaming_the_machine_is_no_report() -> None:
    """Shows that where everything is slower the note has to name the code, or a record has to be called regressed."""
    told = [{"test": "t", "metric": "wall_time"}]
    rows = [
        session(suite_wide=["suite-wide: 1.30x, and it is the code: 8 tests"]),
        session(suite_wide=["suite-wide: 1.30x, and it is the machine: 8 tests"]),
        session(suite_wide=[], regressed=told),
    ]
    found = summed_everything(rows)["all"]
    assert [found[key]["hits"] for key in ("reported", "suite_wide", "the_machine")] == [2, 1, 1]


def test_middle_of_nothing_is_unknown() -> None:
    """Shows that no values have no median, and one is its own."""
    assert middle([])["median"] is None
    assert middle([3.0]) == {"number": 1, "median": 3.0, "low": 3.0, "high": 3.0}


@pytest.mark.parametrize(
    ("verdict", "evidence", "expected"),
    [
        (("regressed", "findings"), {"pair_ratios": [1.3] * 5, "needed": 5}, ("regressed", True)),
        (("unchanged", "cleared"), None, ("cleared", False)),
        (("unconfirmed", "findings"), None, ("unconfirmed", False)),
        (None, None, ("not a suspect", False)),
    ],
)
def test_outcome_is_read_from_the_run_file(
    verdict: tuple[str, str] | None, evidence: dict[str, Any] | None, expected: tuple[str, bool]
) -> None:
    """Shows what becomes of a trial for each verdict, and that a count's verdict is not the time's."""
    count = {"node_id": "t", "verdict": "regressed", "metric": {"name": "allocated_bytes"}}
    run: dict[str, Any] = {"gate": {"findings": [count], "cleared": []}, "evidence": []}
    if verdict is not None:
        told = {"node_id": "t", "verdict": verdict[0], "metric": {"name": "wall_time"}}
        run["gate"][verdict[1]].append(told)
    if evidence is not None:
        run["evidence"].append({"node_id": "t", "metric": "wall_time", "problem": "", "duel": evidence})
    found = outcome_of("t", run)
    assert (found["verdict"], found["duel"]) == expected


def test_rivals_compare_with_ratio_and_floor() -> None:
    """Shows whom the plain rules flag: over 20 % and by 0.1 ms, first against first, smallest against smallest."""
    entries = {"slow": [1e6, 0.5e6, None], "same": [1e6, None, None], "short": [1e5, None, None]}
    values = {"slow": 1.3e6, "same": 1.15e6, "short": 1.5e5, "new": 9e9}
    assert flagged_by_single_run(values, entries) == ["slow"]
    assert flagged_by_min({"a": [5e6, 2.5e6], "b": [2e6]}, {"a": [2e6, 4e6], "b": [2e6]}) == ["a"]


def test_page_is_written_from_whatever_there_is(tmp_path: Path) -> None:
    """Shows that the table can be written after any part, and quotes the numbers of the raw results."""
    results = Results(tmp_path / "results")
    assert list(lines_of(summary_of(results)))
    results.describe_machine()
    results.describe_machine()
    results.add("identical", session())
    results.add(
        "planted",
        session(kind="c", trials=[trial("regressed", duel=True)], others_regressed=[], counts_regressed=[]),
    )
    markdown, plain = write_table(results)
    page = markdown.read_text(encoding="utf-8")
    assert page.count("Machine: ") == 1
    assert "0 of 1 = 0 % (0–79.3)" in page
    assert "| +30 % | 1 of 1 = 100 % (20.7–100) | ≥ 97 % |" in page
    assert json.loads(plain.read_text(encoding="utf-8"))["planted"]["by_level"]["30"]["reached"]["hits"] == 1


def test_stopped_part_goes_on_with_what_was_done_least(tmp_path: Path) -> None:
    """Shows that a line that was cut off is ignored, and that every combination has its turn."""
    results = Results(tmp_path)
    part = Part(
        results=results,
        work=tmp_path,
        libraries=["a", "b"],
        conditions=["idle"],
        sessions=3,
        seconds=60,
        tests=1,
    )
    for number, turn in part.turns("x", library=["a", "b"], kind=["c", "d"]):
        results.add("x", {**turn, "number": number})
    with (tmp_path / "x.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"library": "a", "kind"\n')
    for number, turn in part.turns("x", library=["a", "b"], kind=["c", "d"]):
        results.add("x", {**turn, "number": number})
        break
    rows = results.rows("x")
    assert [row["number"] for row in rows] == [0, 1, 2, 3]
    assert len({(row["library"], row["kind"]) for row in rows}) == 4
