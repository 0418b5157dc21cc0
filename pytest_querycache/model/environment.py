"""Where a run was measured, and which of its families compare with figures measured elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .metric import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Everything about a machine and an interpreter that decides which figures compare.

    ``counter`` is the kind of allocation counter, ``native`` or ``net``. ``workers`` is the number of xdist
    workers, 0 without. ``own_key`` replaces the key that follows from the rest.
    """

    implementation: str
    minor_version: str
    platform: str
    free_threaded: bool
    counter: str
    full_version: str = ""
    cpu_model: str = ""
    cpu_count: int = 0
    workers: int = 0
    distributions: Mapping[str, str] = field(default_factory=dict)
    own_key: str = ""

    @property
    def key(self) -> str:
        """The name of this environment's section in a baseline: what must agree for counts to compare."""
        if self.own_key:
            return self.own_key
        threading = "t" if self.free_threaded else ""
        return f"{self.implementation}-{self.minor_version}{threading}-{self.platform}-{self.counter}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEnvironment:
    """What a section of a baseline remembers of the machine its figures were measured on."""

    full_version: str = ""
    cpu_model: str = ""
    cpu_count: int = 0
    workers: int = 0
    distributions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, environment: Environment) -> StoredEnvironment:
        """The part of an environment that is stored."""
        return cls(
            full_version=environment.full_version,
            cpu_model=environment.cpu_model,
            cpu_count=environment.cpu_count,
            workers=environment.workers,
            distributions=dict(environment.distributions),
        )


def another_processor(environment: Environment, stored: StoredEnvironment) -> str:
    """Both processors, where times were stored on another one than this; empty where it is the same."""
    if environment.cpu_model == stored.cpu_model:
        return ""
    return (
        f"stored on another CPU ({stored.cpu_model or 'unknown'}; here {environment.cpu_model or 'unknown'})"
    )


def incomparable_families(
    environment: Environment,
    stored: StoredEnvironment,
    disturbances: Mapping[str, str],
    *,
    across_processors: bool = False,
) -> dict[Family, str]:
    """The families whose stored values cannot be held against a run's, each with the reason.

    ``disturbances`` maps a family's name to what distorts it in the run ("coverage is measuring"). With
    ``across_processors`` times that were stored on another one are no obstacle, because tests are compared with each
    other and suspects beside the old code.
    """
    reasons: dict[Family, str] = {}
    other = another_processor(environment, stored)
    if other and not across_processors:
        reasons[Family.TIME] = f"{other}; --perf-against=REF proves times"
    for name, reason in disturbances.items():
        reasons[Family(name)] = reason
    return reasons


WORKING_TREE = ""
"""The version of the project under test: it is what changes from commit to commit."""

_TOOLING = frozenset({"pip", "setuptools", "wheel"})
"""Installed almost everywhere, and imported by no test."""


def changed_distributions(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """The installed distributions that differ, as people read them: ``pydantic 2.1 → 2.2``, ``- attrs 24.1``.

    What was merely added is not named: the code that was measured cannot have used it. Nor is the project under
    test, which is no dependency of itself.
    """
    under_test = {name for name in (*old, *new) if WORKING_TREE in (old.get(name), new.get(name))}
    names = sorted({*old, *new} - _TOOLING - under_test)
    changes = [f"{n} {old[n]} → {new[n]}" for n in names if n in old and n in new and old[n] != new[n]]
    changes.extend(f"- {name} {old[name]}" for name in names if name not in new)
    return changes


def shortened(items: Iterable[str], most: int = 3) -> str:
    """A list for one line: the first few, then how many more."""
    listed = list(items)
    rest = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {rest} more" if rest > 0 else "")
