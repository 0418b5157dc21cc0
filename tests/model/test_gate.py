"""The gate's two decisions, as tables of cases and as laws."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_querycache.model.baseline import Figure, Section
from pytest_querycache.model.decision import confirmable, decide
from pytest_querycache.model.gate import judge
from pytest_querycache.model.limit import Limit, first_sight_limit
from pytest_querycache.model.metric import METRICS, Better, Metric
from pytest_querycache.model.policy import Applied, Policy
from pytest_querycache.model.record import Run, own_metric
from pytest_querycache.model.screener import screen
from pytest_querycache.model.screening import Screening
from pytest_querycache.model.threshold import parse_thresholds
from pytest_querycache.model.verdict import Evidence, Finding, GateResult, Suspect, Verdict
from tests.model.sessions import TEST, record, run_of, section_of

BYTES, TIME, PEAK, QUERIES = (
    METRICS[name] for name in ("allocated_bytes", "wall_time", "peak_rss", "db_queries")
)
ROWS = own_metric("rows_per_s", unit="rows/s", better="higher", deterministic=True)


def applied(metric: Metric, ratio: float = 0.3, floor: float = 16) -> Applied:
    return Applied(metric=metric, ratio=ratio, floor=floor, origin="built-in")


def gate(
    run: Run,
    section: Section | None,
    policy: Policy | None = None,
    evidence: Mapping[tuple[str, str], Evidence] | None = None,
    confirm: str = "auto",
) -> GateResult:
    policy = policy or Policy()
    screening = screen(run, section, policy, everything=confirm == "always")
    return judge(screening, run, section, policy, evidence or {}, confirm=confirm)


def bytes_entry(cold: float, warm: float | None = None, spread: float | None = None) -> dict[str, Figure]:
    return {"allocated_bytes": Figure(cold, warm, spread)}


# --- on first sight -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figure", "now", "suspect"),
    [
        # threshold 30 %, floor 16
        (Figure(1000, 1000), 1000, False),
        (Figure(1000, 1000), 1300, False),  # the last tolerated value
        (Figure(1000, 1000), 1301, True),
        (Figure(1000, 1000), 500, False),
        (Figure(10, 10), 25, False),  # far over 30 %, but under the floor
        (Figure(10, 10), 26, True),  # the floor is reached
        (Figure(0, 0), 15, False),  # nothing is 30 % more than nothing: the floor decides
        (Figure(0, 0), 16, True),
        (Figure(1000), 1301, True),  # without a warm value the cold one serves for both
        # the tolerance follows the warm value: the regression is in the code, not in the caches' filling
        (Figure(10_000, 1000), 10_300, False),
        (Figure(10_000, 1000), 10_301, True),
        # a session in which other tests have warmed the caches
        (Figure(10_000, 1000), 1000, False),
        (Figure(10_000, 1000), 1300, False),
        (Figure(10_000, 1000), 1301, True),
        (Figure(1000, 500), 990, False),  # as good as cold: within the floor of it
        # three spreads are granted
        (Figure(1000, 1000, 200), 1600, False),
        (Figure(1000, 1000, 200), 1601, True),
        (Figure(1000, 1000, 10), 1301, True),  # a small spread narrows nothing
    ],
)
def test_a_count_on_first_sight(figure: Figure, now: float, suspect: bool) -> None:
    """A count is suspect above its cold value's tolerance, or below the cold value above the warm one's."""
    assert (first_sight_limit(applied(BYTES), figure, now, False) is not None) is suspect


@pytest.mark.parametrize(("now", "suspect"), [(1150, False), (1151, True)])
def test_a_time_that_can_be_confirmed_is_suspect_early(now: float, suspect: bool) -> None:
    """Half of what is tolerated makes a suspect, whose limit is the whole; of a count it does not."""
    found = first_sight_limit(applied(TIME), Figure(1000, 1000), now, False, early=True)
    assert (found is not None) is suspect
    assert found is None or found.value == 1300
    assert first_sight_limit(applied(BYTES), Figure(1000, 1000), now, False, early=True) is None


@pytest.mark.parametrize(
    ("figure", "now", "suspect"),
    [
        (Figure(1000, 100), 1030, False),
        (Figure(1000, 100), 1031, True),
        (Figure(1000, 100), 500, True),  # warmer than the stored start, and yet slower than a repeat
        (Figure(1000, 990), 985, False),
        (Figure(1000, 1000, 400), 1300, False),
        (Figure(1000, 1000, 400), 1301, True),  # the spread of a time is the machine's, and widens nothing
    ],
)
def test_a_time_on_first_sight(figure: Figure, now: float, suspect: bool) -> None:
    """A time is suspect above its cold value, and where it was clearly warmer above its warm one."""
    assert (first_sight_limit(applied(TIME), figure, now, False) is not None) is suspect


@pytest.mark.parametrize(
    ("figure", "now", "suspect"),
    [
        (Figure(1000, 1000), 1000, False),
        (Figure(1000, 1000), 5000, False),
        (Figure(1000, 1000), 700, False),
        (Figure(1000, 1000), 699, True),
        (Figure(20, 20), 5, False),  # 15 less is under the floor
        (Figure(20, 20), 4, True),
        (Figure(100, 1000), 1000, False),  # cold is worse than warm here, too
        (Figure(100, 1000), 690, True),
    ],
)
def test_where_higher_is_better(figure: Figure, now: float, suspect: bool) -> None:
    """The direction belongs to the metric: what falls too far is suspect, what rises is not."""
    assert (first_sight_limit(applied(ROWS), figure, now, False) is not None) is suspect


def test_a_threshold_of_zero() -> None:
    """One query more is too many where nothing is tolerated; one fewer is not."""
    exact = applied(QUERIES, ratio=0, floor=0)
    assert first_sight_limit(exact, Figure(3, 3), 3, False) is None
    assert first_sight_limit(exact, Figure(0, 0), 0, False) is None
    assert first_sight_limit(exact, Figure(0, 0), 1, False) is not None
    assert first_sight_limit(exact, Figure(3, 3), 2, False) is None
    assert first_sight_limit(exact, Figure(3, 1), 2, False) is not None


amounts = st.integers(0, 10_000).map(float)
figures = st.builds(Figure, amounts, st.none() | amounts, st.none() | amounts)
thresholds = st.builds(
    applied,
    st.sampled_from([BYTES, TIME, ROWS, PEAK]),
    st.sampled_from([0.0, 0.02, 0.3, 2.0]),
    st.sampled_from([0.0, 1.0, 64.0]),
)


@settings(deadline=None)
@given(thresholds, figures)
def test_a_stored_value_is_never_suspect(threshold: Applied, figure: Figure) -> None:
    """Measuring again exactly what was stored, cold or warm, raises no suspicion."""
    assert first_sight_limit(threshold, figure, figure.cold, False) is None
    if figure.warm is not None and threshold.metric.deterministic:
        better = max if threshold.metric.better is Better.HIGHER else min
        assert first_sight_limit(threshold, figure, better(figure.cold, figure.warm), False) is None


@settings(deadline=None)
@given(thresholds, figures, amounts, amounts)
def test_beyond_the_cold_value_suspicion_only_grows(
    threshold: Applied, figure: Figure, one: float, other: float
) -> None:
    """Of two values worse than the cold one, the worse is suspect whenever the milder is."""
    sign = -1 if threshold.metric.better is Better.HIGHER else 1
    mild, severe = sorted((figure.cold + sign * one, figure.cold + sign * other), key=lambda v: sign * v)
    if first_sight_limit(threshold, figure, mild, False) is not None:
        assert first_sight_limit(threshold, figure, severe, False) is not None


@settings(deadline=None)
@given(thresholds, figures, amounts, amounts)
def test_a_wider_threshold_suspects_no_more(
    threshold: Applied, figure: Figure, now: float, more: float
) -> None:
    """Whoever tolerates more, or sees a test vary more, gets no suspect on top."""
    wider = applied(threshold.metric, threshold.ratio + 0.1, threshold.floor)
    spread = Figure(figure.cold, figure.warm, (figure.spread or 0) + more)
    if first_sight_limit(threshold, figure, now, False) is None:
        assert first_sight_limit(threshold, spread, now, False) is None
        assert first_sight_limit(wider, figure, now, False) is None


# --- one suspect, with its evidence ---------------------------------------------------------------------------


def suspect_of(
    metric: Metric = BYTES,
    *,
    now: float = 2000,
    cold: float = 1500,
    warm: float | None = 1000,
    alone: bool = False,
) -> Suspect:
    """A suspect whose session value is over 1,800, and whose repeats may reach 1,300."""

    def limit(value: float, reference: float) -> Limit:
        return Limit(
            metric=metric, value=value, origin="built-in", rule="+30 %", reference=reference, floor=16
        )

    return Suspect(
        node_id=TEST,
        test_id=TEST,
        metric=metric,
        now=now,
        limit=limit(cold + 300, cold),
        repeat_limit=None if warm is None else limit(warm + 300, warm),
        ratio=0.3,
        alone=alone,
    )


@pytest.mark.parametrize(
    ("processes", "verdict", "now"),
    [
        ([[1500, 1400]], Verdict.REGRESSED, 1400),
        ([[1500, 1400], [1350, 1600]], Verdict.REGRESSED, 1350),
        ([[1300, 1400]], Verdict.UNCHANGED, 1300),  # the smallest repeat speaks for the code
        ([[1500, 1400], [1000, 1600]], Verdict.UNCHANGED, 1000),  # every process must show it
        ([[1000]], Verdict.UNCHANGED, 1000),
    ],
)
def test_what_repeats_show(processes: list[list[float]], verdict: Verdict, now: float) -> None:
    """A count is convicted when the smallest repeat of every process exceeds the warm limit, else cleared."""
    finding = decide(suspect_of(), Evidence(processes=processes), confirm="auto")
    assert (finding.verdict, finding.was, finding.now) == (verdict, 1000, now)


def test_repeats_of_a_metric_that_should_be_high() -> None:
    """Its largest repeat speaks for the code."""
    limit = Limit(metric=ROWS, value=700, origin="built-in", rule="+30 %", reference=1000, floor=16)
    suspect = Suspect(node_id=TEST, test_id=TEST, metric=ROWS, now=500, limit=limit, repeat_limit=limit)
    convicted = decide(suspect, Evidence(processes=[[400, 600], [650, 300]]), confirm="auto")
    assert (convicted.verdict, convicted.now) == (Verdict.REGRESSED, 650)
    assert decide(suspect, Evidence(processes=[[400, 700]]), confirm="auto").verdict is Verdict.UNCHANGED


@pytest.mark.parametrize(
    ("suspect", "processes", "proof"),
    [
        (suspect_of(), [[2000, 2000]], "warm repeats in a fresh process show it"),
        (suspect_of(), [[2000, 2000], [2000, 2000]], "warm repeats in 2 fresh processes show it"),
        (suspect_of(), [[2000], [2000]], "first executions in 2 fresh processes show it"),
        (suspect_of(alone=True), [[2000], [2000]], "first executions in 2 fresh processes show it"),
        (suspect_of(), [[1000, 1000]], "a fresh process does not show it"),
    ],
)
def test_the_proof_is_told(suspect: Suspect, processes: list[list[float]], proof: str) -> None:
    """A finding says what was measured again, and how often."""
    assert decide(suspect, Evidence(processes=processes), confirm="auto").proof == proof


def test_without_a_stored_warm_value() -> None:
    """Repeats over the cold limit convict; below it they prove nothing, and the next step is named."""
    suspect = suspect_of(warm=None)
    assert decide(suspect, Evidence(processes=[[1900]]), confirm="auto").verdict is Verdict.REGRESSED
    doubtful = decide(suspect, Evidence(processes=[[1100]]), confirm="auto")
    assert doubtful.verdict is Verdict.UNCONFIRMED
    assert doubtful.proof == "the baseline has no warm value: pytest --perf-update records one"


@pytest.mark.parametrize(
    ("suspect", "evidence", "proof"),
    [
        (suspect_of(TIME), None, "a single time proves nothing"),
        (suspect_of(), None, "it was not measured again"),
        (suspect_of(), Evidence(problem="a fresh process hung"), "a fresh process hung"),
    ],
)
def test_without_evidence(suspect: Suspect, evidence: Evidence | None, proof: str) -> None:
    """A suspect that nothing proves is unconfirmed, with the reason."""
    finding = decide(suspect, evidence, confirm="auto")
    assert (finding.verdict, finding.was, finding.now, finding.proof) == (
        Verdict.UNCONFIRMED,
        1500,
        2000,
        proof,
    )


def test_confirmation_switched_off() -> None:
    """First sight is enough then."""
    finding = decide(suspect_of(TIME), None, confirm="off")
    assert finding.verdict is Verdict.REGRESSED
    assert finding.proof == "not confirmed: --perf-confirm=off"


def test_a_budget_that_repeats_exceed() -> None:
    """A budget needs no reference; the smallest repeat has to exceed it."""
    limit = Limit(metric=TIME, value=1000, origin="mark", rule="budget")
    suspect = Suspect(node_id=TEST, test_id=TEST, metric=TIME, now=1200, limit=limit, repeat_limit=limit)
    assert suspect.is_budget
    assert confirmable(suspect)
    assert decide(suspect, Evidence(processes=[[1001, 1500]]), confirm="auto").verdict is Verdict.OVER_BUDGET
    assert decide(suspect, Evidence(processes=[[1500, 1000]]), confirm="auto").verdict is Verdict.UNCHANGED
    assert decide(suspect, None, confirm="auto").verdict is Verdict.UNCONFIRMED
    assert decide(suspect, None, confirm="off").verdict is Verdict.OVER_BUDGET


@pytest.mark.parametrize(
    ("metric", "expected"), [(BYTES, True), (QUERIES, True), (PEAK, True), (TIME, False)]
)
def test_what_repeats_of_the_new_code_can_confirm(metric: Metric, expected: bool) -> None:
    """Counts and resident memory can be confirmed without the old code, times cannot."""
    assert confirmable(suspect_of(metric)) is expected


MILD_TO_SEVERE = [Verdict.UNCHANGED, Verdict.UNCONFIRMED, Verdict.REGRESSED]
repeats = st.lists(
    st.lists(st.integers(500, 2500).map(float), min_size=1, max_size=3), min_size=1, max_size=3
)


@settings(deadline=None)
@given(repeats, st.integers(0, 1000), st.booleans())
def test_costlier_repeats_never_give_a_milder_verdict(
    processes: list[list[float]], more: int, warm: bool
) -> None:
    """Adding the same cost to every repeat can only make the verdict harder."""
    suspect = suspect_of(warm=1000 if warm else None)
    costlier = [[value + more for value in values] for values in processes]
    mild = decide(suspect, Evidence(processes=processes), confirm="auto").verdict
    severe = decide(suspect, Evidence(processes=costlier), confirm="auto").verdict
    assert MILD_TO_SEVERE.index(mild) <= MILD_TO_SEVERE.index(severe)


@settings(deadline=None)
@given(repeats)
def test_the_order_of_processes_does_not_matter(processes: list[list[float]]) -> None:
    """Evidence is a set of processes, not a sequence."""
    forth = decide(suspect_of(), Evidence(processes=processes), confirm="auto")
    back = decide(suspect_of(), Evidence(processes=processes[::-1]), confirm="auto")
    assert forth == back


# --- a whole session ------------------------------------------------------------------------------------------


def test_nothing_changed() -> None:
    """A session that costs what it did passes, and says how much was compared."""
    result = gate(run_of(record()), section_of({TEST: bytes_entry(100_000, 100_000)}))
    assert result.success
    assert result.findings == []
    assert result.counts.line() == (
        "compared 1 · regressed 0 · improved 0 · unconfirmed 0 · new 0 · missing 0 · not judged 0"
    )


def test_a_regression() -> None:
    """What repeats confirm fails the session, once, however many metrics of the record show it."""
    values = {"allocated_bytes": 200_000, "allocated_blocks": 2000}
    entry = {"allocated_bytes": Figure(100_000, 90_000), "allocated_blocks": Figure(1000, 900)}
    evidence = {
        (TEST, "allocated_bytes"): Evidence(processes=[[190_000], [195_000]]),
        (TEST, "allocated_blocks"): Evidence(processes=[[1900], [1950]]),
    }
    result = gate(run_of(record(values=values)), section_of({TEST: entry}), evidence=evidence)
    assert result.failures == ["1 record regressed"]
    assert (result.counts.compared, result.counts.regressed) == (1, 1)
    (first, second) = result.findings
    assert {first.metric, second.metric} == {BYTES, METRICS["allocated_blocks"]}
    assert first.was in (90_000, 900)


def test_a_suspect_that_is_cleared() -> None:
    """What fresh processes do not show is told apart, and neither counted nor failed."""
    evidence = {(TEST, "allocated_bytes"): Evidence(processes=[[90_000]])}
    result = gate(
        run_of(record(values={"allocated_bytes": 200_000})),
        section_of({TEST: bytes_entry(100_000, 90_000)}),
        evidence=evidence,
    )
    assert result.success
    assert (len(result.cleared), result.findings, result.counts.compared) == (1, [], 1)


@pytest.mark.parametrize(
    ("confirm", "failures"),
    [
        ("auto", []),
        ("always", []),
        ("strict", ["1 record unconfirmed under --perf-confirm=strict"]),
        ("off", ["1 record regressed"]),
    ],
)
def test_a_time_that_nothing_proves(confirm: str, failures: list[str]) -> None:
    """It is reported by default, red under strict, and believed when confirmation is off."""
    result = gate(
        run_of(record(values={"wall_time": 9_000_000})),
        section_of({TEST: {"wall_time": Figure(1_000_000, 900_000)}}),
        confirm=confirm,
    )
    assert result.failures == failures
    assert result.counts.unconfirmed == (confirm != "off")


def test_confirming_everything_accuses_nobody() -> None:
    """Under ``always`` a record within its limits that could not be measured again is not called doubtful."""
    values = {"wall_time": 1_000_000, "allocated_bytes": 100_000}
    entry = {"wall_time": Figure(1_000_000, 900_000), "allocated_bytes": Figure(100_000, 90_000)}
    result = gate(run_of(record(values=values)), section_of({TEST: entry}), confirm="always")
    assert result.counts.unconfirmed == 0
    assert result.success


@pytest.mark.parametrize(
    ("fail", "failures"),
    [("all", ["2 records regressed"]), ("counts", ["1 record regressed"]), ("never", [])],
)
def test_what_may_fail(fail: str, failures: list[str]) -> None:
    """A team chooses: everything, only what is the same on every machine, or nothing yet."""
    run = run_of(
        record("t.py::a", values={"wall_time": 9_000_000}), record("t.py::b", values={"allocated_bytes": 9e6})
    )
    section = section_of({"t.py::a": {"wall_time": Figure(1e6)}, "t.py::b": bytes_entry(1e6)})
    result = gate(run, section, Policy(fail=fail), confirm="off")
    assert result.failures == failures
    assert result.counts.regressed == 2


@pytest.mark.parametrize(
    ("answer", "failures"), [("ok", []), ("warn", []), ("fail", ['1 record new, and new = "fail"'])]
)
def test_new_tests(answer: str, failures: list[str]) -> None:
    """A test the baseline does not know is counted as new, and fails where the project wants it."""
    run = run_of(record(), record("t.py::new"))
    result = gate(run, section_of({TEST: bytes_entry(100_000)}), Policy(new=answer))
    assert (result.counts.compared, result.counts.new) == (1, 1)
    assert result.failures == failures
    assert [finding.node_id for finding in result.of(Verdict.NEW)] == ["t.py::new"]


@pytest.mark.parametrize(
    ("answer", "failures"), [("ok", []), ("warn", []), ("fail", ['1 record missing, and missing = "fail"'])]
)
def test_missing_tests(answer: str, failures: list[str]) -> None:
    """An entry that no test claimed is counted as missing, and fails where the project wants it."""
    section = section_of({TEST: bytes_entry(100_000), "t.py::gone": bytes_entry(1)})
    result = gate(run_of(record()), section, Policy(missing=answer))
    assert (result.counts.compared, result.counts.missing) == (1, 1)
    assert result.failures == failures
    assert [finding.node_id for finding in result.of(Verdict.MISSING)] == ["t.py::gone"]


@pytest.mark.parametrize(
    ("entry", "changes", "missing"),
    [
        ("t.py::gone", {}, True),
        ("t.py::gone", {"complete": False}, False),
        ("t.py::gone", {"wholly_collected": set()}, False),
        ("other.py::gone", {}, False),
        ("t.py::gone", {"claimed": {TEST, "t.py::gone"}}, False),
        ("t.py::gone", {"deselected": {"t.py::gone"}}, False),
        ("t.py::gone::Parsing", {}, True),
        ("t.py::gone::Parsing", {"deselected": {"t.py::gone"}}, False),
        ("t.py::gone::Parsing", {"claimed": {TEST, "t.py::gone"}}, False),
        (f"{TEST}::Parsing", {}, True),
        (f"{TEST}::Parsing/Lexing", {}, True),
        (f"{TEST}::odd::name", {}, True),
        ("t.py::TestClass::gone", {}, True),
    ],
)
def test_what_is_missing(entry: str, changes: dict[str, object], missing: bool) -> None:
    """Missing is what was collected whole in a session that completed, and neither run nor left out on purpose."""
    section = section_of({TEST: bytes_entry(100_000), entry: bytes_entry(1)})
    result = gate(run_of(record(), **changes), section)
    assert [finding.node_id for finding in result.of(Verdict.MISSING)] == [entry] * missing


@pytest.mark.parametrize("outcome", ["failed", "skipped", "xfailed"])
def test_sections_of_a_test_that_did_not_pass_are_not_missing(outcome: str) -> None:
    """A test that stopped half way never reached them."""
    section = section_of(
        {TEST: bytes_entry(1), f"{TEST}::Parsing": bytes_entry(1), "t.py::b": bytes_entry(1)}
    )
    run = run_of(record(outcome=outcome), record("t.py::b", values={"allocated_bytes": 1}))
    assert gate(run, section).counts.missing == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"outcome": "failed"}, "failed"),
        ({"outcome": "skipped", "values": {}}, "skipped"),
        ({"exempt": "talks to a server"}, "exempt: talks to a server"),
        ({"exempt": ""}, "exempt"),
        ({"values": {}, "unmeasured": {"wall_time": "it exited"}}, "not measured: it exited"),
        ({"values": {}}, "not measured"),
        (
            {"values": {"cpu_time": 5}, "unmeasured": {"allocated_bytes": "a hook was put over ours"}},
            "not measured: a hook was put over ours",
        ),
        ({"values": {"cpu_time": 5}}, "no gated metric in common with the baseline"),
    ],
)
def test_what_is_not_judged(changes: dict[str, object], reason: str) -> None:
    """Each record that cannot be judged is counted under its reason, and is neither compared nor new."""
    section = section_of({TEST: bytes_entry(1), "t.py::b": bytes_entry(100_000)})
    result = gate(run_of(record(**changes), record("t.py::b")), section)
    assert dict(result.not_judged) == {reason: 1}
    assert (result.counts.not_judged, result.counts.compared, result.counts.new) == (1, 1, 0)


def test_comparing_nothing_fails() -> None:
    """Renaming every test must not turn the gate green."""
    section = section_of({TEST: bytes_entry(1)})
    assert gate(run_of(record("t.py::renamed")), section).failures == ["nothing was compared"]
    assert gate(run_of(record(outcome="skipped")), section).failures == ["nothing was compared"]


def test_failed_session_is_not_failed_twice() -> None:
    """Where the only tests failed the session is red already, and a lack of records would be the wrong reason."""
    section = section_of({TEST: bytes_entry(1)})
    assert gate(run_of(record(outcome="failed")), section).failures == []
    assert gate(run_of(), section).failures == []


def test_another_processor() -> None:
    """Stored times do not compare on another CPU, and a note says so; counts do."""
    values = {"wall_time": 9_000_000, "allocated_bytes": 100_000}
    entry = {"wall_time": Figure(1_000_000), **bytes_entry(100_000)}
    run = run_of(record(values=values))
    result = gate(run, section_of({TEST: entry}, cpu_model="CPU B"), confirm="off")
    assert result.success
    assert result.counts.compared == 1
    assert result.notes == (
        "time is not compared: stored on another CPU (CPU B; here CPU A); --perf-against=REF proves times",
    )


def test_nothing_but_incomparable_figures() -> None:
    """A record of which nothing compares is not judged, with the reason."""
    run = run_of(record(values={"wall_time": 9_000_000}))
    result = gate(run, section_of({TEST: {"wall_time": Figure(1)}}, cpu_model="CPU B"))
    assert dict(result.not_judged) == {
        "incomparable: stored on another CPU (CPU B; here CPU A); --perf-against=REF proves times": 1
    }
    assert result.failures == ["nothing was compared"]


def test_a_disturbed_session() -> None:
    """Under coverage neither times nor memory nor collections compare, but the number of queries does."""
    values = {"allocated_bytes": 9e9, "wall_time": 9e9, "gc_collections": 99, "db_queries": 4}
    entry = {name: Figure(1, 1) for name in values}
    run = run_of(
        record(values=values), disturbances=dict.fromkeys(("time", "memory", "gc"), "coverage is measuring")
    )
    result = gate(run, section_of({TEST: entry}), confirm="off")
    assert [finding.metric for finding in result.findings] == [QUERIES]


def test_dependencies_that_changed_are_named() -> None:
    """Another version may explain everything, so it is said."""
    section = section_of({TEST: bytes_entry(100_000)}, distributions={"pydantic": "2.0"})
    assert gate(run_of(record()), section).notes == (
        "dependencies changed since the baseline: pydantic 2.0 → 2.1",
    )


@pytest.mark.parametrize(
    ("now", "improved"), [(10**6, False), (900_000, False), (810_001, False), (810_000, True), (0, True)]
)
def test_an_improvement(now: float, improved: bool) -> None:
    """Even a first execution that beats the stored warm value by a tenth is worth a line."""
    result = gate(
        run_of(record(values={"allocated_bytes": now})), section_of({TEST: bytes_entry(1_000_000, 900_000)})
    )
    assert result.counts.improved == improved
    assert result.success


def test_a_single_fast_time_is_no_improvement() -> None:
    """Times need more than one execution, for better as for worse."""
    run = run_of(record(values={"wall_time": 1}))
    assert gate(run, section_of({TEST: {"wall_time": Figure(1_000_000)}})).counts.improved == 0


def test_marks_and_rules_reach_the_gate() -> None:
    """A mark tolerates more than the project does, or takes a metric out; a rule names its reason."""
    section = section_of({TEST: bytes_entry(100_000)})
    worse = {"allocated_bytes": 180_000}
    assert gate(run_of(record(values=worse)), section, confirm="off").counts.regressed == 1
    marked = run_of(record(values=worse, thresholds={"memory": "100%"}))
    assert gate(marked, section, confirm="off").counts.regressed == 0
    exempt = run_of(record(values=worse, thresholds={"memory": "off"}))
    assert gate(exempt, section, confirm="off").counts.compared == 0


def test_a_section_is_judged_like_a_test() -> None:
    """Sections are compared and counted by themselves, and the test to execute again is theirs."""
    name = f"{TEST}::Parsing"
    run = run_of(record(), record(name, test_id=TEST, values={"allocated_bytes": 900_000}))
    section = section_of({TEST: bytes_entry(100_000), name: bytes_entry(100_000, 100_000)})
    (suspect,) = screen(run, section, Policy()).suspects
    assert (suspect.node_id, suspect.test_id) == (name, TEST)
    assert gate(run, section, confirm="off").counts.compared == 2


@pytest.mark.parametrize(("budgets", "over"), [({"wall_time": "1ms"}, False), ({"wall_time": "999us"}, True)])
def test_budgets_need_no_baseline(budgets: dict[str, object], over: bool) -> None:
    """A record over its budget is a suspect with an entry, without one, and without any baseline."""
    run = run_of(record(values={"wall_time": 1_000_000}, budgets=budgets))
    for section in (None, section_of({}), section_of({TEST: {"wall_time": Figure(1_000_000)}})):
        result = gate(run, section, confirm="off")
        assert (result.counts.compared, result.counts.regressed) == (1, int(over))
        assert [finding.verdict for finding in result.of(Verdict.OVER_BUDGET)] == [Verdict.OVER_BUDGET] * over


def test_a_budget_beside_nothing_in_common() -> None:
    """A record judged by its budget alone is compared, and not at the same time not judged."""
    run = run_of(record(values={"wall_time": 1}, budgets={"wall_time": "1ms"}))
    result = gate(run, section_of({TEST: bytes_entry(1)}))
    assert (result.counts.compared, result.counts.not_judged) == (1, 0)


def test_a_budget_that_was_not_measured_is_told() -> None:
    """A budget without a figure must not pass in silence."""
    run = run_of(
        record(
            values={"wall_time": 1},
            unmeasured={"allocated_bytes": "a hook was put over ours"},
            budgets={"allocated_bytes": "1MB"},
        )
    )
    result = gate(run, section_of({TEST: {"wall_time": Figure(1)}}))
    assert result.notes == (
        f"{TEST}: its budget for allocated_bytes is not judged: a hook was put over ours",
    )


def test_a_budget_for_an_own_metric() -> None:
    """A user's metric has a budget under its prefixed name, in its own direction."""
    run = run_of(
        record(
            values={"rows_per_s": 5.0}, own_metrics={"rows_per_s": ROWS}, budgets={"custom.rows_per_s": 10}
        )
    )
    assert gate(run, section_of({}), confirm="off").counts.regressed == 1


def test_the_worst_comes_first() -> None:
    """Findings are ordered by verdict, then by how many times the old value the new one is, zero being worst."""
    values = {"a": 2e6, "b": 9e6, "c": 3e6, "d": 2e5}
    entries = {f"t.py::{name}": bytes_entry(1e6) for name in "abcd"} | {"t.py::d": bytes_entry(0)}
    run = run_of(
        *(record(f"t.py::{name}", values={"allocated_bytes": now}) for name, now in values.items()),
        record("t.py::new"),
    )
    result = gate(run, section_of(entries), confirm="off")
    assert [finding.node_id[-1] for finding in result.findings] == ["d", "b", "c", "a", "w"]


node_ids = st.sampled_from([f"t.py::test_{letter}" for letter in "abcde"])
costs = st.integers(0, 300_000).map(float)
records_by_id = st.dictionaries(
    node_ids,
    st.fixed_dictionaries({}, optional={"allocated_bytes": costs, "wall_time": costs, "db_queries": costs}),
    max_size=5,
)


@settings(deadline=None)
@given(records_by_id, records_by_id, st.sampled_from(["auto", "strict", "off"]), st.randoms())
def test_the_order_of_records_does_not_matter(
    measured: dict[str, dict[str, float]],
    stored: dict[str, dict[str, float]],
    confirm: str,
    random: object,
) -> None:
    """Workers finish when they like: the answer is the same."""
    section = section_of({name: {m: Figure(v) for m, v in values.items()} for name, values in stored.items()})
    records = [record(name, values=values) for name, values in measured.items()]
    one = gate(run_of(*records), section, confirm=confirm)
    random.shuffle(records)  # type: ignore[attr-defined]
    assert gate(run_of(*records), section, confirm=confirm) == one


@settings(deadline=None)
@given(records_by_id, records_by_id)
def test_every_record_meets_one_end(
    measured: dict[str, dict[str, float]], stored: dict[str, dict[str, float]]
) -> None:
    """Compared, new and not judged add up to the records, and missing to the rest of the entries."""
    section = section_of({name: {m: Figure(v) for m, v in values.items()} for name, values in stored.items()})
    counts = gate(run_of(*(record(n, values=v) for n, v in measured.items())), section).counts
    assert counts.compared + counts.new + counts.not_judged == len(measured)
    assert counts.missing == len(set(stored) - set(measured))


@settings(deadline=None)
@given(records_by_id)
def test_a_session_against_itself(measured: dict[str, dict[str, float]]) -> None:
    """Whatever was measured, measuring it again finds nothing worse and nothing better."""
    section = section_of(
        {name: {m: Figure(v) for m, v in values.items()} for name, values in measured.items()}
    )
    result = gate(run_of(*(record(n, values=v) for n, v in measured.items())), section, confirm="off")
    assert result.findings == []


def test_a_ratio_of_values_with_other_signs() -> None:
    """How many times as much cannot be said of a value that was below zero, as net blocks may be."""
    blocks = METRICS["net_blocks"]

    def ratio(was: float, now: float) -> float | None:
        return Finding(node_id=TEST, verdict=Verdict.REGRESSED, metric=blocks, was=was, now=now).ratio

    assert ratio(2, 5) == 2.5
    assert ratio(2, 0) == 0
    assert ratio(0, 5) is None
    assert ratio(-5, 100) is None
    assert ratio(100, -5) is None


def test_screening_without_records() -> None:
    """An empty session is screened to nothing."""
    assert screen(run_of(), section_of({}), Policy()) == Screening()


def test_rules_of_the_project_are_part_of_the_limit() -> None:
    """A finding carries the rule that convicted it, its origin and the value it allows."""
    policy = Policy(table=parse_thresholds({"allocated_bytes": "5%"}, "here"))
    result = gate(
        run_of(record(values={"allocated_bytes": 200_000})),
        section_of({TEST: bytes_entry(100_000)}),
        policy,
        confirm="off",
    )
    limit = result.findings[0].limit
    assert limit is not None
    assert (limit.value, limit.rule, limit.origin) == (105_000, "+5 % and 16.0 KB", "configuration")
