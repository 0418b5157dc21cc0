"""The page of orders: what it shows, and how many statements that takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from shop import list_orders, list_orders_as_it_was, open_shop
from sqlalchemy.orm import Session

ORDERS = 30


@pytest.fixture
def session() -> Iterator[Session]:
    """A session on a shop with thirty orders."""
    engine = open_shop(ORDERS)
    with Session(engine) as session:
        yield session
    engine.dispose()


def test_list_orders(session: Session) -> None:
    """Every order stands in a line; nothing here counts statements, the gate does."""
    assert len(list_orders(session)) == ORDERS


def test_list_orders_takes_one_statement(session: Session, query_spy: Any) -> None:
    """The same said in the test itself."""
    with query_spy.expect(max=1):
        list_orders(session)


def test_list_orders_does_not_grow(session: Session, query_spy: Any) -> None:
    """One order or ten, the page costs the same."""

    def page(orders: int) -> None:
        session.expire_all()
        session.expunge_all()
        list_orders(session, orders)

    query_spy.scaling(page, 1, 10)


def test_the_page_as_it_was_grew(session: Session, query_spy: Any) -> None:
    """What the repair was good for."""
    with pytest.raises(AssertionError, match=r"statements grow with the size: 2 for 1, 11 for 10"):
        query_spy.scaling(lambda orders: list_orders_as_it_was(session, orders), 1, 10)
