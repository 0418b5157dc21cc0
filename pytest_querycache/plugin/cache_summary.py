"""The session's line about its caches of compiled queries, collected from xdist's workers too."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from .query_fixtures import session_figures

if TYPE_CHECKING:
    from ..queries.statistics import CacheStats

_WORKER_OUTPUT = "query_cache_statistics"
_WORKERS_KEY: pytest.StashKey[CacheStats] = pytest.StashKey()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """As a worker, hand the figures to the controller."""
    output = getattr(session.config, "workeroutput", None)
    stats = session_figures(session.config) if output is not None else None
    if output is not None and stats is not None:
        output[_WORKER_OUTPUT] = asdict(stats)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add up what a worker handed over."""
    plain = getattr(node, "workeroutput", {}).get(_WORKER_OUTPUT)
    if plain is None:
        return
    from ..queries.statistics import CacheStats

    stats = CacheStats(**plain)
    so_far = node.config.stash.get(_WORKERS_KEY, None)
    node.config.stash[_WORKERS_KEY] = stats if so_far is None else so_far + stats


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what the caches did, where any was used."""
    stats, workers = session_figures(config), config.stash.get(_WORKERS_KEY, None)
    if stats is not None and workers is not None:
        stats = stats + workers
    stats = stats or workers
    if stats is not None:
        terminalreporter.write_line(f"query cache: {stats.describe()}")
