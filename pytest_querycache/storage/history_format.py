"""The tables of a history, and how a connection to one is opened.

SQLite, one row for each record and run. The figures stand in the order of records, not of runs, so that a record's
whole history lies side by side. Figures that most tests have are columns; the rest is a JSON object in the last one:
``{"metric": [value]}``, and ``{"metric": [value, unit, better]}`` for a user's own.

Connections are made by calling ``sqlite3.Connection``: ``sqlite3.connect`` may be the recorder's, which counts the
statements of tests.

Format history:

1. The first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import QueryCacheError

if TYPE_CHECKING:
    from sqlite3 import Connection

APPLICATION_ID = 0x70714348
"""Marks a SQLite file as a history of ours."""
VERSION = 1

COLUMNS = (
    "wall_time",
    "cpu_time",
    "reference_time",
    "allocated_bytes",
    "allocated_blocks",
    "peak_rss",
    "gc_collections",
    "net_blocks",
    "db_queries",
    "db_distinct",
    "db_repeated",
    "time_per_call",
    "blocks_per_call",
)
"""The metrics with a column of their own."""

BUSY_S = 30.0
"""How long one process waits for another that writes."""

_HEADER = 100
_SMALLEST = 512
_TABLES = (
    "CREATE TABLE machines (id INTEGER PRIMARY KEY, key TEXT NOT NULL, cpu_model TEXT NOT NULL, "
    "UNIQUE (key, cpu_model))",
    'CREATE TABLE runs (id INTEGER PRIMARY KEY, finished TEXT NOT NULL, "commit" TEXT NOT NULL, '
    "dirty INTEGER NOT NULL, machine INTEGER NOT NULL REFERENCES machines)",
    "CREATE TABLE records (id INTEGER PRIMARY KEY, node_id TEXT NOT NULL UNIQUE)",
    "CREATE TABLE figures (record INTEGER NOT NULL REFERENCES records, run INTEGER NOT NULL REFERENCES runs, "
    f"{', '.join(COLUMNS)}, more TEXT, PRIMARY KEY (record, run)) WITHOUT ROWID",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)


_SIGNATURE = b"SQLite format 3\0"


class HistoryError(QueryCacheError):
    """A history cannot be read or written: no such file, no permission, another program's, or of a newer format."""


class DamagedHistoryError(HistoryError):
    """A history is no longer what was written."""


def check_header(path: Path) -> None:
    """Refuse a file that can never be a history of ours, without opening the database; raises HistoryError.

    Nothing is said of a file that is missing, empty or damaged.
    """
    if path.is_dir():
        raise HistoryError(f"{path}: the history is a folder, expected a file")
    try:
        with path.open("rb") as stream:
            header = stream.read(_HEADER)
    except FileNotFoundError:
        return
    except OSError as error:
        raise HistoryError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    if len(header) == _HEADER and header.startswith(_SIGNATURE):
        version, application = (int.from_bytes(header[at : at + 4], "big") for at in (60, 68))
        _check(path, application, version)
    elif _is_text(header):
        # a mistyped name must not move somebody's own file aside as a damaged history
        raise HistoryError(f"{path}: this is a text file, expected a history; name another file")


def _is_text(beginning: bytes) -> bool:
    if _SIGNATURE.startswith(beginning):
        return False  # a history that was cut off, or one that is empty yet
    return all(byte >= 32 or byte in b"\t\n\r" for byte in beginning)


def _check(path: Path, application: int, version: int) -> None:
    if application != APPLICATION_ID:
        raise HistoryError(
            f"{path}: this is another program's database, expected a history; name another file"
        )
    if version > VERSION:
        raise HistoryError(
            f"{path}: the history has format {version}, this version reads up to {VERSION}; "
            "upgrade pytest-querycache"
        )


@contextmanager
def opened(path: Path, *, writing: bool) -> Iterator[Connection]:
    """A connection, closed at the end; what SQLite complains of becomes a HistoryError with the path.

    Raises DamagedHistoryError where the file is damaged. A reader makes no file.
    """
    try:
        import sqlite3
    except ImportError:
        raise HistoryError(f"{path}: this Python was built without sqlite3, which a history needs") from None
    if path.exists() and 0 < path.stat().st_size < _SMALLEST:
        # SQLite takes what is shorter than a page for an empty file, and would write over it
        raise DamagedHistoryError(f"{path}: the history is damaged (it was cut off)")
    connection = None
    try:
        connection = _connection(path, writing)
        # an open statement keeps its lock, and an error keeps its frame
        yield connection
    except sqlite3.DatabaseError as error:
        # that of a damaged file has no class of its own
        if type(error) is sqlite3.DatabaseError:
            raise DamagedHistoryError(f"{path}: the history is damaged ({error})") from None
        raise HistoryError(
            f"{path}: cannot be {'written' if writing else 'read'} ({error}); {_ADVICE}"
        ) from None
    finally:
        if connection is not None:
            connection.close()


_ADVICE = "check the path, its permissions and the space on the disk"


def _connection(path: Path, writing: bool) -> Connection:
    import sqlite3

    if writing:
        return sqlite3.Connection(str(path), timeout=BUSY_S, isolation_level=None)
    # what a killed writer left behind can only be undone by whoever may write
    address = path.absolute().as_uri()
    try:
        connection = sqlite3.Connection(f"{address}?mode=rw", timeout=BUSY_S, isolation_level=None, uri=True)
    except sqlite3.OperationalError:
        connection = sqlite3.Connection(f"{address}?mode=ro", timeout=BUSY_S, isolation_level=None, uri=True)
    return connection


def prepare(connection: Connection, path: Path) -> None:
    """Make the tables in an empty file, inside the caller's transaction; raises HistoryError for another's."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables and not application and not version:
        for statement in _TABLES:
            connection.execute(statement)
        return
    _check(path, application, version)


def storable(text: str) -> str:
    """A text that SQLite can hold; a file name that is not UTF-8 arrives as lone surrogates, which it cannot."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
