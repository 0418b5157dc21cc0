"""``querycache history``: how the cost of a record went over the runs that were kept, or which records changed."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from difflib import get_close_matches
from pathlib import Path
from shutil import get_terminal_size

from ..errors import ConfigurationError
from ..model.environment import shortened
from ..model.history import Moment, Series, series_of
from ..model.metric import EXPLAINING, METRICS
from ..model.policy import Policy
from ..reports.history_json import history_json
from ..reports.history_terminal import record_lines, suite_lines
from ..reports.sparkline import BLOCKS
from ..storage.history_format import HistoryError
from ..storage.history_reader import HistoryReader, history
from .output import carried
from .project import configuration_in, policy_in

LIMIT = 100
"""How many of the newest runs are looked at where nobody says otherwise."""

ROWS = 20
"""How many of them the table shows where nobody says otherwise."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}.*")
_COMMIT = re.compile(r"[0-9a-f]{4,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which runs are asked for: from a date or a commit on, and how many of each machine's newest."""

    since: str = ""
    limit: int = LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The records that changed, the worst first, and what they were found among."""

    series: Sequence[Series]
    runs: Sequence[Moment]
    records: int


def history_lines(
    rootdir: Path,
    given: Path | None,
    node_id: str | None,
    *,
    metric: str = "",
    since: str = "",
    limit: int | None = None,
    as_json: bool = False,
) -> Iterator[str]:
    """What the command prints; ``given`` is the history's file where it is not the configured one."""
    path = history_in(rootdir, given)
    window = Window(since=since, limit=limit or LIMIT)
    if node_id is None:
        changed = changed_records(path, policy_in(rootdir), metric=metric, window=window)
        if as_json:
            yield history_json(changed.series, with_runs=False)
            return
        yield from suite_lines(changed.series, runs=changed.runs, records=changed.records, where=str(path))
        return
    series = history_of(path, node_id, metric=metric, window=window)
    if as_json:
        yield history_json(series, with_runs=True)
        return
    yield from record_lines(
        series,
        table_of=metric or widest_change(series),
        rows=limit or ROWS,
        width=get_terminal_size().columns,
        plain=not _can_print(BLOCKS),
    )


def history_in(rootdir: Path, given: Path | None) -> Path:
    """The history a command was given, or else the configured one; raises ConfigurationError where there is none."""
    if given is not None:
        return given
    configured = configuration_in(rootdir).history
    if not configured:
        raise ConfigurationError(
            'no history is configured: expected history = "FILE" in pyproject.toml '
            "[tool.pytest_querycache], or --history FILE"
        )
    return rootdir / configured


def _can_print(characters: str) -> bool:
    """Whether the standard output has these characters."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return carried(characters, encoding) == characters


def history_of(path: Path, node_id: str, *, metric: str = "", window: Window) -> list[Series]:
    """The series of a record; raises HistoryError for a record or a metric that the history does not know."""
    with history(path) as reader:
        since = _first_run(reader, window.since, path)
        found = series_of(node_id, reader.costs(node_id, since=since), limit=window.limit)
        if not found:
            raise HistoryError(_not_found(reader, node_id, window, path))
    if not metric:
        return found
    chosen = [series for series in found if series.metric.name == metric]
    if not chosen:
        known = ", ".join(dict.fromkeys(series.metric.name for series in found))
        raise HistoryError(f"--metric {metric}: not kept of {node_id}, expected one of {known}")
    return chosen


def _first_run(reader: HistoryReader, since: str, path: Path) -> int:
    """The number of the first run that counts."""
    if not since:
        return 0
    is_date = _DATE.fullmatch(since) is not None
    if not is_date and _COMMIT.fullmatch(since) is None:
        raise HistoryError(
            f"--since {since}: expected a date such as 2026-01-31, or a commit of four digits or more"
        )
    beginning = _in_utc(since) if is_date else ""
    for number, (_, moment) in reader.runs.items():
        if moment.finished >= beginning if is_date else _is_same(moment.commit, since):
            return number
    newest = list(reader.runs.values())[-1:]
    last = "".join(
        f"; the newest is of {moment.finished[:10]} {moment.commit}".rstrip() for _, moment in newest
    )
    raise HistoryError(
        f"--since {since}: {path} has no run {'since then' if is_date else 'of that commit'}{last}"
    )


def _in_utc(since: str) -> str:
    """A date as moments are written; without an offset it is UTC, as everything the command prints."""
    try:
        # Python 3.10 reads no Z
        found = datetime.fromisoformat(re.sub("[Zz]$", "+00:00", since.strip()))
        aware = found if found.tzinfo is not None else found.replace(tzinfo=timezone.utc)
        return aware.astimezone(timezone.utc).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        raise HistoryError(
            f"--since {since}: no such date, expected one such as 2026-01-31 or 2026-01-31T12:00+01:00"
        ) from None


def _is_same(commit: str, asked: str) -> bool:
    return bool(commit) and (commit.startswith(asked) or asked.startswith(commit))


def _not_found(reader: HistoryReader, node_id: str, window: Window, path: Path) -> str:
    known = reader.node_ids()
    if node_id in known:
        return f"{path}: {node_id} has no run since {window.since}"
    part = node_id.rpartition("::")[2]
    near = [name for name in known if part and part in name] or get_close_matches(node_id, known)
    meant = f"; did you mean {shortened(near)}?" if near else f"; it knows {len(known)} records"
    return f"{path}: no record {node_id}{meant}"


def widest_change(series: Sequence[Series]) -> str:
    """The metric that deserves the table: of those that changed the one that changed most, else the first.

    What only explains another metric deserves none.
    """
    changed = [each for each in series if each.course.changed and each.metric not in EXPLAINING]
    if not changed:
        return series[0].metric.name
    return max(changed, key=lambda each: max(each.harm, 1 / each.harm if each.harm else 0)).metric.name


def changed_records(path: Path, policy: Policy, *, metric: str = "", window: Window) -> Changed:
    """The records that changed for good, the worst first; what stays below a metric's floor does not count."""
    with history(path) as reader:
        first = max(_first_run(reader, window.since, path), _newest(reader, window.limit))
        node_ids = reader.node_ids()
        found = [
            series
            for node_id in node_ids
            for series in series_of(node_id, reader.costs(node_id, since=first), limit=window.limit)
            if metric in ("", series.metric.name) and _matters(series, policy)
        ]
        runs = [moment for number, (_, moment) in reader.runs.items() if number >= first]
    # of equal ones by name, so that the same history always gives the same list
    found.sort(key=lambda series: (-series.harm, series.node_id, series.metric.name))
    return Changed(series=found, runs=runs, records=len(node_ids))


def _newest(reader: HistoryReader, limit: int) -> int:
    """The number of the first run that can be among any machine's newest."""
    numbers: dict[object, list[int]] = {}
    for number, (machine, _) in reader.runs.items():
        numbers.setdefault(machine, []).append(number)
    return min((of_machine[-limit:][0] for of_machine in numbers.values()), default=0)


def _matters(series: Series, policy: Policy) -> bool:
    """Whether a series changed by what the project cares about; most are dismissed without looking for changes."""
    name = series.metric.name
    own = None if name in METRICS else {name: series.metric}
    applied = policy.thresholds_for(series.node_id, own_metrics=own).get(name)
    if applied is None or max(series.values) - min(series.values) < applied.floor:
        return False
    course = series.course
    return course.changed and course.end != course.start and abs(course.end - course.start) >= applied.floor
