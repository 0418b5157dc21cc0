"""A pytest plugin that counts how often the call phase of each test calls one function.

The function is found by its code object through a profile function, so the library is run as it is.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Generator
from functools import reduce
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which function, and where to write the counts."""
    parser.addoption("--callers-of", metavar="MODULE:NAME", required=True)
    parser.addoption("--callers-to", metavar="FILE", required=True, type=Path)


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.pluginmanager.register(Callers(config.getoption("callers_of"), config.getoption("callers_to")))


class Callers:
    """Calls of one function, by node id."""

    def __init__(self, function: str, file: Path) -> None:
        self._function = function
        self._file = file
        self._calls: dict[str, int] = {}
        self._code: CodeType | None = None
        self._current = 0

    def pytest_runtestloop(self) -> None:
        """Find the function once the tests have imported their library."""
        module, _, name = self._function.partition(":")
        self._code = reduce(getattr, name.split("."), import_module(module)).__code__

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Watch the calls of one test, those of its threads included."""
        self._current = 0
        threading.setprofile(self._watch)
        sys.setprofile(self._watch)
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            self._calls[item.nodeid] = self._current

    def pytest_sessionfinish(self) -> None:
        """Write what was counted."""
        self._file.write_text(json.dumps(self._calls), encoding="utf-8")

    def _watch(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is self._code:
            self._current += 1
