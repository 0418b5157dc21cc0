"""What screening found, and what confirmation is asked to find out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .suite_shift import SuiteShift
from .verdict import Finding, Suspect


@dataclass(slots=True)
class Screening:
    """What screening found: suspects to confirm, and what needs no confirmation.

    ``unseen`` are records with a suspect of which the baseline knows nothing; they are compared only when the old
    code was measured. ``shift`` is how many times slower the session was as a whole, ``sample`` the suspects that
    speak for all where that is much, and ``suite`` what was found out about it. ``ungated_times`` says why no time
    can be judged although times are gated; ``foreign`` that times were stored on another processor, so that tests
    are compared with each other.
    """

    suspects: list[Suspect] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    compared: set[str] = field(default_factory=set)
    unseen: set[str] = field(default_factory=set)
    not_judged: Counter[str] = field(default_factory=Counter)
    not_judged_records: int = 0
    notes: list[str] = field(default_factory=list)
    shift: float = 1.0
    sample: list[Suspect] = field(default_factory=list)
    suite: SuiteShift | None = None
    ungated_times: str = ""
    foreign: bool = False
