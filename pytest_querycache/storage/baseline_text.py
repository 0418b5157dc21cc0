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
from array import array
from collections.abc import Iterable, Iterator, Mapping
from math import nan
from pathlib import Path
from typing import Any, NoReturn

from ..errors import BaselineError
from ..model.baseline import Baseline, Commit, Entry, Figure, Section
from ..model.environment import StoredEnvironment
from ..model.quantity import is_finite

FORMAT = "pytest-querycache baseline"
VERSION = 1

LAST = "~"
_NOT_FIGURES = frozenset({"commit", "alone", "sql"})
_LAST_LINE = f'    "{LAST}": "this line stays last, so that branches merge"'
_CONFLICT_MARKS = ("<<<<<<< ", ">>>>>>> ", "||||||| ")
_SURROGATE = re.compile("[\ud800-\udfff]")
_AGAIN = "delete it, and pytest --perf-update writes a new one"


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


def parse_baseline(text: str, path: Path) -> Baseline:
    """A baseline from its text; raises BaselineError that says where, what, what was expected, and what to do."""
    if not text.strip():
        raise BaselineError(f"{path}: the file is empty, expected a baseline; {_AGAIN}")
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith(_CONFLICT_MARKS):
            raise BaselineError(
                f"{path}:{number}: the file holds conflict markers of a merge; keep the lines of both sides, "
                f"or take one side and run pytest --perf-update"
            )
    try:
        document = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise BaselineError(
            f"{path}:{error.lineno}: not JSON ({error.msg}), expected a baseline; "
            f"restore it from the repository, or {_AGAIN}"
        ) from None
    except (BaselineError, RecursionError, ValueError) as error:
        # a plain ValueError is Python's limit on the digits of an integer
        raise BaselineError(f"{path}: {error}; restore it from the repository, or {_AGAIN}") from None
    return _Reader(path).baseline(document)


def _no_constant(name: str) -> NoReturn:
    raise BaselineError(f"{name} is not a number that a baseline may hold")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Entry | BaselineError:
    """Pack entries while they are read, so that 50,000 of them never stand in memory as objects.

    What is wrong with one is returned, because only the reader knows which one it is.
    """
    entry = _packed_at_once(pairs)
    if entry is not None:
        return entry
    if not any(isinstance(value, list) for _, value in pairs) or not all(
        isinstance(value, list) or name in _NOT_FIGURES for name, value in pairs
    ):
        return dict(pairs)
    try:
        return _packed(pairs)
    except BaselineError as error:
        return error


_PADDING = ((), (nan, nan), (nan,), ())
"""What completes a figure of one, two or three numbers."""


def _packed_at_once(pairs: list[tuple[str, Any]]) -> Entry | None:
    """The entry, where it is of the common kind: figures of plain numbers, and a commit. None for anything else.

    This is the way of 49,999 out of 50,000 entries; whatever is unusual or wrong takes the longer one.
    """
    names: list[str] = []
    given: list[float] = []
    numbers: list[float] = []
    commit = ""
    for name, value in pairs:
        if type(value) is list and 0 < len(value) <= 3:
            names.append(name)
            given += value
            numbers += value
            numbers += _PADDING[len(value)]
        elif name == "commit" and type(value) is str:
            commit = value
        else:
            return None
    if not names or not _PLAIN.issuperset(map(type, given)) or not is_finite(sum(given)):
        return None
    return Entry.packed(names, array("d", numbers), commit=commit)


_PLAIN = frozenset({int, float})


def _packed(pairs: Iterable[tuple[str, Any]]) -> Entry:
    figures, commit, alone, statements = [], "", False, None
    for name, value in pairs:
        if name == "commit" and isinstance(value, str):
            commit = value
        elif name == "alone" and not isinstance(value, list):
            alone = bool(value)
        elif name == "sql":
            statements = _statements(value)
        else:
            figures.append((name, _figure(name, value)))
    return Entry(figures, commit=commit, alone=alone, statements=statements)


def _statements(value: object) -> dict[str, int]:
    if not isinstance(value, dict) or not all(
        isinstance(count, int) and not isinstance(count, bool) for count in value.values()
    ):
        raise BaselineError(f"unexpected {value!r} in 'sql', expected counts by fingerprint")
    return value


def _figure(name: str, value: object) -> Figure:
    if not isinstance(value, list) or not 1 <= len(value) <= 3 or not _is_number(value[0]):
        raise BaselineError(f"unexpected {value!r} in {name!r}, expected [cold, warm, spread]")
    if any(number is not None and not _is_number(number) for number in value):
        raise BaselineError(f"unexpected {value!r} in {name!r}, expected numbers")
    return Figure(*value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and is_finite(value)


class _Reader:
    """Checks the shape of a parsed file while it takes it apart, with the path for messages."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def baseline(self, document: object) -> Baseline:
        root = self.mapping(document, "the file")
        if root.get("format") != FORMAT:
            self.fail(f"'format' is {root.get('format')!r}, expected {FORMAT!r}: this is not a baseline")
        version = root.get("version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            self.fail(f"unexpected {version!r} in 'version', expected a number")
        if version > VERSION:
            raise BaselineError(
                f"{self.path}: the file has format {version}, this version reads up to {VERSION}; "
                "upgrade pytest-querycache"
            )
        sections = self.mapping(root.get("sections"), "'sections'")
        return Baseline(
            sections={key: self.section(value, key) for key, value in sections.items() if key != LAST}
        )

    def section(self, value: object, key: str) -> Section:
        where = f"'sections'.{key!r}"
        members = self.mapping(value, where)
        machine = self.mapping(members.get("environment"), f"{where}.'environment'")
        distributions = self.mapping(members.get("distributions", {}), f"{where}.'distributions'")
        commits = self.mapping(members.get("commits", {}), f"{where}.'commits'")
        # an Entry is what an object without figures is not, so an empty section arrives as a plain mapping
        entries = self.mapping(members.get("entries"), f"{where}.'entries'")
        reference = members.get("reference_ns")
        if reference is not None and not _is_number(reference):
            self.fail(f"unexpected {reference!r} in {where}.'reference_ns', expected a number")
        return Section(
            environment=StoredEnvironment(
                full_version=str(machine.get("python", "")),
                cpu_model=str(machine.get("cpu", "")),
                cpu_count=self.integer(machine.get("cpus", 0), f"{where}.'environment'.'cpus'"),
                workers=self.integer(machine.get("workers", 0), f"{where}.'environment'.'workers'"),
                distributions={name: str(text) for name, text in distributions.items() if name != LAST},
            ),
            entries={
                name: self.entry(entry, f"{where}.'entries'.{name!r}")
                for name, entry in entries.items()
                if name != LAST
            },
            commits={
                name: self.commit(commit, f"{where}.'commits'.{name!r}")
                for name, commit in commits.items()
                if name != LAST
            },
            reference_ns=reference,
        )

    def entry(self, value: object, where: str) -> Entry:
        if isinstance(value, dict) and _NOT_FIGURES.issuperset(value):
            # nothing in it was measured, so that it looked like any other object
            return _packed(value.items())
        if isinstance(value, BaselineError):
            self.fail(f"{value}, in {where}")
        if not isinstance(value, Entry):
            self.fail(f"unexpected {type(value).__name__} in {where}, expected figures")
        return value

    def commit(self, value: object, where: str) -> Commit:
        members = self.mapping(value, where)
        return Commit(dirty=bool(members.get("dirty", True)), date=str(members.get("date", "")))

    def mapping(self, value: object, where: str) -> Mapping[str, Any]:
        if isinstance(value, BaselineError):
            self.fail(f"{value}, in {where}")
        if not isinstance(value, dict):
            self.fail(f"unexpected {type(value).__name__} in {where}, expected an object")
        return value

    def integer(self, value: object, where: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            self.fail(f"unexpected {value!r} in {where}, expected a whole number")
        return value

    def fail(self, what: str) -> NoReturn:
        raise BaselineError(f"{self.path}: {what}; restore it from the repository, or {_AGAIN}")
