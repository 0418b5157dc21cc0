"""Which threshold holds for which test: layers, rules, and where each answer came from.

The layer decides first (mark > command line > rule > table > built-in); inside a layer a metric beats its
family; among rules the last that matches wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cached_property

from .metric import CACHE_HITS, CACHE_MISSES, METRICS, Metric
from .threshold import (
    BUILT_IN_IMPROVEMENT,
    IMPROVEMENT,
    OWN_PREFIX,
    Threshold,
    built_in_threshold,
    dimension_of,
)

ANSWERS = ("ok", "warn", "fail")
"""What may be said of new and of missing tests."""

FAIL_MODES = ("all", "counts", "never")
"""What may turn a session red."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The threshold that holds for one metric of one test, and where it was said."""

    metric: Metric
    ratio: float
    floor: float
    origin: str
    reason: str = ""

    def describe(self) -> str:
        """``+20 % and 100 µs``, as reports show it."""
        return Threshold(ratio=self.ratio, floor=self.floor).describe(self.metric.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Thresholds for the tests whose node ids match a pattern.

    In the pattern ``*`` and ``?`` stand for any text and any character; brackets are literal, because node ids
    of parametrised tests contain them.
    """

    tests: str
    thresholds: Mapping[str, Threshold]
    reason: str = ""
    position: int = 0

    @property
    def origin(self) -> str:
        """How messages name this rule."""
        return f"rule {self.position} ({self.tests})"


@dataclass(frozen=True)
class Policy:
    """All thresholds, rules and answers of a project, ready to be asked."""

    table: Mapping[str, Threshold] = field(default_factory=dict)
    rules: Sequence[Rule] = ()
    command_line: Mapping[str, Threshold] = field(default_factory=dict)
    fail: str = "all"
    new: str = "warn"
    missing: str = "warn"

    @cached_property
    def improvement(self) -> float:
        """The relative change from which an improvement is reported."""
        for layer in (self.command_line, self.table):
            if IMPROVEMENT in layer:
                return float("inf") if layer[IMPROVEMENT].off else layer[IMPROVEMENT].ratio
        return BUILT_IN_IMPROVEMENT

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], Rule]]:
        return [(re.compile(translate(rule.tests.replace("[", "[[]"))), rule) for rule in self.rules]

    @cached_property
    def _answers(self) -> dict[tuple[int, ...], dict[str, Applied]]:
        return {}

    def matching_rules(self, node_id: str, test_id: str = "") -> list[Rule]:
        """The rules that hold for an entry, in order; a rule for a test holds for its sections too."""
        return [
            rule
            for pattern, rule in self._patterns
            if pattern.match(node_id) or (test_id and pattern.match(test_id))
        ]

    def thresholds_for(
        self,
        node_id: str,
        *,
        test_id: str = "",
        marks: Mapping[str, Threshold] | None = None,
        own_metrics: Mapping[str, Metric] | None = None,
    ) -> Mapping[str, Applied]:
        """The threshold of every gated metric of one entry, by the metric's name."""
        rules = self.matching_rules(node_id, test_id) if self.rules else []
        if marks or own_metrics:
            metrics = {**METRICS, **(own_metrics or {})}
            return self._resolve(metrics.values(), rules, marks or {})
        key = tuple(map(id, rules))
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = self._resolve(METRICS.values(), rules, {})
        return answer

    def _resolve(
        self, metrics: Iterable[Metric], rules: Sequence[Rule], marks: Mapping[str, Threshold]
    ) -> dict[str, Applied]:
        layers = [
            ([marks], "mark", ""),
            ([self.command_line], "command line", ""),
            ([rule.thresholds for rule in reversed(rules)], "rule", ""),
            ([self.table], "configuration", ""),
        ]
        resolved: dict[str, Applied] = {}
        for metric in metrics:
            applied = self._applied(metric, layers, rules)
            if applied is not None:
                resolved[metric.name] = applied
        return resolved

    def _applied(
        self,
        metric: Metric,
        layers: list[tuple[list[Mapping[str, Threshold]], str, str]],
        rules: Sequence[Rule],
    ) -> Applied | None:
        built_in = built_in_threshold(metric)
        names = [metric.name if metric.name in METRICS else OWN_PREFIX + metric.name]
        # whoever names the family of the cache's figures asks for them: none of them is gated otherwise
        if metric.gated or metric in (CACHE_HITS, CACHE_MISSES):
            names.append(metric.family.value)
        for tables, origin, reason in layers:
            for name in names:
                for position, table in enumerate(tables):
                    threshold = table.get(name)
                    if threshold is None:
                        continue
                    if threshold.off:
                        return None
                    if origin == "rule":
                        rule = rules[len(rules) - 1 - position]
                        origin, reason = rule.origin, rule.reason
                    floor = _floor(metric, name, threshold, built_in)
                    return Applied(
                        metric=metric, ratio=threshold.ratio, floor=floor, origin=origin, reason=reason
                    )
        if not metric.gated:
            return None
        return Applied(metric=metric, ratio=built_in.ratio, floor=built_in.floor or 0.0, origin="built-in")


def _floor(metric: Metric, name: str, threshold: Threshold, built_in: Threshold) -> float:
    """The floor that holds: the one given if it is meant for this metric, else the built-in one."""
    dimension = dimension_of(metric) if metric.name in METRICS else ""
    meant = threshold.floor is not None and threshold.dimension == dimension
    if meant and (name != metric.family.value or not metric.own_floor):
        return threshold.floor or 0.0
    return built_in.floor or 0.0
