"""A performance gate for pytest, and a cache of compiled SQL queries beside it.

The public names are imported when they are first used, so that ``import pytest_querycache`` loads
neither pytest nor sqlglot nor psutil.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .errors import (
        ArmError,
        BaselineError,
        CompilationError,
        ConfigurationError,
        MeasurementError,
        QueryCacheError,
    )

__version__ = "0.1.0"

_HOMES = {
    "ArmError": "errors",
    "BaselineError": "errors",
    "CompilationError": "errors",
    "ConfigurationError": "errors",
    "MeasurementError": "errors",
    "QueryCacheError": "errors",
}

__all__ = [
    "ArmError",
    "BaselineError",
    "CompilationError",
    "ConfigurationError",
    "MeasurementError",
    "QueryCacheError",
    "__version__",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{home}", __name__), name)
