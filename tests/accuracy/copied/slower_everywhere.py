"""Every test slower by the same share; the accuracy study copies this file beside the library's tests.

A conftest.py imports the hook. The committed ``SHARE`` is zero: old and new code differ in nothing but this number.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import wraps
from inspect import iscoroutinefunction
from time import perf_counter_ns
from typing import Any

import pytest

SHARE = 0.0


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Replace the test's body, so that whatever measures it measures the rest as well."""
    result = yield
    body = getattr(item, "obj", None)
    if callable(body) and not iscoroutinefunction(body) and not hasattr(body, "is_slower"):
        item.obj = _slower(body)  # type: ignore[attr-defined]
    return result


def _slower(body: Callable[..., Any]) -> Callable[..., Any]:
    """The body, which works on for a share of the time that it took."""

    @wraps(body)
    def slower(*args: Any, **kwargs: Any) -> Any:
        started = perf_counter_ns()
        try:
            return body(*args, **kwargs)
        finally:
            now = perf_counter_ns()
            until = now + SHARE * (now - started)
            while SHARE and perf_counter_ns() < until:
                pass

    slower.is_slower = True  # type: ignore[attr-defined]
    return slower
