"""What the gate may say of a metric of a record, and what it says of a whole session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from .limit import Limit
from .metric import Metric


class Verdict(str, Enum):
    """The gate's answer, ordered by harm."""

    REGRESSED = "regressed"
    OVER_BUDGET = "over_budget"
    UNCONFIRMED = "unconfirmed"
    MISSING = "missing"
    NEW = "new"
    IMPROVED = "improved"
    INCOMPARABLE = "incomparable"
    UNCHANGED = "unchanged"

    @property
    def harm(self) -> int:
        """Position in the order of harm, 0 the worst."""
        return _ORDER[self]


OUT_OF_TIME = "the time for confirmation was used up (confirm_budget)"
"""The problem of a suspect that the budget did not suffice for."""

_ORDER = {verdict: position for position, verdict in enumerate(Verdict)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A metric of a record that exceeds a limit on first sight.

    ``limit`` is what the session's own first execution was held against, ``repeat_limit`` what repeats in a
    fresh process have to be held against; None where the baseline knows no such value. ``ratio`` is the
    threshold's. ``alone`` says that the test must be executed once in each process, ``unseen`` that nothing is
    stored of the metric, so that only the old code can tell, ``sampled`` that it is not suspicious by itself: it
    speaks for a session that was slower as a whole.
    """

    node_id: str
    test_id: str
    metric: Metric
    now: float
    limit: Limit
    repeat_limit: Limit | None
    ratio: float = 0.0
    alone: bool = False
    unseen: bool = False
    sampled: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What evidence on this suspect is filed under; a budget is another question than a threshold."""
        return self.node_id, f"{self.metric.name} budget" if self.is_budget else self.metric.name

    @property
    def worse_ratio(self) -> float:
        """The threshold's ratio, for ratios of which more is always worse."""
        return self.metric.worse_ratio(self.ratio)

    @property
    def is_budget(self) -> bool:
        """Whether the limit is absolute."""
        return self.limit.reference is None

    @property
    def excess(self) -> float:
        """How many times the limit the value is, for putting the worst first; unseen ones by size, last."""
        if self.unseen:
            return -1 / max(self.now, 1)
        return self.metric.times_worse(self.limit.value, self.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """What pairs of fresh processes showed of one metric, the old code beside the new.

    ``pair_ratios`` holds new/old for each pair (old/new where higher is better, so that more is always worse);
    ``old`` and ``new`` are the middle values in the metric's unit. ``needed`` is how many pairs convict.
    ``commit`` is the old code's, empty where the baseline's own values stand for it; ``test_changed`` says that
    the test's own source differs there. ``rises`` are new − old of the metrics that explain a time. ``turns``
    holds, for each pair, the new and the old value of every turn. ``apart`` says that the two sides were not
    measured in turns, so that the stricter bar of ``pairs`` holds, ``single`` that this is because the test can
    be executed once in a process. ``controls`` is how many times as long tests that nobody suspects took, None
    where there were none; ``disturbed`` counts pairs that were kept although something disturbed them.
    """

    pair_ratios: Sequence[float]
    old: float
    new: float
    needed: int
    commit: str
    test_changed: bool = False
    rises: Mapping[str, float] = field(default_factory=dict)
    turns: Sequence[Sequence[tuple[float, float]]] = ()
    apart: bool = False
    single: bool = False
    controls: float | None = None
    disturbed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What fresh processes measured of one suspect.

    ``processes`` holds, for each process, the values of its repeats, in the metric's unit. ``problem`` says
    why there is no evidence, or no more; ``incomparable`` that no more time would help, because the two sides cannot
    be held against each other here. ``machine_share`` is how many times slower the whole session was, where a sample
    beside the old code showed that this was the machine, and it explains the suspicion. ``duel`` is what pairs of
    processes showed, old code beside new.
    """

    processes: Sequence[Sequence[float]] = ()
    problem: str = ""
    incomparable: bool = False
    machine_share: float | None = None
    duel: Duel | None = None


EvidenceByMetric = dict[tuple[str, str], Evidence]
"""Evidence on suspects, by their keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One verdict worth telling, with everything that led to it.

    ``was`` and ``now`` are in the metric's unit. ``proof`` says how it was confirmed, or why it was not.
    ``estimate`` of now/was and its ``interval`` are there where pairs of processes gave them.
    """

    node_id: str
    verdict: Verdict
    metric: Metric | None = None
    was: float | None = None
    now: float | None = None
    limit: Limit | None = None
    proof: str = ""
    insight: str = ""
    estimate: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the old value the new one is; None where the old one is unknown, or one is below zero."""
        if self.estimate is not None:
            return self.estimate
        if self.was is None or self.now is None or self.was <= 0 or self.now < 0:
            return None
        return self.now / self.was


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many records met which end.

    ``compared`` counts records with at least one judged metric; ``not_judged`` the skipped, failed, exempt,
    incomparable and unmeasured ones.
    """

    compared: int = 0
    regressed: int = 0
    improved: int = 0
    unconfirmed: int = 0
    new: int = 0
    missing: int = 0
    not_judged: int = 0

    def line(self) -> str:
        """All numbers, with their names."""
        named = (
            ("compared", self.compared),
            ("regressed", self.regressed),
            ("improved", self.improved),
            ("unconfirmed", self.unconfirmed),
            ("new", self.new),
            ("missing", self.missing),
            ("not judged", self.not_judged),
        )
        return " · ".join(f"{name} {number}" for name, number in named)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """What the gate says of a session: the findings, the counts, and whether the session may pass.

    ``failures`` are the reasons the session fails, empty when it passes; ``cleared`` the suspects that
    confirmation acquitted; ``not_judged`` counts records by reason; ``notes`` are what people should know about
    how the comparison was made. ``ungated_times`` says why no time was judged although times are gated, empty where
    they were.
    """

    findings: Sequence[Finding] = ()
    cleared: Sequence[Finding] = ()
    counts: Counts = field(default_factory=Counts)
    failures: Sequence[str] = ()
    not_judged: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    ungated_times: str = ""

    @property
    def counts_line(self) -> str:
        """The line that is always printed."""
        return self.counts.line() + (" · times not gated" if self.ungated_times else "")

    @property
    def success(self) -> bool:
        """Whether the session may pass."""
        return not self.failures

    def of(self, *verdicts: Verdict) -> list[Finding]:
        """The findings with one of these verdicts, in order."""
        return [finding for finding in self.findings if finding.verdict in verdicts]
