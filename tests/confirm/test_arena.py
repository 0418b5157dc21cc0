"""Where the two sides meet: side by side, one after the other, and beside tests that nobody suspects."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from pytest_querycache.confirm.arm import Execution
from pytest_querycache.confirm.controls import choose_controls
from pytest_querycache.confirm.duels import duel
from pytest_querycache.confirm.guard import Guard
from pytest_querycache.confirm.stored_values import StoredValues
from pytest_querycache.errors import ArmError, IncomparableError
from pytest_querycache.model.baseline import Entry, Figure, Section
from pytest_querycache.model.decision import decide
from pytest_querycache.model.environment import StoredEnvironment
from pytest_querycache.model.verdict import Evidence, Suspect, Verdict
from pytest_querycache.probes.strain import Strain
from tests.confirm.fake_arms import FakeArm, FakeArms, Script, passed
from tests.confirm.test_duels import MS, suspect, taking

REFERENCE = 100_000


def contest(
    new: FakeArms,
    old: FakeArms,
    accused: Suspect,
    *,
    controls: Mapping[str, float] | None = None,
    test_changed: Callable[[str], bool] = lambda test: False,
    guard: Guard | None = None,
) -> Evidence:
    """The evidence on one suspect."""
    with new.executor() as new_code, old.executor() as old_code:
        return duel(
            [accused],
            new_code,
            old_code,
            commit="0123456789abcdef",
            test_changed=test_changed,
            clock=lambda: 0,
            deadline=100,
            progress=lambda number, total, name: None,
            controls=controls,
            guard=guard,
        )[accused.key]


def verdict(accused: Suspect, evidence: Evidence) -> Verdict:
    return decide(accused, evidence, confirm="auto").verdict


class Port:
    """Something that only one process can have: what the other side starts beside it fails."""

    def __init__(self) -> None:
        self.sides: dict[str, FakeArms] = {}

    def side(self, name: str, length: float) -> FakeArms:
        def script(arm: FakeArm, test: str, warm: bool) -> Execution:
            others = [arms for side, arms in self.sides.items() if side != name]
            if any(not other.closed for arms in others for other in arms.arms):
                return Execution(outcome="failed", detail="address already in use")
            return Execution(
                outcome="passed",
                figures={
                    test: {"wall_time": length * MS, "cpu_time": length * MS, "reference_time": REFERENCE}
                },
            )

        self.sides[name] = FakeArms(script)
        return self.sides[name]


@pytest.mark.parametrize(
    ("length", "expected"),
    [(10, Verdict.UNCHANGED), (13, Verdict.UNCONFIRMED), (15, Verdict.REGRESSED)],
)
def test_sides_that_want_the_same_port_run_one_after_the_other(length: float, expected: Verdict) -> None:
    """They are never alive together, and the stricter bar holds: +30 % is not enough, +50 % is."""
    port = Port()
    accused = suspect()
    evidence = contest(port.side("new", length), port.side("old", 10), accused)
    assert verdict(accused, evidence) is expected
    assert evidence.duel is not None
    assert evidence.duel.apart


def test_being_apart_is_said() -> None:
    """The proof names the reason, and the seven pairs that the stricter bar asks for."""
    port = Port()
    accused = suspect()
    finding = decide(accused, contest(port.side("new", 15), port.side("old", 10), accused), confirm="auto")
    assert finding.proof == (
        "7 of 7 pairs of processes show it, beside 0123456789ab; "
        "one after the other, because the two sides get in each other's way"
    )


def test_test_that_fails_alone_too_is_no_collision() -> None:
    """What fails with the old code by itself keeps its reason, and the other suspects go on side by side."""

    def old(arm: FakeArm, test: str, warm: bool) -> Execution:
        if test == "bad":
            return Execution(outcome="failed", detail="no such function")
        return passed(test, wall_time=10 * MS)

    accused = [suspect("bad", now=90 * MS), suspect("good")]
    new_arms, old_arms = FakeArms(taking(13)), FakeArms(old)
    with new_arms.executor() as new_code, old_arms.executor() as old_code:
        evidence = duel(
            accused,
            new_code,
            old_code,
            commit="0123456789abcdef",
            test_changed=lambda test: False,
            clock=lambda: 0,
            deadline=100,
            progress=lambda number, total, name: None,
        )
    bad, good = (evidence[one.key] for one in accused)
    assert bad.problem == "the test failed in a fresh process with the old code: no such function"
    assert good.duel is not None
    assert not good.duel.apart
    assert verdict(accused[1], good) is Verdict.REGRESSED


def test_process_with_the_wrong_code_is_incomparable() -> None:
    """Nothing is concluded from it, and the verdict says what it is."""

    def script(arm: FakeArm, test: str, warm: bool) -> Execution:
        raise IncomparableError("incomparable: it imported lib.py; do this")

    accused = suspect()
    finding = decide(accused, contest(FakeArms(taking(13)), FakeArms(script), accused), confirm="auto")
    assert (finding.verdict, finding.proof) == (Verdict.INCOMPARABLE, "it imported lib.py; do this")


def machine(speeds: Callable[[int], float], length: float) -> Script:
    """Every process is as fast as ``speeds`` says, whatever it executes."""

    def script(arm: FakeArm, test: str, warm: bool) -> Execution:
        own = length if test == "t.py::t" else 2
        return passed(test, wall_time=own * MS * speeds(arm.number), cpu_time=own * MS)

    return script


CONTROLS = {"t.py::a": 2.0 * MS, "t.py::b": 2.0 * MS, "t.py::c": 2.0 * MS}


def test_pair_in_which_untouched_tests_are_slower_is_run_again() -> None:
    """A process that was slow from its start accuses nobody, because tests that nobody suspects were slow in it."""
    accused = suspect("t.py::t")
    new = FakeArms(machine(lambda number: 1.5 if number == 1 else 1.0, 10))
    evidence = contest(new, FakeArms(machine(lambda number: 1.0, 10)), accused, controls=CONTROLS)
    assert evidence.duel is not None
    assert list(evidence.duel.pair_ratios) == [1.0, 1.0]
    assert (len(new.arms), evidence.duel.disturbed) == (3, 0)


def test_pairs_that_stay_disturbed_are_counted_and_said() -> None:
    """Two pairs are run again; then what is measured counts, and the proof says so."""
    accused = suspect("t.py::t")
    new = FakeArms(machine(lambda number: 1.5 if number % 2 else 0.7, 20))
    evidence = contest(new, FakeArms(machine(lambda number: 1.0, 10)), accused, controls=CONTROLS)
    assert len(new.arms) == 5 + 2
    assert "5 of them on a disturbed machine" in decide(accused, evidence, confirm="auto").proof


@pytest.mark.parametrize("control", [1.5, 0.7])
def test_untouched_tests_that_change_in_every_pair_are_the_code(control: float) -> None:
    """What they show once more is no disturbance; it costs one pair, and the proof says how they fared."""
    accused = suspect("t.py::t")
    new = FakeArms(machine(lambda number: control, 30))
    evidence = contest(new, FakeArms(machine(lambda number: 1.0, 10)), accused, controls=CONTROLS)
    assert len(new.arms) == 5 + 1
    finding = decide(accused, evidence, confirm="auto")
    assert finding.verdict is Verdict.REGRESSED
    assert f"tests nobody suspects took {control:.2f}x" in finding.proof
    assert "disturbed" not in finding.proof


QUIET = Strain(at_ns=0, stolen_ns=0, throttled_ns=0)


def on_a_processor(reference: float, milliseconds: float) -> Script:
    """A process whose processor does the reference workload in some time."""
    return lambda arm, test, warm: passed(test, wall_time=milliseconds * MS, reference_time=reference)


def test_round_that_was_disturbed_is_measured_again_twice_at_most() -> None:
    """A machine that changes its speed within a round gets three attempts, then the round is kept and counted."""
    accused = suspect()
    new, old = FakeArms(on_a_processor(100, 10)), FakeArms(on_a_processor(150, 15))
    evidence = contest(new, old, accused, guard=Guard(lambda: QUIET))
    assert evidence.duel is not None
    assert evidence.duel.disturbed == 2
    assert evidence.duel.pair_ratios == pytest.approx([1.0, 1.0])
    first, second = (len([warm for _, warm in executed if warm]) for executed in new.executed())
    assert first == second == 3 * 2  # three attempts of two turns, one collection each


@pytest.mark.parametrize(
    ("new", "old", "ratio"),
    [((100, 30), (150, 15), 2.0), ((225, 45), (150, 15), 2.0), ((100, 10), (150, 16), 0.9375)],
    ids=["hides no slow-down", "makes none larger", "makes nobody faster"],
)
def test_slower_processor_is_taken_out(
    new: tuple[float, float], old: tuple[float, float], ratio: float
) -> None:
    """Of a disturbed pair counts what it shows with the speeds taken out and without."""
    accused = suspect()
    evidence = contest(
        FakeArms(on_a_processor(*new)),
        FakeArms(on_a_processor(*old)),
        accused,
        guard=Guard(lambda: QUIET),
    )
    assert evidence.duel is not None
    assert list(evidence.duel.pair_ratios) == pytest.approx([ratio] * len(evidence.duel.pair_ratios))


@pytest.mark.parametrize(
    ("new", "old"),
    [((100, 15), (150, 15)), ((225, 22.5), (150, 15)), ((280, 30), (100, 10)), ((100, 10), (280, 10))],
    ids=["hidden or not", "made up or not", "new code that traces", "old code that traces"],
)
def test_what_depends_on_how_a_pair_is_read_is_left_open(
    new: tuple[float, float], old: tuple[float, float]
) -> None:
    """A reference workload that is slower beside one side may be so for the machine's sake or for the code's."""
    accused = suspect()
    arms = FakeArms(on_a_processor(*new))
    evidence = contest(arms, FakeArms(on_a_processor(*old)), accused, guard=Guard(lambda: QUIET))
    finding = decide(accused, evidence, confirm="auto")
    assert finding.verdict is Verdict.UNCONFIRMED
    assert "the reference workload's speed differed beside old and new code in 4 pairs" in finding.proof
    assert len(arms.arms) == 4


def test_quiet_pairs_decide_beside_torn_ones() -> None:
    """A pair that can be read either way is left out, and the others say what there is to say."""
    accused = suspect()

    def uneven(arm: FakeArm, test: str, warm: bool) -> Execution:
        speed = 0.5 if arm.number % 3 == 0 else 1.0
        return passed(test, wall_time=20 * MS * speed, reference_time=100 * speed)

    old = FakeArms(on_a_processor(100, 10))
    evidence = contest(FakeArms(uneven), old, accused, guard=Guard(lambda: QUIET))
    assert evidence.duel is not None
    assert list(evidence.duel.pair_ratios) == [2.0] * 5
    assert decide(accused, evidence, confirm="auto").verdict is Verdict.REGRESSED
    assert len(old.arms) == 8


def test_pair_in_which_untouched_tests_are_faster_is_run_again_too() -> None:
    """An old process that was slow from its start hides nobody either."""
    accused = suspect("t.py::t")
    old = FakeArms(machine(lambda number: 1.5 if number == 1 else 1.0, 10))
    evidence = contest(FakeArms(machine(lambda number: 1.0, 10)), old, accused, controls=CONTROLS)
    assert evidence.duel is not None
    assert list(evidence.duel.pair_ratios) == [1.0, 1.0]
    assert len(old.arms) == 3


def test_controls_are_of_the_same_file_and_of_a_good_length() -> None:
    """Neither a suspect, nor another file's test, nor one too short, too long or changed; the best length first."""
    times = {
        "t.py::suspect": 2.0 * MS,
        "t.py::good": 2.1 * MS,
        "t.py::longer": 9.0 * MS,
        "t.py::tiny": 0.01 * MS,
        "t.py::long": 900.0 * MS,
        "t.py::changed": 2.0 * MS,
        "u.py::other": 2.0 * MS,
    }
    chosen = choose_controls({"t.py::suspect"}, times, lambda test: test == "t.py::changed")
    assert chosen == ["t.py::good", "t.py::longer"]


def stored(**warm_ms: float) -> StoredValues:
    """A baseline's own fresh processes."""
    entries = {
        f"t.py::{name}": Entry([("wall_time", Figure(warm * MS, warm * MS, 0.1 * MS))])
        for name, warm in warm_ms.items()
    }
    return StoredValues(
        Section(environment=StoredEnvironment(), entries=entries, reference_ns=float(REFERENCE))
    )


def beside_stored(length: float, *, speed: float = 1.0, reference: float = 1.0) -> tuple[Suspect, Evidence]:
    """A test that took 10 ms is held against its stored value on a machine of some speed."""

    def script(arm: FakeArm, test: str, warm: bool) -> Execution:
        own = length if test == "t.py::t" else 2
        took = own * MS * speed
        return passed(test, wall_time=took, cpu_time=took, reference_time=REFERENCE * reference)

    accused = suspect("t.py::t")
    with FakeArms(script).executor() as new_code:
        found = duel(
            [accused],
            new_code,
            stored(t=10, a=2, b=2, c=2),
            commit="",
            test_changed=lambda test: False,
            clock=lambda: 0,
            deadline=100,
            progress=lambda number, total, name: None,
            controls=CONTROLS,
            stored_reference_ns=float(REFERENCE),
        )
    return accused, found[accused.key]


@pytest.mark.parametrize(
    ("length", "speed", "reference", "expected"),
    [
        (15, 1.0, 1.0, Verdict.REGRESSED),
        (13, 1.0, 1.0, Verdict.UNCONFIRMED),
        (10, 1.6, 1.6, Verdict.UNCHANGED),
        (15, 1.6, 1.6, Verdict.REGRESSED),
        (10, 1.6, 1.0, Verdict.UNCHANGED),
        (15, 1.6, 1.0, Verdict.REGRESSED),
    ],
    ids=["slower", "within the bar", "slow machine", "both", "slower than its reference", "and both"],
)
def test_baseline_stands_for_the_old_code(
    length: float, speed: float, reference: float, expected: Verdict
) -> None:
    """Without a commit stored values are the other side; reference workload and controls take the machine out."""
    accused, evidence = beside_stored(length, speed=speed, reference=reference)
    assert verdict(accused, evidence) is expected


def test_proof_names_the_baseline() -> None:
    """It says that no old code ran."""
    accused, evidence = beside_stored(15)
    proof = decide(accused, evidence, confirm="auto").proof
    assert proof == "7 of 7 fresh processes show it, against the baseline's own"


def test_nothing_is_convicted_without_a_control() -> None:
    """Where no untouched test could be measured beside it, a slower time stays unconfirmed."""
    accused = suspect("t.py::t")
    with FakeArms(taking(15)).executor() as new_code:
        found = duel(
            [accused],
            new_code,
            stored(t=10),
            commit="",
            test_changed=lambda test: False,
            clock=lambda: 0,
            deadline=100,
            progress=lambda number, total, name: None,
            stored_reference_ns=float(REFERENCE),
        )[accused.key]
    assert found.problem == "no test that nobody suspects could be measured beside it"
    assert verdict(accused, found) is Verdict.UNCONFIRMED


def test_entry_without_values_of_fresh_processes() -> None:
    """A baseline that knows only first executions is no side, and says what makes it one."""
    only_cold = StoredValues(
        Section(
            environment=StoredEnvironment(),
            entries={"t": Entry([("wall_time", Figure(10.0 * MS))])},
            reference_ns=float(REFERENCE),
        )
    )
    with pytest.raises(ArmError, match="pytest --perf-update records them"):
        only_cold.once("t", warm=True)
