"""What may stand for a value in the text of a statement, and what may stand behind it, as regular expressions."""

from __future__ import annotations

from typing import Final

PARAMETER: Final = r"(?:%s\b|%\(\w+\)s\b|:\w+|\$\d+|@p\d+\b|\?\d+)"
"""The placeholders of Python's drivers, apart from a plain question mark."""

_NAME: Final = r'(?:"[^"]+"|[^\W\d]\w*)'

CASTS: Final = (
    rf"(?i:\s*::\s*{_NAME}(?:\s*\.\s*{_NAME})*(?:\s+(?:PRECISION|VARYING)\b)?(?:\s*\([\d?\s,]*\))?"
    r"(?:\s+WITH(?:OUT)?\s+TIME\s+ZONE\b)?(?:\s*\[\s*\d*\s*\])*)*"
)
"""PostgreSQL's casts: SQLAlchemy writes one behind every parameter. Matches nothing too."""
