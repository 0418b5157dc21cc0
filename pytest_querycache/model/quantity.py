"""Numbers with units, read from what people write and written as people read them."""

from __future__ import annotations

import math
import re

from ..errors import ConfigurationError

_UNITS: dict[str, tuple[str, float]] = {
    "ns": ("ns", 1),
    "us": ("ns", 1e3),
    "µs": ("ns", 1e3),
    "μs": ("ns", 1e3),
    "ms": ("ns", 1e6),
    "s": ("ns", 1e9),
    "m": ("ns", 60e9),
    "min": ("ns", 60e9),
    "b": ("B", 1),
    "kb": ("B", 1024),
    "kib": ("B", 1024),
    "mb": ("B", 1024**2),
    "mib": ("B", 1024**2),
    "gb": ("B", 1024**3),
    "gib": ("B", 1024**3),
    "": ("", 1),
}

_QUANTITY = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)\s*([A-Za-zµμ]*)")


def parse_quantity(text: object) -> tuple[float, str]:
    """A non-negative number with an optional unit, as (value, dimension).

    The dimension is ``ns`` for times, ``B`` for sizes and empty for a bare number. KB and KiB both mean 1,024
    bytes, as they do on most command lines. Raises ConfigurationError for anything else.
    """
    if isinstance(text, bool) or not isinstance(text, (int, float, str)):
        raise ConfigurationError(f"unexpected {type(text).__name__} {text!r}, expected a number or a text")
    if isinstance(text, (int, float)):
        if not is_finite(text) or text < 0:
            raise ConfigurationError(f"{text!r} is not a finite number of zero or more")
        return float(text), ""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise ConfigurationError(f"{text!r} is not a number with a unit, such as '1ms', '16KiB' or '3'")
    unit = _UNITS.get(match[2].lower())
    if unit is None:
        known = ", ".join(name for name in _UNITS if name and name not in {"µs", "μs"})
        raise ConfigurationError(f"unknown unit {match[2]!r} in {text!r}, expected one of {known}")
    value = float(match[1].replace("_", "")) * unit[1]
    if not math.isfinite(value):
        raise ConfigurationError(f"{text!r} is not a finite number")
    return value, unit[0]


def is_finite(number: float) -> bool:
    """Whether a number is one that a float can hold; integers have no such limit by themselves."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def format_quantity(value: float, unit: str) -> str:
    """A value for people: ``1.24 ms``, ``12.3 KB``, ``1,204``, ``5 rows/s``."""
    if unit == "ns":
        return _scaled(value, (("ns", 1), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)))
    if unit == "B":
        return _scaled(value, (("B", 1), ("KB", 1024), ("MB", 1024**2), ("GB", 1024**3)))
    whole = float(value).is_integer() or abs(value) >= 100
    number = f"{value:,.0f}" if whole else f"{value:,.3g}"
    return number if unit in {"count", ""} else f"{number} {unit}"


def _scaled(value: float, steps: tuple[tuple[str, float], ...]) -> str:
    name, size = steps[0]
    for next_name, next_size in steps[1:]:
        if abs(value) < next_size:
            break
        name, size = next_name, next_size
    scaled = value / size
    if size == 1:
        return f"{scaled:.0f} {name}"
    digits = 2 if abs(scaled) < 10 else 1 if abs(scaled) < 100 else 0
    return f"{scaled:,.{digits}f} {name}"
