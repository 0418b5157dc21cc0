"""What the page shows, as plain values for its template: texts that are ready, and points in a drawing's units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One sample in a drawing; ``text`` is its value for people."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A vertical line in a drawing, such as the limit; ``kind`` is its class in the style sheet.

    ``anchor`` keeps the label inside the drawing: ``start``, ``middle`` or ``end``.
    """

    x: float
    text: str
    kind: str
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """The samples of one verdict, a row for each process, with the baseline and the limit drawn in."""

    caption: str
    width: int
    height: int
    dots: Sequence[Dot]
    marks: Sequence[Mark]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A horizontal line in a chart, with its label beside it; ``kind`` is its class in the style sheet."""

    y: float
    label_y: float
    text: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryChart:
    """What a record cost run by run, the last dot being this run.

    ``title`` and ``description`` tell it to those who cannot see it; ``line`` is the dots as points of a polyline.
    ``first`` and ``last`` are the dates at its ends, ``last`` empty where they are the same. The dots begin at
    ``left``.
    """

    title: str
    description: str
    caption: str
    width: int
    height: int
    left: int
    dots: Sequence[Dot]
    line: str
    levels: Sequence[Level]
    first: str
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One metric of a record, and what was found of it."""

    verdict: str
    metric: str
    was: str
    now: str
    ratio: str = ""
    limit: str = ""
    rule: str = ""
    proof: str = ""
    insight: str = ""
    drawing: Drawing | None = None
    history: HistoryChart | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One record with everything that was found of it."""

    node_id: str
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The cases of one ending; ``rest`` counts those that only the table shows."""

    name: str
    title: str
    cases: Sequence[Case]
    rest: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Node ids that share an ending, of which nothing more is to be told; ``rest`` counts those left out."""

    title: str
    node_ids: Sequence[str]
    rest: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UseTable:
    """A section about caches or SQL: what was counted, and the records with the most of it."""

    title: str
    columns: Sequence[str]
    total: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]
    rest: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something of the environment, in this run and in the baseline; None where there is no baseline."""

    name: str
    now: str
    was: str | None
    differs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The whole page.

    ``ending`` is ``failed``, ``passed``, ``tracked`` or ``interrupted``. ``records`` is the text of the JSON that
    the page's script makes the table and the scatter from, safe between script tags.
    """

    ending: str
    sentence: str
    counts: Sequence[tuple[str, int]]
    accept: str
    groups: Sequence[Group]
    names: Sequence[Names]
    not_judged: Sequence[tuple[str, int]]
    notes: Sequence[str]
    uses: Sequence[UseTable]
    facts: Sequence[Fact]
    changed_distributions: Sequence[str]
    number_of_records: int
    records: str
