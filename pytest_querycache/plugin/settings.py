"""Options and configuration, read once into one frozen value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest

from ..errors import ConfigurationError
from ..model.configuration import Configuration, configuration_of, with_scalar
from ..model.policy import Policy
from ..model.threshold import Threshold, parse_thresholds
from ..storage.project_file import read_table
from ..storage.repository import why_no_old_code


class Mode(str, Enum):
    """What a session does with its figures."""

    TRACK = "track"
    GATE = "gate"
    UPDATE = "update"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the plugin was told, ready to be asked.

    ``against`` is the git ref whose code proves times, empty where each entry's own commit does. ``overruled``
    says that ``--perf-update`` won over a ``--perf-baseline`` that was given too.
    """

    mode: Mode
    baseline: Path
    configuration: Configuration
    policy: Policy
    confirm: str
    against: str = ""
    overruled: bool = False


def read_settings(config: pytest.Config) -> Settings:
    """What options and configuration say; raises ConfigurationError."""
    configuration = read_configuration(config)
    option = config.option
    if option.perf_update is not None:
        mode, given = Mode.UPDATE, option.perf_update
    elif option.perf_baseline is not None or option.perf_against is not None:
        mode, given = Mode.GATE, option.perf_baseline or ""
    else:
        mode, given = Mode.TRACK, ""
    policy = Policy(
        table=configuration.thresholds,
        rules=configuration.rules,
        command_line=_command_line_thresholds(option.perf_threshold or ()),
        fail=configuration.fail,
        new=configuration.new,
        missing=configuration.missing,
    )
    return Settings(
        mode=mode,
        baseline=_baseline_path(config, given, configuration),
        configuration=configuration,
        policy=policy,
        confirm=option.perf_confirm or configuration.confirm,
        against=option.perf_against or "",
        overruled=mode is Mode.UPDATE and option.perf_baseline is not None,
    )


def is_provable(config: pytest.Config, settings: Settings) -> bool:
    """Whether suspects can be executed beside old code."""
    return settings.confirm != "off" and not why_no_old_code(config.rootpath)


def read_configuration(config: pytest.Config) -> Configuration:
    """The project's table with what the command line sets of it; raises ConfigurationError."""
    table, where = read_table(config.rootpath)
    configuration = configuration_of(table, where)
    for setting in config.getoption("perf_set", None) or ():
        key, separator, value = setting.partition("=")
        if not separator:
            raise ConfigurationError(f"--perf-set {setting}: expected KEY=VALUE")
        configuration = with_scalar(configuration, key.strip(), value.strip(), f"--perf-set {setting}")
    return configuration


def _command_line_thresholds(options: Sequence[str]) -> dict[str, Threshold]:
    thresholds: dict[str, Threshold] = {}
    for option in options:
        name, separator, value = option.partition("=")
        where = f"--perf-threshold {option}"
        if not separator:
            raise ConfigurationError(f"{where}: expected METRIC=VALUE, such as time=20%")
        thresholds.update(parse_thresholds({name.strip(): value.strip()}, where))
    return thresholds


def _baseline_path(config: pytest.Config, given: str, configuration: Configuration) -> Path:
    """A file given on the command line belongs to the invocation directory, a configured one to the rootdir."""
    folder = config.invocation_params.dir if given else config.rootpath
    path = folder / (given or configuration.baseline)
    if path.is_dir():
        raise ConfigurationError(f"{path}: the baseline is a folder, expected a file")
    return path


def shown_path(config: pytest.Config, settings: Settings) -> str:
    """The baseline's path for people: relative to the rootdir where it lies below it."""
    try:
        return str(settings.baseline.relative_to(config.rootpath))
    except ValueError:
        return str(settings.baseline)
