"""A project's settings, as the table ``[tool.pytest_querycache]`` of its pyproject.toml states them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..errors import ConfigurationError
from .policy import ANSWERS, FAIL_MODES, Rule
from .quantity import parse_quantity
from .threshold import IMPROVEMENT, Threshold, parse_thresholds

CONFIRM_MODES = ("auto", "always", "strict", "off")
"""How suspects are confirmed; see the option ``--perf-confirm``."""

SCALARS = (
    "baseline",
    "fail",
    "new",
    "missing",
    "confirm",
    "confirm_budget",
    "confirm_setup",
    "update_runs",
    "history",
    "plan_store",
    "sql",
)
_TABLES = ("thresholds", "rules")


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What a project has settled; every field has a default that suits most.

    ``confirm_budget_ns`` is None where it follows from the suite's own time: the larger of 30 s and a quarter.
    ``confirm_setup`` is the command that builds the old code, run in an environment of its own. ``history`` is the
    file that keeps every run's figures, empty for none, relative to the project's folder.
    With ``plan_store`` compiled queries survive the session, in pytest's cache directory. ``sql`` is true, false, or
    the drivers whose statements may be counted; the plugin, which knows the drivers, checks their names.
    """

    baseline: str = "perf-baseline.json"
    fail: str = "all"
    new: str = "warn"
    missing: str = "warn"
    confirm: str = "auto"
    confirm_budget_ns: float | None = None
    confirm_setup: str = ""
    update_runs: int = 3
    history: str = ""
    plan_store: bool = False
    sql: object = True
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()


def configuration_of(table: Mapping[str, object], where: str) -> Configuration:
    """The configuration in a table; raises ConfigurationError that names ``where``, the key and what it expects."""
    unknown = sorted(set(table) - {*SCALARS, *_TABLES})
    if unknown:
        known = ", ".join((*SCALARS, *_TABLES))
        raise ConfigurationError(f"{where}: unknown key {unknown[0]!r}, expected one of {known}")
    configuration = Configuration()
    for key in SCALARS:
        if key in table:
            configuration = with_scalar(configuration, key, table[key], f"{where}, key {key!r}")
    thresholds = table.get("thresholds", {})
    if not isinstance(thresholds, Mapping):
        raise ConfigurationError(f"{where}, key 'thresholds': expected a table, got {thresholds!r}")
    rules = table.get("rules", [])
    if not isinstance(rules, list) or not all(isinstance(rule, Mapping) for rule in rules):
        raise ConfigurationError(f"{where}, key 'rules': expected an array of tables ([[…rules]])")
    return replace(
        configuration,
        thresholds=parse_thresholds(thresholds, f"{where}.thresholds"),
        rules=tuple(_rule(rule, number, f"{where}.rules") for number, rule in enumerate(rules, 1)),
    )


def with_scalar(configuration: Configuration, key: str, value: object, where: str) -> Configuration:
    """The configuration with one scalar key set; text is accepted for every key, as from a command line."""
    if key == "baseline":
        if not isinstance(value, str) or not value:
            raise ConfigurationError(f"{where}: unexpected {value!r}, expected the path of a file")
        return replace(configuration, baseline=value)
    if key == "fail":
        return replace(configuration, fail=_one_of(value, FAIL_MODES, where))
    if key == "new":
        return replace(configuration, new=_one_of(value, ANSWERS, where))
    if key == "missing":
        return replace(configuration, missing=_one_of(value, ANSWERS, where))
    if key == "confirm":
        return replace(configuration, confirm=_one_of(value, CONFIRM_MODES, where))
    if key == "confirm_budget":
        return replace(configuration, confirm_budget_ns=_duration(value, where))
    if key == "confirm_setup":
        return replace(configuration, confirm_setup=_text(value, where, "a command, or nothing"))
    if key == "history":
        return replace(configuration, history=_text(value, where, "the path of a file, or nothing"))
    if key == "update_runs":
        return replace(configuration, update_runs=_whole(value, where))
    if key == "plan_store":
        return replace(configuration, plan_store=_switch(value, where))
    if key == "sql":
        return replace(configuration, sql=value)
    raise ConfigurationError(f"{where}: unknown key {key!r}, expected one of {', '.join(SCALARS)}")


def _one_of(value: object, allowed: tuple[str, ...], where: str) -> str:
    if value not in allowed:
        expected = ", ".join(repr(name) for name in allowed)
        raise ConfigurationError(f"{where}: unexpected {value!r}, expected one of {expected}")
    return str(value)


def _text(value: object, where: str, expected: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{where}: unexpected {value!r}, expected {expected}")
    return value.strip()


def _duration(value: object, where: str) -> float:
    try:
        duration, dimension = parse_quantity(value)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from None
    if dimension != "ns":
        raise ConfigurationError(f"{where}: unexpected {value!r}, expected a time such as '30s'")
    return duration


def _switch(value: object, where: str) -> bool:
    written = {True: True, False: False, "true": True, "false": False}
    if not isinstance(value, (bool, str)) or value not in written:
        raise ConfigurationError(f"{where}: unexpected {value!r}, expected true or false")
    return written[value]


def _whole(value: object, where: str) -> int:
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 20:
        raise ConfigurationError(f"{where}: unexpected {value!r}, expected a whole number from 1 to 20")
    return value


def _rule(table: Mapping[str, object], number: int, where: str) -> Rule:
    where = f"{where}[{number}]"
    tests, reason = table.get("tests"), table.get("reason", "")
    if not isinstance(tests, str) or not tests:
        raise ConfigurationError(f"{where}, key 'tests': unexpected {tests!r}, expected a node id pattern")
    if not isinstance(reason, str):
        raise ConfigurationError(f"{where}, key 'reason': unexpected {reason!r}, expected a text")
    thresholds = {key: value for key, value in table.items() if key not in {"tests", "reason"}}
    if not thresholds:
        raise ConfigurationError(f'{where}: the rule has no threshold, such as wall_time = "50%"')
    if IMPROVEMENT in thresholds:
        raise ConfigurationError(
            f"{where}, key {IMPROVEMENT!r}: it holds for the whole project, expected in the table of thresholds"
        )
    return Rule(tests=tests, thresholds=parse_thresholds(thresholds, where), reason=reason, position=number)
