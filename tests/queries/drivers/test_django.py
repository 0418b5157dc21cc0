"""Statements of Django's connections, whatever backend and driver lie below."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

django = pytest.importorskip("django", reason="Django is not installed")

from .stand_ins import ROWCOUNTS, StandIn  # noqa: E402


@pytest.fixture
def content_type(observed: Any, django_configured: Any) -> Iterator[Any]:
    """A model with eight rows."""
    from django.contrib.contenttypes.models import ContentType
    from django.db import connection

    # a connection from before the recorder tells no fetched rows
    connection.close()
    ContentType.objects.all().delete()
    ContentType.objects.bulk_create([ContentType(app_label="shop", model=f"m{n}") for n in range(8)])
    yield ContentType
    connection.close()


def test_a_query_through_two_layers_counts_once(observed: Any, content_type: Any) -> None:
    """Django hands its statement to sqlite3, where it is not counted again; its rows are."""
    with observed.phase():
        assert len(list(content_type.objects.all())) == 8
    (use,) = observed.summary.uses
    assert (use.count, use.rows) == (1, 8)


def test_an_n_plus_one_is_seen_with_its_place_and_in_step(observed: Any, content_type: Any) -> None:
    """One query for the list, one for each of its rows, from one line."""

    def details() -> list[str]:
        found = []
        for row in content_type.objects.all():
            found.append(content_type.objects.get(pk=row.pk).model)
        return found

    with observed.phase():
        assert len(details()) == 8
    repeated, listing = observed.summary.uses
    assert (repeated.count, repeated.repeated, listing.count, listing.rows) == (8, 8, 1, 8)
    assert repeated.call_site == f"test_django.py:{details.__code__.co_firstlineno + 3} in details"


def test_nested_atomic_blocks_are_not_counted(observed: Any, content_type: Any) -> None:
    """Django's savepoints bear the thread's number in their names, and count as transaction control."""
    from django.db import transaction

    with observed.phase():
        for _ in range(3):
            with transaction.atomic(), transaction.atomic():
                content_type.objects.count()
    assert observed.summary.count == 3
    assert {use.text for use in observed.recording.summary(transaction_control=True).uses} >= {
        "SAVEPOINT ?",
        "RELEASE SAVEPOINT ?",
    }


def test_executemany_and_a_failure_count_once_each(observed: Any, content_type: Any) -> None:
    """The cursor's own methods count, and an error passes with Django's own type."""
    from django.db import connection, transaction, utils

    with observed.phase():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO django_content_type (app_label, model) VALUES (%s, %s)",
                [("many", f"m{n}") for n in range(10_000)],
            )
        with connection.cursor() as cursor, pytest.raises(utils.OperationalError):
            cursor.execute("SELECT * FROM missing")
    assert (observed.summary.count, observed.summary.rows) == (2, 10_000)


def test_djangos_own_counting_and_wrappers_still_work(observed: Any, content_type: Any) -> None:
    """CaptureQueriesContext and execute_wrapper see what they saw before, and statements count once."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    wrapped: list[str] = []

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        wrapped.append(sql)
        return execute(sql, params, many, context)

    with observed.phase(), CaptureQueriesContext(connection) as captured, connection.execute_wrapper(wrapper):
        content_type.objects.count()
    assert (len(captured), len(wrapped), observed.summary.count) == (1, 1, 1)


@pytest.mark.parametrize("rowcount", ROWCOUNTS, ids=["none", "text", "refused", "mock"])
def test_a_cursor_that_does_not_tell_its_rows_disturbs_nobody(
    observed: Any, content_type: Any, rowcount: Any
) -> None:
    """Neither a result nor the suite's own error is replaced by one of ours."""
    from django.db import connection
    from django.db.backends.utils import CursorWrapper

    with observed.phase():
        assert CursorWrapper(StandIn(rowcount), connection).execute("SELECT 1") == "executed"
        with pytest.raises(ZeroDivisionError):
            CursorWrapper(StandIn(rowcount, ZeroDivisionError()), connection).execute("SELECT 1")
        CursorWrapper(StandIn(rowcount), connection).executemany("INSERT INTO t VALUES (%s)", [(1,), (2,)])
    assert (observed.summary.count, observed.summary.rows) == (3, 2)


def test_arguments_may_be_given_by_their_names(observed: Any, content_type: Any) -> None:
    """Every method keeps the names Django gives to its parameters."""
    from django.db import connection
    from django.db.backends.utils import CursorWrapper

    stand_in = StandIn(-1)
    cursor = CursorWrapper(stand_in, connection)
    with observed.phase():
        cursor.callproc(procname="p")
        cursor.execute(sql="SELECT 1", params=())
        cursor.executemany(sql="INSERT INTO t VALUES (%s)", param_list=[(1,), (2,)])
    assert stand_in.asked == ["p", "SELECT 1", "INSERT INTO t VALUES (%s)"]
    assert (observed.summary.count, observed.summary.rows) == (3, 2)


@pytest.mark.filterwarnings("ignore:.*unclosed database:ResourceWarning")
def test_what_belongs_to_no_test_is_told_once_however_many_layers_it_passes(
    observed: Any, content_type: Any
) -> None:
    """A thread without the test's context: sqlite3 below says nothing of what Django has told."""
    from django.db import connection, transaction

    def work() -> None:
        with transaction.atomic(), transaction.atomic():
            content_type.objects.count()
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE django_content_type SET model = %s WHERE id = 0", [("a",), ("b",)])
        connection.close()

    def first() -> None:
        connection.ensure_connection()
        ready.set()
        go.wait()
        work()

    ready, go = threading.Event(), threading.Event()
    thread = threading.Thread(target=first)
    thread.start()
    ready.wait()
    with observed.phase() as recording:
        go.set()
        thread.join()
    assert (observed.summary.count, recording.unattributed) == (0, 2)


@pytest.mark.filterwarnings("ignore:.*unclosed database:ResourceWarning")
def test_the_async_interface_is_attributed_through_its_threads(observed: Any, content_type: Any) -> None:
    """Django runs its queries in threads that carry the context of the awaiting task."""

    async def work() -> int:
        return len([row async for row in content_type.objects.all()]) + await content_type.objects.acount()

    with observed.phase() as recording:
        assert asyncio.run(work()) == 16
    queries = [use for use in observed.summary.uses if "django_content_type" in use.text]
    assert (len(queries), recording.unattributed) == (2, 0)


def test_the_cursor_class_is_as_it_was_once_the_recorder_is_gone(
    observed: Any, django_configured: Any
) -> None:
    """Every patched method is restored."""
    from django.db.backends.utils import CursorWrapper

    observed.recorder.look()
    during = vars(CursorWrapper)["execute"]
    observed.recorder.uninstall()
    after = vars(CursorWrapper)["execute"]
    assert during is not after
    assert after.__code__.co_filename.endswith("utils.py")
    assert not hasattr(after, "__wrapped__")
