"""The warehouse that all tests ask: its schema, prepared once, and its tables."""

from __future__ import annotations

import pytest
import warehouse

from pytest_querycache import prepare_schema


@pytest.fixture(scope="session")
def schema():
    """The schema with its digest ready: looking a query up costs no reading of the schema."""
    return prepare_schema(warehouse.SCHEMA)


@pytest.fixture(scope="session")
def tables():
    """Rows enough to have an answer to every question, and few enough to keep the tests short."""
    return warehouse.tables(orders=24)
