"""What a command prints: readable in every terminal, and no traceback where the reader of a pipe has gone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TextIO

from ..reports.signs import carried

__all__ = ["carried", "finish", "print_lines"]


def print_lines(lines: Iterable[str], stream: TextIO | None = None) -> None:
    """Print lines to the standard output, or to another stream, as far as it can carry their characters.

    Each is one line there, whatever stands in it: see ``reports.signs``.
    All are taken, even where nobody reads them any more: taking one may be what writes a file.
    """
    out: TextIO | None = sys.stdout if stream is None else stream
    for line in lines:
        if out is None:  # Python's way to say that there is no standard output at all
            continue
        try:
            print(carried(line, out.encoding or "utf-8"), file=out)
        except OSError as error:
            # a complaint that cannot be written must not become another one
            if out is not sys.stderr and not isinstance(error, BrokenPipeError):
                raise
            _read_by_nobody(out)


def finish() -> str:
    """Send off what is still held back; gives what went wrong, which is nothing where merely nobody reads on."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # or Python would find out at its very end, where nobody can catch it
        _read_by_nobody(sys.stdout)
        return "" if isinstance(error, BrokenPipeError) else str(error.strerror)
    return ""


def _read_by_nobody(stream: TextIO) -> None:
    """Let the rest go nowhere: the command's work and its exit status do not depend on who reads along."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
