"""A pytest plugin: duels that do not stop early, so that their turns can be replayed under any rule.

Every suspect gets nine pairs of processes, whatever the first ones show; nobody is acquitted by a second look. The
traces say how many pairs were run, so that a trace recorded without effect of this plugin is found out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

PAIRS = 9

REPLACED: dict[str, Callable[..., Any]] = {
    "pairs_needed": lambda *args, **kwargs: PAIRS,
    "is_cleared": lambda *args, **kwargs: False,
    "second_look": lambda suspects, *args, **kwargs: ({}, list(suspects)),
}
"""Functions of the plugin by name, wherever its modules that measure again have imported them."""

CONSTANTS = {"INNOCENT_AFTER": 1_000}
"""And what ends a pair's turns before they are worth keeping."""


def pytest_sessionstart() -> None:
    """Replace them in the modules that decide how long a duel lasts; the judgement afterwards stays as it is."""
    import pytest_querycache.confirm.duels
    import pytest_querycache.plugin.confirming  # noqa: F401

    for name, module in list(sys.modules.items()):
        if name.startswith(("pytest_querycache.confirm.", "pytest_querycache.plugin.confirming")):
            for attribute, replacement in (REPLACED | CONSTANTS).items():
                if hasattr(module, attribute):
                    setattr(module, attribute, replacement)
