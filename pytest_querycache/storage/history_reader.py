"""What a history says of a record, run by run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.history import Cost, Machine, Moment
from ..model.metric import METRICS, Metric
from ..model.quantity import is_finite
from ..model.record import own_metric
from .history_format import COLUMNS, DamagedHistoryError, HistoryError, check_header, opened, storable

if TYPE_CHECKING:
    from sqlite3 import Connection


class HistoryReader:
    """Answers from one history; raises HistoryError where it is missing, damaged, or cannot be read.

    Use it as a context: ``with history(path) as reader``. What other processes add meanwhile is not seen.
    """

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
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
            "WHERE node_id = ? AND run BETWEEN ? AND ? ORDER BY run",
            # each statement sees what was written before it began: a run that came since has no moment here
            (storable(node_id), since, max(self.runs, default=0)),
        )
        for _, run, *numbers, more in rows:
            if run not in self.runs:
                raise DamagedHistoryError(
                    f"{self._path}: the history is damaged (nothing is known of run {run})"
                )
            machine, moment = self.runs[run]
            try:
                cost = _cost(numbers, more)
            except (TypeError, ValueError) as error:
                raise DamagedHistoryError(
                    f"{self._path}: the history is damaged (run {run}: {error})"
                ) from None
            yield machine, moment, cost


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
            yield HistoryReader(connection, path)
    except DamagedHistoryError as error:
        # a session that adds a run may never touch the damaged place, and sets aside only what it stumbles upon
        raise HistoryError(f"{error}; move it away, and the next session begins a new one") from None


def _cost(numbers: Iterable[object], more: str | None) -> Cost:
    """What a row says; raises ValueError or TypeError where it is none of ours."""
    values = {
        name: _number(number) for name, number in zip(COLUMNS, numbers, strict=True) if number is not None
    }
    if more is None:
        return Cost(values=values)
    own = {}
    for name, (number, *described) in _members(more):
        values[name] = _number(number)
        if described:
            own[name] = _own_metric(name, *described)
    return Cost(values=values, own_metrics=own)


def _number(found: object) -> float:
    if isinstance(found, (int, float)) and is_finite(found):
        return found
    raise ValueError(f"expected a number, found {found!r:.40}")


def _members(more: str) -> Iterator[tuple[str, list[Any]]]:
    """The members of a row's last column; what an earlier version measured and this one does not know is left out."""
    members = json.loads(more)
    if not isinstance(members, dict):
        raise ValueError(f"expected an object, found {more!r:.40}")
    for name, member in members.items():
        if len(member) > 1 or name in METRICS:
            yield name, member


@lru_cache(maxsize=1024)
def _own_metric(name: str, unit: str, better: str) -> Metric:
    return own_metric(name, unit=unit, better=better, deterministic=False)
