"""What a session needs before its first test: settings, environment, and the baseline's section."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ..errors import ConfigurationError, QueryCacheError
from ..model.baseline import Section
from ..model.environment import Environment
from ..probes.machine import read_environment
from ..probes.meter import Meter
from ..storage.baseline_file import read_baseline, read_or_empty
from ..storage.project_file import project_name
from ..storage.repository import resolve_commit
from .arm_hooks import ARM_PLUGIN
from .collecting import Collecting
from .report_files import ReportFiles
from .session import GateSession
from .settings import Mode, Settings, read_settings


def start_session(config: pytest.Config, meter: Meter) -> None:
    """Read settings and baseline, and register the session's plugins; what is wrong ends in a usage error."""
    if config.pluginmanager.hasplugin(ARM_PLUGIN) or config.option.collectonly:
        return
    try:
        settings = read_settings(config)
        if settings.mode is Mode.UPDATE:
            read_or_empty(settings.baseline)  # what cannot be read stops an update before the first test
        reports = ReportFiles(config, settings)
        if settings.against and resolve_commit(config.rootpath, settings.against) is None:
            raise ConfigurationError(
                f"--perf-against={settings.against}: names no commit here, expected a git ref such as "
                "origin/main (a shallow clone has no history: fetch-depth: 0)"
            )
        environment = _environment(config, meter)
        collecting = Collecting(config, environment)
        section = _section(settings, environment.key) if settings.mode is Mode.GATE else None
    except QueryCacheError as error:
        raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(collecting, "querycache-collecting")
    config.pluginmanager.register(
        GateSession(config, settings, collecting, section, reports), "querycache-session"
    )


def _environment(config: pytest.Config, meter: Meter) -> Environment:
    """This process's environment, with what other plugins know of it."""
    environment = read_environment(
        meter.counter.kind,
        workers=_workers(config),
        rootdir=config.rootpath,
        project=project_name(config.rootpath),
    )
    facts = dict(environment.distributions)
    for more in config.hook.pytest_querycache_environment(config=config):
        facts.update(more)
    environment = replace(environment, distributions=facts)
    key = config.hook.pytest_querycache_baseline_key(config=config, environment=environment)
    return environment if key is None else replace(environment, own_key=key)


def _workers(config: pytest.Config) -> int:
    return len(getattr(config.option, "tx", None) or ())


def _section(settings: Settings, key: str) -> Section | None:
    """The entries to compare with; only a git ref to prove times against makes up for having none."""
    if settings.against and not settings.baseline.exists():
        return None
    baseline = read_baseline(settings.baseline)
    section = baseline.sections.get(key)
    if section is None and not settings.against:
        raise pytest.UsageError(
            f"{settings.baseline}: no section for {key}, it knows {baseline.known_keys()}; "
            "pytest --perf-update records one"
        )
    return section
