"""A pytest plugin: duels of chosen tests that do not stop early, so that rules can be replayed on their turns.

Every chosen test gets nine pairs of processes, whatever the first ones show, each with as many turns as the gate
takes; nobody is acquitted by a second look,
and whoever was not chosen is left alone. The traces say how many pairs were run, so that a trace recorded without
effect of this plugin is found out.
"""

from __future__ import annotations

import json
import pkgutil
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

PAIRS = 9


def pytest_addoption(parser: pytest.Parser) -> None:
    """Ask for the chosen tests."""
    parser.addoption("--accuracy-duels", metavar="FILE", help="the tests of which duels are recorded")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Replace, in the modules that measure again, what decides who is measured and how long.

    The judgement afterwards stays as it is.
    """
    file = session.config.getoption("--accuracy-duels")
    if not file or session.config.pluginmanager.hasplugin("querycache-arm"):
        return
    replaced = _replacements(frozenset(json.loads(Path(file).read_text(encoding="utf-8"))))
    confirm = import_module("pytest_querycache.confirm")
    for found in pkgutil.iter_modules(confirm.__path__, "pytest_querycache.confirm."):
        import_module(found.name)
    import_module("pytest_querycache.plugin.time_trial")
    for name, module in list(sys.modules.items()):
        if name.startswith(("pytest_querycache.confirm.", "pytest_querycache.plugin.")):
            for attribute in replaced.keys() & vars(module).keys():
                setattr(module, attribute, replaced[attribute])


def _replacements(chosen: frozenset[str]) -> dict[str, object]:
    def second_look(
        suspects: Sequence[Any], *_: object, **__: object
    ) -> tuple[dict[Any, Any], list[Any], list[Any]]:
        return {}, [suspect for suspect in suspects if suspect.test_id in chosen], []

    always: dict[str, Callable[..., object]] = {
        "pairs_needed": lambda *_, **__: PAIRS,
        "is_cleared": lambda *_, **__: False,
    }
    return {**always, "second_look": second_look}
