"""The marks ``perf_threshold``, ``perf_budget`` and ``perf_skip``."""

from __future__ import annotations

from typing import Any

import pytest

from ..errors import ConfigurationError
from .query_fixtures import QUERY_CACHE_MARK

MARKS = (
    "perf_threshold(**thresholds): tolerate other changes than the project does, like time='50%'",
    "perf_budget(**limits): absolute limits that need no baseline, like wall_time='200ms'",
    "perf_skip(reason): measure the test, but never judge it",
)
_NAMES = frozenset({"perf_threshold", "perf_budget", "perf_skip"})


def register_marks(config: pytest.Config) -> None:
    """Make the marks known, so that --strict-markers accepts them."""
    for line in (*MARKS, QUERY_CACHE_MARK):
        config.addinivalue_line("markers", line)


def plain_marks(item: pytest.Item) -> dict[str, Any]:
    """What the item's marks say, as the user wrote it; the closest mark wins key by key.

    Raises ConfigurationError that names the item for anything that cannot be understood.
    """
    from ..model.threshold import (  # costs sessions without an option nothing
        IMPROVEMENT,
        parse_budgets,
        parse_thresholds,
    )

    thresholds: dict[str, object] = {}
    budgets: dict[str, object] = {}
    plain: dict[str, Any] = {}
    for mark in item.iter_markers():
        if mark.name not in _NAMES:
            continue
        if mark.name == "perf_skip":
            plain.setdefault("exempt", _reason(item, mark))
            continue
        if mark.args or not mark.kwargs:
            raise ConfigurationError(
                f"{item.nodeid}: mark {mark.name} takes named values only, such as {_EXAMPLES[mark.name]}"
            )
        table = thresholds if mark.name == "perf_threshold" else budgets
        for name, value in mark.kwargs.items():
            table.setdefault(name, value)
    if thresholds:
        if IMPROVEMENT in thresholds:
            raise ConfigurationError(
                f"{item.nodeid}: mark perf_threshold, key {IMPROVEMENT!r}: holds for the whole project, "
                "set it in [tool.pytest_querycache.thresholds]"
            )
        parse_thresholds(thresholds, f"{item.nodeid}: mark perf_threshold")
        plain["thresholds"] = thresholds
    if budgets:
        parse_budgets(budgets, f"{item.nodeid}: mark perf_budget")
        plain["budgets"] = budgets
    return plain


_EXAMPLES = {
    "perf_threshold": "perf_threshold(time='50%')",
    "perf_budget": "perf_budget(wall_time='200ms')",
}


def _reason(item: pytest.Item, mark: pytest.Mark) -> str:
    values = [*mark.args, *mark.kwargs.values()]
    if len(values) > 1 or set(mark.kwargs) - {"reason"} or not all(isinstance(v, str) for v in values):
        raise ConfigurationError(f"{item.nodeid}: mark perf_skip takes one text, perf_skip(reason='…')")
    return values[0] if values else ""
