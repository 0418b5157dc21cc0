"""Which drivers a session watches, and from when on: before the first conftest, where an option asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from .options import asks_to_measure

if TYPE_CHECKING:
    from ..queries.recorder import Recorder

_EARLY_KEY: pytest.StashKey[Recorder] = pytest.StashKey()


def watch_early(config: pytest.Config) -> None:
    """Patch the drivers before the first conftest is imported, which may open connections or take ``connect`` away.

    Called when the command line has been read in part; ``start_recording`` goes on from here, or
    ``forget_early_watch`` takes the patches back.
    """
    given = vars(config.known_args_namespace)
    if not asks_to_measure(given):
        return
    try:
        drivers = configured_drivers(config, given.get("perf_set"))
    except pytest.UsageError:
        return  # it is raised again where pytest expects it
    if drivers:
        config.stash[_EARLY_KEY] = recorder_of(config, drivers)


def forget_early_watch(config: pytest.Config) -> None:
    """Take back what ``watch_early`` did, in a session that executes no test itself or measures none."""
    recorder = config.stash.get(_EARLY_KEY, None)
    if recorder is not None:
        recorder.uninstall()
        del config.stash[_EARLY_KEY]


def recorder_of(config: pytest.Config, drivers: tuple[str, ...]) -> Recorder:
    """The recorder that watches already, else one that begins now; it ends with the session."""
    early = config.stash.get(_EARLY_KEY, None)
    if early is not None:
        return early
    from ..queries.recorder import Recorder

    recorder = Recorder(drivers)
    recorder.install()
    config.add_cleanup(recorder.uninstall)
    return recorder


def configured_drivers(config: pytest.Config, perf_set: Sequence[str] | None) -> tuple[str, ...]:
    """The drivers the project allows to be watched, as ``sql`` in the configuration or on the command line says."""
    from ..errors import ConfigurationError
    from ..queries.recorder import allowed_drivers
    from ..storage.project_file import read_table

    try:
        table, where = read_table(config.rootpath)
        setting, where = table.get("sql", True), f"{where}, key 'sql'"
        for given in perf_set or ():
            key, _, value = given.partition("=")
            if key.strip() == "sql":
                setting, where = value, f"--perf-set {given}"
        return allowed_drivers(setting, where)
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from None
