"""A history in the terminal: one record's series with its changes, or the records of a suite that changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from shlex import quote

from ..model.change_points import SHORTEST
from ..model.environment import shortened
from ..model.history import Machine, Moment, Series
from ..model.quantity import format_quantity
from .sparkline import sparkline

_MARGIN = 2
_NARROWEST = 8
_WIDEST = 60
_MOST_RECORDS = 50


def record_lines(
    series: Sequence[Series], *, table_of: str, rows: int, width: int, plain: bool
) -> Iterator[str]:
    """Everything of one record: a line for each metric, its changes, and the newest ``rows`` runs of one metric.

    ``series`` are of one record, those of one machine together; ``table_of`` is the metric that gets the table.
    """
    yield series[0].node_id
    for machine, group in groupby(series, key=lambda each: each.machine):
        of_machine = list(group)
        moments = max((each.moments for each in of_machine), key=len)
        yield ""
        yield _named(machine)
        yield f"{_counted(len(moments), 'run')}, {_period(moments)}"
        yield from _overview(of_machine, width, plain)
        for each in of_machine:
            if each.metric.name == table_of:
                yield ""
                yield from _table(each, rows)


def _named(machine: Machine) -> str:
    return f"{machine.key} · {machine.cpu_model}" if machine.cpu_model else machine.key


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _period(moments: Sequence[Moment]) -> str:
    first, last = moments[0].finished[:10], moments[-1].finished[:10]
    return first if first == last else f"{first} to {last}"


def _overview(series: Sequence[Series], width: int, plain: bool) -> Iterator[str]:
    """A sparkline for each metric, from its first level to its last, and what happened between."""
    names = max(len(each.metric.name) for each in series)
    texts = [level_text(each) for each in series]
    room = width - names - max(map(len, texts)) - 3 * _MARGIN
    # where a line cannot hold all of it, the text goes beneath
    beneath = room < _NARROWEST
    columns = max(_NARROWEST, min(_WIDEST, width - names - 2 * _MARGIN if beneath else room))
    for each, text in zip(series, texts, strict=True):
        line = sparkline(each.values, width=columns, plain=plain)
        filled = line if beneath else line.ljust(min(columns, max(len(e.values) for e in series)))
        yield f"  {each.metric.name:<{names}}  {filled}" + ("" if beneath else f"  {text}")
        if beneath:
            yield f"    {text}"
        yield from (f"    {line}" for line in shift_lines(each))


def level_text(series: Series) -> str:
    """``2.10 ms → 2.55 ms (+21 %)``, the creeping ones said so, or the level of what did not change."""
    course, unit = series.course, series.metric.unit
    if len(series.values) < 2 * SHORTEST:
        return f"{format_quantity(series.values[-1], unit)}, too few runs to tell a change"
    if not course.changed:
        return f"{format_quantity(course.end, unit)}, no change"
    creeping = ", creeping" if course.creeping else ""
    return f"{change_text(course.start, course.end, unit)}{creeping}"


def change_text(was: float, now: float, unit: str) -> str:
    """``2.10 ms → 2.55 ms (+21 %)``."""
    return f"{format_quantity(was, unit)} → {format_quantity(now, unit)}{_in_brackets(was, now)}"


def _in_brackets(was: float, now: float) -> str:
    percent = percent_text(was, now)
    return f" ({percent})" if percent else ""


def percent_text(was: float, now: float) -> str:
    """``+21 %``; empty where nothing can be said."""
    if was <= 0 or now < 0:
        return ""
    change = (now / was - 1) * 100
    return f"{change:+.1f} %" if abs(change) < 10 else f"{change:+,.0f} %"


def shift_lines(series: Series) -> Iterator[str]:
    """Each change of level: when, at which commit, from what to what."""
    for shift in series.course.shifts:
        moment = series.moments[shift.position]
        words = [
            moment.finished[:10],
            moment.commit_text,
            change_text(shift.before, shift.after, series.metric.unit),
        ]
        yield "  ".join(word for word in words if word)


def _table(series: Series, rows: int) -> Iterator[str]:
    """The newest runs, each with its difference from the run before; a star marks where a level began."""
    unit = series.metric.unit
    begun = {shift.position for shift in series.course.shifts}
    number = len(series.values)
    first = max(0, number - rows)
    yield f"  {series.metric.name}"
    yield f"  {'time (UTC)':<16}  {'commit':<13}  {'value':>10}  change"
    for place in range(first, number):
        moment, value = series.moments[place], series.values[place]
        before = series.values[place - 1] if place else None
        change = "" if before is None else "=" if value == before else percent_text(before, value)
        star = "  * new level" if place in begun else ""
        time = moment.finished[:16].replace("T", " ")
        line = (
            f"  {time:<16}  {moment.commit_text:<13}  {format_quantity(value, unit):>10}  {change:<6}{star}"
        )
        yield line.rstrip()
    if first:
        yield f"  … and {_counted(first, 'earlier run')}; --limit N shows more"


def suite_lines(
    changed: Sequence[Series], *, runs: Sequence[Moment], records: int, where: str
) -> Iterator[str]:
    """The records that changed, the worst first, those that improved last."""
    period = f", {_period(runs)}" if runs else ""
    yield f"{where}: {_counted(len(runs), 'run')}{period}, {_counted(records, 'record')}"
    worse = [each for each in changed if each.harm > 1]
    better = [each for each in changed if each.harm <= 1]
    for title, some in (("worse", worse), ("better", better)):
        if some:
            yield ""
            yield from _changed_lines(title, some)
    yield ""
    if not changed:
        yield "no record changed for good"
    else:
        yield f"ask for one of them: querycache history {quote(changed[0].node_id)}"


def _changed_lines(title: str, series: Sequence[Series]) -> Iterator[str]:
    records: dict[str, list[Series]] = {}
    for each in series:
        records.setdefault(each.node_id, []).append(each)
    yield f"{title}: {_counted(len(records), 'record')}"
    for node_id, found in list(records.items())[:_MOST_RECORDS]:
        yield f"  {node_id}"
        machines = {each.machine for each in changed_elsewhere(found)}
        for each in found:
            named = f"; {_named(each.machine)}" if machines else ""
            yield f"    {each.metric.name} {level_text(each)}{_since(each)}{named}"
    if len(records) > _MOST_RECORDS:
        yield f"  … and {len(records) - _MOST_RECORDS:,} more (--format json lists them all)"


def changed_elsewhere(series: Sequence[Series]) -> Iterable[Series]:
    """The series of another machine than the first, for which the machine has to be named."""
    return [each for each in series if each.machine != series[0].machine]


def _since(series: Series) -> str:
    """When the changes happened, and at which commits."""
    if series.course.creeping:
        return f" since {series.moments[0].finished[:10]}"
    places = [series.moments[shift.position] for shift in series.course.shifts]
    named = shortened(f"{moment.finished[:10]} {moment.commit_text}".rstrip() for moment in places)
    return f", at {named}"
