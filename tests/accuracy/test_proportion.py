"""Shares and their intervals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.accuracy.proportion import Proportion


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_interval_is_the_published_one(hits: int, trials: int, low: float, high: float) -> None:
    """Shows Wilson's interval on the four examples of Newcombe, *Statistics in Medicine* 17 (1998), method 3."""
    found = Proportion(hits, trials).interval
    assert found == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_interval_holds_the_share(counted: tuple[int, int]) -> None:
    """Shows that the share lies in its interval, and the interval between nothing and everything."""
    found = Proportion(*counted)
    low, high = found.interval
    assert found.share is not None
    assert 0 <= low <= found.share <= high <= 1


def test_nothing_is_known_without_trials() -> None:
    """Shows that no trials give no share, and an interval that excludes nothing."""
    found = Proportion(0, 0)
    assert (found.share, found.interval, str(found)) == (None, (0.0, 1.0), "–")


def test_text_has_numerator_and_denominator() -> None:
    """Shows how a share is written, small ones with more digits."""
    assert str(Proportion(0, 100)) == "0 of 100 = 0 % (0–3.7)"
    assert str(Proportion(1, 200)) == "1 of 200 = 0.50 % (0.09–2.8)"
