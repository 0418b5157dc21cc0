"""This machine and this interpreter, as far as they decide which figures compare."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from pathlib import Path

from ..model.environment import Environment
from ..model.metric import Family
from .distributions import installed_distributions

_CHANGED_BY_TRACING = (Family.TIME, Family.MEMORY, Family.GC)


def read_environment(
    counter: str, *, workers: int = 0, rootdir: Path | None = None, project: str = ""
) -> Environment:
    """The environment of this process; ``counter`` is the kind of its allocation counter.

    ``rootdir`` and ``project`` are the folder and the name of the project under test, which is no dependency.
    """
    return Environment(
        implementation=sys.implementation.name,
        minor_version=f"{sys.version_info.major}.{sys.version_info.minor}",
        platform=f"{sys.platform}-{platform.machine().lower() or 'unknown'}",
        free_threaded=bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        counter=counter,
        full_version=platform.python_version(),
        cpu_model=cpu_model(),
        cpu_count=os.cpu_count() or 0,
        workers=workers,
        distributions=installed_distributions(rootdir=rootdir, project=project),
    )


def cpu_model() -> str:
    """The processor's name, as the system gives it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:  # noqa: PTH123
            for line in lines:
                name, _, value = line.partition(":")
                if name.strip() in {"model name", "Model"}:
                    return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def disturbances() -> dict[str, str]:
    """What watches this interpreter and thereby changes what code costs, by the name of the family it changes."""
    reason = _watcher()
    return {family.value: reason for family in _CHANGED_BY_TRACING} if reason else {}


def _watcher() -> str:
    if _coverage_is_running():
        return "coverage is measuring (pytest --no-cov gates it)"
    if sys.gettrace() is not None:
        return "a debugger or tracer is active"
    if sys.getprofile() is not None:
        return "a profiler is active"
    if "tracemalloc" in sys.modules and sys.modules["tracemalloc"].is_tracing():
        return "tracemalloc is tracing"
    return _monitoring_tool()


def _coverage_is_running() -> bool:
    module = sys.modules.get("coverage")
    current = getattr(getattr(module, "Coverage", None), "current", None)
    return current is not None and current() is not None


def _monitoring_tool() -> str:
    """A tool that listens through sys.monitoring (Python 3.12 and later), such as a debugger or coverage."""
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is None:
        return ""
    for identity in range(6):
        name = monitoring.get_tool(identity)
        if name is not None and monitoring.get_events(identity):
            return f"{name} is monitoring"
    return ""
