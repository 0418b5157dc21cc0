"""Numbers with units, as people write them and as they read them."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_querycache.errors import ConfigurationError
from pytest_querycache.model.quantity import format_quantity, parse_quantity


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1ns", (1, "ns")),
        ("3us", (3_000, "ns")),
        ("3µs", (3_000, "ns")),
        ("3μs", (3_000, "ns")),
        ("1.5 ms", (1_500_000, "ns")),
        ("2s", (2e9, "ns")),
        ("2 min", (120e9, "ns")),
        ("2m", (120e9, "ns")),
        ("1KB", (1024, "B")),
        ("1kib", (1024, "B")),
        ("16 KiB", (16_384, "B")),
        ("2MB", (2 * 1024**2, "B")),
        ("1GiB", (1024**3, "B")),
        ("7b", (7, "B")),
        ("1_000", (1000, "")),
        ("1e3", (1000, "")),
        (" 3 ", (3, "")),
        (0, (0, "")),
        (2.5, (2.5, "")),
    ],
)
def test_a_number_with_a_unit(text: object, expected: tuple[float, str]) -> None:
    """Every unit people use for times and sizes is understood, in any case and with or without a blank."""
    assert parse_quantity(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-1ms", "'-1ms' is not a number with a unit, such as '1ms', '16KiB' or '3'"),
        ("nan", "'nan' is not a number with a unit, such as '1ms', '16KiB' or '3'"),
        ("inf", "'inf' is not a number with a unit, such as '1ms', '16KiB' or '3'"),
        ("", "'' is not a number with a unit, such as '1ms', '16KiB' or '3'"),
        ("1ms2", "'1ms2' is not a number with a unit, such as '1ms', '16KiB' or '3'"),
        ("1e999", "'1e999' is not a finite number"),
        (
            "3 parsecs",
            "unknown unit 'parsecs' in '3 parsecs', expected one of "
            "ns, us, ms, s, m, min, b, kb, kib, mb, mib, gb, gib",
        ),
        (-1, "-1 is not a finite number of zero or more"),
        (math.nan, "nan is not a finite number of zero or more"),
        (math.inf, "inf is not a finite number of zero or more"),
        (True, "unexpected bool True, expected a number or a text"),
        (None, "unexpected NoneType None, expected a number or a text"),
        ([1], "unexpected list [1], expected a number or a text"),
    ],
)
def test_what_is_no_quantity(text: object, message: str) -> None:
    """What cannot be understood is refused with the reason and an example."""
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
        parse_quantity(text)


def test_an_integer_too_large_for_any_clock() -> None:
    """TOML's integers have no end; one beyond every float is refused like infinity."""
    with pytest.raises(ConfigurationError, match=r"is not a finite number of zero or more$"):
        parse_quantity(10**400)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0, "ns", "0 ns"),
        (999, "ns", "999 ns"),
        (1_000, "ns", "1.00 µs"),
        (1_240_000, "ns", "1.24 ms"),
        (12_400_000, "ns", "12.4 ms"),
        (124_000_000, "ns", "124 ms"),
        (61e9, "ns", "61.0 s"),
        (7_200e9, "ns", "7,200 s"),
        (-1_500, "ns", "-1.50 µs"),
        (1023, "B", "1023 B"),
        (1024, "B", "1.00 KB"),
        (12.3 * 1024, "B", "12.3 KB"),
        (5 * 1024**3, "B", "5.00 GB"),
        (1204, "count", "1,204"),
        (2.5, "count", "2.5"),
        (1234.5, "", "1,234"),
        (5, "rows/s", "5 rows/s"),
        (0.123456, "rows/s", "0.123 rows/s"),
    ],
)
def test_values_for_people(value: float, unit: str, expected: str) -> None:
    """A value is shown with three digits or so, in the unit that keeps it short."""
    assert format_quantity(value, unit) == expected


@settings(deadline=None)
@given(st.text(max_size=12))
def test_any_text_is_a_quantity_or_refused(text: str) -> None:
    """Whatever is written, the answer is a finite number of zero or more, or a ConfigurationError."""
    try:
        value, dimension = parse_quantity(text)
    except ConfigurationError:
        return
    assert math.isfinite(value)
    assert value >= 0
    assert dimension in {"ns", "B", ""}
