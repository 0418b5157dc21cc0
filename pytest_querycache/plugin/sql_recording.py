"""Records the statements of every test, and offers the fixture ``query_spy``.

This module is imported in every session; what records is imported when an option or a test asks for it.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from .sql_waiting import UntilADriverComes
from .sql_watch import configured_drivers, recorder_of

if TYPE_CHECKING:
    from ..queries.attribution import Owner
    from ..queries.recorder import Recorder
    from ..queries.recording import Recording
    from ..queries.spy import QuerySpy

FIXTURE = "query_spy"
WORKER_OUTPUT = "perf_sql_unseen"
"""The key of a worker's output that tells the controller what statements could not be seen."""
_LEFT_OVER = "statements were executed in the context of an earlier test, as by a server that outlives it"
_NAME = "querycache-sql"
_WAITING = "querycache-sql-waiting"
SQL_KEY: pytest.StashKey[SqlRecording] = pytest.StashKey()
_OWNER_KEY: pytest.StashKey[Owner] = pytest.StashKey()
_SETUP_KEY: pytest.StashKey[Recording] = pytest.StashKey()
_CALL_KEY: pytest.StashKey[Recording] = pytest.StashKey()


def start_recording(config: pytest.Config, *, at_once: bool = False) -> SqlRecording | None:
    """Record the statements of this session's tests, unless the configuration says ``sql = false``.

    Raises ``pytest.UsageError`` for a setting that cannot be understood. What is started here ends with the session.
    With ``at_once`` the hooks around every test are there although no driver has been imported yet.
    """
    known = config.stash.get(SQL_KEY, None)
    if known is not None:
        if at_once:
            _register(config, known)
        return known
    drivers = configured_drivers(config, config.getoption("perf_set", None))
    if not drivers:
        return None
    recorder = recorder_of(config, drivers)
    plugin = SqlRecording(config, recorder)
    config.stash[SQL_KEY] = plugin
    if at_once or recorder.is_active:
        _register(config, plugin)
    else:
        config.pluginmanager.register(UntilADriverComes(plugin, partial(_register, config, plugin)), _WAITING)
    return plugin


def _register(config: pytest.Config, plugin: SqlRecording) -> None:
    manager = config.pluginmanager
    if not manager.hasplugin(_NAME):
        manager.register(plugin, _NAME)
    if manager.hasplugin(_WAITING):
        manager.unregister(name=_WAITING)
    plugin.recorder.hand_on()
    plugin.recorder.on_arrival = lambda: None


def start_for_spy(item: pytest.Item) -> None:
    """Record from the collection of a test that asks for ``query_spy``, so that no connection is opened unseen."""
    if FIXTURE in getattr(item, "fixturenames", ()):
        start_recording(item.config, at_once=True)


def figures_of(item: pytest.Item) -> dict[str, Any] | None:
    """What the test's last call executed, or None where nothing was recorded.

    ``values`` are the metrics of the family ``queries``, none where they depend on the order of the tests, as where
    a server in the event loop of a module serves each test in the context of the first; ``unmeasured`` then says
    so of each metric. ``statements`` lists
    ``[digest, text, count, call site, repeated, rows]`` for each fingerprint, the most frequent first, at most 100.
    ``setup`` counts the statements before the call, ``unattributed`` those that may or may not belong to the test,
    ``not_kept`` those whose text was one too many. All survive JSON.
    """
    recording = item.stash.get(_CALL_KEY, None)
    if recording is None:
        return None
    summary = recording.summary()
    setup = item.stash.get(_SETUP_KEY, None)
    values = summary.figures()
    told: dict[str, Any] = {"values": values, "statements": summary.plain()}
    if recording.left_over:
        told.update(values={}, unmeasured=dict.fromkeys(values, _LEFT_OVER))
    context = {
        "setup": setup.count() if setup is not None else 0,
        "unattributed": recording.unattributed,
        "not_kept": summary.not_kept,
    }
    told.update({name: number for name, number in context.items() if number})
    return told


class SqlRecording:
    """Makes every test the owner of what it executes, from its setup on, and keeps the phases apart.

    The owner is set before the setup, because event loops and threads copy the context when they are made.
    """

    def __init__(self, config: pytest.Config, recorder: Recorder) -> None:
        from ..queries.call_site import CallSites

        self.recorder = recorder
        self._call_sites = CallSites(str(config.rootpath))
        self._late: tuple[pytest.Item, Owner] | None = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Make the test the owner, and take note of drivers imported since the last one."""
        self.recorder.look()
        self._end_late()
        owner = self._begin(item)
        try:
            return (yield)
        finally:
            self._end(item, owner)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Record the setup by itself: what fixtures execute is context."""
        if _CALL_KEY in item.stash:
            # an attempt before this one, which its report has told of
            del item.stash[_CALL_KEY]
        owner = self._owner(item)
        owner.recording = item.stash[_SETUP_KEY] = self._recording(owner)
        try:
            return (yield)
        finally:
            owner.recording = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Record the call, which is what counts."""
        owner = self._owner(item)
        owner.recording = item.stash[_CALL_KEY] = self._recording(owner)
        try:
            return (yield)
        finally:
            owner.recording = None

    def pytest_runtest_logfinish(self) -> None:
        """End a test that had begun before anybody wanted to record it."""
        self._end_late()

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """As an xdist worker, leave word for the controller of what was not seen."""
        self._end_late()
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[WORKER_OUTPUT] = self.recorder.unseen

    def begin_within(self, item: pytest.Item, *, is_called: bool) -> None:
        """Record the rest of a test that had begun before anybody wanted to."""
        owner = self._owner(item)
        owner.recording = item.stash[_CALL_KEY if is_called else _SETUP_KEY] = self._recording(owner)

    def spy(self, request: pytest.FixtureRequest) -> QuerySpy:
        """What the fixture gives: from now on every execution of the test is kept with its call site."""
        from ..queries.spy import QuerySpy

        item = request.node
        owner = self._owner(item)
        owner.keeps_records = True
        if owner.recording is None:
            owner.recording = item.stash[_SETUP_KEY] = self._recording(owner)
        owner.recording.keeps_records = True
        return QuerySpy(lambda: self._current(item, owner))

    def _current(self, item: pytest.Item, owner: Owner) -> Recording:
        if owner.recording is not None:
            return owner.recording
        return item.stash[_CALL_KEY] if _CALL_KEY in item.stash else item.stash[_SETUP_KEY]

    def _recording(self, owner: Owner) -> Recording:
        from ..queries.recording import Recording

        return Recording(self._call_sites, keeps_records=owner.keeps_records)

    def _owner(self, item: pytest.Item) -> Owner:
        """The owner of a test, which has none yet where this plugin was registered after the test had begun."""
        if _OWNER_KEY not in item.stash:
            self._end_late()
            self._late = item, self._begin(item)
        return item.stash[_OWNER_KEY]

    def _begin(self, item: pytest.Item) -> Owner:
        from ..queries.attribution import Owner, begin

        owner = item.stash[_OWNER_KEY] = Owner(item.nodeid)
        begin(owner)
        return owner

    def _end_late(self) -> None:
        if self._late is not None:
            late, self._late = self._late, None
            self._end(*late)

    def _end(self, item: pytest.Item, owner: Owner) -> None:
        from ..queries.attribution import end

        end(owner)
        del item.stash[_OWNER_KEY]
        for key in (_SETUP_KEY, _CALL_KEY):
            if key in item.stash:
                del item.stash[key]


@pytest.fixture
def query_spy(request: pytest.FixtureRequest) -> QuerySpy:
    """The statements the test executes: read them, limit them, or see whether they grow with the size.

    ``with query_spy.expect(max=3): …``, ``query_spy.statements``, ``query_spy.scaling(func, 1, 10)``.
    """
    plugin = start_recording(request.config, at_once=True)
    if plugin is None:
        raise pytest.UsageError(
            "query_spy: sql = false in [tool.pytest_querycache] switches the recording of statements off; "
            "name the drivers it may watch instead, such as sql = ['sqlite3']"
        )
    return plugin.spy(request)
