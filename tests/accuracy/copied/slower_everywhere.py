"""Every test slower by the same share; the accuracy study copies this file beside the library's tests.

A conftest.py imports the hooks. The committed ``SHARE`` is zero: old and new code differ in nothing but this number.
"""

from __future__ import annotations

from collections.abc import Generator
from time import perf_counter_ns

import pytest

SHARE = 0.0


def _work_after(started: int) -> None:
    until = perf_counter_ns() + SHARE * (perf_counter_ns() - started)
    while SHARE and perf_counter_ns() < until:
        pass


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """After the body of a test function, work on for a share of the time that it took."""
    started = perf_counter_ns()
    result = yield
    _work_after(started)
    return result


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """The same for tests that are not functions, such as unittest's."""
    if type(item) is pytest.Function:
        return (yield)
    started = perf_counter_ns()
    result = yield
    _work_after(started)
    return result
