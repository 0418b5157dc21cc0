"""The history: an append-only store of what every record cost in every run that was kept.

A run is one transaction, so that a killed writer loses its own run and nothing else; a second writer waits for the
first. There is no write-ahead log, which would need a shared memory that network folders do not have, and would leave
runs in a second file that nobody copies. A damaged file is renamed and a new one begun, never emptied.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.history import Cost, Machine, Moment
from ..model.metric import METRICS, Metric
from ..model.plain import plain_number
from ..model.record import own_metric
from .history_format import (
    COLUMNS,
    DamagedHistoryError,
    HistoryError,
    check_header,
    opened,
    prepare,
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
            names = {node_id: _stored(node_id) for node_id in costs}
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
    names = (_stored(machine.key), _stored(machine.cpu_model))
    connection.execute("INSERT OR IGNORE INTO machines (key, cpu_model) VALUES (?, ?)", names)
    found = connection.execute("SELECT id FROM machines WHERE key = ? AND cpu_model = ?", names).fetchone()
    return int(found[0])


def _stored(text: str) -> str:
    """A text that SQLite can hold; a file name that is not UTF-8 arrives as lone surrogates, which it cannot."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


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


class HistoryReader:
    """Answers from one history; raises HistoryError where it is missing or cannot be read.

    Use it as a context: ``with history(path) as reader``.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        rows = connection.execute(
            'SELECT runs.id, finished, "commit", dirty, key, cpu_model '
            "FROM runs JOIN machines ON machine = machines.id ORDER BY runs.id"
        )
        self.runs: dict[int, tuple[Machine, Moment]] = {
            run: (
                Machine(key=key, cpu_model=cpu_model),
                Moment(finished=finished, commit=commit, dirty=bool(dirty)),
            )
            for run, finished, commit, dirty, key, cpu_model in rows
        }
        """Every run by its number, the oldest first."""

    def node_ids(self) -> list[str]:
        """The records that any run measured, in order."""
        rows = self._connection.execute("SELECT node_id FROM records ORDER BY node_id")
        return [node_id for (node_id,) in rows]

    def costs(self, node_id: str, *, since: int = 0) -> Iterator[tuple[Machine, Moment, Cost]]:
        """What a record cost in every run from the number ``since`` on, the oldest first."""
        rows = self._connection.execute(
            "SELECT figures.* FROM figures JOIN records ON record = records.id "
            "WHERE node_id = ? AND run >= ? ORDER BY run",
            (_stored(node_id), since),
        )
        for _, run, *numbers, more in rows:
            machine, moment = self.runs[run]
            yield machine, moment, _cost(numbers, more)


@contextmanager
def history(path: Path) -> Iterator[HistoryReader]:
    """A history to read from; raises HistoryError."""
    check_header(path)
    if not path.exists():
        raise HistoryError(
            f'{path}: no such file; with history = "{path.name}" in the configuration, or '
            f"pytest --perf-track --perf-set history={path.name}, every run is kept in it"
        )
    try:
        with opened(path, writing=False) as connection:
            yield HistoryReader(connection)
    except DamagedHistoryError as error:
        raise HistoryError(f"{error}; the next session sets it aside and begins a new one") from None


def _cost(numbers: Iterable[float | None], more: str | None) -> Cost:
    values = {name: number for name, number in zip(COLUMNS, numbers, strict=True) if number is not None}
    if more is None:
        return Cost(values=values)
    own = {}
    for name, (number, *described) in _members(more):
        values[name] = number
        if described:
            own[name] = _own_metric(name, *described)
    return Cost(values=values, own_metrics=own)


def _members(more: str) -> Iterator[tuple[str, list[Any]]]:
    """The members of a row's last column; what an earlier version measured and this one does not know is left out."""
    for name, member in json.loads(more).items():
        if len(member) > 1 or name in METRICS:
            yield name, member


@lru_cache(maxsize=1024)
def _own_metric(name: str, unit: str, better: str) -> Metric:
    return own_metric(name, unit=unit, better=better, deterministic=False)
