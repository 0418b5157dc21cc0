"""What an update says in the terminal: what is new, what changed from what to what, and what stayed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..model.acceptance import Acceptance
from ..model.change import Change
from ..model.quantity import format_quantity
from .terminal import PLAIN, Line

_MOST_LISTED = 20


def update_lines(
    acceptance: Acceptance, path: str, problems: Mapping[str, str], error: str, *, verbose: bool
) -> Iterator[Line]:
    """The summary of a session that accepted; ``problems`` say, by test, what fresh processes could not do."""
    if error:
        yield f"nothing was written: {error}", {"red": True, "bold": True}
        return
    # an entry may change because a repeat is known now; figures that stayed what they were are no news
    changes = [change for change in acceptance.changed if change.was is None or _differs(change)]
    shown = changes if verbose else changes[:_MOST_LISTED]
    previous = ""
    for change in shown:
        if change.node_id != previous:
            yield change.node_id, PLAIN
        previous = change.node_id
        yield f"  {_change_text(change)}", PLAIN
    if len(shown) < len(changes):
        yield f"… and {len(changes) - len(shown)} more (-v lists them all)", PLAIN
    if problems:
        yield f"not measured in fresh processes, or not repeatedly: {len(problems)}", {"yellow": True}
        listed = list(problems.items()) if verbose else list(problems.items())[:3]
        for test, problem in listed:
            yield f"  {test}: {problem}", PLAIN
        if len(listed) < len(problems):
            yield f"  … and {len(problems) - len(listed)} more (-v lists them all)", PLAIN
    if acceptance.older:
        entries = f"{acceptance.older} {'entry was' if acceptance.older == 1 else 'entries were'}"
        yield (
            f"{entries} measured with other versions of dependencies, which the file goes on naming; "
            "pytest --perf-update of all tests, when all pass, names those of now",
            {"yellow": True},
        )
    changed = len({change.node_id for change in acceptance.changed})
    kept = f" · failed or skipped, kept {acceptance.kept_failed}" if acceptance.kept_failed else ""
    yield (
        f"accepted into {path}: new {len(acceptance.new)} · changed {changed} · "
        f"unchanged {acceptance.unchanged}{kept}",
        {"bold": True},
    )


def _differs(change: Change) -> bool:
    was = change.was or 0.0
    return abs(change.now - was) > 0.01 * abs(was)


def _change_text(change: Change) -> str:
    now = format_quantity(change.now, change.metric.unit)
    was = "(none)" if change.was is None else format_quantity(change.was, change.metric.unit)
    ratio = f" ({change.now / change.was:.2f}x)" if change.was and change.was > 0 <= change.now else ""
    return f"{change.metric.name} {was} → {now}{ratio}"
