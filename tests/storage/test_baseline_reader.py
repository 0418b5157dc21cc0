"""What is damaged, foreign or too new is refused in one clear line."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_querycache.errors import BaselineError
from pytest_querycache.model.baseline import Baseline, Commit, Entry, Figure, Section
from pytest_querycache.model.environment import StoredEnvironment
from pytest_querycache.storage.baseline_reader import parse_baseline
from pytest_querycache.storage.baseline_text import write_baseline

PATH = Path("perf-baseline.json")
AGAIN = "restore it from the repository, or delete it, and pytest --perf-update writes a new one"
START = '{"format": "pytest-querycache baseline", "version": 1, "sections": '
EMPTY = START + '{"k": {"environment": {}, "entries": {%s}}}}'


def one_entry(text: str) -> str:
    return EMPTY % f'"t.py::a": {text}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            "perf-baseline.json: the file is empty, expected a baseline; "
            "delete it, and pytest --perf-update writes a new one",
        ),
        (
            " \n\n",
            "perf-baseline.json: the file is empty, expected a baseline; "
            "delete it, and pytest --perf-update writes a new one",
        ),
        (
            "{\n<<<<<<< HEAD\n}",
            "perf-baseline.json:2: the file holds conflict markers of a merge; keep the lines of both sides, "
            "or take one side and run pytest --perf-update",
        ),
        (
            "{\n}\n>>>>>>> branch\n",
            "perf-baseline.json:3: the file holds conflict markers of a merge; keep the lines of both sides, "
            "or take one side and run pytest --perf-update",
        ),
        (
            '{"format":\n',
            f"perf-baseline.json:2: not JSON (Expecting value), expected a baseline; {AGAIN}",
        ),
        ("hello", f"perf-baseline.json:1: not JSON (Expecting value), expected a baseline; {AGAIN}"),
        ("[]", f"perf-baseline.json: unexpected list in the file, expected an object; {AGAIN}"),
        ("3", f"perf-baseline.json: unexpected int in the file, expected an object; {AGAIN}"),
        (
            "{}",
            "perf-baseline.json: 'format' is None, expected 'pytest-querycache baseline': "
            f"this is not a baseline; {AGAIN}",
        ),
        (
            '{"format": "pytest-querycache run", "version": 1}',
            "perf-baseline.json: this is a run, expected a baseline; "
            "querycache accept RUN takes its figures into one",
        ),
        (
            '{"format": "pytest-querycache baseline"}',
            f"perf-baseline.json: unexpected None in 'version', expected a number; {AGAIN}",
        ),
        (
            '{"format": "pytest-querycache baseline", "version": "1"}',
            f"perf-baseline.json: unexpected '1' in 'version', expected a number; {AGAIN}",
        ),
        (
            '{"format": "pytest-querycache baseline", "version": true}',
            f"perf-baseline.json: unexpected True in 'version', expected a number; {AGAIN}",
        ),
        (
            '{"format": "pytest-querycache baseline", "version": 2, "sections": []}',
            "perf-baseline.json: the file has format 2, this version reads up to 1; upgrade pytest-querycache",
        ),
        (
            '{"format": "pytest-querycache baseline", "version": 1}',
            f"perf-baseline.json: unexpected NoneType in 'sections', expected an object; {AGAIN}",
        ),
        (
            START + '{"k": 5}}',
            f"perf-baseline.json: unexpected int in 'sections'.'k', expected an object; {AGAIN}",
        ),
        (
            START + '{"k": {}}}',
            "perf-baseline.json: unexpected NoneType in 'sections'.'k'.'environment', expected an object; "
            f"{AGAIN}",
        ),
        (
            START + '{"k": {"environment": {"cpus": "2"}, "entries": {}}}}',
            "perf-baseline.json: unexpected '2' in 'sections'.'k'.'environment'.'cpus', "
            f"expected a whole number; {AGAIN}",
        ),
        (
            START + '{"k": {"environment": {}, "entries": {}, "reference_ns": "1"}}}',
            f"perf-baseline.json: unexpected '1' in 'sections'.'k'.'reference_ns', expected a number; {AGAIN}",
        ),
        (
            START + '{"k": {"environment": {}, "entries": {}, "reference_ns": 1e999}}}',
            f"perf-baseline.json: unexpected inf in 'sections'.'k'.'reference_ns', expected a number; {AGAIN}",
        ),
        (
            START + '{"k": {"environment": {}, "entries": {}, "commits": {"c": 1}}}}',
            f"perf-baseline.json: unexpected int in 'sections'.'k'.'commits'.'c', expected an object; {AGAIN}",
        ),
        (
            one_entry('"x"'),
            "perf-baseline.json: unexpected str in 'sections'.'k'.'entries'.'t.py::a', expected figures; "
            f"{AGAIN}",
        ),
        (
            one_entry('{"wall_time": 5}'),
            "perf-baseline.json: unexpected dict in 'sections'.'k'.'entries'.'t.py::a', expected figures; "
            f"{AGAIN}",
        ),
        (
            one_entry('{"wall_time": []}'),
            "perf-baseline.json: unexpected [] in 'wall_time', expected [cold, warm, spread], "
            f"in 'sections'.'k'.'entries'.'t.py::a'; {AGAIN}",
        ),
        (
            one_entry('{"wall_time": [1, 2, 3, 4]}'),
            "perf-baseline.json: unexpected [1, 2, 3, 4] in 'wall_time', expected [cold, warm, spread], "
            f"in 'sections'.'k'.'entries'.'t.py::a'; {AGAIN}",
        ),
        (
            one_entry('{"wall_time": [null, 2]}'),
            "perf-baseline.json: unexpected [None, 2] in 'wall_time', expected [cold, warm, spread], "
            f"in 'sections'.'k'.'entries'.'t.py::a'; {AGAIN}",
        ),
        (
            one_entry('{"wall_time": [1, true]}'),
            "perf-baseline.json: unexpected [1, True] in 'wall_time', expected numbers, "
            f"in 'sections'.'k'.'entries'.'t.py::a'; {AGAIN}",
        ),
        (
            one_entry('{"wall_time": [1, 1e999]}'),
            "perf-baseline.json: unexpected [1, inf] in 'wall_time', expected numbers, "
            f"in 'sections'.'k'.'entries'.'t.py::a'; {AGAIN}",
        ),
        (
            one_entry('{"wall_time": [1], "commit": 7}'),
            "perf-baseline.json: unexpected 7 in 'commit', expected [cold, warm, spread], "
            f"in 'sections'.'k'.'entries'.'t.py::a'; {AGAIN}",
        ),
        (
            one_entry('{"wall_time": [NaN]}'),
            f"perf-baseline.json: NaN is not a number that a baseline may hold; {AGAIN}",
        ),
        (
            one_entry('{"wall_time": [-Infinity]}'),
            f"perf-baseline.json: -Infinity is not a number that a baseline may hold; {AGAIN}",
        ),
    ],
)
def test_a_file_that_is_no_baseline(text: str, message: str) -> None:
    """One line says which file, where in it, what is there, what was expected, and what to do."""
    with pytest.raises(BaselineError, match=f"^{re.escape(message)}$"):
        parse_baseline(text, PATH)


def test_a_newer_version_may_look_like_nothing_known() -> None:
    """The version is looked at first, whatever else a later format has put into the file."""
    text = '{"format": "pytest-querycache baseline", "version": 2, "anything": [[1]], "sections": 5}'
    with pytest.raises(BaselineError, match=r"the file has format 2, this version reads up to 1; upgrade"):
        parse_baseline(text, PATH)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000,
        one_entry('{"wall_time": [' + "9" * 5_000 + "]}"),
        one_entry('{"wall_time": [' + "9" * 400 + "]}"),
    ],
    ids=["deep", "deep and closed", "deep objects", "more digits than Python reads", "too large for a float"],
)
def test_extremes(text: str) -> None:
    """Deep nesting and endless numbers are refused like anything else that cannot be read."""
    with pytest.raises(BaselineError, match=r"^perf-baseline\.json.*; restore it from the repository, or "):
        parse_baseline(text, PATH)


def test_a_merge_that_kept_the_lines_of_both_sides() -> None:
    """Two branches that added the same test leave two lines of it: the file is read, and the later line counts."""
    text = (
        EMPTY % '"t.py::a": {"wall_time": [1]}, "t.py::a": {"wall_time": [2]}, "t.py::b": {"wall_time": [3]}'
    )
    section = parse_baseline(text, PATH).sections["k"]
    assert {name: entry.figure("wall_time") for name, entry in section.entries.items()} == {
        "t.py::a": Figure(2),
        "t.py::b": Figure(3),
    }


SAMPLE = write_baseline(
    Baseline(
        sections={
            "cpython-3.12-linux-x86_64-native": Section(
                environment=StoredEnvironment(cpu_count=2, distributions={"pytest": "9.0"}),
                entries={
                    "a.py::test_one": Entry(
                        [
                            ("wall_time", Figure(1_234_567, 1_098_765, 345_678)),
                            ("cpu_time", Figure(1_222_222)),
                        ],
                        commit="0123456789ab",
                    ),
                    "a.py::test_two": Entry([("rows", Figure(-2.5, None, 3))], alone=True),
                },
                commits={"0123456789ab": Commit(dirty=False, date="2024-05-06")},
            )
        }
    )
)
FRAGMENTS = [
    "",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "null",
    "true",
    "-",
    "9" * 400,
    "1e999",
    "NaN",
    "\\",
    "\0",
    "\n",
]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(SAMPLE)),
            st.integers(0, 40),
            st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=3)),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_damage_is_refused_or_harmless(damages: list[tuple[int, int, str]]) -> None:
    """Wherever a file is cut or scribbled on, it is refused in one line or is still a baseline."""
    text = SAMPLE
    for start, length, scribble in damages:
        text = text[:start] + scribble + text[start + length :]
    try:
        baseline = parse_baseline(text, PATH)
    except BaselineError as error:
        assert str(error).startswith("perf-baseline.json")  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017
        assert "pytest" in str(error)  # noqa: PT017
        return
    for section in baseline.sections.values():
        for entry in section.entries.values():
            for _, figure in entry.figures():
                assert all(math.isfinite(number) for number in figure if number is not None)
    assert parse_baseline(write_baseline(baseline), PATH) == baseline


@pytest.mark.parametrize("share", range(1, 20))
def test_a_truncated_file(share: int) -> None:
    """A file that ends too early is never taken for a smaller baseline."""
    with pytest.raises(BaselineError, match="not JSON"):
        parse_baseline(SAMPLE[: len(SAMPLE) * share // 20], PATH)
