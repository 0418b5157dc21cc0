"""What is told of recorded statements: one execution, and all executions of one fingerprint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from ..model.growth import NOT_KEPT
from .shape import shape_of

MAX_TEXT = 300
"""Characters of a statement that are shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Where a statement was seen: the driver by its name here, and sqlglot's name of the dialect.

    Compared by identity, because one is looked up for every statement.
    """

    driver: str
    dialect: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One execution of one statement.

    ``duration_ns`` is the time until the driver's call returned. ``rows`` is None where the driver does not tell.
    ``call_site`` is the place in the user's own code, empty when there is none on the stack.
    """

    sql: str
    fingerprint: str
    duration_ns: int
    rows: int | None
    call_site: str
    driver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """All executions of one fingerprint.

    ``text`` is what people read: the fingerprint, or the statement itself where its fingerprint is a hash.
    ``repeated`` is the largest number of executions from one call site, and ``call_site`` that place: 1 and empty
    where none is known.
    ``rows`` adds up what drivers told, ``duration_ns`` the time spent.
    """

    fingerprint: str
    text: str
    count: int
    repeated: int
    rows: int
    duration_ns: int
    call_site: str

    @property
    def digest(self) -> str:
        """The short name that a baseline keeps instead of the text."""
        return blake2b(self.fingerprint.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The statements of one stretch of a test, ordered by count.

    ``not_kept`` counts executions whose text was one too many to be remembered: they are in ``count`` and in
    no use. ``transaction_control`` counts what begins, ends and marks transactions.
    """

    count: int
    uses: tuple[Use, ...] = ()
    rows: int = 0
    duration_ns: int = 0
    not_kept: int = 0
    transaction_control: int = 0

    def figures(self) -> dict[str, int]:
        """The values of the metrics of the family ``queries``."""
        return {
            "db_queries": self.count,
            "db_distinct": len(self.uses),
            "db_repeated": max((use.repeated for use in self.uses), default=0),
            "db_rows": self.rows,
            "db_time": self.duration_ns,
        }

    def plain(self, *, most: int = 100) -> list[list[Any]]:
        """The uses as values that survive JSON: digest, text, count, call site, repeated, rows.

        Texts and call sites are those of the ``most`` frequent, digests those of all. What was not kept is one more.
        """
        rows: list[list[Any]] = [
            [use.digest, use.text, use.count, use.call_site, use.repeated, use.rows]
            for use in self.uses[:most]
        ]
        rows += [[use.digest, "", use.count, "", use.repeated, use.rows] for use in self.uses[most:]]
        if self.not_kept:
            rows.append([NOT_KEPT, "texts that were too many to keep", self.not_kept, "", 0, 0])
        return rows


@dataclass(slots=True)
class UseParts:
    """What adds up to a use: tallies of several texts may have one fingerprint."""

    text: str
    count: int = 0
    rows: int = 0
    duration_ns: int = 0
    sites: dict[str, int] = field(default_factory=dict)

    def add(self, count: int, rows: int, duration_ns: int, sites: Mapping[str, int]) -> None:
        """Add the executions of one text.

        Of the first one the place was not looked for: it counts for the place most frequent among the others, unless
        that is not one alone. Executions whose place is not known count for none.
        """
        self.count += count
        self.rows += rows
        self.duration_ns += duration_ns
        known = {site: times for site, times in sites.items() if site}
        for site, times in known.items():
            self.sites[site] = self.sites.get(site, 0) + times
        if known and sum(known.values()) < count:
            site, most = most_frequent(known)
            if list(known.values()).count(most) == 1:
                self.sites[site] += 1

    def use(self, fingerprint: str) -> Use:
        """The finished value."""
        site, repeated = most_frequent(self.sites)
        return Use(
            fingerprint=fingerprint,
            text=self.text,
            count=self.count,
            repeated=max(repeated, min(self.count, 1)),
            rows=self.rows,
            duration_ns=self.duration_ns,
            call_site=site,
        )


def most_frequent(sites: Mapping[str, int]) -> tuple[str, int]:
    """The place with most executions; of equals the first by name, so that the answer never varies."""
    return min(sites.items(), key=lambda pair: (-pair[1], pair[0]), default=("", 0))


def ordered(uses: Iterable[Use]) -> tuple[Use, ...]:
    """Uses by count, and of equals by text."""
    return tuple(sorted(uses, key=lambda use: (-use.count, use.text)))


def one_line(sql: str) -> str:
    """A statement on one line, cut to what is worth showing."""
    text = " ".join(sql[: 4 * MAX_TEXT].split())
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def fingerprint_of(source: Source, sample: str, *, control: bool = False) -> str:
    """The fingerprint of a tally's text; that of transaction control is the text itself, its names erased.

    Where it is a hash, it is one of the shape: all texts of one shape have one tally, whichever came first.
    """
    if control:
        return sample
    # sqlglot is imported when the first test is over, not when the recorder is made
    from .fingerprint import fingerprint

    found = fingerprint(sample, dialect=source.dialect)
    return fingerprint(shape_of(sample).text, dialect=source.dialect) if _is_hash(found) else found


def readable(fingerprint: str, sample: str, dialect: str | None = None) -> str:
    """What people read: the fingerprint, or of a statement that keeps its values there as much as may be shown."""
    if not _is_hash(fingerprint):
        return one_line(fingerprint)
    from .redaction import redacted

    return one_line(redacted(shape_of(sample).text[: 4 * MAX_TEXT], dialect))


def _is_hash(fingerprint: str) -> bool:
    return fingerprint.startswith("<statement ")
