"""Queries whose meaning depends on the moment or the session they are compiled in."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sqlglot import exp
from sqlglot.errors import SqlglotError

from .dialect_name import DialectLike, resolve_dialect

if TYPE_CHECKING:
    from sqlglot.dialects.dialect import Dialect

_FUNCTIONS: Final = frozenset(
    """
    now rand random randn randstr uniform uuid gen_random_uuid generate_uuid generateuuidv4 newid uuid_string
    uuid_short sys_guid random_uuid rand_integer random_bytes randomblob getdate getutcdate sysdate sysdatetime
    sysdatetimeoffset sysutcdatetime systimestamp curdate curtime today yesterday localtime localtimestamp
    current_date current_time current_timestamp current_datetime utc_date utc_time utc_timestamp
    clock_timestamp statement_timestamp transaction_timestamp timeofday get_current_timestamp
    unix_timestamp to_unix_timestamp current_timezone
    nextval currval lastval last_insert_id last_insert_rowid scope_identity connection_id pg_backend_pid txid_current
    current_user session_user system_user user current_role current_schema current_schemas current_database
    current_catalog database current_setting current_account current_warehouse getvariable sleep pg_sleep
    """.split()
)
# Written without parentheses, and not understood by the parser in every dialect.
_BARE: Final = frozenset(
    """
    current_date current_time current_timestamp current_datetime localtime localtimestamp sysdate systimestamp
    utc_date utc_time utc_timestamp current_user session_user system_user current_role current_schema
    current_catalog
    """.split()
)
_SUSPECT: Final = re.compile(rf"\b(?:{'|'.join(sorted(_FUNCTIONS))})\b|@@|\bnext\s+value\b", re.IGNORECASE)
_CLASSES: Final = tuple(
    getattr(exp, name)
    for name in (
        *(
            "CurrentDate",
            "CurrentTime",
            "CurrentTimestamp",
            "CurrentDatetime",
            "CurrentTimestampLTZ",
            "CurrentUser",
        ),
        *(
            "CurrentRole",
            "CurrentSchema",
            "CurrentSchemas",
            "CurrentDatabase",
            "CurrentCatalog",
            "CurrentTimezone",
        ),
        *(
            "CurrentAccount",
            "CurrentWarehouse",
            "Localtime",
            "Localtimestamp",
            "UtcDate",
            "UtcTime",
            "UtcTimestamp",
        ),
        *(
            "Rand",
            "Randn",
            "RandStr",
            "Randstr",
            "Uniform",
            "Uuid",
            "GenerateUUID",
            "SessionUser",
            "Systimestamp",
        ),
        *("NextValueFor", "SessionParameter", "Getdate", "GetDate", "UnixTimestamp", "TimeOfDay"),
    )
    if hasattr(exp, name)
)


def is_volatile(sql: str, dialect: DialectLike) -> bool:
    """Tell whether a query asks for the time, for chance, or for the session, and so must not be reused.

    The optimiser may replace such functions by their value. A text without any of their names is not parsed;
    one that cannot be parsed is not volatile, because it never becomes a plan.
    """
    if type(sql) is str and (dialect is None or type(dialect) is str):
        return _remembered(sql, dialect)
    return _is_volatile(sql, dialect)


@lru_cache(maxsize=4096)
def _remembered(sql: str, dialect: str | None) -> bool:
    return _is_volatile(sql, dialect)


def _is_volatile(sql: str, dialect: DialectLike) -> bool:
    if not _SUSPECT.search(sql):
        return False
    return _asks(sql, resolve_dialect(dialect)[1])


def _asks(sql: str, dialect: Dialect) -> bool:
    try:
        statements = dialect.parse(sql)
    except (SqlglotError, RecursionError, ValueError, TypeError, AttributeError):
        return False
    return any(
        _is_asking(node) for statement in statements if statement is not None for node in statement.walk()
    )


def _is_asking(node: object) -> bool:
    # Older versions of sqlglot give each node with its parent and key.
    node = node[0] if isinstance(node, tuple) else node
    if isinstance(node, _CLASSES):
        return True
    if isinstance(node, exp.Anonymous):
        return node.name.lower() in _FUNCTIONS
    if isinstance(node, exp.Func):
        return any(name.lower() in _FUNCTIONS for name in type(node).sql_names())
    if isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier):
        return not node.table and not node.this.args.get("quoted") and node.name.lower() in _BARE
    return False
