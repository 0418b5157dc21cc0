"""The statements of a script, which sqlite3 executes in one call."""

from __future__ import annotations

from collections.abc import Callable


def script_statements(script: str, is_complete: Callable[[str], bool]) -> list[str]:
    """The statements of a script, as the library itself separates them: triggers and texts may hold semicolons."""
    statements = []
    piece = ""
    *parts, rest = script.split(";")
    for part in parts:
        piece += f"{part};"
        if is_complete(piece):
            statements.append(piece.strip())
            piece = ""
    piece = (piece + rest).strip()
    if piece:
        statements.append(piece)
    return [statement for statement in statements if statement.strip("; \n\t\r")]
