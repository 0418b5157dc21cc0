"""Django with a database in memory; the example needs no plugin beside the gate."""

from __future__ import annotations

from collections.abc import Iterator

import django
import pytest
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["shop"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    ROOT_URLCONF=(),
    USE_TZ=True,
)
django.setup()


@pytest.fixture(scope="session")
def database() -> Iterator[None]:
    """The tables, with thirty orders, each of a customer of its own."""
    from django.db import connection
    from shop.models import Customer, Order

    with connection.schema_editor() as editor:
        editor.create_model(Customer)
        editor.create_model(Order)
    for number in range(1, 31):
        Order.objects.create(amount=10 * number, customer=Customer.objects.create(name=f"customer {number}"))
    yield
    connection.close()
