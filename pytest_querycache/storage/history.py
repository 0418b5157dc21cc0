"""The history: an append-only store of what every record cost in every run that was kept.

A run is one transaction, so that a killed writer loses its own run and nothing else; a second writer waits for the
first. There is no write-ahead log, which would need a shared memory that network folders do not have, and would leave
runs in a second file that nobody copies. A damaged file is renamed and a new one begun, never emptied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..model.history import Cost, Machine, Moment
from ..model.plain import plain_number
from .history_format import (
    COLUMNS,
    DamagedHistoryError,
    HistoryError,
    check_header,
    opened,
    prepare,
    storable,
)
from .lock import exclusive

if TYPE_CHECKING:
    from sqlite3 import Connection

_CACHE_KIB = 65_536
_PAGE = 1_024
"""Appending to a store of 1,000 runs takes half the time it takes with pages of 4 KiB."""
_INSERT = f"INSERT INTO figures VALUES ({', '.join('?' * (len(COLUMNS) + 3))})"
_MOST_ASIDE = 1_000


def append_run(path: Path, machine: Machine, moment: Moment, costs: Mapping[str, Cost]) -> Path | None:
    """Add a run; gives the name that a damaged file was set aside under, if there was one.

    Raises HistoryError where the file cannot be written, belongs to another program, or has a newer format.
    """
    check_header(path)
    try:
        _make_folder(path.parent)
        path.touch()
        number = path.stat().st_ino
    except OSError as error:
        raise HistoryError(f"{path}: cannot be written ({error.strerror}); check the path") from None
    try:
        _append(path, machine, moment, costs)
    except DamagedHistoryError:
        aside = _set_aside(path, number)
        _append(path, machine, moment, costs)
        return aside
    return None


def _make_folder(folder: Path) -> None:
    """Make a missing folder, and keep it out of git: an untracked file would let every commit look changed."""
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("# made by pytest-querycache\n*\n", encoding="utf-8")


def _append(path: Path, machine: Machine, moment: Moment, costs: Mapping[str, Cost]) -> None:
    with opened(path, writing=True) as connection:
        # enough for all pages that one run touches
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        # of a file that is begun: a run touches a page of every record
        connection.execute(f"PRAGMA page_size = {_PAGE}")
        with _transaction(connection):
            prepare(connection, path)
            run = connection.execute(
                'INSERT INTO runs (finished, "commit", dirty, machine) VALUES (?, ?, ?, ?)',
                (moment.finished, moment.commit, moment.dirty, _machine_id(connection, machine)),
            ).lastrowid
            names = {node_id: storable(node_id) for node_id in costs}
            connection.executemany(
                "INSERT OR IGNORE INTO records (node_id) VALUES (?)", ((name,) for name in names.values())
            )
            known = dict(connection.execute("SELECT node_id, id FROM records"))
            rows = {known[names[node_id]]: cost for node_id, cost in costs.items()}
            connection.executemany(_INSERT, ((record, run, *_row(rows[record])) for record in sorted(rows)))


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    """All or nothing; the lock is taken at the start, where waiting for another writer cannot deadlock."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _machine_id(connection: Connection, machine: Machine) -> int:
    names = (storable(machine.key), storable(machine.cpu_model))
    connection.execute("INSERT OR IGNORE INTO machines (key, cpu_model) VALUES (?, ?)", names)
    found = connection.execute("SELECT id FROM machines WHERE key = ? AND cpu_model = ?", names).fetchone()
    return int(found[0])


def _row(cost: Cost) -> Iterator[object]:
    numbers = {name: plain_number(value) for name, value in cost.values.items()}
    for name in COLUMNS:
        yield _fitting(numbers.get(name))
    more: dict[str, list[object]] = {}
    for name, number in numbers.items():
        if name in COLUMNS or number is None:
            continue
        own = cost.own_metrics.get(name)
        more[name] = [number] if own is None else [number, own.unit, own.better.value]
    yield json.dumps(more, separators=(",", ":")) if more else None


def _fitting(number: float | None) -> float | None:
    """A number that a column holds: integers beyond 64 bits become floats."""
    return float(number) if isinstance(number, int) and not -(2**63) <= number < 2**63 else number


def _set_aside(path: Path, damaged: int) -> Path | None:
    """Rename a damaged file, and the journal that belongs to it; None where another process was faster.

    ``damaged`` is the number of its inode, by which it is told from the one that another process may have begun.
    """
    names = (path.with_name(f"{path.name}.damaged-{number}") for number in range(1, _MOST_ASIDE))
    with exclusive(path):
        try:
            if path.stat().st_ino != damaged:
                return None
            aside = next(name for name in names if not name.exists())
            journal = path.with_name(f"{path.name}-journal")
            if journal.exists():
                # first, or it would be applied to the new file
                journal.rename(aside.with_name(f"{aside.name}-journal"))
            path.rename(aside)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HistoryError(
                f"{path}: damaged, and cannot be set aside ({error.strerror}); move it away"
            ) from None
    return aside
