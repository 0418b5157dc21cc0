"""What looks worse than allowed on first sight: the cheap half of the gate, described in ``gate``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from .baseline import Section
from .budgets import budgets_of, over_budget
from .chance import collections_by_chance
from .environment import (
    Environment,
    another_processor,
    changed_distributions,
    incomparable_families,
    shortened,
)
from .improvement import best_known, improved
from .limit import limit_over
from .metric import WALL_TIME, Family
from .missing import missing_entries
from .not_judged import why_not_judged, why_nothing_judged
from .policy import Applied, Policy
from .record import Record, Run, at_reference_speed
from .screening import Screening
from .threshold import parse_thresholds
from .verdict import Finding, Suspect, Verdict
from .whole_session import HeldAgainst, WholeSession


def screen(
    run: Run,
    section: Section | None,
    policy: Policy,
    *,
    everything: bool = False,
    against: str = "",
    relative: bool = False,
    provable: bool = False,
) -> Screening:
    """Hold every record of a run against its entry: cheap, and rather suspicious than trusting.

    ``section`` is None where there is no baseline to compare with: then only budgets are judged. With
    ``everything`` each judged metric becomes a suspect, so that all are confirmed. With ``against``, the name of
    a commit, times that no stored value can be held against are suspects all the same: the commit's code tells.
    With ``relative`` the session as a whole is looked at too, and times are suspect early, which adds suspects
    that only confirmation can judge; where they are ``provable``, because there is old code, also when times were
    stored on another processor.
    """
    screener = _Screener(
        run,
        section,
        policy,
        everything=everything,
        against=against,
        relative=relative and not everything,
        provable=provable,
    )
    for record in run.records.values():
        screener.add(record)
    screening = screener.finish()
    unattributed = sum(record.unattributed_statements for record in run.records.values())
    if unattributed:
        screening.notes.append(
            f"{unattributed} SQL statements of threads or tasks that belong to no test for certain were not counted"
        )
    if section is not None:
        for node_id in missing_entries(run, section):
            screening.findings.append(Finding(node_id=node_id, verdict=Verdict.MISSING))
    return screening


class _Screener:
    """Screens one record after the other."""

    def __init__(
        self,
        run: Run,
        section: Section | None,
        policy: Policy,
        *,
        everything: bool,
        against: str,
        relative: bool,
        provable: bool,
    ) -> None:
        self._section = section
        self._policy = policy
        self._everything = everything
        self._against = against
        self._relative = relative
        self._blocked: dict[Family, str] = {}
        self._reference_ns = section.reference_ns if section is not None else None
        self._unseen_values: Counter[tuple[str, str]] = Counter()
        self._other_processor = ""
        self.screening = Screening()
        if section is not None:
            self._other_processor = another_processor(run.environment, section.environment)
            self.screening.foreign = provable and bool(self._other_processor)
            self._blocked = incomparable_families(
                run.environment,
                section.environment,
                run.disturbances,
                across_processors=self.screening.foreign,
            )
            self.screening.notes.extend(_environment_notes(run.environment, section, self._blocked))
        self._whole = WholeSession(foreign=self.screening.foreign, everything=everything)

    def add(self, record: Record) -> None:
        """Screen a record by all its metrics, and note whether it was compared at all."""
        reason = why_not_judged(record)
        if reason:
            self._leave_out(reason)
            return
        entry = self._section.entries.get(record.node_id) if self._section is not None else None
        if record.budgets:
            self._hold_against_budgets(record, alone=entry is not None and entry.alone)
        if entry is None and not self._against:
            if self._section is not None:
                self.screening.findings.append(Finding(node_id=record.node_id, verdict=Verdict.NEW))
            return
        marks = parse_thresholds(record.thresholds, "mark perf_threshold") if record.thresholds else None
        table = self._policy.thresholds_for(
            record.node_id, test_id=record.test_id, marks=marks, own_metrics=record.own_metrics
        )
        judged = False
        incomparable: str | None = None
        blocked = self._blocked
        compare_all = self._everything or bool(blocked)
        for name, applied in table.items():
            if (
                entry is not None
                and not compare_all
                and applied.metric.deterministic
                and name in record.values
                and record.values[name] == entry.cold(name)
            ):
                # an exact count that is exactly what it was, as nearly all are, needs no limit worked out
                judged = True
                continue
            figure = entry.figure(name) if entry is not None else None
            if figure is None or (blocked and applied.metric.family in blocked):
                incomparable = blocked.get(applied.metric.family, incomparable)
                if self._against:
                    self._suspect_unseen(record, applied)
                elif applied.metric is WALL_TIME:
                    self.screening.ungated_times = blocked.get(Family.TIME, "")
                continue
            now = at_reference_speed(record.values, applied.metric, self._reference_ns)
            if now is None:
                self._unseen_values[name, record.unmeasured.get(name, "it was not measured")] += 1
            else:
                judged = True
                alone = entry is not None and entry.alone
                chance = 0.0
                if entry is not None and applied.metric.family is Family.TIME and not self._everything:
                    chance = collections_by_chance(record, entry, self._reference_ns)
                self._hold_against(HeldAgainst(record, applied, figure, now, alone, chance))
        if judged:
            self.screening.compared.add(record.node_id)
        elif record.node_id not in self.screening.unseen and record.node_id not in self.screening.compared:
            self._leave_out(why_nothing_judged(record, incomparable))

    def finish(self) -> Screening:
        """What was found, with a note for every metric that the baseline knows and this session did not measure."""
        for (name, reason), number in sorted(self._unseen_values.items()):
            records = f"{number} record{'' if number == 1 else 's'}"
            self.screening.notes.append(f"{name} was not judged in {records}: {reason}")
        if self._relative or self.screening.foreign:
            self._look_at_the_whole()
        return self.screening

    def _look_at_the_whole(self) -> None:
        """Add what only all tests together show, as ``suite_shift`` describes."""
        screening = self.screening
        screening.shift = self._whole.shift()
        screening.suspects = self._whole.suspects(screening.suspects)
        if screening.suspects and not self._everything:
            # without a suspect nothing has to be explained, and nobody pays for an explanation
            screening.sample = self._whole.sample()
            known = {suspect.key for suspect in screening.suspects}
            screening.suspects.extend(s for s in screening.sample if s.key not in known)
        if not screening.foreign:
            return
        if self._whole.is_telling:
            how = "tests are compared with each other, suspects beside the old code"
            screening.notes.append(f"times were {self._other_processor}: {how}")
        elif self._against:
            for record, applied, _ in self._whole.times():
                self._suspect_unseen(record, applied)
        else:
            screening.ungated_times = (
                f"{self._other_processor}, and too few tests to compare them with each other"
            )

    def _hold_against(self, held: HeldAgainst) -> None:
        record, applied, figure, now = held.record, held.applied, held.figure, held.now
        among_others = self.screening.foreign and applied.metric.family is Family.TIME
        if among_others or applied.metric is WALL_TIME:
            self._whole.add(held)
        if among_others:
            return
        limit = held.limit(self._everything, early=self._relative)
        if limit is not None:
            self.screening.suspects.append(held.suspect(limit))
            return
        if improved(applied.metric, figure, now, applied, self._policy):
            self.screening.findings.append(
                Finding(
                    node_id=record.node_id,
                    verdict=Verdict.IMPROVED,
                    metric=applied.metric,
                    was=best_known(figure, applied.metric),
                    now=now,
                )
            )

    def _hold_against_budgets(self, record: Record, *, alone: bool) -> None:
        for name, metric, now, most in budgets_of(record):
            if metric is None or now is None:
                reason = record.unmeasured.get(name, "it was not measured")
                self.screening.notes.append(
                    f"{record.node_id}: its budget for {name} is not judged: {reason}"
                )
                continue
            self.screening.compared.add(record.node_id)
            suspect = over_budget(record, metric, now, most, alone=alone)
            if suspect is not None:
                self.screening.suspects.append(suspect)

    def _suspect_unseen(self, record: Record, applied: Applied) -> None:
        """Suspect a time of which nothing is stored, if it is long enough for a change to count."""
        now = record.values.get(applied.metric.name)
        if now is None or applied.metric.family is not Family.TIME or now < applied.floor:
            return
        self.screening.unseen.add(record.node_id)
        self.screening.suspects.append(
            Suspect(
                node_id=record.node_id,
                test_id=record.test_id or record.node_id,
                metric=applied.metric,
                now=now,
                limit=limit_over(now, applied.ratio * now, applied),
                repeat_limit=None,
                ratio=applied.ratio,
                unseen=True,
            )
        )

    def _leave_out(self, reason: str) -> None:
        self.screening.not_judged[reason] += 1
        self.screening.not_judged_records += 1


def _environment_notes(
    environment: Environment, section: Section, blocked: Mapping[Family, str]
) -> Iterable[str]:
    for family, reason in blocked.items():
        yield f"{family.value} is not compared: {reason}"
    changed = changed_distributions(section.environment.distributions, environment.distributions)
    if changed and section.environment.distributions:
        yield f"dependencies changed since the baseline: {shortened(changed, 5)}"
