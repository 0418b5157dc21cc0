"""A session that is slower as a whole: when it is noticed, and what a sample beside the old code says of it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_querycache.model.baseline import Figure
from pytest_querycache.model.gate import judge
from pytest_querycache.model.policy import Policy
from pytest_querycache.model.record import Record
from pytest_querycache.model.screener import screen
from pytest_querycache.model.suite_shift import (
    SAMPLE,
    Cause,
    SuiteShift,
    explained,
    shift_of,
    spread_evenly,
)
from pytest_querycache.model.verdict import Duel, Evidence, EvidenceByMetric, GateResult, Suspect, Verdict
from tests.model.sessions import run_of, section_of

MS = 1_000_000


def session(  # type: ignore[no-untyped-def]
    factor: float, *, number: int = 40, slower: float = 1.0, calm: int = 0, relative: bool = True
):
    """A session whose tests took ``factor`` times their time, the first ``slower`` times more, the last none."""
    ids = [f"t.py::test_{n:02}" for n in range(number)]
    factors = [factor * slower, *[factor] * (number - calm - 1), *[1.0] * calm]
    records = [
        Record(node_id=name, values={"wall_time": 2 * MS * times})
        for name, times in zip(ids, factors, strict=True)
    ]
    section = section_of({name: {"wall_time": Figure(2 * MS, 2 * MS)} for name in ids})
    run = run_of(*records)
    return run, section, screen(run, section, Policy(), relative=relative)


def judged(factor: float, evidence: EvidenceByMetric, **options: float) -> GateResult:
    run, section, screening = session(factor, **options)  # type: ignore[arg-type]
    return judge(screening, run, section, Policy(), evidence)


def duel_of(*ratios: float, commit: str = "abc") -> Duel:
    return Duel(pair_ratios=ratios, old=2.0 * MS, new=2.0 * MS * ratios[0], needed=5, commit=commit)


def test_shift_that_hits_all_brings_a_sample_forward() -> None:
    """When all tests take 1.3 times as long, eight of them are chosen to speak for all."""
    _, _, screening = session(1.3)
    assert screening.shift == pytest.approx(1.3)
    assert len(screening.sample) == SAMPLE
    assert len(screening.suspects) == 40


def test_shift_below_the_threshold_is_noticed_too() -> None:
    """At 1.15 times no test exceeds 20 %; all are suspects early, and a sample of them speaks for all."""
    run, section, screening = session(1.15)
    assert len(screening.sample) == SAMPLE
    assert len(screening.suspects) == 40
    assert judge(screening, run, section, Policy(), {}, confirm="strict").success


def test_sample_speaks_for_the_calm_ones_too() -> None:
    """Tests that took as long as ever belong to the sample, and are no suspects by themselves."""
    _, _, screening = session(1.15, calm=15)
    sampled = [suspect for suspect in screening.suspects if suspect.sampled]
    assert 0 < len(sampled) < SAMPLE
    assert len(screening.suspects) == 25 + len(sampled)


def test_sampled_test_is_never_doubtful() -> None:
    """What the budget cut off of the sample is not called unconfirmed, so that strict does not fail for it."""
    run, section, screening = session(1.15, calm=15)
    cut_off = Evidence(problem="the time was used up", duel=duel_of(1.3))
    evidence: EvidenceByMetric = {suspect.key: cut_off for suspect in screening.suspects if suspect.sampled}
    result = judge(screening, run, section, Policy(), evidence, confirm="strict")
    assert result.success
    assert result.counts.unconfirmed == 0


def test_early_suspect_that_was_cut_off() -> None:
    """Within its limit at first sight it is doubtful only if every pair so far speaks against it."""
    run, section, screening = session(1.15, number=10)

    def doubtful(*ratios: float) -> int:
        proof = Evidence(problem="the time was used up", duel=duel_of(*ratios))
        return judge(
            screening, run, section, Policy(), {("t.py::test_00", "wall_time"): proof}
        ).counts.unconfirmed

    assert doubtful(1.3, 1.3) == 1
    assert doubtful(1.3, 1.0) == 0


@pytest.mark.parametrize("factor", [1.0, 1.09, 0.95])
def test_session_that_did_not_shift_has_no_sample(factor: float) -> None:
    """What single tests vary by is not taken for a shift."""
    _, _, screening = session(factor)
    assert screening.sample == screening.suspects == []


def test_few_tests_have_no_shift() -> None:
    """Nineteen tests that are slower are nineteen suspects, and no suite."""
    _, _, screening = session(1.3, number=19)
    assert (screening.shift, screening.sample, len(screening.suspects)) == (1.0, [], 19)


def test_faster_machine_hides_nothing() -> None:
    """On a machine 1.5 times as fast a test that became 1.4 times as slow is a suspect, and no other."""
    _, _, screening = session(1 / 1.5, slower=1.4)
    assert [suspect.node_id for suspect in screening.suspects] == ["t.py::test_00"]
    limit = screening.suspects[0].repeat_limit
    assert limit is not None
    assert limit.reference == pytest.approx(2 * MS / 1.5)


@pytest.mark.parametrize("slower", [1.14, 1.4])
def test_somewhat_faster_machine_hides_nothing_either(slower: float) -> None:
    """At a twentieth less time everybody is held against less, also who is suspect at first sight already."""
    _, _, screening = session(0.95, slower=slower)
    (accused,) = screening.suspects
    assert accused.repeat_limit is not None
    assert accused.repeat_limit.reference == pytest.approx(2 * MS * 0.95)


def test_nothing_is_relative_where_suspects_fail_unconfirmed() -> None:
    """Without confirmation nobody is accused who did not exceed a stored value."""
    _, _, screening = session(1 / 1.5, slower=1.4, relative=False)
    assert screening.suspects == []


def test_code_is_told_from_the_machine() -> None:
    """The sample's middle estimate decides: above 1.1 it is the code, otherwise the machine."""
    slow = [duel_of(1.3, 1.28, 1.31, 1.3, 1.29)] * 8
    same = [duel_of(1.01, 0.98)] * 8
    assert explained(1.3, slow).cause is Cause.CODE
    assert explained(1.3, slow).slower == 8
    assert explained(1.3, same).cause is Cause.MACHINE
    assert explained(1.3, same).machine_share == pytest.approx(1.3)
    assert explained(1.3, same[:3]).cause is Cause.UNKNOWN
    assert explained(1.3, []).machine_share == 1.0


def test_machine_acquits_only_whom_it_explains() -> None:
    """What a slower machine explains is cleared, with the reason; what lies beyond it still needs proof."""
    evidence: EvidenceByMetric = {("t.py::test_00", "wall_time"): Evidence(machine_share=1.3)}
    result = judged(1.3, evidence, number=20)
    cleared = [finding for finding in result.cleared if finding.node_id == "t.py::test_00"]
    assert [finding.verdict for finding in cleared] == [Verdict.UNCHANGED]
    assert "it was the machine" in cleared[0].proof
    assert result.counts.unconfirmed == 19


def test_what_people_are_told() -> None:
    """The note names the shift, the cause and the proof."""
    run, section, screening = session(1.3)
    screening.suite = SuiteShift(
        shift=1.3, cause=Cause.CODE, estimate=1.29, measured=8, slower=8, commit="abc"
    )
    result = judge(screening, run, section, Policy(), {})
    assert result.notes == (
        "suite-wide: half of the tests took 1.30x their time or more, and it is the code: "
        "8 sampled tests took 1.29x beside abc, 8 of them slower",
    )


def foreign(factors: dict[str, float], *, provable: bool = True, number: int = 30):  # type: ignore[no-untyped-def]
    """A session on a processor twice as slow as the one its baseline knows, some tests slower still."""
    ids = [f"t.py::test_{n:02}" for n in range(number)]
    records = [Record(node_id=name, values={"wall_time": 4 * MS * factors.get(name, 1.0)}) for name in ids]
    entries = {name: {"wall_time": Figure(2 * MS, 2 * MS)} for name in ids}
    run, section = run_of(*records), section_of(entries, cpu_model="CPU B")
    return run, section, screen(run, section, Policy(), relative=True, provable=provable)


def test_tests_on_another_processor_are_compared_with_each_other() -> None:
    """Where old code can prove it, a test that became slower than the others did is a suspect, at their shift."""
    _, _, screening = foreign({"t.py::test_07": 1.5})
    own = [suspect for suspect in screening.suspects if not suspect.sampled]
    assert [suspect.node_id for suspect in own] == ["t.py::test_07"]
    assert own[0].limit.reference == pytest.approx(4 * MS)
    assert len(screening.sample) == SAMPLE


def test_another_processor_without_old_code_is_incomparable() -> None:
    """Nothing there could tell the processor from the code."""
    run, section, screening = foreign({"t.py::test_07": 1.5}, provable=False)
    assert screening.suspects == []
    result = judge(screening, run, section, Policy(), {})
    assert result.counts_line.endswith(" · times not gated")


def test_few_tests_on_another_processor_are_not_gated() -> None:
    """Five tests cannot be compared with each other, which the counts line says and strict fails."""
    run, section, screening = foreign({}, number=5)
    result = judge(screening, run, section, Policy(), {}, confirm="strict")
    assert result.counts_line.endswith(" · times not gated")
    assert result.failures == ["times were not gated under --perf-confirm=strict"]


@given(st.lists(st.floats(0.1, 10), min_size=20, max_size=200), st.floats(0.5, 2))
def test_shift_scales_with_the_machine(ratios: list[float], factor: float) -> None:
    """A machine that is slower by a factor shifts the session by that factor."""
    assert shift_of(ratio * factor for ratio in ratios) == pytest.approx(shift_of(ratios) * factor)


@given(st.integers(0, 500), st.integers(1, 20))
def test_sample_is_spread_over_all_ranks(length: int, number: int) -> None:
    """As many as asked for, in order, without repetition, and with even gaps."""
    chosen = spread_evenly(range(length), number)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(length, number)
    gaps = [after - before for before, after in pairwise(chosen)]
    assert not gaps or max(gaps) - min(gaps) <= 1


def long_and_short(short: float, long: float, *, slower: float = 1.0) -> list[Suspect]:
    """The suspects of forty short and forty long tests, each kind at a factor of its times, the last one slower."""
    kinds = {"short": (0.5 * MS, short), "long": (20 * MS, long)}
    stored = {f"t.py::{kind}_{n:02}": cold for kind, (cold, _) in kinds.items() for n in range(40)}
    section = section_of({name: {"wall_time": Figure(cold, cold)} for name, cold in stored.items()})
    run = run_of(
        *(
            Record(node_id=f"t.py::{kind}_{n:02}", values={"wall_time": cold * factor})
            for kind, (cold, factor) in kinds.items()
            for n in range(40)
        )
    )
    run.records["t.py::long_39"].values["wall_time"] *= slower
    return screen(run, section, Policy(), relative=True).suspects


def test_short_tests_that_a_session_favours_accuse_no_long_ones() -> None:
    """Caches that earlier tests have filled make a session's short tests faster than fresh ones, and no long one."""
    assert long_and_short(0.85, 1.0) == []
    assert long_and_short(0.85, 1.05) == []


def test_long_tests_hide_nothing_behind_their_own_shift() -> None:
    """Where the long tests are faster as well, one that is less so is held against them."""
    (accused,) = long_and_short(0.85, 0.9, slower=1.25)
    assert accused.node_id == "t.py::long_39"
    assert accused.repeat_limit is not None
    assert accused.repeat_limit.reference == pytest.approx(20 * MS * 0.9)


def test_repeats_of_short_tests_are_held_against_the_machine_alone() -> None:
    """In a fresh process nobody has filled the caches, so a short test's repeats may take what they took."""
    section = section_of({f"t.py::s_{n:02}": {"wall_time": Figure(0.9 * MS, 0.9 * MS)} for n in range(40)})
    long = section_of({f"t.py::l_{n:02}": {"wall_time": Figure(9 * MS, 9 * MS)} for n in range(40)})
    section.entries.update(long.entries)
    records = [Record(node_id=name, values={"wall_time": 9 * MS * 0.97}) for name in long.entries]
    records += [Record(node_id=f"t.py::s_{n:02}", values={"wall_time": 0.6 * MS}) for n in range(39)]
    records.append(Record(node_id="t.py::s_39", values={"wall_time": 0.9 * MS}))
    (accused,) = screen(run_of(*records), section, Policy(), relative=True).suspects
    assert accused.node_id == "t.py::s_39"
    assert accused.repeat_limit is not None
    assert accused.repeat_limit.reference == pytest.approx(0.9 * MS * 0.97)
