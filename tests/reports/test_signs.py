"""Lines that a terminal shows and a log keeps, whatever names stand in them."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_querycache.reports.signs import carried, inert, visible

TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
MARKS = set("\u200e\u200f\u061c")


@given(st.text())
@example("\u2028\u2029\x85\x0b\x1c")
@example("\u202ea\u2066b\u200f")
def test_nothing_steers_the_terminal(text: str) -> None:
    """Whatever a name is made of, it is one line without control characters, in its own direction."""
    line = visible(text)
    assert len(line.splitlines()) <= 1
    assert not {"Cc", "Zl", "Zp"} & set(map(unicodedata.category, line))
    assert not TURNING & set(map(unicodedata.bidirectional, line))
    assert not MARKS & set(line)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("t[\x1b[2J]", r"t[\x1b[2J]"),
        ("t[\x1b]52;c;eA==\x07]", r"t[\x1b]52;c;eA==\x07]"),
        ("t\r\n::add-mask::x", r"t\r\n::add-mask::x"),
        ("t[\u202ecod.exe]", r"t[\u202ecod.exe]"),
        ("t\x9b2J\x7f", r"t\x9b2J\x7f"),
        ("t[é→日本]", "t[é→日本]"),
    ],
)
def test_what_stands_for_them(name: str, shown: str) -> None:
    """What would steer is written as Python writes it; every other character stays."""
    assert visible(name) == shown
    assert carried(name, "utf-8") == shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("::add-mask::x", r"\u003a:add-mask::x"),
        (" \u00a0 ::stop-commands::x", " \u00a0 " + r"\u003a:stop-commands::x"),
        ("  limit ##[add-mask]x", r"  limit \u0023#[add-mask]x"),
        ("###vso[task.complete]", r"#\u0023#vso[task.complete]"),
        ("t.py::test_a[1] ## 2", "t.py::test_a[1] ## 2"),
    ],
)
def test_nothing_is_a_command(line: str, shown: str) -> None:
    """A line is never one that a pipeline obeys, and an ordinary node id stays what it is."""
    assert inert(line) == shown


@given(st.dictionaries(st.text(), st.text()))
@example({"##[x]": "::a\\##["})
def test_json_stays_the_same(members: dict[str, str]) -> None:
    """What programs read is the same document, however hostile its names."""
    printed = [carried(line, "ascii") for line in json.dumps(members, indent=1).split("\n")]
    assert json.loads("\n".join(printed)) == members
