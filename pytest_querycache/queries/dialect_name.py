"""The canonical name of a SQL dialect with its settings, as it stands in a signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot.dialects.dialect import Dialect

if TYPE_CHECKING:
    from collections.abc import Mapping

DialectLike = str | Dialect | type[Dialect] | None

_NAMED: dict[str, tuple[str, Dialect]] = {}
_MAX_NAMED = 256
_GENERAL = Dialect()


def resolve_dialect(dialect: DialectLike) -> tuple[str, Dialect]:
    """Return the canonical name and an instance of a dialect given in any form sqlglot accepts.

    ``"mysql"``, the class ``MySQL`` and ``MySQL()`` have one name; settings that differ from the class's
    own are part of it. sqlglot's own comparison is not used: it calls an instance with settings equal
    to its class and to its name. Raises ``ValueError`` for an unknown dialect, as sqlglot does.
    """
    if dialect is None:
        dialect = ""
    if isinstance(dialect, str):
        known = _NAMED.get(dialect)
        if known is None:
            instance = Dialect.get_or_raise(dialect)
            known = (_name_of(instance), instance)
            if len(_NAMED) < _MAX_NAMED:
                _NAMED[dialect] = known
        return known
    instance = Dialect.get_or_raise(dialect)
    return _name_of(instance), instance


def _name_of(dialect: Dialect) -> str:
    kind = type(dialect)
    name = kind.__name__.lower()
    if not kind.__module__.startswith("sqlglot."):
        # Somebody's own dialect may bear the name of a known one.
        name = f"{kind.__module__}.{kind.__qualname__}"
    elif kind is Dialect:
        name = ""
    settings: dict[str, object] = dict(_settings_of(dialect))
    strategy = dialect.normalization_strategy
    if strategy is not kind.NORMALIZATION_STRATEGY:
        settings["normalization_strategy"] = strategy
    version = getattr(dialect, "version", None)
    # A tuple in some versions of sqlglot, a number in others; in all of them the newest is the default.
    if version != getattr(_GENERAL, "version", None):
        settings["version"] = str(version)
    parts = [f"{key}={_plain(value)}" for key, value in sorted(settings.items())]
    return ", ".join([name, *parts])


def _settings_of(dialect: Dialect) -> Mapping[str, object]:
    settings: Mapping[str, object] = getattr(dialect, "settings", None) or {}
    return {key: value for key, value in settings.items() if key != "normalization_strategy"}


def _plain(value: object) -> str:
    # An enumeration's member and the word it stands for name the same setting.
    member = getattr(value, "value", value)
    return f"{type(member).__name__}:{member}".lower()
