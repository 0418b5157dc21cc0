"""A collection that falls due in a test by chance accuses nobody."""

from __future__ import annotations

import pytest

from pytest_querycache.model.baseline import Figure
from pytest_querycache.model.learned import Learned, new_entry
from pytest_querycache.model.policy import Policy
from pytest_querycache.model.record import Record
from pytest_querycache.model.screener import screen
from tests.model.sessions import run_of, section_of

MS = 1_000_000


def is_suspect(
    *, milliseconds: float, pause: float, blocks: int = 1_000, used_to: float = 0.0, everything: bool = False
) -> bool:
    """Whether a test of 2 ms and 1,000 blocks, in which the collector used to run for so long, is suspect."""
    stored = {"wall_time": Figure(2 * MS, 2 * MS), "allocated_blocks": Figure(1_000, 1_000)}
    if used_to:
        stored["gc_pause"] = Figure(used_to * MS)
    values = {"wall_time": milliseconds * MS, "allocated_blocks": float(blocks)}
    if pause:
        values["gc_pause"] = pause * MS
    screening = screen(
        run_of(Record(node_id="t.py::a", values=values)),
        section_of({"t.py::a": stored}),
        Policy(),
        relative=True,
        everything=everything,
    )
    return any(suspect.metric.name == "wall_time" for suspect in screening.suspects)


def test_a_pause_is_nobodys_fault() -> None:
    """What a collection adds to a test that allocates as much as ever is left out of first suspicions."""
    assert not is_suspect(milliseconds=12, pause=10)
    assert is_suspect(milliseconds=12, pause=0)


def test_what_is_slower_besides_is_suspect() -> None:
    """Beside a collection by chance a slow-down is as suspicious as without."""
    assert is_suspect(milliseconds=12.6, pause=10)
    assert not is_suspect(milliseconds=12.1, pause=10)


def test_a_pause_that_was_always_there_excuses_nothing() -> None:
    """Only what the collector took longer than it used to is chance."""
    assert is_suspect(milliseconds=2.6, pause=0.5, used_to=0.5)
    assert not is_suspect(milliseconds=2.6, pause=1.1, used_to=0.5)


def test_a_pause_that_did_not_happen_hides_nothing() -> None:
    """A test of 2 ms, a quarter of it the collector's, that takes as long without has become slower."""
    assert is_suspect(milliseconds=2.0, pause=0, used_to=0.5)
    assert not is_suspect(milliseconds=1.55, pause=0, used_to=0.5)


def test_who_allocates_less_has_earned_it() -> None:
    """Fewer collections of a test that requests fewer blocks are its own doing."""
    assert not is_suspect(milliseconds=2.0, pause=0, used_to=0.5, blocks=900)


@pytest.mark.parametrize(("blocks", "suspicious"), [(1_060, False), (1_070, True)])
def test_who_allocates_more_causes_collections(blocks: int, suspicious: bool) -> None:
    """A test that requests more blocks than it did has the collector's time to answer for."""
    assert is_suspect(milliseconds=12, pause=10, blocks=blocks) is suspicious


def test_where_all_is_confirmed_all_is_suspect() -> None:
    """--perf-confirm=always leaves nobody out."""
    assert is_suspect(milliseconds=12, pause=10, everything=True)


@pytest.mark.parametrize(
    ("pauses", "stored"), [([0, 0, 0], None), ([0, 0, 4], 2), ([0, 4, 6], 4), ([4, 6, 8], 5)]
)
def test_what_is_stored_is_the_usual_pause(pauses: list[float], stored: float | None) -> None:
    """Processes in which the collector did not run count as no pause; the session's own was 4 ms."""
    colds = [[{"wall_time": 2.0, **({"gc_pause": pause} if pause else {})}] for pause in pauses]
    record = Record(node_id="t.py::a", values={"wall_time": 2.0, "gc_pause": 4})
    figure = new_entry(record, Learned(cold=colds), commit="c").figure("gc_pause")
    assert (None if figure is None else figure.cold) == stored
