"""The line of characters that stands for a series."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_querycache.reports.sparkline import BLOCKS, sparkline

VALUES = st.lists(st.floats(-1e9, 1e9), max_size=80)


@given(VALUES, st.integers(1, 100), st.booleans())
def test_width(values: list[float], width: int, plain: bool) -> None:
    """It has a character for each value as far as there is room, of one alphabet."""
    line = sparkline(values, width=width, plain=plain)
    assert len(line) == min(len(values), width)
    assert line.isascii() if plain else set(line) <= set(BLOCKS)


@given(VALUES)
def test_higher_values_stand_higher(values: list[float]) -> None:
    """Of two values the larger never has the lower character."""
    line = sparkline(values, width=100, plain=False)
    heights = [height for _, height in sorted(zip(values, map(BLOCKS.index, line), strict=True))]
    assert heights == sorted(heights)


@pytest.mark.parametrize(
    ("values", "width", "line"),
    [
        ([], 10, ""),
        ([5.0], 10, "▁"),
        ([0.0, 0.0], 10, "▁▁"),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], 10, "▁▂▃▄▅▆▇█"),
        ([1.0, 1.0, 9.0, 1.0, 8.0, 8.0], 2, "▁█"),
        ([1000.0, 1001.0, 1000.0], 10, "▁▁▁"),
    ],
)
def test_lines(values: list[float], width: int, line: str) -> None:
    """The range is the values' own; one that is all noise stays flat, and neighbours share a character's room."""
    assert sparkline(values, width=width, plain=False) == line
