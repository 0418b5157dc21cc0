"""The project's table in pyproject.toml, read into one value."""

from __future__ import annotations

import re

import pytest

from pytest_querycache.errors import ConfigurationError
from pytest_querycache.model.configuration import Configuration, configuration_of, with_scalar
from pytest_querycache.model.policy import Rule
from pytest_querycache.model.threshold import Threshold

WHERE = "pyproject.toml [tool.pytest_querycache]"


def test_an_empty_table() -> None:
    """Without a word of the project's, the built-in answers hold."""
    assert configuration_of({}, WHERE) == Configuration()


def test_everything_at_once() -> None:
    """Scalars, thresholds and rules are all taken from the table; rules are numbered from one."""
    configuration = configuration_of(
        {
            "baseline": "perf/base.json",
            "fail": "counts",
            "new": "fail",
            "missing": "ok",
            "confirm": "strict",
            "confirm_budget": "90s",
            "update_runs": 5,
            "thresholds": {"time": "25%"},
            "rules": [
                {"tests": "tests/api/*", "allocated_bytes": "5%", "reason": "hot path"},
                {"tests": "*slow*", "time": "off"},
            ],
        },
        WHERE,
    )
    assert configuration == Configuration(
        baseline="perf/base.json",
        fail="counts",
        new="fail",
        missing="ok",
        confirm="strict",
        confirm_budget_ns=90e9,
        update_runs=5,
        thresholds={"time": Threshold(ratio=0.25)},
        rules=(
            Rule(
                tests="tests/api/*",
                thresholds={"allocated_bytes": Threshold(ratio=0.05)},
                reason="hot path",
                position=1,
            ),
            Rule(tests="*slow*", thresholds={"time": Threshold(off=True)}, position=2),
        ),
    )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"baseline": ""}, f"{WHERE}, key 'baseline': unexpected '', expected the path of a file"),
        ({"baseline": 3}, f"{WHERE}, key 'baseline': unexpected 3, expected the path of a file"),
        ({"fail": "al"}, f"{WHERE}, key 'fail': unexpected 'al', expected one of 'all', 'counts', 'never'"),
        ({"fail": []}, f"{WHERE}, key 'fail': unexpected [], expected one of 'all', 'counts', 'never'"),
        ({"new": True}, f"{WHERE}, key 'new': unexpected True, expected one of 'ok', 'warn', 'fail'"),
        ({"missing": "no"}, f"{WHERE}, key 'missing': unexpected 'no', expected one of 'ok', 'warn', 'fail'"),
        (
            {"confirm": "maybe"},
            f"{WHERE}, key 'confirm': unexpected 'maybe', expected one of 'auto', 'always', 'strict', 'off'",
        ),
        (
            {"confirm_budget": "30KB"},
            f"{WHERE}, key 'confirm_budget': unexpected '30KB', expected a time such as '30s'",
        ),
        (
            {"confirm_budget": 30},
            f"{WHERE}, key 'confirm_budget': unexpected 30, expected a time such as '30s'",
        ),
        (
            {"confirm_budget": "-1s"},
            f"{WHERE}, key 'confirm_budget': '-1s' is not a number with a unit, such as "
            "'1ms', '16KiB' or '3'",
        ),
        (
            {"update_runs": 0},
            f"{WHERE}, key 'update_runs': unexpected 0, expected a whole number from 1 to 20",
        ),
        (
            {"update_runs": True},
            f"{WHERE}, key 'update_runs': unexpected True, expected a whole number from 1 to 20",
        ),
        (
            {"update_runs": 1.5},
            f"{WHERE}, key 'update_runs': unexpected 1.5, expected a whole number from 1 to 20",
        ),
        (
            {"update_runs": "²"},
            f"{WHERE}, key 'update_runs': unexpected '²', expected a whole number from 1 to 20",
        ),
        ({"thresholds": "20%"}, f"{WHERE}, key 'thresholds': expected a table, got '20%'"),
        ({"rules": {}}, f"{WHERE}, key 'rules': expected an array of tables ([[…rules]])"),
        ({"rules": ["x"]}, f"{WHERE}, key 'rules': expected an array of tables ([[…rules]])"),
        (
            {"rules": [{"time": "20%"}]},
            f"{WHERE}.rules[1], key 'tests': unexpected None, expected a node id pattern",
        ),
        (
            {"rules": [{"tests": "*", "time": "20%", "reason": 5}]},
            f"{WHERE}.rules[1], key 'reason': unexpected 5, expected a text",
        ),
        (
            {"rules": [{"tests": "*", "time": "20%"}, {"tests": "*"}]},
            f'{WHERE}.rules[2]: the rule has no threshold, such as wall_time = "50%"',
        ),
        (
            {"rules": [{"tests": "*", "time": "20"}]},
            f"{WHERE}.rules[1], key 'time': '20' is not a threshold, expected '20%', '20% and 1ms' or 'off'",
        ),
        (
            {"thresholds": {"time": "20"}},
            f"{WHERE}.thresholds, key 'time': '20' is not a threshold, "
            "expected '20%', '20% and 1ms' or 'off'",
        ),
        (
            {"rules": [{"tests": "*", "improvement": "5%"}]},
            f"{WHERE}.rules[1], key 'improvement': it holds for the whole project, "
            "expected in the table of thresholds",
        ),
    ],
)
def test_a_table_that_cannot_be_understood(table: dict[str, object], message: str) -> None:
    """One line names the file, the table, the key, what was found and what was expected."""
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
        configuration_of(table, WHERE)


def test_an_unknown_key_names_the_known_ones() -> None:
    """A misspelt key is refused, not ignored."""
    with pytest.raises(ConfigurationError) as raised:
        configuration_of({"base_line": "x"}, WHERE)
    start, _, known = str(raised.value).partition("expected one of ")
    assert start == f"{WHERE}: unknown key 'base_line', "
    assert {"baseline", "fail", "new", "missing", "thresholds", "rules"} <= set(known.split(", "))


@pytest.mark.parametrize(
    ("key", "text", "attribute", "expected"),
    [
        ("fail", "never", "fail", "never"),
        ("update_runs", "7", "update_runs", 7),
        ("confirm_budget", "2min", "confirm_budget_ns", 120e9),
        ("baseline", "b.json", "baseline", "b.json"),
    ],
)
def test_a_scalar_from_the_command_line(key: str, text: str, attribute: str, expected: object) -> None:
    """Every scalar key can be set by a text, and nothing else changes."""
    changed = with_scalar(Configuration(), key, text, f"--perf-set {key}={text}")
    assert getattr(changed, attribute) == expected


@pytest.mark.parametrize("key", ["thresholds", "rules", "nonsense"])
def test_what_is_no_scalar_key(key: str) -> None:
    """A table cannot be set from the command line, and the message lists what can."""
    message = f"--perf-set {key}=1: unknown key {key!r}, expected one of baseline, fail, new, missing, "
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}"):
        with_scalar(Configuration(), key, "1", f"--perf-set {key}=1")
