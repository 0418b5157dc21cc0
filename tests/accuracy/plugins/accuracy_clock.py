"""A pytest plugin: how long the tests took, and what came after them, in which suspects are confirmed."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from time import perf_counter

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Ask for the file to write."""
    parser.addoption("--accuracy-clock", metavar="FILE", help="write the session's times to this file")


def pytest_configure(config: pytest.Config) -> None:
    """Measure whole sessions only, not the processes that a session starts to confirm."""
    file = config.getoption("--accuracy-clock")
    if file and not config.pluginmanager.hasplugin("querycache-arm"):
        config.pluginmanager.register(_Clock(Path(file)), "accuracy-clock")


class _Clock:
    """``tests_seconds`` is the tests themselves, ``confirming_seconds`` everything after the last of them."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._started = self._last_test_ended = perf_counter()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self) -> None:
        """Begin with the first test."""
        self._started = self._last_test_ended = perf_counter()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self) -> None:
        """Note the last test's end, whichever it is."""
        self._last_test_ended = perf_counter()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        """Write, once every plugin has done what it does when the last test has ended."""
        result = yield
        times = {
            "tests_seconds": self._last_test_ended - self._started,
            "confirming_seconds": perf_counter() - self._last_test_ended,
        }
        self._file.write_text(json.dumps(times), encoding="utf-8")
        return result
