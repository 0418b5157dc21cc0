"""What recording costs a statement: ``python tests/benchmarks/statement_cost.py``.

For every driver that is installed, the same statements are executed with recording off (nothing patched) and on, in
strict alternation within one process, for some milliseconds at a time, so that a slow moment of the machine hits
both sides; the median of the paired differences and ratios is printed. The texts have been seen before, and each has
one call site. Before each stretch comes a shorter one that is not timed: patching makes the interpreter forget what
it had learnt about the patched classes, and a session is patched once. Behind a statement of DuckDB, which fills the
processor's caches with its own, our code is slower than by itself; so both are shown. The same is done with others
who watch statements (queryspy, nplusone, django-perf-rec), where they are installed. Then what comes after a test:
fingerprints of texts that are new, and of texts that are known. ``--rounds`` trades time for certainty. Drivers that
need a server are left out.
"""

from __future__ import annotations

import argparse
import gc
import platform
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from time import perf_counter_ns, thread_time_ns
from types import ModuleType
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

from statement_rivals import RIVALS, Watch, loaded

from pytest_querycache.queries.attribution import Owner, begin, end
from pytest_querycache.queries.call_site import CallSites
from pytest_querycache.queries.drivers import duckdb_driver
from pytest_querycache.queries.recorder import Recorder
from pytest_querycache.queries.recording import Recording

Work = Callable[[], object]
ROOT = str(Path(__file__).parents[2])


class Workload(NamedTuple):
    """One way to execute a statement; ``make`` opens what it needs and gives the function to be timed."""

    name: str
    make: Callable[[], Work]
    calls: int
    target: str


def sqlite3_cursor() -> Work:
    """The cheapest statement there is, by a cursor: nearly all of it is overhead."""
    import sqlite3

    cursor = sqlite3.connect(":memory:").cursor()
    return lambda: cursor.execute("SELECT 1")


def sqlite3_point_query() -> Work:
    """A row by its key, by the connection's shortcut."""
    import sqlite3

    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", [(n, "x") for n in range(1_000)])
    return lambda: connection.execute("SELECT b FROM t WHERE a = ?", (500,)).fetchone()


def duckdb_short() -> Work:
    """The cheapest statement there is, in one thread."""
    import duckdb

    connection = duckdb.connect(config={"threads": 1})
    return lambda: connection.execute("SELECT 1")


class EmptyConnection:
    """Stands where DuckDB's own class does: its statements take longer than what is to be measured varies."""

    def execute(self, query: str, parameters: object = None) -> EmptyConnection:
        """Execute nothing."""
        return self


def duckdb_adapter() -> Work:
    """The adapter of DuckDB around a method that does nothing."""
    connection = EmptyConnection()
    return lambda: connection.execute("SELECT 1")


def _sqlalchemy() -> tuple[Any, Any, Any]:
    import sqlalchemy as sa

    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    table = sa.Table(
        "t", sa.MetaData(), sa.Column("a", sa.Integer, primary_key=True), sa.Column("b", sa.String)
    )
    table.create(engine)
    connection = engine.connect()
    connection.execute(table.insert(), [{"a": n, "b": "x"} for n in range(1_000)])
    connection.commit()
    return sa, connection, table


def sqlalchemy_core() -> Work:
    """A row by its key, by a select that is compiled once."""
    sa, connection, table = _sqlalchemy()
    return lambda: connection.execute(sa.select(table.c.b).where(table.c.a == 500)).one()


def sqlalchemy_text() -> Work:
    """A row by its key, by plain text: the least SQLAlchemy can do."""
    sa, connection, _ = _sqlalchemy()
    statement = sa.text("SELECT b FROM t WHERE a = :a")
    return lambda: connection.execute(statement, {"a": 500}).one()


def django_orm() -> Work:
    """A row by its key, by the object mapper."""
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
            INSTALLED_APPS=["django.contrib.contenttypes"],
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        )
        django.setup()
    from django.contrib.contenttypes.models import ContentType
    from django.db import connections

    # a connection of its own each time, in the place where everybody looks for the default one
    connection = connections["default"] = connections.create_connection("default")
    with connection.schema_editor() as editor:
        editor.create_model(ContentType)

    def work() -> object:
        query = ContentType.objects.filter(pk=1).query
        return list(query.get_compiler(connection=connection).execute_sql())

    return work


WORKLOADS = (
    Workload("sqlite3, cursor, SELECT 1", sqlite3_cursor, 4000, "2 µs"),
    Workload("sqlite3, connection, point query", sqlite3_point_query, 2000, "2 µs"),
    Workload("DuckDB, SELECT 1", duckdb_short, 40, "2 µs"),
    Workload("DuckDB's adapter, empty execute", duckdb_adapter, 4000, "2 µs"),
    Workload("SQLAlchemy, select, point query", sqlalchemy_core, 120, "10 %"),
    Workload("SQLAlchemy, text, point query", sqlalchemy_text, 300, "10 %"),
    Workload("Django, point query", django_orm, 60, "10 %"),
)


@contextmanager
def recording_on(recorder: Recorder) -> Iterator[None]:
    """The side that records, as a test's call phase does."""
    recorder.install()
    module = ModuleType("empty")
    module.DuckDBPyConnection = EmptyConnection  # type: ignore[attr-defined]
    undo = duckdb_driver.install(module)
    owner = Owner("benchmark")
    begin(owner)
    owner.recording = Recording(CallSites(ROOT))
    try:
        yield
    finally:
        end(owner)
        undo()
        recorder.uninstall()


def elapsed_ns(work: Work, calls: int) -> float:
    """The time this thread works for one call, over many: what other processes take of the machine is left out."""
    gc.collect()
    gc.disable()
    try:
        started = thread_time_ns()
        for _ in range(calls):
            work()
        return (thread_time_ns() - started) / calls
    finally:
        gc.enable()


def measure(
    workload: Workload, watch: Watch, rounds: int, *, opened_inside: bool
) -> tuple[float, float, float] | None:
    """The time of one call with recording off, the median difference and the median ratio; None without driver.

    ``opened_inside`` says that what records has to be there when connections are opened.
    """
    try:
        off = workload.make()
    except ImportError:
        return None
    with watch() if opened_inside else nullcontext():
        on = workload.make()
    base: list[float] = []
    differences: list[float] = []
    ratios: list[float] = []
    for number in range(rounds + 1):
        for _ in range(workload.calls // 3):
            off()
        without = elapsed_ns(off, workload.calls)
        with watch():
            for _ in range(workload.calls // 3):
                on()
            with_it = elapsed_ns(on, workload.calls)
        if number:  # the first round fills caches
            base.append(without)
            differences.append(with_it - without)
            ratios.append(with_it / without)
    return statistics.median(base), statistics.median(differences), statistics.median(ratios)


def after_the_test(texts: int) -> tuple[float, float]:
    """The time of a summary for each text, in ns: the first time, and when their fingerprints are known."""
    from pytest_querycache.queries.statement import Source

    source = Source("benchmark", "sqlite")

    def summary_ns() -> float:
        recording = Recording(CallSites(ROOT))
        for number in range(texts):
            recording.enter(source, f"SELECT a{number}, b FROM t{number} WHERE c = ? AND d IN (1, 2)")
        started = perf_counter_ns()
        recording.summary()
        return (perf_counter_ns() - started) / texts

    Recording(CallSites(ROOT)).summary()
    return summary_ns(), summary_ns()


def show(name: str, found: tuple[float, float, float] | None, target: str) -> None:
    """Print one line."""
    if found is None:
        print(f"{name:36} {'not installed':>10}")
        return
    base, difference, ratio = found
    print(f"{name:36} {base / 1e3:7.2f} µs {difference / 1e3:+9.2f} µs {ratio:6.3f}x  {target}".rstrip())


def main() -> int:
    """Print one line for each workload, and for each rival."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=101, help="pairs of measurements (default: 101)")
    rounds = parser.parse_args().rounds
    print(f"Python {platform.python_version()}, {rounds} rounds, medians")
    print(f"{'':36} {'off':>10} {'recording':>12} {'ratio':>7}  target")
    recorder = Recorder()
    for workload in WORKLOADS:
        found = measure(workload, lambda: recording_on(recorder), rounds, opened_inside=True)
        show(workload.name, found, workload.target)
    by_name = {workload.name: workload for workload in WORKLOADS}
    for rival in RIVALS:
        name, watch = loaded(rival)
        if watch is None:
            print(f"{rival.workload}: {name}")
        else:
            workload = by_name[rival.workload]
            found = measure(workload, watch, rounds, opened_inside=False)
            show(f"{workload.name.partition(',')[0]}: {name}", found, "")
    new, known = after_the_test(500)
    print(
        f"after the test, one text: {new / 1e3:.0f} µs the first time, {known / 1e3:.1f} µs when it is known"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
