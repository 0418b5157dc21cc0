"""One file for each database driver that statements can be seen at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

Undo = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver that can be watched.

    ``name`` is what a configuration calls it. ``module`` is the module whose import by the suite makes the driver
    active. ``adapter`` is the module here that has ``install(module) -> Undo``; it is imported when it is needed.
    What has no ``counts`` executes no statement itself, but has to carry whose statements they are.
    """

    name: str
    module: str
    adapter: str
    counts: bool = True

    def install(self, module: ModuleType) -> Undo:
        """Patch the imported module; what is returned takes everything back."""
        adapter = import_module(f".{self.adapter}", __name__)
        undo: Undo = adapter.install(module)
        return undo

    def unseen(self, module: ModuleType) -> list[str]:
        """What the adapter has to say of what it cannot see in the module it has just patched, in sentences."""
        adapter = import_module(f".{self.adapter}", __name__)
        told: list[str] = adapter.unseen(module) if hasattr(adapter, "unseen") else []
        return told

    def noticed(self) -> list[str]:
        """What the adapter has come upon since that it cannot see, in sentences."""
        adapter = import_module(f".{self.adapter}", __name__)
        told: list[str] = adapter.noticed() if hasattr(adapter, "noticed") else []
        return told


DRIVERS = (
    Driver("sqlite3", "sqlite3", "sqlite3_driver"),
    Driver("sqlite3", "aiosqlite", "aiosqlite_driver"),
    Driver("sqlalchemy", "sqlalchemy", "sqlalchemy_driver"),
    Driver("django", "django.db.backends.utils", "django_driver"),
    Driver("duckdb", "duckdb", "duckdb_driver"),
    Driver("psycopg", "psycopg", "psycopg_driver"),
    Driver("asyncpg", "asyncpg", "asyncpg_driver"),
    Driver("anyio", "anyio._backends._asyncio", "anyio_runner", counts=False),
    Driver("anyio", "anyio._backends._trio", "anyio_runner", counts=False),
)

NAMES = tuple(dict.fromkeys(driver.name for driver in DRIVERS if driver.counts))
"""The names a configuration may list."""
