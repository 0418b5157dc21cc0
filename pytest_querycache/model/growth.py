"""What became more, said with the place that causes it; and the words "likely N+1" and "N+1"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

LIKELY_FROM: Final = 5
"""Executions of one fingerprint from one call site from which a repetition is suspicious."""


class Told(NamedTuple):
    """One fingerprint of the current run, as ``Summary.plain`` has it."""

    digest: str
    text: str
    executions: int
    call_site: str
    repeated: int
    rows: int


def suspicion(use: Told, before: int, others: Iterable[Told]) -> str:
    """``"N+1"``, ``"likely N+1"`` or nothing for one fingerprint, which the baseline counts ``before`` times.

    It is likely when one place executes it five times or more, and more often than the baseline says; it is one
    when that happens once for each row that another fingerprint, executed less often, returned.
    """
    if use.repeated < LIKELY_FROM or use.executions <= before:
        return ""
    in_step = any(
        other.rows == use.repeated and other.executions < use.repeated and other.digest != use.digest
        for other in others
    )
    return "N+1" if in_step else "likely N+1"


def growth_lines(now: Iterable[Sequence[Any]], before: Mapping[str, int], *, most: int = 10) -> list[str]:
    """Lines about every fingerprint whose count differs from the baseline's, what grew most at the top.

    ``now`` is what ``Summary.plain`` gave, ``before`` the baseline's counts by digest. ``+`` marks fingerprints
    the baseline does not know, ``-`` those that are gone, of which only the digest is known.
    """
    uses = [Told(*row) for row in now]
    changed = [use for use in uses if use.executions != before.get(use.digest, 0)]
    changed.sort(key=lambda use: (before.get(use.digest, 0) - use.executions, use.text))
    lines = [_line(use, before.get(use.digest), uses) for use in changed]
    present = {use.digest for use in uses}
    lines += [
        f"- {count}  statement {digest}, whose text is not stored"
        for digest, count in sorted(before.items())
        if digest not in present
    ]
    if len(lines) > most:
        lines[most:] = [f"… and {len(lines) - most} more fingerprints that differ"]
    return lines


def _line(use: Told, before: int | None, uses: Sequence[Told]) -> str:
    change = f"+ {use.executions}" if before is None else f"{before} → {use.executions}"
    words = suspicion(use, before or 0, uses)
    parts = [f"{change}  {use.text}"]
    if use.call_site:
        parts.append(f"at {use.call_site}")
    if words:
        parts.append(f"{words}: {use.repeated} times from there" if use.call_site else words)
    return "  ".join(parts)
