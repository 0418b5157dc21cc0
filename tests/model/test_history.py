"""What a history keeps of a run, and the series that kept figures make up."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pytest_querycache.model.history import Cost, Machine, Moment, costs_to_keep, series_of
from pytest_querycache.model.policy import Policy
from pytest_querycache.model.record import Record, Run, own_metric
from pytest_querycache.model.threshold import Threshold
from tests.accounts import HERE, ROWS

NODE = "t.py::test_a"
HERE_MACHINE = Machine(key="k", cpu_model="CPU A")
THERE_MACHINE = Machine(key="k", cpu_model="CPU B")
VALUES = {
    "wall_time": 5e6,
    "cpu_time": 4e6,
    "reference_time": 1e6,
    "allocated_bytes": 70_000,
    "rss_growth": 4096,
    "cache_hits": 2,
}


def kept(
    policy: Policy | None = None, disturbed: Mapping[str, str] | None = None, **more: object
) -> dict[str, Cost]:
    """What is kept of a run of one record."""
    record = Record(node_id=NODE, **{"values": VALUES, **more})  # type: ignore[arg-type]
    run = Run(environment=HERE, records={NODE: record}, disturbances=dict(disturbed or {}))
    return costs_to_keep(run, policy or Policy())


def test_gated_metrics_are_kept() -> None:
    """What the policy judges is kept, a time with what brings it to the reference's speed, and nothing else."""
    assert set(kept()[NODE].values) == {"wall_time", "cpu_time", "reference_time", "allocated_bytes"}


def test_the_policy_decides() -> None:
    """A metric that the project switched off is not kept, one that it asked for is."""
    policy = Policy(table={"time": Threshold(off=True), "cache_hits": Threshold(ratio=0.1)})
    assert set(kept(policy)[NODE].values) == {"allocated_bytes", "cache_hits"}


def test_a_mark_decides() -> None:
    """The thresholds of a test's own marks count too."""
    assert "wall_time" not in kept(thresholds={"wall_time": "off"})[NODE].values
    assert "rss_growth" in kept(thresholds={"rss_growth": "5%"})[NODE].values


def test_a_users_own_metric_is_kept() -> None:
    """It comes with its definition, because nobody else knows which way it improves."""
    cost = kept(values={"rows_per_s": 900.0}, own_metrics={"rows_per_s": ROWS})[NODE]
    assert cost == Cost(values={"rows_per_s": 900.0}, own_metrics={"rows_per_s": ROWS})


def test_distorted_families_are_left_out() -> None:
    """Figures measured under a tracer would look like a change."""
    assert set(kept(disturbed={"time": "coverage is measuring"})[NODE].values) == {"allocated_bytes"}


@pytest.mark.parametrize("more", [{"outcome": "failed"}, {"values": {}}, {"values": {"rss_growth": 5}}])
def test_records_without_a_figure_are_left_out(more: dict[str, object]) -> None:
    """A test that failed, was not measured, or has nothing that is judged leaves no row."""
    assert kept(**more) == {}


def cost(wall: float, reference: float = 1e6) -> Cost:
    """A time that is all work, on a machine of some speed."""
    return Cost(values={"wall_time": wall, "cpu_time": wall, "reference_time": reference})


def moment(run: int) -> Moment:
    """A numbered run."""
    return Moment(finished=f"2026-01-{run + 1:02}T00:00:00+00:00", commit=f"c{run}")


def test_machines_are_told_apart() -> None:
    """Each machine has series of its own, the one that measured last comes first, each in the order of its runs."""
    machines = [HERE_MACHINE, THERE_MACHINE, HERE_MACHINE, THERE_MACHINE, HERE_MACHINE]
    costs = [(machine, moment(run), cost(run + 1)) for run, machine in enumerate(machines)]
    found = [each for each in series_of(NODE, costs) if each.metric.name == "wall_time"]
    assert [(each.machine, list(each.values)) for each in found] == [
        (HERE_MACHINE, [1, 3, 5]),
        (THERE_MACHINE, [2, 4]),
    ]
    assert [each.commit for each in found[0].moments] == ["c0", "c2", "c4"]


def test_counts_go_on_from_one_processor_to_the_next() -> None:
    """What does not depend on the processor is one series of an environment; times are a series of each."""
    machines = [HERE_MACHINE, THERE_MACHINE, HERE_MACHINE, THERE_MACHINE, Machine(key="other")]
    values = {"wall_time": 5.0, "gc_pause": 3.0, "allocated_bytes": 100.0}
    costs = [(machine, moment(run), Cost(values=values)) for run, machine in enumerate(machines)]
    found = {(each.metric.name, each.machine): len(each.values) for each in series_of(NODE, costs, limit=3)}
    assert found == {
        ("wall_time", Machine(key="other")): 1,
        ("allocated_bytes", Machine(key="other")): 1,
        ("gc_pause", Machine(key="other")): 1,
        ("wall_time", THERE_MACHINE): 2,
        ("gc_pause", THERE_MACHINE): 2,
        ("allocated_bytes", Machine(key="k")): 3,
        ("wall_time", HERE_MACHINE): 2,
        ("gc_pause", HERE_MACHINE): 2,
    }


def test_a_users_own_metric_may_depend_on_the_processor() -> None:
    """Nobody knows what a metric of the user's own is, so those of two processors are not mixed."""
    own = Cost(values={"rows_per_s": 900.0}, own_metrics={"rows_per_s": ROWS})
    costs = [(machine, moment(run), own) for run, machine in enumerate([HERE_MACHINE, THERE_MACHINE])]
    assert [each.machine for each in series_of(NODE, costs)] == [THERE_MACHINE, HERE_MACHINE]


def test_one_processor_names_its_counts() -> None:
    """Where all runs are of one processor, counts are told with it, beside the times."""
    costs = [(HERE_MACHINE, moment(0), Cost(values={"wall_time": 5, "allocated_bytes": 7}))]
    assert {each.machine for each in series_of(NODE, costs)} == {HERE_MACHINE}


@pytest.mark.parametrize(("unit", "better"), [("krows/s", "higher"), ("rows/s", "lower")])
def test_a_metric_that_was_redefined(unit: str, better: str) -> None:
    """Values in another unit or of another direction than the newest are another quantity, and left out."""
    newer = own_metric("rows_per_s", unit=unit, better=better, deterministic=False)
    costs = [
        (HERE_MACHINE, moment(run), Cost(values={"rows_per_s": value}, own_metrics={"rows_per_s": metric}))
        for run, (value, metric) in enumerate([(900.0, ROWS), (800.0, ROWS), (0.9, newer), (0.8, newer)])
    ]
    (series,) = series_of(NODE, costs)
    assert (series.metric, list(series.values)) == (newer, [0.9, 0.8])
    assert [each.commit for each in series.moments] == ["c2", "c3"]


def test_times_are_brought_to_the_middle_speed() -> None:
    """Runs on a slower or faster moment of the machine are told as the middle one would have been."""
    costs = [
        (HERE_MACHINE, moment(run), cost(3e6 * speed, 1e6 * speed)) for run, speed in enumerate([1, 2, 4])
    ]
    wall = series_of(NODE, costs)[0]
    assert list(wall.values) == [6e6, 6e6, 6e6]
    (asked, *_) = series_of(NODE, costs, reference_ns=5e6)
    assert list(asked.values) == [15e6] * 3


def test_the_reference_is_no_series() -> None:
    """The reference workload's own time belongs to the machine."""
    assert [each.metric.name for each in series_of(NODE, [(HERE_MACHINE, moment(0), cost(1))])] == [
        "wall_time",
        "cpu_time",
    ]


def test_a_metric_that_came_later() -> None:
    """A metric that only some runs have is a series of those."""
    costs = [
        (HERE_MACHINE, moment(0), cost(1)),
        (HERE_MACHINE, moment(1), Cost(values={"allocated_bytes": 7})),
    ]
    lengths = {each.metric.name: len(each.values) for each in series_of(NODE, costs)}
    assert lengths == {"wall_time": 1, "cpu_time": 1, "allocated_bytes": 1}


def test_limit() -> None:
    """The newest runs count."""
    costs = [(HERE_MACHINE, moment(run), cost(run + 1)) for run in range(9)]
    assert list(series_of(NODE, costs, limit=2)[0].values) == [8, 9]


@pytest.mark.parametrize(("commit", "dirty", "text"), [("c", True, "c+"), ("c", False, "c"), ("", True, "")])
def test_commit_text(commit: str, dirty: bool, text: str) -> None:
    """A tree with changes is marked, where there is a commit."""
    assert Moment(finished="", commit=commit, dirty=dirty).commit_text == text


def test_harm_is_turned_around() -> None:
    """Where higher is better a fall is the harm."""
    rates = [100.0] * 9 + [50.0] * 9
    costs = [
        (HERE_MACHINE, moment(run), Cost(values={"rows_per_s": rate}, own_metrics={"rows_per_s": ROWS}))
        for run, rate in enumerate(rates)
    ]
    (series,) = series_of(NODE, costs)
    assert series.harm == 2
