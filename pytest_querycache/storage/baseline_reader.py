"""The baseline in a file's text, checked while it is taken apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from ..errors import BaselineError
from ..model.baseline import Baseline, Commit, Entry, Section
from ..model.environment import StoredEnvironment
from .baseline_text import FORMAT, LAST, VERSION
from .packed_entry import NOT_FIGURES, is_number, packed_entry, packed_object

_CONFLICT_MARKS = ("<<<<<<< ", ">>>>>>> ", "||||||| ")
_AGAIN = "delete it, and pytest --perf-update writes a new one"


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
        document = json.loads(text, object_pairs_hook=packed_object, parse_constant=_no_constant)
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


class _Reader:
    """Checks the shape of a parsed file while it takes it apart, with the path for messages."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def baseline(self, document: object) -> Baseline:
        root = self.mapping(document, "the file")
        if root.get("format") == "pytest-querycache run":
            raise BaselineError(
                f"{self.path}: this is a run, expected a baseline; querycache accept RUN takes its figures into one"
            )
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
        if reference is not None and not is_number(reference):
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
        if isinstance(value, dict) and NOT_FIGURES.issuperset(value):
            # nothing in it was measured, so that it looked like any other object
            return packed_entry(value.items())
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
