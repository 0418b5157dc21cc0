"""A recorder that watches what the tests of the drivers import, and one recording for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from pytest_querycache.queries.attribution import Owner, begin, end
from pytest_querycache.queries.call_site import CallSites
from pytest_querycache.queries.recorder import Recorder
from pytest_querycache.queries.recording import Recording
from pytest_querycache.queries.statement import Summary

HERE = Path(__file__).parent


class Observed:
    """A test that owns what it executes, and what was recorded of it."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.owner = Owner("observed")
        self.call_sites = CallSites(str(HERE))
        self.recording = Recording(self.call_sites)

    @contextmanager
    def phase(self) -> Iterator[Recording]:
        """Record what the block executes, and nothing else."""
        recording = self.recording = self.owner.recording = Recording(self.call_sites)
        try:
            yield recording
        finally:
            self.owner.recording = None

    @property
    def summary(self) -> Summary:
        """What the last phase executed."""
        return self.recording.summary()

    @property
    def counts(self) -> dict[str, int]:
        """Executions by what people read of the statement."""
        return {use.text: use.count for use in self.summary.uses}


@pytest.fixture
def observed() -> Iterator[Observed]:
    """Record from here on; connections opened in the test are seen."""
    observed = Observed()
    observed.recorder.install()
    begin(observed.owner)
    yield observed
    end(observed.owner)
    observed.recorder.uninstall()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A PostgreSQL server of this session's own."""
    from .postgres import NoServer, running_server

    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_server())
        except NoServer as reason:
            pytest.skip(str(reason))
        yield server


@pytest.fixture(scope="session")
def django_configured(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Django with a database file and one application whose tables exist."""
    django = pytest.importorskip("django", reason="Django is not installed")
    from django.conf import settings

    if not settings.configured:
        database = tmp_path_factory.mktemp("django") / "database.sqlite3"
        settings.configure(
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(database)}},
            INSTALLED_APPS=["django.contrib.contenttypes"],
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
            USE_TZ=True,
        )
        django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    return settings
