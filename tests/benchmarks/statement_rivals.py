"""Others who watch statements, put around the same workloads by ``statement_cost.py`` where they still install."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

Watch = Callable[[], AbstractContextManager[Any]]


class Rival(NamedTuple):
    """A distribution, the workload it is measured with, and ``load``, which gives what is entered to record."""

    distribution: str
    workload: str
    load: Callable[[], Watch]


def _queryspy() -> Watch:
    watch: Watch = import_module("queryspy").record
    return watch


def _nplusone(extension: str) -> Watch:
    # its patches of the library; the profiler is what its middleware enters around a request
    import_module(f"nplusone.ext.{extension}")
    watch: Watch = import_module("nplusone.core.profiler").Profiler
    return watch


def _django_perf_rec() -> Watch:
    recorder = import_module("django_perf_rec.db").DBRecorder
    operations: list[object] = []

    def watch() -> AbstractContextManager[Any]:
        operations.clear()
        entered: AbstractContextManager[Any] = recorder("default", operations.append)
        return entered

    return watch


RIVALS = (
    Rival("queryspy", "SQLAlchemy, select, point query", _queryspy),
    Rival("nplusone", "SQLAlchemy, select, point query", partial(_nplusone, "sqlalchemy")),
    Rival("django-perf-rec", "Django, point query", _django_perf_rec),
    Rival("nplusone", "Django, point query", partial(_nplusone, "django.patch")),
)


def loaded(rival: Rival) -> tuple[str, Watch | None]:
    """The rival's name with its version, and what records; None with the reason in the name."""
    try:
        name = f"{rival.distribution} {version(rival.distribution)}"
    except PackageNotFoundError:
        return f"{rival.distribution}: not installed", None
    try:
        return name, rival.load()
    except Exception as error:
        return f"{name}: cannot be loaded ({type(error).__name__}: {error})", None
