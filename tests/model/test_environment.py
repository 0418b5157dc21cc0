"""Which figures compare, and what changed around them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_querycache.model.environment import (
    Environment,
    StoredEnvironment,
    changed_distributions,
    incomparable_families,
    shortened,
)
from pytest_querycache.model.metric import Family

HERE = Environment(
    implementation="cpython",
    minor_version="3.13",
    platform="linux-x86_64",
    free_threaded=False,
    counter="native",
    full_version="3.13.1",
    cpu_model="CPU A",
    cpu_count=2,
)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({}, "cpython-3.13-linux-x86_64-native"),
        ({"free_threaded": True}, "cpython-3.13t-linux-x86_64-native"),
        ({"counter": "net"}, "cpython-3.13-linux-x86_64-net"),
        ({"minor_version": "3.14"}, "cpython-3.14-linux-x86_64-native"),
        (
            {"full_version": "3.13.9", "cpu_model": "B", "cpu_count": 64, "workers": 9},
            "cpython-3.13-linux-x86_64-native",
        ),
    ],
)
def test_the_key(change: dict[str, object], key: str) -> None:
    """What must agree for counts to compare is in the key, and nothing else is."""
    assert replace(HERE, **change).key == key  # type: ignore[arg-type]


def test_a_machine_like_the_stored_one() -> None:
    """Everything compares, with any number of workers and any patch release."""
    stored = replace(StoredEnvironment.of(HERE), workers=8, full_version="3.13.0", cpu_count=64)
    assert incomparable_families(HERE, stored, {}) == {}


@pytest.mark.parametrize(
    ("there", "here", "reason"),
    [
        ("CPU B", "CPU A", "stored on another CPU (CPU B; here CPU A); --perf-against=REF proves times"),
        ("", "CPU A", "stored on another CPU (unknown; here CPU A); --perf-against=REF proves times"),
        ("CPU B", "", "stored on another CPU (CPU B; here unknown); --perf-against=REF proves times"),
    ],
)
def test_another_processor(there: str, here: str, reason: str) -> None:
    """Only times depend on the processor, and the reason names both."""
    stored = StoredEnvironment(cpu_model=there)
    assert incomparable_families(replace(HERE, cpu_model=here), stored, {}) == {Family.TIME: reason}


def test_what_disturbs_a_run() -> None:
    """Each family that is distorted is named with its reason, which beats that of the processor."""
    stored = StoredEnvironment(cpu_model="CPU B")
    found = incomparable_families(
        HERE, stored, {"time": "a profiler is active", "gc": "a profiler is active"}
    )
    assert found == {Family.TIME: "a profiler is active", Family.GC: "a profiler is active"}


def test_changed_distributions() -> None:
    """Other versions first, then what is gone; what was added, and tools that no test imports, are left out."""
    old = {"pydantic": "2.1", "attrs": "24.1", "same": "1", "pip": "23"}
    new = {"pydantic": "2.2", "same": "1", "rich": "13", "orjson": "3", "pip": "24", "wheel": "1"}
    assert changed_distributions(old, new) == ["pydantic 2.1 → 2.2", "- attrs 24.1"]
    assert changed_distributions(old, old) == []


def test_the_project_under_test_is_no_dependency_of_itself() -> None:
    """Its version changes with each commit; older baselines still name one."""
    assert changed_distributions({"shop": "1.0.dev7", "attrs": "24"}, {"shop": "", "attrs": "24"}) == []
    assert changed_distributions({"shop": ""}, {"shop": "1.0"}) == []
    assert changed_distributions({"shop": ""}, {}) == []


@pytest.mark.parametrize(
    ("items", "expected"),
    [([], ""), (["a"], "a"), (["a", "b", "c"], "a, b, c"), (["a", "b", "c", "d", "e"], "a, b, c and 2 more")],
)
def test_a_list_for_one_line(items: list[str], expected: str) -> None:
    """The first three, then how many more."""
    assert shortened(items) == expected
