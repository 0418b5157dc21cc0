"""What waits, in a suite that has imported no driver so far, for one to come."""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .sql_recording import SqlRecording


class UntilADriverComes:
    """Keeps the hooks around every test away from a suite that uses no driver, which pays four short calls a test.

    A test that is the first to import a driver is recorded from the import on. What is imported before its setup
    or by another thread is noticed when its next phase begins, and what its teardown imports with the next test.
    """

    def __init__(self, plugin: SqlRecording, register: Callable[[], object]) -> None:
        self._plugin = plugin
        self._register = register
        self._item: pytest.Item | None = None
        self._is_called = False
        self._thread = get_ident()
        plugin.recorder.on_arrival = self._arrived

    def pytest_collection_finish(self) -> None:
        """Look for what test modules and conftests have imported."""
        self._plugin.recorder.look()
        self.pytest_runtest_logfinish()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Take note of the test, whose fixtures may import a driver."""
        self._item, self._is_called, self._thread = item, False, get_ident()
        self._begin_if_one_has_come()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self) -> None:
        """Take note that the test itself begins."""
        self._is_called = True
        self._begin_if_one_has_come()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self) -> None:
        """Take note that the test is over; what is imported from here on is the next one's."""
        self._item = None

    def pytest_runtest_logfinish(self) -> None:
        """Begin with the next test when something has brought a driver past the watch over imports."""
        self._item = None
        if self._plugin.recorder.is_active:
            self._register()

    def _begin_if_one_has_come(self) -> None:
        if self._plugin.recorder.is_active:
            self._arrived()

    def _arrived(self) -> None:
        # a thread beside the test has a context of its own, in which nothing can begin for the test
        if self._item is not None and self._thread == get_ident():
            item, self._item = self._item, None
            self._register()
            self._plugin.begin_within(item, is_called=self._is_called)
