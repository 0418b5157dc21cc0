"""The project a command is asked about: its settings, and where its baseline lies."""

from __future__ import annotations

from pathlib import Path

from ..errors import BaselineError
from ..model.baseline import Section
from ..model.configuration import Configuration, configuration_of
from ..model.policy import Policy
from ..storage.baseline_file import read_baseline
from ..storage.project_file import read_table


def configuration_in(rootdir: Path) -> Configuration:
    """The project's settings; raises ConfigurationError."""
    return configuration_of(*read_table(rootdir))


def policy_in(rootdir: Path) -> Policy:
    """The thresholds, rules and answers of the project's settings; raises ConfigurationError."""
    configuration = configuration_in(rootdir)
    return Policy(
        table=configuration.thresholds,
        rules=configuration.rules,
        fail=configuration.fail,
        new=configuration.new,
        missing=configuration.missing,
    )


def baseline_in(rootdir: Path, given: Path | None) -> Path:
    """The baseline a command was given, or else the configured one."""
    return given if given is not None else rootdir / configuration_in(rootdir).baseline


def section_in(path: Path, key: str) -> Section:
    """The section for an environment in a baseline file; raises BaselineError where there is none."""
    baseline = read_baseline(path)
    section = baseline.sections.get(key)
    if section is None:
        raise BaselineError(
            f"{path}: no section for {key}, it knows {baseline.known_keys()}; querycache accept RUN records one"
        )
    return section
