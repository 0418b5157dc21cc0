"""How one suspect stands after the pairs of processes so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from ..model.metric import ALLOCATED_BLOCKS, CPU_TIME, GC_PAUSE
from ..model.pairs import APART, Bar, is_cleared, shows
from ..model.verdict import Duel, Evidence, Suspect
from .turns import Question, Round

MOST_TORN = 4
"""After so many pairs that can be read either way, more of them are not worth their time."""

_EXPLAINING = (CPU_TIME.name, GC_PAUSE.name, ALLOCATED_BLOCKS.name)


@dataclass(slots=True)
class Standing:
    """The pairs' ratios of one suspect, and what goes with them.

    ``problem`` says why there will be no more, ``incomparable`` that the two sides cannot be held against each
    other here. ``controls`` are the ratios of tests that nobody suspects, a pair each where there were any.
    """

    suspect: Suspect
    ratios: list[float] = field(default_factory=list)
    turns: list[list[tuple[float, float]]] = field(default_factory=list)
    rises: dict[str, list[float]] = field(default_factory=dict)
    controls: list[float] = field(default_factory=list)
    disturbed: int = 0
    torn: int = 0
    problem: str = ""
    incomparable: bool = False
    single: bool = False

    @property
    def question(self) -> Question:
        """What is asked of the suspect's test."""
        return Question(self.suspect.node_id, self.suspect.metric, self.suspect.worse_ratio)

    def bar(self, of_the_arena: Bar) -> Bar:
        """How much has to be shown: more where each process executes the test only once."""
        return APART if self.single else of_the_arena

    def is_open(self, needed: int, bar: Bar) -> bool:
        """Whether another pair can change anything."""
        if self.problem or len(self.ratios) >= needed:
            return False
        return not is_cleared(self.ratios, self.suspect.worse_ratio, bar)

    def forget(self) -> None:
        """Begin anew: what was measured so far does not go together with what follows."""
        for several in (self.ratios, self.turns, self.controls):
            several.clear()
        self.rises.clear()
        self.disturbed = self.torn = 0

    def give_up(self, problem: str, *, incomparable: bool = False) -> None:
        """Take no more pairs, for a reason."""
        self.problem, self.incomparable = problem, incomparable

    def add(self, found: Round, control: float | None, *, disturbed: bool, divide: bool) -> None:
        """Take in a pair; with ``divide`` what tests that nobody suspects show is taken out of its ratio."""
        readings = found.readings(self.question)
        if any(not ratios or len(ratios) < len(found.turns) for ratios in readings):
            self.problem = "a fresh process did not measure it, or measured zero"
            return
        if found.single and not self.single:
            self.forget()
            self.single = True
        by_size = sorted((median(ratio for ratio, _, _ in ratios), ratios) for ratios in readings)
        shown = [shows(ratio, self.suspect.worse_ratio) for ratio, _ in by_size]
        if any(shown) and not all(shown):
            self._tear()
            return
        # what both readings show, and no more: the smaller ratio accuses, the larger one clears
        ratio, ratios = by_size[0] if all(shown) else by_size[-1]
        # a machine that is faster than it was accuses nobody: only what is slower is taken out
        share = max(control, 1.0) if divide and control is not None else 1.0
        self.ratios.append(ratio / share)
        self.turns.append([(new, old) for _, new, old in ratios])
        if control is not None:
            self.controls.append(control)
        self.disturbed += disturbed or bool(found.disturbance)
        for name in (self.suspect.metric.name, *_EXPLAINING):
            self.rises.setdefault(name, []).append(found.rise(self.suspect.node_id, name))

    def _tear(self) -> None:
        self.torn += 1
        if self.torn >= MOST_TORN:
            self.give_up(
                f"the reference workload's speed differed beside old and new code in {self.torn} pairs, which either "
                "makes up the difference or hides it: a busy machine, or a thread or tracer of the code's own"
            )

    def evidence(
        self, *, needed: int, commit: str, apart: bool, test_changed: Callable[[str], bool]
    ) -> Evidence:
        """All of it, as the gate judges it."""
        if not self.ratios:
            return Evidence(problem=self.problem, incomparable=self.incomparable)
        return Evidence(
            problem=self.problem,
            incomparable=self.incomparable,
            duel=Duel(
                pair_ratios=tuple(self.ratios),
                old=median(median(old for _, old in pair) for pair in self.turns),
                new=median(median(new for new, _ in pair) for pair in self.turns),
                needed=needed,
                commit=commit[:12],
                test_changed=test_changed(self.suspect.test_id),
                rises={name: median(values) for name, values in self.rises.items()},
                turns=self.turns,
                apart=apart or self.single,
                single=self.single,
                controls=median(self.controls) if self.controls else None,
                disturbed=self.disturbed,
            ),
        )
