"""The fixture ``perf_tracker``; it works with and without a ``--perf-*`` option."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..probes.meter import Meter
    from ..probes.reference import ReferenceWorkload
    from ..probes.tracker import PerfTracker

METER_KEY: pytest.StashKey[Meter] = pytest.StashKey()
REFERENCE_KEY: pytest.StashKey[ReferenceWorkload] = pytest.StashKey()
TRACKER_KEY: pytest.StashKey[PerfTracker] = pytest.StashKey()


@pytest.fixture
def perf_tracker(request: pytest.FixtureRequest) -> Iterator[PerfTracker]:
    """Measures named sections of the test, and keeps the user's own metrics.

    Under a ``--perf-*`` option every section becomes an entry ``nodeid::section`` and is gated like a test.
    """
    from ..probes.tracker import PerfTracker

    tracker = PerfTracker(request.config.stash.get(METER_KEY, None))
    request.node.stash[TRACKER_KEY] = tracker
    yield tracker
    tracker.close()
