"""What all parts of the study have in common: where results go, what is left to do, and when to stop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from time import monotonic
from typing import Any

from tests.accuracy.libraries import StudyError, Workshop
from tests.accuracy.results import Results, least_served


@dataclass(frozen=True, kw_only=True)
class Part:
    """One call of the command: ``sessions`` and ``seconds`` say when to stop, whichever comes first."""

    results: Results
    work: Path
    libraries: Sequence[str]
    conditions: Sequence[str]
    sessions: int
    seconds: float
    tests: int
    started: float = field(default_factory=monotonic)

    def turns(self, name: str, **choices: Sequence[Any]) -> Iterator[tuple[int, dict[str, Any]]]:
        """What to do next, again and again: a number, and the combination of choices that was done least often.

        The number is how many rows the part has, so that it goes on where it was stopped, and serves as a seed. A
        row that was added has to hold the combination's members.
        """
        combinations = [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]
        done = 0
        while done < self.sessions and monotonic() - self.started < self.seconds:
            rows = self.results.rows(name)
            yield len(rows), least_served(rows, combinations)
            if len(self.results.rows(name)) == len(rows):
                raise StudyError(f"{name}: a session was run and no row added")
            done += 1

    def workshop(self, name: str) -> Workshop:
        """A library that was prepared, in the state that was committed."""
        workshop = Workshop(name, self.work)
        if not workshop.is_ready:
            raise StudyError(f"{name} is not prepared in {self.work}; run the part 'prepare' first")
        workshop.restore()
        return workshop
