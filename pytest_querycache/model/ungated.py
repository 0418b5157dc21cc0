"""Times that nothing could judge although they are gated: silence about them would be taken for a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .decision import confirmable
from .screening import Screening
from .verdict import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class UngatedTimes:
    """Why no time was judged, and which records only the old code could have judged and did not.

    ``reason`` is empty where at least one time was proved or cleared, or none was slower. ``problems`` are the
    reasons why fresh processes gave no evidence, by record.
    """

    reason: str
    beside: frozenset[str]
    problems: Mapping[str, Sequence[str]]

    def count_in(self, screening: Screening) -> None:
        """Count the records of which nothing was judged among those not judged."""
        unseen = screening.unseen - screening.compared
        screening.not_judged.update(self._why_unseen(node_id) for node_id in unseen)
        screening.not_judged_records += len(unseen)

    def notes(self, screening: Screening) -> Iterator[str]:
        """What people should know about how times were judged."""
        if screening.suite is not None:
            yield screening.suite.sentence()
        # otherwise it was said of the family as a whole
        if self.reason and (screening.foreign or not screening.ungated_times):
            yield f"times were not gated: {self.reason}"
            return
        beside = self.beside & screening.compared
        if beside:
            reasons = Counter(min(self.problems[node_id]) for node_id in beside if self.problems.get(node_id))
            why = reasons.most_common(1)[0][0] if reasons else "confirmation did not get to them"
            yield f"the times of {records(len(beside))} were not measured beside the old code: {why}"

    def _why_unseen(self, node_id: str) -> str:
        problems = self.problems.get(node_id, ())
        return f"not measured beside the old code: {min(problems)}" if problems else "nothing to compare with"


def ungated_times(
    screening: Screening, evidence: Mapping[tuple[str, str], Evidence], *, confirm: str
) -> UngatedTimes:
    """What could not be judged of a session's times, and why."""
    problems: dict[str, list[str]] = {}
    for (node_id, _), found in evidence.items():
        if found.problem:
            problems.setdefault(node_id, []).append(found.problem)
    return UngatedTimes(
        reason=screening.ungated_times or ("" if confirm == "off" else _why_none(screening, evidence)),
        beside=frozenset(
            suspect.node_id
            for suspect in screening.suspects
            if suspect.unseen and evidence.get(suspect.key, Evidence()).duel is None
        ),
        problems=problems,
    )


def _why_none(screening: Screening, evidence: Mapping[tuple[str, str], Evidence]) -> str:
    times = [suspect for suspect in screening.suspects if not confirmable(suspect)]
    found = [evidence.get(suspect.key, Evidence()) for suspect in times]
    if any(one.duel is not None or one.processes or one.machine_share is not None for one in found):
        return ""
    problems = Counter(one.problem for one in found if one.problem)
    return problems.most_common(1)[0][0] if problems else ""


def records(number: int) -> str:
    """A number of records, in words."""
    return f"{number} record{'' if number == 1 else 's'}"
