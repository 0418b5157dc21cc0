"""Collections, counted while they happen."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from itertools import count

import pytest

from pytest_querycache.probes.garbage import (
    GarbageCount,
    GarbageWatch,
    collector_settings,
    settings_text,
)


@pytest.fixture
def watch() -> Iterator[GarbageWatch]:
    """An installed watch whose clock advances by 10 ns at each look."""
    watch = GarbageWatch(count(0, 10).__next__)
    gc.disable()
    watch.install()
    yield watch
    watch.uninstall()
    gc.enable()


def test_a_full_collection_is_counted_and_timed(watch: GarbageWatch) -> None:
    """One call of gc.collect() is one collection of the oldest generation, with a pause."""
    before = watch.read()
    gc.collect()
    after = watch.read()
    assert (after.gen0 - before.gen0, after.gen1 - before.gen1, after.gen2 - before.gen2) == (0, 0, 1)
    assert after.pause_ns - before.pause_ns == 10


@pytest.mark.parametrize("generation", [0, 1, 2])
def test_generations_are_told_apart(watch: GarbageWatch, generation: int) -> None:
    """Each generation has a count of its own."""
    gc.collect(generation)
    assert watch.read()[:3] == tuple(int(number == generation) for number in range(3))


def test_what_was_freed_is_counted(watch: GarbageWatch) -> None:
    """Objects in a cycle that the collector freed are added up."""
    gc.collect()
    before = watch.read().collected
    for _ in range(7):
        ring: list[object] = []
        ring.append(ring)
    del ring
    gc.collect()
    assert watch.read().collected - before == 7


def test_after_it_was_taken_out_nothing_is_counted(watch: GarbageWatch) -> None:
    """A watch that is not installed leaves no trace in the interpreter."""
    watch.uninstall()
    gc.collect()
    assert watch.read() == GarbageCount(0, 0, 0, 0, 0)
    assert not watch.is_installed()
    assert watch not in gc.callbacks


def test_installing_twice_counts_once(watch: GarbageWatch) -> None:
    """A second installation changes nothing, and one removal is enough."""
    watch.install()
    gc.collect()
    assert watch.read().gen2 == 1
    watch.uninstall()
    watch.uninstall()
    assert watch not in gc.callbacks


def test_somebody_emptied_the_list(watch: GarbageWatch) -> None:
    """A watch knows when it was thrown out, and can be put back."""
    others = gc.callbacks[:]
    gc.callbacks.clear()
    assert not watch.is_installed()
    watch.install()
    assert watch.is_installed()
    gc.callbacks[:] = others


def test_the_settings_of_the_collector() -> None:
    """Both switches that a test may leave behind are seen, and named for people."""
    old = gc.get_threshold()
    try:
        gc.set_threshold(701, 11, 12)
        changed = collector_settings()
        assert settings_text(changed) == f"thresholds {gc.get_threshold()}"
        gc.disable()
        assert collector_settings() != changed
        assert settings_text(collector_settings()) == "off"
    finally:
        gc.enable()
        gc.set_threshold(*old)
