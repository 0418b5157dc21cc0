"""Which threshold holds for which test, and where it came from."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_querycache.model.metric import METRICS, Metric
from pytest_querycache.model.policy import Applied, Policy, Rule
from pytest_querycache.model.record import own_metric
from pytest_querycache.model.threshold import Threshold, parse_thresholds

TEST = "tests/test_a.py::test_one"


def thresholds(**table: str) -> dict[str, Threshold]:
    return parse_thresholds(table, "here")


def rule(tests: str, position: int = 1, reason: str = "", **table: str) -> Rule:
    return Rule(tests=tests, thresholds=thresholds(**table), reason=reason, position=position)


def applied(policy: Policy, name: str, node_id: str = TEST, **more: object) -> Applied | None:
    return policy.thresholds_for(node_id, **more).get(name)  # type: ignore[arg-type]


def ratio(policy: Policy, name: str, **more: object) -> float:
    found = applied(policy, name, **more)
    assert found is not None
    return found.ratio


def test_without_a_word_the_built_in_holds() -> None:
    """Every gated metric has a threshold, and no other one has."""
    table = Policy().thresholds_for(TEST)
    assert set(table) == {name for name, metric in METRICS.items() if metric.gated}
    assert {answer.origin for answer in table.values()} == {"built-in"}
    assert table["wall_time"].describe() == "+20 % and 100 µs"


def test_the_layers_in_their_order() -> None:
    """Mark beats command line beats rule beats table beats built-in, each with its origin."""
    layers = {
        "mark": thresholds(wall_time="1%"),
        "command line": thresholds(wall_time="2%"),
        "rule 1 (*)": rule("*", wall_time="3%"),
        "configuration": thresholds(wall_time="4%"),
    }
    origins = list(layers)
    for first in range(len(origins) + 1):
        here = set(origins[first:])
        policy = Policy(
            table=layers["configuration"] if "configuration" in here else {},
            rules=(layers["rule 1 (*)"],) if "rule 1 (*)" in here else (),
            command_line=layers["command line"] if "command line" in here else {},
        )
        marks = layers["mark"] if "mark" in here else None
        found = applied(policy, "wall_time", marks=marks)
        assert found is not None
        assert found.origin == (origins[first] if first < len(origins) else "built-in")


def test_the_layer_decides_before_the_name() -> None:
    """A family on the command line beats a metric in the table."""
    policy = Policy(table=thresholds(wall_time="50%"), command_line=thresholds(time="5%"))
    assert ratio(policy, "wall_time") == 0.05


def test_a_metric_beats_its_family_inside_a_layer() -> None:
    """The more exact name counts, wherever it stands in the layer."""
    policy = Policy(table=thresholds(allocated_bytes="5%", memory="90%"))
    assert ratio(policy, "allocated_bytes") == 0.05
    assert ratio(policy, "allocated_blocks") == 0.9


def test_a_metric_in_an_earlier_rule_beats_a_family_in_a_later_one() -> None:
    """All rules are one layer."""
    policy = Policy(rules=(rule("*", 1, wall_time="7%"), rule("*", 2, time="90%")))
    assert ratio(policy, "wall_time") == 0.07


def test_the_last_matching_rule_wins() -> None:
    """Among rules that name the same metric the last one that matches counts, with its reason."""
    policy = Policy(
        rules=(
            rule("tests/*", 1, "general", wall_time="10%"),
            rule("tests/test_a.py*", 2, "this file", wall_time="20%"),
            rule("other/*", 3, "elsewhere", wall_time="30%"),
        )
    )
    found = applied(policy, "wall_time")
    assert found is not None
    assert (found.ratio, found.origin, found.reason) == (0.2, "rule 2 (tests/test_a.py*)", "this file")


def test_rules_that_were_given_no_number() -> None:
    """Rules made by hand without positions are told apart all the same."""
    policy = Policy(
        rules=(
            Rule(tests="a*", thresholds=thresholds(wall_time="1%")),
            Rule(tests="b*", thresholds=thresholds(wall_time="2%")),
        )
    )
    assert ratio(policy, "wall_time", node_id="a.py::t") == 0.01
    assert ratio(policy, "wall_time", node_id="b.py::t") == 0.02


@pytest.mark.parametrize(
    ("pattern", "node_id", "matches"),
    [
        ("t.py::test_x[a-1]", "t.py::test_x[a-1]", True),
        ("t.py::test_x[a-1]", "t.py::test_xa", False),
        ("t.py::test_x[*]", "t.py::test_x[b]", True),
        ("t.py::test_x[!a]", "t.py::test_x[!a]", True),
        ("t.py::test_x[!a]", "t.py::test_xb", False),
        ("t.py::test_?", "t.py::test_1", True),
        ("t.py::test_?", "t.py::test_12", False),
        ("t.py", "t.py::test_1", False),
        ("T.py*", "t.py::test_1", False),
        ("*", "t.py::test_x[two\nlines]", True),
    ],
)
def test_patterns(pattern: str, node_id: str, matches: bool) -> None:
    """Star and question mark are wild, brackets are literal, case counts, the whole id must match."""
    policy = Policy(rules=(rule(pattern, wall_time="1%"),))
    assert (len(policy.matching_rules(node_id)) == 1) is matches


def test_a_rule_for_a_test_holds_for_its_sections() -> None:
    """A section is judged by the rules of the test it belongs to, and by its own."""
    policy = Policy(rules=(rule(TEST, 1, wall_time="1%"), rule("*::Parsing", 2, gc="off")))
    section = policy.thresholds_for(f"{TEST}::Parsing", test_id=TEST)
    assert section["wall_time"].ratio == 0.01
    assert "gc_collections" not in section
    assert "gc_collections" in policy.thresholds_for(TEST)


def test_off_takes_a_metric_out() -> None:
    """What is off is not judged; a stronger layer may switch it on again."""
    policy = Policy(table=thresholds(memory="off"))
    table = policy.thresholds_for(TEST)
    assert not {"allocated_bytes", "allocated_blocks", "net_blocks", "peak_rss"} & set(table)
    assert "wall_time" in table
    again = Policy(table=thresholds(memory="off"), command_line=thresholds(allocated_bytes="30%"))
    assert "allocated_bytes" in again.thresholds_for(TEST)
    assert "peak_rss" not in again.thresholds_for(TEST)


def test_a_value_without_a_floor_keeps_the_built_in_one() -> None:
    """Saying only a percentage does not make the gate judge microseconds."""
    found = applied(Policy(table=thresholds(time="5%")), "wall_time")
    assert found is not None
    assert found.floor == 100_000


def test_a_floor_may_be_zero() -> None:
    """A floor of zero is a floor that was given."""
    found = applied(Policy(table=thresholds(allocated_bytes="5% and 0B")), "allocated_bytes")
    assert found is not None
    assert found.floor == 0


def test_a_family_floor_reaches_only_metrics_of_its_unit() -> None:
    """``memory = "40% and 1MB"`` is meant for bytes allocated: neither for blocks nor for resident memory."""
    table = Policy(table=thresholds(memory="40% and 1MB")).thresholds_for(TEST)
    assert table["allocated_bytes"].floor == 1024**2
    assert table["allocated_blocks"].floor == 64
    assert table["peak_rss"].floor == 32 * 1024**2
    assert table["peak_rss"].ratio == 0.4


def test_resident_memory_has_the_floor_it_is_given_by_name() -> None:
    """What is said of the metric itself holds."""
    found = applied(Policy(table=thresholds(peak_rss="40% and 1MB")), "peak_rss")
    assert found is not None
    assert found.floor == 1024**2


@pytest.mark.parametrize("name", ["cpu_time", "rss_growth", "gc_pause"])
def test_what_is_context_is_judged_only_when_named(name: str) -> None:
    """A family does not draw its context metrics into the gate; their own names do."""
    family = METRICS[name].family.value
    assert applied(Policy(table=thresholds(**{family: "5%"})), name) is None
    assert ratio(Policy(table=thresholds(**{name: "5%"})), name) == 0.05


def test_naming_the_family_of_the_cache_asks_for_its_counts() -> None:
    """Nothing of the cache is gated unasked, so that its family's name is a request in itself."""
    assert applied(Policy(), "cache_hits") is None
    assert ratio(Policy(table=thresholds(cache="5%")), "cache_hits") == 0.05
    assert applied(Policy(table=thresholds(cache="5%")), "cache_compile_time") is None


def own(unit: str = "rows/s") -> dict[str, Metric]:
    return {"rows": own_metric("rows", unit=unit, better="higher", deterministic=False)}


def test_own_metrics_have_a_prefix() -> None:
    """A user's metric is gated by the family ``custom`` and by ``custom.<name>``, which is stronger."""
    assert ratio(Policy(), "rows", own_metrics=own()) == 0.2
    assert ratio(Policy(table=thresholds(custom="3%")), "rows", own_metrics=own()) == 0.03
    both = Policy(table=thresholds(**{"custom": "3%", "custom.rows": "4%"}))
    assert ratio(both, "rows", own_metrics=own()) == 0.04


@pytest.mark.parametrize("unit", ["rows/s", "", "ns", "B"])
def test_the_floor_of_an_own_metric_is_a_bare_number_in_its_unit(unit: str) -> None:
    """Whatever the unit is called, the floor that was given counts."""
    policy = Policy(table=thresholds(**{"custom.rows": "4% and 25"}))
    found = applied(policy, "rows", own_metrics=own(unit))
    assert found is not None
    assert found.floor == 25


@pytest.mark.parametrize(
    ("table", "command_line", "expected"),
    [
        ({}, {}, 0.1),
        ({"improvement": "25%"}, {}, 0.25),
        ({"improvement": "25%"}, {"improvement": "5%"}, 0.05),
        ({"improvement": "off"}, {}, float("inf")),
    ],
)
def test_the_improvement_worth_a_line(
    table: dict[str, str], command_line: dict[str, str], expected: float
) -> None:
    """The command line beats the table, which beats the built-in tenth; off means never."""
    policy = Policy(table=thresholds(**table), command_line=thresholds(**command_line))
    assert policy.improvement == expected


NODE_IDS = st.text(alphabet="ab[]*?!:/-", max_size=8)


@settings(deadline=None)
@given(NODE_IDS)
def test_a_node_id_is_a_pattern_for_itself(node_id: str) -> None:
    """Any node id may be pasted into a rule, brackets and all, and the rule then holds for it."""
    policy = Policy(rules=(rule(node_id, wall_time="1%"),))
    assert policy.matching_rules(node_id)


@settings(deadline=None)
@given(st.lists(st.tuples(NODE_IDS, st.integers(1, 99)), max_size=4), NODE_IDS, NODE_IDS)
def test_an_answer_does_not_depend_on_what_was_asked_before(
    rules: list[tuple[str, int]], first: str, second: str
) -> None:
    """Answers are kept for speed; a kept one is the same as a fresh one."""

    def policy() -> Policy:
        return Policy(rules=[rule(p, number, wall_time=f"{r}%") for number, (p, r) in enumerate(rules, 1)])

    used = policy()
    used.thresholds_for(first)
    assert used.thresholds_for(second) == policy().thresholds_for(second)
