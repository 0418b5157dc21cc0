"""The text of a baseline file.

JSON with one line per test, sorted by node id, so that a pull request shows the tests whose cost changed and
branches merge line by line. Each list of lines ends in one that never changes, so that adding an entry never
touches the line before it.

An entry is an object of figures, ``"metric": [cold, warm, spread]`` with unknown ends left out, and may carry
``"commit"``, the short name of the commit it was measured at, and ``"alone": 1``.

Format history:

1. The first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from ..model.baseline import Baseline, Entry, Section
from ..model.environment import StoredEnvironment

FORMAT = "pytest-querycache baseline"
VERSION = 1

LAST = "~"
_LAST_LINE = f'    "{LAST}": "this line stays last, so that branches merge"'
_SURROGATE = re.compile("[\ud800-\udfff]")


def write_baseline(baseline: Baseline) -> str:
    """The text of a baseline; the same baseline always gives the same text."""
    lines = ["{", f'"format": {json.dumps(FORMAT)},', f'"version": {VERSION},', '"sections": {']
    for key in sorted(baseline.sections):
        lines.extend(_section_lines(key, baseline.sections[key]))
        lines.append(" },")
    lines.append(f' "{LAST}": {{}}')
    lines.extend(["}", "}"])
    return "\n".join(lines) + "\n"


def _section_lines(key: str, section: Section) -> Iterator[str]:
    environment = section.environment
    machine = {
        "python": environment.full_version,
        "cpu": environment.cpu_model,
        "cpus": environment.cpu_count,
        "workers": environment.workers,
    }
    yield f" {_text(key)}: {{"
    yield f'  "environment": {_text(machine)},'
    if section.reference_ns is not None:
        yield f'  "reference_ns": {_number(section.reference_ns)},'
    yield from _mapping_lines("distributions", (f"{_text(n)}: {_text(v)}" for n, v in _sorted(environment)))
    commits = ((name, section.commits[name]) for name in sorted(section.commits))
    yield from _mapping_lines(
        "commits",
        (
            f"{_text(name)}: {json.dumps({'dirty': commit.dirty, 'date': commit.date})}"
            for name, commit in commits
        ),
    )
    entries = (f"{_text(name)}: {entry_text(section.entries[name])}" for name in sorted(section.entries))
    yield from _mapping_lines("entries", entries, last="")


def _sorted(environment: StoredEnvironment) -> Iterable[tuple[str, str]]:
    return sorted(environment.distributions.items())


def _mapping_lines(name: str, members: Iterable[str], last: str = ",") -> Iterator[str]:
    yield f'  "{name}": {{'
    for member in members:
        yield f"    {member},"
    yield _LAST_LINE
    yield f"  }}{last}"


def entry_text(entry: Entry) -> str:
    """One entry's own text, which stands on one line."""
    members = []
    for name, figure in entry.figures():
        numbers = list(figure)
        while len(numbers) > 1 and numbers[-1] is None:
            numbers.pop()
        members.append(f"{_text(name)}: [{', '.join(_number(number) for number in numbers)}]")
    if entry.commit:
        members.append(f'"commit": {_text(entry.commit)}')
    if entry.alone:
        members.append('"alone": 1')
    if entry.statements:
        members.append(f'"sql": {json.dumps(dict(sorted(entry.statements.items())))}')
    return "{" + ", ".join(members) + "}"


def _text(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    # a file name that is not UTF-8 arrives as lone surrogates, which only an escape can carry
    return json.dumps(value) if _SURROGATE.search(text) else text


def _number(number: float | None) -> str:
    if number is None:
        return "null"
    return str(int(number)) if float(number).is_integer() else repr(float(number))
