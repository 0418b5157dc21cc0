"""The page of orders: what it shows, and how many statements that takes."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory
from shop.views import list_orders, list_orders_as_it_was

pytestmark = pytest.mark.usefixtures("database")


def page(view: Any, most: int = 100) -> list[str]:
    """The lines of the page."""
    text: str = view(RequestFactory().get("/orders"), most).content.decode()
    return text.splitlines()


def test_list_orders() -> None:
    """Every order stands in a line; nothing here counts statements, the gate does."""
    assert len(page(list_orders)) == 30


def test_list_orders_takes_one_statement(query_spy: Any) -> None:
    """The same said in the test itself."""
    with query_spy.expect(max=1):
        page(list_orders)


def test_list_orders_does_not_grow(query_spy: Any) -> None:
    """One order or ten, the page costs the same."""
    query_spy.scaling(lambda orders: page(list_orders, orders), 1, 10)


def test_the_page_as_it_was_grew(query_spy: Any) -> None:
    """What the repair was good for."""
    with pytest.raises(AssertionError, match=r"statements grow with the size: 2 for 1, 11 for 10"):
        query_spy.scaling(lambda orders: page(list_orders_as_it_was, orders), 1, 10)
