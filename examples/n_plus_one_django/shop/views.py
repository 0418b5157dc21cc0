"""The page of orders: as it was, and repaired."""

from __future__ import annotations

import os

from django.http import HttpRequest, HttpResponse

from .models import Order


def list_orders(request: HttpRequest, most: int = 100) -> HttpResponse:
    """The page, by one statement, however many orders there are."""
    if os.environ.get("SHOP") == "planted":
        return list_orders_as_it_was(request, most)
    orders = Order.objects.select_related("customer").order_by("id")[:most]
    return HttpResponse("\n".join(f"{order.amount:>6} {order.customer.name}" for order in orders))


def list_orders_as_it_was(request: HttpRequest, most: int = 100) -> HttpResponse:
    """The same page by one statement for the list, and one more for each order's customer."""
    orders = Order.objects.order_by("id")[:most]
    return HttpResponse("\n".join(f"{order.amount:>6} {order.customer.name}" for order in orders))
