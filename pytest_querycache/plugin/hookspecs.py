"""Hooks that other plugins and conftest files may implement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..model.environment import Environment
    from ..model.record import Run
    from ..model.verdict import Finding, GateResult


@pytest.hookspec
def pytest_querycache_environment(config: pytest.Config) -> Mapping[str, str]:  # type: ignore[empty-body]
    """More that decides what tests cost, such as ``{"postgresql": "15.8"}``.

    Kept with the baseline beside the installed distributions; the report names what changed.
    """


@pytest.hookspec
def pytest_querycache_metrics(item: pytest.Item) -> Mapping[str, float]:  # type: ignore[empty-body]
    """More values of a test, by metric name, right after its call.

    A name that is no built-in metric becomes a metric of the user's own, for which lower is better.
    """


@pytest.hookspec(firstresult=True)
def pytest_querycache_baseline_key(config: pytest.Config, environment: Environment) -> str | None:
    """Another name for the section of the baseline than ``environment.key``; the first answer counts."""


@pytest.hookspec(firstresult=True)
def pytest_querycache_judge(config: pytest.Config, finding: Finding) -> str | None:
    """See a verdict that could fail the session; a text in answer vetoes it, and is reported as the reason."""


@pytest.hookspec
def pytest_querycache_report(config: pytest.Config, run: Run, result: GateResult) -> None:
    """See the whole result of a gated session, once, to report it elsewhere."""
