"""A shop's orders and customers, and the page that lists them: as it was, and repaired."""

from __future__ import annotations

import os

from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, joinedload, mapped_column, relationship
from sqlalchemy.pool import StaticPool


class Base(DeclarativeBase):
    """What the tables have in common."""


class Customer(Base):
    """Somebody who orders."""

    __tablename__ = "customer"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Order(Base):
    """One order of one customer."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    customer: Mapped[Customer] = relationship()


def open_shop(orders: int) -> Engine:
    """A database in memory with that many orders, each of a customer of its own."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(
            Order(amount=10 * n, customer=Customer(name=f"customer {n}")) for n in range(1, orders + 1)
        )
        session.commit()
    return engine


def list_orders(session: Session, most: int = 100) -> list[str]:
    """The lines of the page: one statement, however many orders there are."""
    if os.environ.get("SHOP") == "planted":
        return list_orders_as_it_was(session, most)
    orders = session.scalars(select(Order).options(joinedload(Order.customer)).limit(most))
    return [f"{order.amount:>6} {order.customer.name}" for order in orders]


def list_orders_as_it_was(session: Session, most: int = 100) -> list[str]:
    """The same lines by one statement for the list, and one more for each order's customer."""
    orders = session.scalars(select(Order).limit(most))
    return [f"{order.amount:>6} {order.customer.name}" for order in orders]
