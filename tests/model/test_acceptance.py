"""Accepting current figures: what changes in a baseline, and what stays byte for byte."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_querycache.model.acceptance import Acceptance, accept
from pytest_querycache.model.baseline import Baseline, Entry, Figure, Section
from pytest_querycache.model.change import Change
from pytest_querycache.model.decision import decide
from pytest_querycache.model.environment import Environment, StoredEnvironment
from pytest_querycache.model.learned import Learned, new_entry
from pytest_querycache.model.limit import first_sight_limit, repeat_limit, tolerance
from pytest_querycache.model.metric import METRICS
from pytest_querycache.model.policy import Policy
from pytest_querycache.model.record import Record, own_metric
from pytest_querycache.model.threshold import parse_thresholds
from pytest_querycache.model.verdict import Evidence, Suspect, Verdict
from pytest_querycache.storage.baseline_reader import parse_baseline
from pytest_querycache.storage.baseline_text import write_baseline

TEST = "t.py::test_one"
BYTES, TIME = METRICS["allocated_bytes"], METRICS["wall_time"]


def record(node_id: str = TEST, *, more: dict[str, object] | None = None, **values: float) -> Record:
    return Record(node_id=node_id, values=values, **(more or {}))  # type: ignore[arg-type]


def learned(
    *, cold: list[dict[str, float]] | None = None, warm: list[list[dict[str, float]]] | None = None
) -> dict[str, Learned]:
    """What fresh processes showed of the test: one cold execution of each, and its warm ones."""
    return {TEST: Learned(cold=[[values] for values in cold or ()], warm=warm or [])}


def section_of(**figures: Figure) -> Section:
    entries = {TEST: Entry(figures.items(), commit="old")} if figures else {}
    return Section(environment=StoredEnvironment(), entries=entries)


def on_cpu(model: str) -> Environment:
    return Environment(
        implementation="cpython",
        minor_version="3.11",
        platform="linux-x86_64",
        free_threaded=False,
        counter="native",
        cpu_model=model,
    )


def taken(section: Section, *records: Record, **more: object) -> Acceptance:
    more = {"learned": {}, "policy": Policy(), "environment": on_cpu(""), **more}
    return accept(section, records, commit="new", **more)  # type: ignore[arg-type]


def test_a_new_entry() -> None:
    """A test the baseline does not know is taken in, with the commit it was measured at."""
    section = section_of()
    acceptance = taken(section, record(wall_time=500, allocated_bytes=64))
    assert acceptance.new == [TEST]
    assert section.entries[TEST] == Entry(
        [("wall_time", Figure(500)), ("allocated_bytes", Figure(64))], commit="new"
    )


def test_an_entry_within_its_thresholds_stays() -> None:
    """A loss that creeps in below the threshold does not move the baseline: the entry is the very same object."""
    section = section_of(allocated_bytes=Figure(1_000_000, 1_000_000))
    before = section.entries[TEST]
    more = learned(cold=[{"allocated_bytes": 1_299_999}], warm=[[{"allocated_bytes": 1_299_999}]])
    acceptance = taken(section, record(allocated_bytes=1_299_999), learned=more)
    assert (acceptance.unchanged, acceptance.changed, acceptance.new) == (1, [], [])
    assert section.entries[TEST] is before


def test_a_change_is_told() -> None:
    """Beyond the threshold the entry becomes what was measured, and the change is reported from warm to warm."""
    section = section_of(allocated_bytes=Figure(1_100_000, 1_000_000))
    more = learned(cold=[{"allocated_bytes": 2_200_000}], warm=[[{"allocated_bytes": 2_000_000}]])
    acceptance = taken(section, record(allocated_bytes=2_100_000), learned=more)
    assert acceptance.changed == [Change(node_id=TEST, metric=BYTES, was=1_000_000, now=2_000_000)]
    assert section.entries[TEST] == Entry([("allocated_bytes", Figure(2_200_000, 2_000_000))], commit="new")


@pytest.mark.parametrize("outcome", ["failed", "skipped", "xfailed"])
def test_a_test_that_did_not_pass_keeps_its_entry(outcome: str) -> None:
    """Failed and skipped tests are left alone, known or not."""
    section = section_of(allocated_bytes=Figure(1))
    before = section.entries[TEST]
    acceptance = taken(
        section,
        record(allocated_bytes=9e9, more={"outcome": outcome}),
        record("t.py::unknown", allocated_bytes=9e9, more={"outcome": outcome}),
    )
    assert acceptance == Acceptance(kept_failed=1)
    assert section.entries == {TEST: before}


def test_a_partial_run_touches_only_what_it_measured() -> None:
    """Entries of tests that were not run stay, whether their tests still exist or not."""
    section = section_of(allocated_bytes=Figure(1))
    taken(section, record("t.py::other", allocated_bytes=5))
    assert set(section.entries) == {TEST, "t.py::other"}


def test_the_text_changes_only_where_something_changed() -> None:
    """A pull request shows the test whose cost changed, and no other line."""
    records = [record(f"t.py::test_{n}", wall_time=1_000_000, allocated_bytes=1_000_000) for n in range(5)]
    section = section_of()
    taken(section, *records)
    baseline = Baseline(sections={"k": section})
    before = write_baseline(baseline).split("\n")
    baseline = parse_baseline("\n".join(before), Path("b.json"))
    records[2].values["allocated_bytes"] = 9_000_000
    records[3].values["allocated_bytes"] = 1_000_001
    taken(baseline.sections["k"], *records)
    after = write_baseline(baseline).split("\n")
    assert [old != new for old, new in zip(before, after, strict=True)].count(True) == 1


@pytest.mark.parametrize(
    ("was", "now", "changes"),
    [
        (Figure(1_000_000, 1_000_000), 900_001, False),
        (Figure(1_000_000, 1_000_000), 899_999, True),  # better by more than a tenth is worth keeping
        (Figure(1_000_000, 1_000_000), 1_300_000, False),
        (Figure(1_000_000, 1_000_000), 1_300_001, True),
        (Figure(1_000_000, 1_000_000, 200_000), 1_600_000, False),  # within its own spread
        (Figure(1_000_000, 1_000_000, 200_000), 1_600_001, True),
        (Figure(1_000_000, 1_000_000, 200_000), 500_000, False),
        (Figure(100, 100), 16_483, False),  # under the floor, however many times as much
        (Figure(100, 100), 16_484, True),
        (Figure(0, 0), 16_384, True),
    ],
)
def test_when_a_count_changes(was: Figure, now: float, changes: bool) -> None:
    """A count changes when it is worse than tolerated, or better than a tenth, beyond floor and spread."""
    section = section_of(allocated_bytes=was)
    more = learned(warm=[[{"allocated_bytes": now}]])
    assert bool(taken(section, record(allocated_bytes=now), learned=more).changed) is changes


@pytest.mark.parametrize(
    ("cold", "warm", "changes"),
    [
        ([5e6, 6e6], [4e6], False),  # the same again
        ([9e6, 9.5e6], [8.5e6], True),  # slower than the slowest start ever was
        ([9e6, 9.5e6], [4.9e6], False),  # repeats lie within the spread, however slow the starts
        ([9e6, 9.5e6], [5.9e6], True),  # repeats are slower than the spread explains
        ([2e6, 2.1e6], [1.9e6], True),  # faster than the fastest repeat
        ([2e6, 4.1e6], [1.9e6], False),
    ],
)
def test_times_that_overlap_are_no_change(cold: list[float], warm: list[float], changes: bool) -> None:
    """Times change only when the repeats lie further apart than the spread."""
    section = section_of(wall_time=Figure(5_000_000, 4_000_000, 1_000_000))
    more = learned(
        cold=[{"wall_time": value} for value in cold[1:]], warm=[[{"wall_time": value}] for value in warm]
    )
    assert bool(taken(section, record(wall_time=cold[0]), learned=more).changed) is changes


def test_first_executions_are_held_against_first_executions() -> None:
    """An update without fresh processes keeps the warm values of every test that costs what it did."""
    section = section_of(allocated_bytes=Figure(1_000_000, 200_000), wall_time=Figure(9_000_000, 1_000_000))
    before = section.entries[TEST]
    taken(section, record(allocated_bytes=1_000_000, wall_time=9_000_000))
    assert section.entries[TEST] is before
    assert taken(section, record(allocated_bytes=1_900_000, wall_time=9_000_000)).changed == [
        Change(node_id=TEST, metric=BYTES, was=1_000_000, now=1_900_000)
    ]


def test_warm_values_are_taken_in_when_they_become_known() -> None:
    """An entry that knew only a first execution learns what repeats cost."""
    section = section_of(allocated_bytes=Figure(1_000))
    taken(section, record(allocated_bytes=1_000), learned=learned(warm=[[{"allocated_bytes": 800}]]))
    assert section.entries[TEST].figure("allocated_bytes") == Figure(1_000, 800)


def test_a_metric_that_becomes_known() -> None:
    """A figure the entry did not have is a change from nothing."""
    section = section_of(allocated_bytes=Figure(1_000))
    acceptance = taken(section, record(allocated_bytes=1_000, db_queries=3))
    assert acceptance.changed == [Change(node_id=TEST, metric=METRICS["db_queries"], was=None, now=3)]


def test_a_threshold_of_the_test_itself() -> None:
    """What the gate convicts by a mark, an update can accept; what a mark tolerates, it leaves alone."""
    more = learned(warm=[[{"allocated_bytes": 1_100_000}]])

    def changes(threshold: str) -> bool:
        section = section_of(allocated_bytes=Figure(1_000_000, 1_000_000))
        marked = record(allocated_bytes=1_100_000, more={"thresholds": {"allocated_bytes": threshold}})
        return bool(taken(section, marked, learned=more).changed)

    assert changes("2%")
    assert not changes("20%")


def test_what_a_new_entry_is_made_of() -> None:
    """Counts: largest cold, smallest warm, range of the processes' smallest. Times: medians of cold and warm."""
    found = Learned(
        cold=[
            [{"allocated_bytes": 1_500, "wall_time": 7_000, "cpu_time": 5, "peak_rss": 0}],
            [{"allocated_bytes": 1_100, "wall_time": 3_000, "cpu_time": 3, "peak_rss": 70}],
        ],
        warm=[
            [
                {"allocated_bytes": 1_000, "wall_time": 2_500, "peak_rss": 10},
                {"allocated_bytes": 1_010, "wall_time": 2_400, "peak_rss": 90},
            ],
            [{"allocated_bytes": 1_200, "wall_time": 2_600, "peak_rss": 0}],
        ],
    )
    entry = new_entry(
        record(allocated_bytes=1_300, wall_time=4_000, cpu_time=9, peak_rss=0), found, commit="c"
    )
    assert dict(entry.figures()) == {
        "allocated_bytes": Figure(1_500, 1_000, 200),
        "wall_time": Figure(4_000, 2_500, 4_000),
        "cpu_time": Figure(5),
        "peak_rss": Figure(90, 90),
    }
    assert (entry.commit, entry.alone) == ("c", False)


def test_an_own_metric_that_should_be_high() -> None:
    """Its worst cold value is the smallest, its best warm value the largest."""
    rows = own_metric("rows", unit="rows/s", better="higher", deterministic=True)
    found = Learned(cold=[[{"rows": 7.0}]], warm=[[{"rows": 8.5}, {"rows": 9.5}], [{"rows": 9.0}]])
    entry = new_entry(record(rows=8.0, more={"own_metrics": {"rows": rows}}), found, commit="")
    assert entry.figure("rows") == Figure(7.0, 9.5, 0.5)


def test_a_test_that_cannot_be_repeated() -> None:
    """Its entry says that its warm figures are first executions in processes of their own."""
    found = Learned(warm=[[{"allocated_bytes": 500}]], alone=True)
    assert new_entry(record(allocated_bytes=500), found, commit="").alone


def test_context_is_not_stored() -> None:
    """What nobody judges and nothing is explained by takes no room in the file."""
    entry = new_entry(
        record(wall_time=1, rss_growth=5, gc_gen0=3, cpu_time=0, cache_hits=0, gc_pause=7),
        Learned(),
        commit="",
    )
    assert [name for name, _ in entry.figures()] == ["wall_time", "gc_pause"]


def test_context_that_the_project_judges_is_stored() -> None:
    """A threshold for a context metric would otherwise never find anything to compare with."""
    policy = Policy(table=parse_thresholds({"rss_growth": "10%", "cpu_time": "10%"}, "here"))
    section = section_of()
    taken(section, record(wall_time=1, rss_growth=50_000_000, cpu_time=1_000_000), policy=policy)
    assert section.entries[TEST].figure("rss_growth") == Figure(50_000_000)
    acceptance = taken(section, record(wall_time=1, rss_growth=50_000_000, cpu_time=9_000_000), policy=policy)
    assert [change.metric.name for change in acceptance.changed] == ["cpu_time"]


amounts = st.integers(0, 5_000_000).map(float)


@settings(deadline=None)
@given(
    st.builds(Figure, amounts, amounts, st.none() | amounts),
    st.lists(st.integers(1, 100_000), min_size=1, max_size=3),
    st.sampled_from(["0%", "2%", "30%", "100% and 1MB"]),
)
def test_what_the_gate_convicts_an_update_accepts(stored: Figure, beyond: list[int], threshold: str) -> None:
    """After a conviction there is a way out: the update changes the entry, and the gate then acquits."""
    policy = Policy(table=parse_thresholds({"allocated_bytes": threshold}, "here"))
    rule = policy.thresholds_for(TEST)["allocated_bytes"]
    allowed = max(tolerance(rule, stored), rule.floor)
    cold = stored.cold + allowed + 1
    repeats = [(stored.warm or 0) + allowed + more for more in beyond]
    limit = first_sight_limit(rule, stored, cold, False)
    assert limit is not None

    def verdict(figure: Figure) -> Verdict:
        suspect = Suspect(
            node_id=TEST,
            test_id=TEST,
            metric=BYTES,
            now=cold,
            limit=limit,
            repeat_limit=repeat_limit(rule, figure),
        )
        return decide(suspect, Evidence(processes=[repeats]), confirm="auto").verdict

    assert verdict(stored) is Verdict.REGRESSED
    section = section_of(allocated_bytes=stored)
    more = learned(warm=[[{"allocated_bytes": value} for value in repeats]])
    acceptance = taken(section, record(allocated_bytes=cold), learned=more, policy=policy)
    assert len(acceptance.changed) == 1
    accepted = section.entries[TEST].figure("allocated_bytes")
    assert accepted is not None
    assert verdict(accepted) is Verdict.UNCHANGED


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(METRICS)), amounts), st.lists(amounts, max_size=2))
def test_accepting_twice_changes_nothing(values: dict[str, float], warm: list[float]) -> None:
    """The same figures accepted again leave the baseline's text as it is."""
    section = section_of()
    more = {TEST: Learned(warm=[[dict.fromkeys(values, value)] for value in warm])}
    taken(section, record(**values), learned=more)
    before = write_baseline(Baseline(sections={"k": section}))
    acceptance = taken(section, record(**values), learned=more)
    assert acceptance.changed == []
    assert write_baseline(Baseline(sections={"k": section})) == before


def two_entries_on_a_mac() -> Section:
    section = section_of(wall_time=Figure(5_000_000, 5_000_000), allocated_bytes=Figure(1_000, 1_000))
    section.entries["t.py::test_two"] = Entry([("wall_time", Figure(1_000_000))], commit="old")
    section.environment = StoredEnvironment(cpu_model="M4")
    return section


def test_part_of_a_suite_on_another_cpu_brings_its_counts_alone() -> None:
    """One section never mixes times of two machines: a partial update elsewhere keeps the old ones."""
    section = two_entries_on_a_mac()
    taken(section, record(wall_time=90_000_000, allocated_bytes=900_000), environment=on_cpu("EPYC"))
    assert section.environment.cpu_model == "M4"
    entry = section.entries[TEST]
    assert entry.figure("wall_time") == Figure(5_000_000, 5_000_000)
    assert entry.figure("allocated_bytes") == Figure(900_000)


def test_another_cpu_leaves_the_reference_alone() -> None:
    """Times that were brought to no machine's speed are not called those of a machine they never saw."""
    section = two_entries_on_a_mac()
    taken(section, record(allocated_bytes=5, reference_time=70_000), environment=on_cpu("EPYC"))
    assert section.reference_ns is None


def test_statements_are_counts_of_any_cpu() -> None:
    """What became more on another machine can still be named: the entry knows its statements."""
    section = two_entries_on_a_mac()
    statements = [["digest", "SELECT 1", 3, "t.py:1", 3, 0]]
    taken(section, record(db_queries=3, more={"statements": statements}), environment=on_cpu("EPYC"))
    assert section.entries[TEST].statements == {"digest": 3}


def test_old_times_keep_their_machine() -> None:
    """Who puts old times back gets the section's CPU and reference unchanged, even from a whole suite elsewhere."""
    section = two_entries_on_a_mac()
    section.reference_ns = 90_000
    both = record(wall_time=9_000_000, reference_time=50_000), record("t.py::test_two", wall_time=2_000_000)
    taken(section, *both, environment=on_cpu("EPYC"), keeps_times=True)
    assert (section.environment.cpu_model, section.reference_ns) == ("M4", 90_000)
    assert section.entries["t.py::test_two"].figure("wall_time") == Figure(1_000_000)


def test_new_test_on_another_cpu_has_no_time() -> None:
    """A test that is new on another machine than the section's is taken in without a time."""
    section = two_entries_on_a_mac()
    new = record("t.py::test_new", wall_time=7_000_000, allocated_bytes=5)
    taken(section, new, environment=on_cpu("EPYC"))
    assert [name for name, _ in section.entries["t.py::test_new"].figures()] == ["allocated_bytes"]


def test_whole_suite_on_another_cpu_moves_the_section() -> None:
    """A complete update on another machine replaces every time, and the section's machine with them."""
    section = two_entries_on_a_mac()
    both = record(wall_time=9_000_000), record("t.py::test_two", wall_time=2_000_000)
    taken(section, *both, environment=on_cpu("EPYC"))
    assert section.environment.cpu_model == "EPYC"
    assert section.entries["t.py::test_two"].figure("wall_time") == Figure(2_000_000)


SCRIPT = "import of the catalogue"


def test_a_suite_on_another_cpu_does_not_wait_for_scripts() -> None:
    """What a script measured, and entries no test claims any more, keep their counts and lose their times."""
    section = section_of(wall_time=Figure(5_000_000), allocated_bytes=Figure(100_000))
    both = [("wall_time", Figure(5_000_000)), ("allocated_bytes", Figure(100_000))]
    section.entries.update({SCRIPT: Entry(both), "t.py::gone": Entry(both, alone=True)})
    section.environment = StoredEnvironment(cpu_model="M4")
    taken(section, record(wall_time=90_000_000), environment=on_cpu("EPYC"), gone=["t.py::gone"])
    assert section.environment.cpu_model == "EPYC"
    assert section.entries[TEST].figure("wall_time") == Figure(90_000_000)
    counts = [("allocated_bytes", Figure(100_000))]
    assert section.entries[SCRIPT] == Entry(counts)
    assert section.entries["t.py::gone"] == Entry(counts, alone=True)


def with_versions(**versions: str) -> Environment:
    return replace(on_cpu(""), distributions=versions)


@pytest.mark.parametrize(
    ("others", "gone", "versions", "older"),
    [
        ([], [], {"pydantic": "2.2", "attrs": "24"}, 0),
        (["t.py::other"], [], {"pydantic": "2.1", "attrs": "24"}, 1),
        (["t.py::other"], ["t.py::other"], {"pydantic": "2.2", "attrs": "24"}, 0),
        ([SCRIPT], [], {"pydantic": "2.2", "attrs": "24"}, 0),
    ],
    ids=["whole suite", "part of it", "all that is left", "all but a script"],
)
def test_newer_dependencies(others: list[str], gone: list[str], versions: dict[str, str], older: int) -> None:
    """A section names newer versions only when no test's entry was measured with older ones."""
    section = section_of(allocated_bytes=Figure(1))
    section.entries.update(dict.fromkeys(others, section.entries[TEST]))
    section.environment = StoredEnvironment(distributions={"pydantic": "2.1"})
    acceptance = taken(
        section,
        record(allocated_bytes=1),
        environment=with_versions(pydantic="2.2", attrs="24"),
        gone=gone,
    )
    assert section.environment.distributions == versions
    assert acceptance.older == older


def test_a_script_beside_tests_leaves_their_dependencies_alone() -> None:
    """The tests' entries were measured with the versions that the section names."""
    section = section_of(allocated_bytes=Figure(1))
    section.environment = StoredEnvironment(distributions={"pydantic": "2.1"})
    taken(section, record(SCRIPT, allocated_bytes=1), environment=with_versions(pydantic="2.2"))
    assert section.environment.distributions == {"pydantic": "2.1"}
