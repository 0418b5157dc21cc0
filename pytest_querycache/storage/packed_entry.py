"""Entries packed while a file is being parsed, so that 50,000 of them never stand in memory as objects."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from math import nan
from typing import Any

from ..errors import BaselineError
from ..model.baseline import Entry, Figure
from ..model.quantity import is_finite

NOT_FIGURES = frozenset({"commit", "alone", "sql"})
"""The members of an entry that are no metric's figures."""

_PLAIN = frozenset({int, float})

_PADDING = ((), (nan, nan), (nan,), ())
"""What completes a figure of one, two or three numbers."""


def packed_object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Entry | BaselineError:
    """What a parsed object is: an entry, where it looks like one, or any other mapping.

    What is wrong with one is returned, because only the reader knows which one it is.
    """
    entry = _packed_at_once(pairs)
    if entry is not None:
        return entry
    if not any(isinstance(value, list) for _, value in pairs) or not all(
        isinstance(value, list) or name in NOT_FIGURES for name, value in pairs
    ):
        return dict(pairs)
    try:
        return packed_entry(pairs)
    except BaselineError as error:
        return error


def _packed_at_once(pairs: list[tuple[str, Any]]) -> Entry | None:
    """The entry, where it is of the common kind: figures of plain numbers, and a commit. None for anything else.

    This is the way of 49,999 out of 50,000 entries; whatever is unusual or wrong takes the longer one.
    """
    names: list[str] = []
    given: list[float] = []
    numbers: list[float] = []
    commit = ""
    for name, value in pairs:
        if type(value) is list and 0 < len(value) <= 3:
            names.append(name)
            given += value
            numbers += value
            numbers += _PADDING[len(value)]
        elif name == "commit" and type(value) is str:
            commit = value
        else:
            return None
    if not names or not _PLAIN.issuperset(map(type, given)) or not _all_finite(given):
        return None
    return Entry.packed(names, array("d", numbers), commit=commit)


def _all_finite(numbers: list[float]) -> bool:
    try:
        return is_finite(sum(numbers))
    except OverflowError:  # an integer that no float can hold, beside a float
        return False


def packed_entry(pairs: Iterable[tuple[str, Any]]) -> Entry:
    """An entry of any kind; raises BaselineError that says what in it is wrong."""
    figures, commit, alone, statements = [], "", False, None
    for name, value in pairs:
        if name == "commit" and isinstance(value, str):
            commit = value
        elif name == "alone" and not isinstance(value, list):
            alone = bool(value)
        elif name == "sql":
            statements = _statements(value)
        else:
            figures.append((name, _figure(name, value)))
    return Entry(figures, commit=commit, alone=alone, statements=statements)


def _statements(value: object) -> dict[str, int]:
    if not isinstance(value, dict) or not all(
        isinstance(count, int) and not isinstance(count, bool) for count in value.values()
    ):
        raise BaselineError(f"unexpected {value!r} in 'sql', expected counts by fingerprint")
    return value


def _figure(name: str, value: object) -> Figure:
    if not isinstance(value, list) or not 1 <= len(value) <= 3 or not is_number(value[0]):
        raise BaselineError(f"unexpected {value!r} in {name!r}, expected [cold, warm, spread]")
    if any(number is not None and not is_number(number) for number in value):
        raise BaselineError(f"unexpected {value!r} in {name!r}, expected numbers")
    return Figure(*value)


def is_number(value: object) -> bool:
    """Whether a parsed value is a number that a figure may hold."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and is_finite(value)
