"""Who reads the reports of tests, and with them the figures in their properties."""

from __future__ import annotations

import pytest

_HOOKS = (
    "pytest_runtest_makereport",
    "pytest_runtest_logreport",
    "pytest_report_to_serializable",
    "pytest_terminal_summary",
)
"""The hooks that are given reports, or can reach them."""

_READ_NO_PROPERTIES = frozenset(
    {"_pytest", "pytest_querycache", "xdist", "pytest_cov", "pytest_asyncio", "_hypothesis_pytestplugin"}
)
"""Packages whose hooks look at other things; pytest's own writer of JUnit files is the exception."""

_WORKER_INPUT = "perf_properties_read"


def tell_worker(config: pytest.Config, worker_input: dict[str, object]) -> None:
    """Let an xdist worker know whether its controller has a reader."""
    worker_input[_WORKER_INPUT] = _has_reader(config)


def somebody_reads(config: pytest.Config) -> bool:
    """Whether properties on reports are worth their time and memory, here or at the controller."""
    told = getattr(config, "workerinput", {_WORKER_INPUT: False}).get(_WORKER_INPUT, True)
    return bool(told) or _has_reader(config)


def _has_reader(config: pytest.Config) -> bool:
    return any(
        _is_reader(implementation.function.__module__)
        for name in _HOOKS
        for implementation in getattr(config.hook, name).get_hookimpls()
    )


def _is_reader(module: str) -> bool:
    return module == "_pytest.junitxml" or module.partition(".")[0] not in _READ_NO_PROPERTIES
