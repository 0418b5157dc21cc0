"""What pytest loads first: the options, the fixtures, and the decision whether anything is measured.

Everything else is imported when an option asks for it, so that a session without one pays only for this module.
"""

from __future__ import annotations

import pytest

from .cache_summary import pytest_sessionfinish, pytest_terminal_summary, pytest_testnodedown
from .fixtures import METER_KEY, REFERENCE_KEY, perf_tracker
from .marks import register_marks
from .options import (
    add_options,
    is_active,
    is_controller,
    refuse_options_at_odds,
    refuse_rivals,
    spell_out_optional_values,
)
from .query_fixtures import (
    _query_cache_session_in_force,  # noqa: F401
    pytest_itemcollected,
    query_cache,
    query_cache_session,
)
from .sql_notes import SqlNotes
from .sql_recording import query_spy, start_recording
from .sql_watch import forget_early_watch, watch_early

__all__ = [
    "perf_tracker",
    "pytest_itemcollected",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
    "query_cache",
    "query_cache_session",
    "query_spy",
]


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the options of the group "performance gate"."""
    refuse_rivals(pluginmanager)
    add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks that other plugins may implement."""
    from . import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> None:
    """Keep an option without a value from taking the next argument for it; then watch what conftests open."""
    spell_out_optional_values(early_config, parser, args)
    watch_early(early_config)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks and, where an option asks for it, the plugins that measure and judge."""
    register_marks(config)
    refuse_options_at_odds(config)
    if not is_active(config):
        forget_early_watch(config)
        return
    from ..probes.meter import Meter
    from ..probes.reference import IN_ARM, IN_SESSION, ReferenceWorkload
    from .arm_hooks import ARM_PLUGIN
    from .measuring import Measuring

    meter = Meter()
    config.stash[METER_KEY] = meter
    if is_controller(config):
        forget_early_watch(config)
    else:
        start_recording(config)  # before the probes, so that its hooks stand outside of what they measure
        in_arm = config.pluginmanager.hasplugin(ARM_PLUGIN)
        reference = ReferenceWorkload(meter.clock, share=IN_ARM if in_arm else IN_SESSION)
        config.stash[REFERENCE_KEY] = reference
        config.pluginmanager.register(
            Measuring(meter, reference, refreshes=not in_arm), "querycache-measuring"
        )
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SqlNotes(config), "querycache-sql-notes")
        from .starting import start_session

        start_session(config, meter)
