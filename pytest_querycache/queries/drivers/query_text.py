"""The text of a query in the forms that drivers take beside plain text."""

from __future__ import annotations

from typing import Any


def text_of(query: Any, cursor: Any = None) -> str:
    """The text of a query: text, bytes, an object composed of parts, or a template string.

    Never raises: what cannot be read is the driver's to refuse, and is called by the name of its class.
    """
    if type(query) is str:
        return query
    try:
        if isinstance(query, str):
            return query
        if isinstance(query, (bytes, bytearray)):
            return query.decode("utf-8", "replace")
        if hasattr(query, "as_string"):
            return str(query.as_string(cursor))
        # a template string of Python 3.14: its fixed parts, and a placeholder for each value
        return "%s".join(getattr(query, "strings", None) or (str(query),))
    except Exception:
        return f"<{type(query).__name__}>"
