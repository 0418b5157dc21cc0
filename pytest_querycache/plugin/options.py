"""The command line's group "performance gate"."""

from __future__ import annotations

import copy
import os
import re
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_GATE_ONLY = ("--perf-threshold", "--perf-confirm")

OPTIONAL_VALUE = ("--perf-baseline", "--perf-update")
"""Options whose value may be left out; they never take the next argument for it."""

REPORTS = {
    "html": "one page with figures, drawings and a table of all tests",
    "json": "the whole run, for other programs and for querycache,",
    "markdown": "a summary for a pull request",
}
"""Kinds of report, each with an option of its name, and what they are."""

FOLDERS = {
    "gitlab": "GitLab's metrics report and code quality report, metrics.txt and gl-code-quality-report.json,"
}
"""The same for what is more than one file."""

_SHOWING = ("help", "markers", "showfixtures", "show_fixtures_per_test", "cacheshow", "collectonly")
"""What pytest's options are called with which it shows something and executes no test."""

RIVALS = {"perf": ("pytest-perf", "--perf-baseline")}
"""Plugins that define an option of ours: the name to block, the distribution, and the option."""


def refuse_rivals(pluginmanager: pytest.PytestPluginManager) -> None:
    """Stop with one line where another plugin defines an option of ours; argparse would show a traceback.

    The other one may be loaded after this one, so what is installed counts as well as what is loaded.
    """
    for name, (distribution, option) in RIVALS.items():
        if pluginmanager.is_blocked(name):
            continue
        if pluginmanager.hasplugin(name) or _is_loaded_later(distribution):
            raise pytest.UsageError(
                f"{distribution} defines {option} too, so only one of the two plugins can be loaded: "
                f"leave it out with -p no:{name}, or this one with -p no:querycache"
            )


def _is_loaded_later(distribution: str) -> bool:
    """Whether pytest finds the distribution's plugin by itself."""
    if os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        return False
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def add_options(parser: pytest.Parser) -> None:
    """Declare the options; every default is None until the configuration has spoken."""
    group = parser.getgroup("performance gate")
    group.addoption(
        "--perf-track",
        action="store_true",
        default=None,
        help="measure every test and show what costs most; no baseline",
    )
    group.addoption(
        "--perf-baseline",
        nargs="?",
        const="",
        default=None,
        metavar="FILE",
        help="measure, hold the figures against FILE (default: configured, or perf-baseline.json in the "
        "rootdir), and fail when something regressed; write --perf-baseline=FILE, with the '='",
    )
    group.addoption(
        "--perf-update",
        nargs="?",
        const="",
        default=None,
        metavar="FILE",
        help="accept: run the tests, measure them again in fresh processes, and write FILE",
    )
    group.addoption(
        "--perf-threshold",
        action="append",
        default=None,
        metavar="METRIC=VALUE",
        help="tolerate this much for a metric or family, repeatable: time=20%%, allocated_bytes=30%%, "
        "gc='50%% and 3', peak_rss=off",
    )
    group.addoption(
        "--perf-against",
        default=None,
        metavar="REF",
        help="prove times beside the code of a git ref, such as origin/main; needs no stored times",
    )
    group.addoption(
        "--perf-confirm",
        choices=("auto", "always", "strict", "off"),
        default=None,
        help="auto (default): suspects are confirmed in fresh processes, and what stays unconfirmed does not "
        "fail; always: every test is; strict: unconfirmed fails; off: suspects fail unconfirmed",
    )
    for name, what in {**REPORTS, **FOLDERS}.items():
        goal = "FOLDER" if name in FOLDERS else "FILE"
        group.addoption(
            f"--perf-{name}",
            default=None,
            metavar=goal,
            help=f"write {what} to {goal}; alone it implies --perf-track",
        )
    group.addoption(
        "--perf-set",
        action="append",
        default=None,
        metavar="KEY=VALUE",
        help="set a scalar key of [tool.pytest_querycache] for this run, repeatable",
    )


def spell_out_optional_values(early_config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Keep ``--perf-baseline tests/`` from taking ``tests/`` for its file.

    argparse gives an option with an optional value the next argument. Both the arguments and what was parsed
    from them so far are put right, or conftest files would be looked for in the wrong folders.
    """
    if not any(arg in OPTIONAL_VALUE for arg in args):
        return
    for option, following in pairwise(args):
        if option in OPTIONAL_VALUE and re.fullmatch(r"[^-].*\.json", following):
            raise pytest.UsageError(f"{option} {following}: a file needs the '=', {option}={following}")
    args[:] = spelled_out(args)
    parsed = parser.parse_known_args(args, namespace=copy.copy(early_config.option))
    # pytest noted here how far up it looks for conftest files and folders to collect; without it, up to the root
    parsed.confcutdir = early_config.known_args_namespace.confcutdir
    early_config.known_args_namespace = parsed


def spelled_out(args: Sequence[str]) -> list[str]:
    """The arguments with an explicit empty value where an optional one was left out."""
    return [f"{arg}=" if arg in OPTIONAL_VALUE else arg for arg in args]


def is_active(config: pytest.Config) -> bool:
    """Whether this session measures at all: it was asked to, and executes tests."""
    return not _only_shows(config) and asks_to_measure(vars(config.option))


def asks_to_measure(given: Mapping[str, object]) -> bool:
    """Whether one of these options makes a session measure; those that only set something do not."""
    names = ("baseline", "update", "against", *REPORTS, *FOLDERS)
    return bool(given.get("perf_track")) or any(given.get(f"perf_{name}") is not None for name in names)


def _only_shows(config: pytest.Config) -> bool:
    return any(getattr(config.option, name, None) not in (None, False) for name in _SHOWING)


def refuse_options_at_odds(config: pytest.Config) -> None:
    """Stop a call whose options contradict each other, or ask for a gate that is not there.

    Options that stand in the configuration for whenever the gate is on are not meant: only those of this call.
    """
    option = config.option
    if _only_shows(config):
        return
    if option.perf_update is not None and option.perf_against is not None:
        raise pytest.UsageError(
            "--perf-update and --perf-against: an update proves nothing, leave one of them out"
        )
    if is_active(config):
        return
    for argument in config.invocation_params.args:
        name = str(argument).partition("=")[0]
        if name in _GATE_ONLY:
            raise pytest.UsageError(f"{name} gates nothing by itself, expected --perf-baseline beside it")


def is_controller(config: pytest.Config) -> bool:
    """Whether this is xdist's controller, which executes no test itself."""
    option = config.option
    return bool(getattr(option, "tx", None)) and getattr(option, "dist", "no") != "no"
