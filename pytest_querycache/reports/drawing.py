"""Where samples stand in a drawing: positions along a line, and rows for processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from statistics import median

from ..model.quantity import format_quantity
from ..model.verdict import Duel, Evidence, Finding
from .page import Dot, Drawing, Mark

_WIDTH = 600
_MARGIN = 40
_ROW = 16
_TOP = 46
_MOST_ROWS = 12


def drawing_of(finding: Finding, evidence: Evidence | None) -> Drawing | None:
    """The samples that led to a verdict; None where there are fewer than two."""
    if evidence is None or finding.metric is None:
        return None
    if evidence.duel is not None:
        return _drawing_of_pairs(finding, evidence.duel)
    rows = [[value for value in values if isfinite(value)] for values in evidence.processes][:_MOST_ROWS]
    unit = finding.metric.unit
    lines = []
    if finding.limit is not None and finding.limit.reference is not None:
        lines.append((finding.limit.reference, "baseline", "was"))
    if finding.limit is not None:
        lines.append((finding.limit.value, "limit", "limit"))
    caption = f"repeats in {len(rows)} fresh processes, a row each" if len(rows) > 1 else "repeats"
    return _drawing(rows, lines, caption, lambda value: format_quantity(value, unit))


def _drawing_of_pairs(finding: Finding, duel: Duel) -> Drawing | None:
    """Pairs of processes, by how many times the old code's cost the new one's is."""
    lines = [(1.0, "as before", "was")]
    limit = finding.limit
    if limit is not None and limit.reference:
        ratio = limit.value / limit.reference
        # pairs are turned around where higher is better, so that more is always worse
        lines.append((1 / ratio if 0 < ratio < 1 else ratio, "limit", "limit"))
    rows = [_turn_ratios(duel, pair) or [ratio] for pair, ratio in enumerate(duel.pair_ratios)]
    finite = [[ratio for ratio in row if isfinite(ratio)] for row in rows]
    beside = "new code beside old" if duel.commit else "new code beside the baseline's own processes"
    caption = f"{len(rows)} pairs of processes, {beside}, a row each"
    return _drawing(finite, lines, caption, lambda ratio: f"{ratio:.2f}x")


def _turn_ratios(duel: Duel, pair: int) -> list[float]:
    """How many times worse the new value was in each turn of a pair; none where the turns were not kept."""
    turns = duel.turns[pair] if pair < len(duel.turns) else ()
    ratios = [new / old for new, old in turns if old > 0 and new > 0]
    middle = duel.pair_ratios[pair]
    # a pair's ratio is turned around where higher is better, and so are its turns
    upside_down = bool(ratios) and (median(ratios) - 1) * (middle - 1) < 0
    return [1 / ratio for ratio in ratios] if upside_down else ratios


def _drawing(
    rows: Sequence[Sequence[float]],
    lines: Sequence[tuple[float, str, str]],
    caption: str,
    written: Callable[[float], str],
) -> Drawing | None:
    values = [value for row in rows for value in row]
    if len(values) < 2:
        return None
    everything = [*values, *(value for value, _, _ in lines if isfinite(value))]
    low, high = min(everything), max(everything)
    span = (high - low) or abs(high) or 1.0

    def position(value: float) -> float:
        if high == low:
            return _WIDTH / 2
        return round(_MARGIN + (value - low) / span * (_WIDTH - 2 * _MARGIN), 1)

    dots = [
        Dot(x=position(value), y=_TOP + _ROW * (number + 0.5), text=written(value))
        for number, row in enumerate(rows)
        for value in row
    ]
    marks = [
        Mark(x=position(value), text=f"{name} {written(value)}", kind=kind, anchor=_anchor(position(value)))
        for value, name, kind in lines
        if isfinite(value)
    ]
    height = _TOP + _ROW * len(rows) + 6
    return Drawing(caption=caption, width=_WIDTH, height=height, dots=dots, marks=marks)


def _anchor(x: float) -> str:
    if x < _WIDTH * 0.25:
        return "start"
    return "end" if x > _WIDTH * 0.75 else "middle"
