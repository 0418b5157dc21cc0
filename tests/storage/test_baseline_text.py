"""The text of a baseline: what is written is read back."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_querycache.model.baseline import Baseline, Commit, Entry, Figure, Section
from pytest_querycache.model.environment import StoredEnvironment
from pytest_querycache.storage.baseline_reader import parse_baseline
from pytest_querycache.storage.baseline_text import LAST, write_baseline

PATH = Path("perf-baseline.json")
KEY = "cpython-3.12-linux-x86_64-native"

MACHINE = StoredEnvironment(
    full_version="3.12.1",
    cpu_model="Some CPU @ 2.00GHz",
    cpu_count=2,
    workers=0,
    distributions={"pytest": "9.0", "sqlglot": "28.1"},
)


def typical_entry(cold: int = 1_234_567) -> Entry:
    """An entry as a session with the native counter and three fresh processes leaves it."""
    return Entry(
        [
            ("wall_time", Figure(cold, 1_098_765, 345_678)),
            ("cpu_time", Figure(1_222_222)),
            ("allocated_bytes", Figure(2_345_678, 1_234_567, 2_345)),
            ("allocated_blocks", Figure(23_456, 12_345, 12)),
            ("peak_rss", Figure(1_234_567, 1_234_567)),
            ("gc_collections", Figure(12, 11)),
        ],
        commit="0123456789ab",
    )


def baseline_of(**entries: Entry) -> Baseline:
    named = {name.replace("__", "::"): entry for name, entry in entries.items()}
    return Baseline(
        sections={
            KEY: Section(
                environment=MACHINE,
                entries=named,
                commits={"0123456789ab": Commit(dirty=False, date="2024-05-06")},
            )
        }
    )


def test_the_text_of_a_small_baseline() -> None:
    """The whole format at a glance: versioned, sorted, one line for each test, a last line in each list."""
    entry = Entry([("wall_time", Figure(2_000_000, 1_500_000)), ("db_queries", Figure(3))], commit="abc")
    alone = Entry([("allocated_bytes", Figure(4096, 4096, 12.5))], alone=True)
    baseline = Baseline(
        sections={
            KEY: Section(
                environment=StoredEnvironment(
                    full_version="3.12.1", cpu_model="CPU µ", cpu_count=2, distributions={"pytest": "9.0"}
                ),
                entries={"t.py::test_b[é]": alone, "t.py::test_a": entry},
                commits={"abc": Commit(dirty=True, date="2024-05-06")},
                reference_ns=750_000,
            )
        }
    )
    assert write_baseline(baseline) == (
        "{\n"
        '"format": "pytest-querycache baseline",\n'
        '"version": 1,\n'
        '"sections": {\n'
        ' "cpython-3.12-linux-x86_64-native": {\n'
        '  "environment": {"python": "3.12.1", "cpu": "CPU µ", "cpus": 2, "workers": 0},\n'
        '  "reference_ns": 750000,\n'
        '  "distributions": {\n'
        '    "pytest": "9.0",\n'
        '    "~": "this line stays last, so that branches merge"\n'
        "  },\n"
        '  "commits": {\n'
        '    "abc": {"dirty": true, "date": "2024-05-06"},\n'
        '    "~": "this line stays last, so that branches merge"\n'
        "  },\n"
        '  "entries": {\n'
        '    "t.py::test_a": {"wall_time": [2000000, 1500000], "db_queries": [3], "commit": "abc"},\n'
        '    "t.py::test_b[é]": {"allocated_bytes": [4096, 4096, 12.5], "alone": 1},\n'
        '    "~": "this line stays last, so that branches merge"\n'
        "  }\n"
        " },\n"
        ' "~": {}\n'
        "}\n"
        "}\n"
    )


# names may be anything but the one that is reserved; numbers anything finite
names = st.text(st.characters(exclude_categories=()), max_size=12).filter(lambda name: name != LAST)
numbers = st.one_of(
    st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([0, 1e22])
)
figures = st.builds(Figure, numbers, st.none() | numbers, st.none() | numbers)
entries = st.builds(
    Entry,
    st.dictionaries(
        st.sampled_from(["wall_time", "commit", "alone", "rows per \u2028", "x"]), figures, max_size=3
    ).map(lambda table: list(table.items())),
    commit=st.sampled_from(["", "0123456789ab"]),
    alone=st.booleans(),
)
environments = st.builds(
    StoredEnvironment,
    full_version=names,
    cpu_model=names,
    cpu_count=st.integers(0, 512),
    workers=st.integers(0, 64),
    distributions=st.dictionaries(names, names, max_size=2),
)
baselines = st.builds(
    Baseline,
    sections=st.dictionaries(
        names,
        st.builds(
            Section,
            environment=environments,
            entries=st.dictionaries(names, entries, max_size=4),
            commits=st.dictionaries(names, st.builds(Commit, dirty=st.booleans(), date=names), max_size=2),
            reference_ns=st.none() | numbers,
        ),
        max_size=2,
    ),
)


@settings(deadline=None)
@given(baselines)
def test_what_is_written_is_read_back(baseline: Baseline) -> None:
    """Any baseline survives the way through its text, and the text the way through the baseline."""
    text = write_baseline(baseline)
    assert parse_baseline(text, PATH) == baseline
    assert write_baseline(parse_baseline(text, PATH)) == text


@settings(deadline=None)
@given(baselines)
def test_the_text_is_json_in_utf8_with_one_line_for_each_entry(baseline: Baseline) -> None:
    """Any JSON reader can read it, it can be encoded, it ends in a newline, and no name breaks a line."""
    text = write_baseline(baseline)
    json.loads(text.encode("utf-8"))
    assert text.endswith("}\n")
    head = 4 + sum(
        12
        + (section.reference_ns is not None)
        + len(section.entries)
        + len(section.commits)
        + len(section.environment.distributions)
        for section in baseline.sections.values()
    )
    assert text.count("\n") == head + 3


@settings(deadline=None)
@given(st.dictionaries(names, entries, max_size=4), names, entries)
def test_an_added_entry_touches_one_line(known: dict[str, Entry], name: str, entry: Entry) -> None:
    """A pull request with one new test shows one added line, wherever the test sorts."""
    known.pop(name, None)
    before = write_baseline(Baseline(sections={KEY: Section(environment=MACHINE, entries=dict(known))}))
    after = write_baseline(
        Baseline(sections={KEY: Section(environment=MACHINE, entries={**known, name: entry})})
    )
    old, new = before.split("\n"), after.split("\n")
    different = [number for number, line in enumerate(new) if number >= len(old) or old[number] != line]
    assert old == new[: different[0]] + new[different[0] + 1 :]


def test_a_typical_entry_is_short() -> None:
    """Six metrics with spreads and a commit take at most 250 bytes beside the node id."""
    name = "tests/test_a.py::test_one"
    text = write_baseline(baseline_of(**{name.replace("::", "__"): typical_entry()}))
    (line,) = [line for line in text.split("\n") if name in line]
    assert len(line.encode()) - len(name) <= 250


def test_fifty_thousand_names_are_stored_once() -> None:
    """Entries with the same metrics share their names, so that a large suite stays small in memory."""
    first, second = (parse_baseline(write_baseline(baseline_of(a=typical_entry(n))), PATH) for n in (1, 2))
    one, other = first.sections[KEY].entries["a"], second.sections[KEY].entries["a"]
    assert one != other
    assert [name for name, _ in one.figures()] == [name for name, _ in other.figures()]
    assert all(a is b for (a, _), (b, _) in zip(one.figures(), other.figures(), strict=True))
