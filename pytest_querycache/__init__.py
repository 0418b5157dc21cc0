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
        ReportError,
        RunFileError,
    )
    from .model.measurement import PerfMetrics
    from .probes.tracker import PerfTracker
    from .queries.cache import QueryCache
    from .queries.compiled import CompiledQuery, compile_for_execution
    from .queries.fingerprint import fingerprint
    from .queries.manager import QueryCacheManager
    from .queries.schema import prepare_schema
    from .queries.signature import QuerySignature, query_signature
    from .queries.statistics import CacheStats
    from .regression import RegressionResult, RegressionTester

__version__ = "0.1.0"

_HOMES = {
    "ArmError": "errors",
    "BaselineError": "errors",
    "CacheStats": "queries.statistics",
    "CompilationError": "errors",
    "CompiledQuery": "queries.compiled",
    "ConfigurationError": "errors",
    "MeasurementError": "errors",
    "PerfMetrics": "model.measurement",
    "PerfTracker": "probes.tracker",
    "QueryCache": "queries.cache",
    "QueryCacheError": "errors",
    "QueryCacheManager": "queries.manager",
    "QuerySignature": "queries.signature",
    "RegressionResult": "regression",
    "RegressionTester": "regression",
    "ReportError": "errors",
    "RunFileError": "errors",
    "compile_for_execution": "queries.compiled",
    "fingerprint": "queries.fingerprint",
    "prepare_schema": "queries.schema",
    "query_signature": "queries.signature",
}

__all__ = [
    "ArmError",
    "BaselineError",
    "CacheStats",
    "CompilationError",
    "CompiledQuery",
    "ConfigurationError",
    "MeasurementError",
    "PerfMetrics",
    "PerfTracker",
    "QueryCache",
    "QueryCacheError",
    "QueryCacheManager",
    "QuerySignature",
    "RegressionResult",
    "RegressionTester",
    "ReportError",
    "RunFileError",
    "__version__",
    "compile_for_execution",
    "fingerprint",
    "prepare_schema",
    "query_signature",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{home}", __name__), name)
