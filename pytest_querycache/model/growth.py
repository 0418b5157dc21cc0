"""What became more, said with the place that causes it; and the words "likely N+1" and "N+1"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

LIKELY_FROM: Final = 5
"""Executions of one fingerprint from one call site from which a repetition is suspicious."""
NOT_KEPT: Final = "not kept"
"""Stands for a digest in the row of all executions whose texts were too many to be remembered."""

_MOST_REPEATED_SHOWN: Final = 3
_RETURNS_ROWS: Final = re.compile(r"[\s(]*(?:SELECT|WITH|VALUES|FROM|TABLE)\b|.*\bRETURNING\b", re.DOTALL)
_WRITES: Final = re.compile(
    r"[\s(]*WITH\b.*\b(?:INSERT\s+INTO|UPDATE\b.*\bSET|DELETE\s+FROM|MERGE\s+INTO)\b", re.DOTALL
)


class Told(NamedTuple):
    """One fingerprint of the current run, as ``Summary.plain`` has it; ``text`` is empty where it was not kept."""

    digest: str
    text: str
    executions: int
    call_site: str
    repeated: int
    rows: int

    @property
    def returns_rows(self) -> bool:
        """Whether ``rows`` are rows that were read, as far as the text tells, and not rows that were written."""
        if _RETURNS_ROWS.match(self.text) is None:
            return False
        return "RETURNING" in self.text or _WRITES.match(self.text) is None


def suspicion(use: Told, before: int, others: Iterable[Told]) -> str:
    """``"N+1"``, ``"likely N+1"`` or nothing for one fingerprint, which the baseline counts ``before`` times.

    It is likely when one place executes it five times or more, and more often than the baseline says; it is one
    when that happens once for each row that another fingerprint, executed less often, returned.
    """
    if use.repeated < LIKELY_FROM or use.executions <= before:
        return ""
    in_step = any(
        other.rows == use.repeated
        and other.executions < use.repeated
        and other.digest != use.digest
        and other.returns_rows
        for other in others
    )
    return "N+1" if in_step else "likely N+1"


def growth_lines(
    now: Iterable[Sequence[Any]], before: Mapping[str, int], *, metric: str = "", most: int = 10
) -> list[str]:
    """Lines about every fingerprint whose count differs from the baseline's, what grew most at the top.

    ``now`` is what ``Summary.plain`` gave, ``before`` the baseline's counts by digest. ``+`` marks fingerprints
    the baseline does not know, ``-`` those that are gone, of which only the digest is known; neither is said where
    the other side had more texts than were remembered. For the ``metric`` ``db_repeated`` the most repeated
    fingerprints come first, also those whose count is what it was: ten lines may have become a loop.
    """
    uses = [Told(*row) for row in now]
    first = _most_repeated(uses) if metric == "db_repeated" else []
    changed = [use for use in uses if use.executions != before.get(use.digest, 0) and use not in first]
    changed.sort(key=lambda use: (before.get(use.digest, 0) - use.executions, use.text))
    lines = [_line(use, before, uses, repetition=True) for use in first]
    lines += [_line(use, before, uses) for use in changed]
    present = {use.digest for use in uses}
    lines += [
        f"- {count}  statement {digest}, whose text is not stored"
        for digest, count in sorted(before.items())
        if digest not in present and digest != NOT_KEPT and NOT_KEPT not in present
    ]
    if len(lines) > most:
        lines[most:] = [f"… and {len(lines) - most} more fingerprints that differ"]
    return lines


def _most_repeated(uses: Sequence[Told]) -> list[Told]:
    highest = max((use.repeated for use in uses), default=0)
    return sorted((use for use in uses if use.repeated == highest), key=lambda use: use.text)[
        :_MOST_REPEATED_SHOWN
    ]


def _line(use: Told, before: Mapping[str, int], uses: Sequence[Told], *, repetition: bool = False) -> str:
    was = before.get(use.digest)
    if was is not None:
        change = f"{was} → {use.executions}"
    else:
        # a baseline that had too many texts may have had this one
        change = str(use.executions) if NOT_KEPT in before else f"+ {use.executions}"
    words = suspicion(use, was or 0, uses)
    parts = [f"{change}  {use.text or f'statement {use.digest}, whose text is one too many to keep'}"]
    if use.call_site:
        parts.append(f"at {use.call_site}")
        if words or repetition:
            words = f"{words}: " if words else ""
            words += f"{use.repeated} times from there"
    if words:
        parts.append(words)
    return "  ".join(parts)
