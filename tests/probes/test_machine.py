"""This machine and this interpreter, and what watches it."""

from __future__ import annotations

import os
import platform
import sys
import tracemalloc
from types import SimpleNamespace

import pytest

from pytest_querycache.model.environment import StoredEnvironment, incomparable_families
from pytest_querycache.model.metric import Family
from pytest_querycache.probes.machine import (
    cpu_model,
    disturbances,
    read_environment,
)

WATCHED = {"time", "memory", "gc"}


def test_the_key_names_what_must_agree() -> None:
    """Implementation, minor version, platform and counter make the name of a section."""
    environment = read_environment("native", workers=2)
    machine = f"{sys.platform}-{platform.machine().lower()}"
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert environment.key.startswith(f"{sys.implementation.name}-{minor}")
    assert environment.key.endswith(f"-{machine}-native")
    assert environment.workers == 2
    assert environment.full_version == platform.python_version()
    assert environment.cpu_count == os.cpu_count()


def test_one_machine_agrees_with_itself() -> None:
    """Figures stored here compare in every family."""
    environment = read_environment("native")
    assert incomparable_families(environment, StoredEnvironment.of(environment), {}) == {}


def test_a_counter_of_another_kind_has_a_section_of_its_own() -> None:
    """What was counted natively is never compared with net blocks."""
    assert read_environment("native").key != read_environment("net").key


def test_the_processor_has_a_name() -> None:
    """Some name is found, and always the same one."""
    assert cpu_model()
    assert cpu_model() == cpu_model()


@pytest.fixture
def unwatched() -> None:
    """An interpreter that nothing watches, whatever runs these tests."""
    traced, profiled = sys.gettrace(), sys.getprofile()
    if traced is not None or profiled is not None or disturbances():
        pytest.skip("something watches this session")


@pytest.mark.usefixtures("unwatched")
def test_a_tracer_distorts_what_code_costs() -> None:
    """Times, memory and collections are distorted while a tracer is set, the number of queries is not."""
    sys.settrace(lambda *_: None)
    try:
        found = disturbances()
    finally:
        sys.settrace(None)
    assert found == dict.fromkeys(WATCHED, "a debugger or tracer is active")
    assert disturbances() == {}


@pytest.mark.usefixtures("unwatched")
def test_a_profiler_distorts_what_code_costs() -> None:
    """So does a profile function."""
    sys.setprofile(lambda *_: None)
    try:
        found = disturbances()
    finally:
        sys.setprofile(None)
    assert found == dict.fromkeys(WATCHED, "a profiler is active")


@pytest.mark.usefixtures("unwatched")
def test_tracemalloc_distorts_what_code_costs() -> None:
    """So does tracemalloc, but only while it traces."""
    tracemalloc.start()
    try:
        found = disturbances()
    finally:
        tracemalloc.stop()
    assert found == dict.fromkeys(WATCHED, "tracemalloc is tracing")


@pytest.mark.usefixtures("unwatched")
@pytest.mark.parametrize("running", [True, False])
def test_coverage_distorts_while_it_measures(monkeypatch: pytest.MonkeyPatch, running: bool) -> None:
    """Coverage is named with the option that switches it off; having it imported does no harm."""
    current = SimpleNamespace(current=lambda: object() if running else None)
    monkeypatch.setitem(sys.modules, "coverage", SimpleNamespace(Coverage=current))
    reason = "coverage is measuring (pytest --no-cov gates it)"
    assert disturbances() == (dict.fromkeys(WATCHED, reason) if running else {})


@pytest.mark.usefixtures("unwatched")
@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with Python 3.12")
def test_a_monitoring_tool_distorts_while_it_listens() -> None:
    """A tool that has registered but listens to nothing costs nothing; one that listens is named."""
    monitoring = sys.monitoring  # type: ignore[attr-defined]
    identity = next(number for number in range(6) if monitoring.get_tool(number) is None)
    monitoring.use_tool_id(identity, "spy")
    try:
        quiet = disturbances()
        monitoring.set_events(identity, monitoring.events.PY_START)
        listening = disturbances()
    finally:
        monitoring.set_events(identity, 0)
        monitoring.free_tool_id(identity)
    assert quiet == {}
    assert listening == dict.fromkeys(WATCHED, "spy is monitoring")


def test_disturbances_speak_of_families() -> None:
    """The names are those of families, so that the gate understands them."""
    assert {Family(name) for name in WATCHED} == {Family.TIME, Family.MEMORY, Family.GC}
