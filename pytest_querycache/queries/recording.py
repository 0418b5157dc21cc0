"""The statements of one phase of one test, while it runs: counted exactly, remembered within bounds.

This is the path every statement takes, so it does as little as possible: what is expensive (fingerprints, texts
for people) waits for ``summary``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from sys import _getframe
from threading import get_ident
from time import perf_counter_ns
from types import FrameType
from typing import Final

from .call_site import CallSite, CallSites
from .shape import LONG, shape_of
from .statement import Source, Statement, Summary, UseParts, fingerprint_of, ordered, readable
from .tally import UNKNOWN_DEPTH, Execution, Mark, Tally

MAX_TEXTS: Final = 2_000
"""Texts, and shapes of texts, that are remembered in one phase; what comes later is only counted."""
MAX_SITES: Final = 200
"""Call sites remembered for one statement."""
MAX_RECORDS: Final = 1_000
"""Executions of which a test that asks for them gets a record."""


class Recording:
    """Counts statements; may be entered from several threads at once, which share nothing until the summary."""

    def __init__(
        self,
        call_sites: CallSites | None = None,
        *,
        clock: Callable[[], int] = perf_counter_ns,
        keeps_records: bool = False,
    ) -> None:
        self.clock = clock
        self.unattributed = 0
        """Statements of which nobody knows whether this phase caused them."""
        self.left_over = 0
        """Those of them that tasks and threads of a test that is over have executed: which test that is depends on
        the order, and so does what is left to count for this one."""
        self.keeps_records = keeps_records
        self._call_sites = CallSites() if call_sites is None else call_sites
        self._texts_of_thread: dict[int, dict[object, Tally]] = {}
        self._tally_of_shape: dict[tuple[int, Source, str], Tally] = {}
        self._tallies: list[Tally] = []
        self._executions: list[Execution] = []

    def enter(self, source: Source, sql: str) -> Tally | Execution:
        """Count one execution by the caller; ``leave`` of what is returned completes it.

        The call site is looked for from the second execution on, so that statements that do not repeat cost
        little, and at every execution when records are kept.
        """
        try:
            tally = self._texts_of_thread[get_ident()][sql]
            if tally.source is not source:
                tally = self._tally_of(source, sql)
        except (KeyError, TypeError):
            # a text that is new, or of a class of its own that cannot be hashed
            tally = self._tally_of(source, sql)
        tally.count += 1
        if self.keeps_records:
            return self._kept(tally, sql, _getframe(1))
        if tally.count > 1:
            if tally.depth:
                try:
                    frame = _getframe(tally.depth)
                    if frame.f_code is tally.below:
                        # a place that is known is the user's own; what lies between is what it was the last time
                        frame = frame.f_back  # type: ignore[assignment]
                        tally.sites[id(frame.f_code), frame.f_lasti] += 1
                        return tally
                except (AttributeError, KeyError, ValueError):
                    pass  # another place, or a stack that is not as high
            # never this function's own frame: kept in a variable of its own, it would keep all it is called by alive
            self._look_for_site(tally, _getframe(1))
        return tally

    def _look_for_site(self, tally: Tally, caller: FrameType) -> None:
        """Count for the user's place at or above the caller of ``enter``, and remember how far above it is."""
        found = self._call_sites.own_frame(caller)
        if found is None:
            return
        site = (id(found.f_code), found.f_lasti)
        if site in tally.sites:
            tally.sites[site] += 1
        else:
            self._add_site(tally, found)
        depth, below = 1, caller
        while below.f_back is not found:
            if below.f_back is None:
                # the caller itself, or on another stack, as that around a greenlet
                tally.depth, tally.below = UNKNOWN_DEPTH, None
                return
            depth, below = depth + 1, below.f_back
        tally.depth, tally.below = depth, below.f_code

    def own_frame(self, frame: FrameType) -> FrameType | None:
        """Return the innermost frame of the user's code at or above a frame."""
        return self._call_sites.own_frame(frame)

    def mark(self) -> Mark:
        """Remember how far the recording has come, for a summary of what follows."""
        return Mark(
            {
                tally: (tally.count, tally.rows, tally.duration_ns, dict(tally.sites))
                for tally in list(self._tallies)
            }
        )

    def count(self, since: Mark | None = None) -> int:
        """How many statements were executed, transaction control left out."""
        seen = since.seen if since is not None else {}
        return sum(
            tally.count - (seen[tally][0] if tally in seen else 0)
            for tally in list(self._tallies)
            if not tally.control
        )

    def summary(self, since: Mark | None = None, *, transaction_control: bool = False) -> Summary:
        """What was executed, by fingerprint; with ``since``, only what followed that moment.

        Statements that begin, end or mark a transaction are left out unless ``transaction_control`` says otherwise.
        """
        parts: dict[str, UseParts] = {}
        count = rows = duration_ns = not_kept = control = 0
        seen = since.seen if since is not None else {}
        for tally in list(self._tallies):
            was_count, was_rows, was_ns, was_sites = seen.get(tally, (0, 0, 0, {}))
            times = tally.count - was_count
            if tally.control:
                control += times
                if not transaction_control:
                    continue
            if not times:
                continue
            count += times
            rows += tally.rows - was_rows
            duration_ns += tally.duration_ns - was_ns
            if not tally.kept:
                not_kept += times
                continue
            fingerprint = fingerprint_of(tally.source, tally.sample, control=tally.control)
            part = parts.get(fingerprint)
            if part is None:
                part = parts[fingerprint] = UseParts(
                    readable(fingerprint, tally.sample, tally.source.dialect)
                )
            part.add(
                times,
                tally.rows - was_rows,
                tally.duration_ns - was_ns,
                self._shown(tally.sites, was_sites),
            )
        return Summary(
            count=count,
            uses=ordered(part.use(fingerprint) for fingerprint, part in parts.items()),
            rows=rows,
            duration_ns=duration_ns,
            not_kept=not_kept,
            transaction_control=control,
        )

    def statements(self) -> tuple[Statement, ...]:
        """A record of each of the first executions, when records are kept; transaction control is left out."""
        return tuple(
            Statement(
                sql=execution.sql,
                fingerprint=fingerprint_of(execution.tally.source, execution.tally.sample),
                duration_ns=execution.duration_ns,
                rows=execution.told_rows,
                call_site=self._call_sites.shown(execution.site),
                driver=execution.tally.source.driver,
            )
            for execution in list(self._executions)
        )

    def _tally_of(self, source: Source, sql: str) -> Tally:
        """The tally of a text that this thread has not executed yet, or through another driver."""
        if type(sql) is not str:
            sql = str.__str__(
                sql
            )  # a text of a class of its own may compare in its own way, and hold anything
        thread = get_ident()
        texts = self._texts_of_thread.setdefault(thread, {})
        known = texts.get((source, sql))
        if known is not None:
            return known
        shape = shape_of(sql)
        key = (thread, source, shape.text)
        tally = self._tally_of_shape.get(key)
        if tally is None:
            # transaction control has few shapes, and must never be taken for statements
            kept = shape.is_transaction_control or len(self._tally_of_shape) < MAX_TEXTS
            key = key if kept else (thread, source, "")
            tally = self._tally_of_shape.get(key)
            if tally is None:
                control = shape.is_transaction_control
                sample = sql if len(sql) < LONG and not control else shape.text
                tally = Tally(source, sample, control=control, kept=kept)
                self._tally_of_shape[key] = tally
                self._tallies.append(tally)
        if tally.kept and len(texts) < MAX_TEXTS and len(sql) < LONG:
            texts[(source, sql) if sql in texts else sql] = tally
        return tally

    def _kept(self, tally: Tally, sql: str, frame: FrameType) -> Tally | Execution:
        found = self._call_sites.own_frame(frame)
        site = None if found is None else (id(found.f_code), found.f_lasti)
        if site is not None and site in tally.sites:
            tally.sites[site] += 1
        elif found is not None:
            self._add_site(tally, found)
        if tally.control or len(self._executions) >= MAX_RECORDS:
            return tally
        execution = Execution(tally, sql if len(sql) < LONG else sql[:LONG], site)
        self._executions.append(execution)
        return execution

    def _add_site(self, tally: Tally, frame: FrameType) -> None:
        if len(tally.sites) < MAX_SITES:
            self._call_sites.remember(frame)
            tally.sites[id(frame.f_code), frame.f_lasti] = 1

    def _shown(self, sites: Mapping[CallSite, int], before: Mapping[CallSite, int]) -> dict[str, int]:
        shown: dict[str, int] = {}
        for site, times in list(sites.items()):  # other threads may go on
            more = times - before.get(site, 0)
            if more:
                text = self._call_sites.shown(site)
                shown[text] = shown.get(text, 0) + more
        return shown
