"""How often queries were used, counted across sessions and processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections import Counter
from pathlib import Path
from threading import Lock
from typing import Final

KEPT_FILES: Final = 64
"""So many flushes are remembered: what was used in older sessions only stops counting by and by."""
MAX_BYTES: Final = 1024 * 1024
MAX_ENTRIES: Final = 8192

_NAME: Final = re.compile(r"uses-[0-9a-f]{16}\.json")
_DIGEST: Final = re.compile(r"[0-9a-f]{32}")


class UseCounts:
    """Counts of use by digest; each flush is a file of its own, so that processes need not wait for each other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._pending: Counter[str] = Counter()

    def add(self, digest: str) -> None:
        """Count one use in this process."""
        with self._lock:
            self._pending[digest] += 1

    def flush(self) -> None:
        """Write what was counted since the last flush; lost, not raised, when the folder cannot be written."""
        with self._lock:
            pending, self._pending = self._pending, Counter()
        if not pending:
            return
        content = json.dumps(dict(pending.most_common(MAX_ENTRIES)), separators=(",", ":"))
        path = self._folder / f"uses-{os.urandom(8).hex()}.json"
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary.write_text(content, encoding="ascii")
            temporary.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            return
        self._forget_oldest()

    def ranked(self) -> list[str]:
        """Return the digests used in earlier flushes, the most used first, ties in the order of the digest."""
        total: Counter[str] = Counter()
        for path in self._files():
            total.update(_counts_in(path))
        return sorted(total, key=lambda digest: (-total[digest], digest))

    def _files(self) -> list[Path]:
        try:
            return [path for path in self._folder.iterdir() if _NAME.fullmatch(path.name)]
        except OSError:
            return []

    def _forget_oldest(self) -> None:
        aged = []
        for path in self._files():
            with contextlib.suppress(OSError):
                aged.append((path.stat().st_mtime_ns, path))
        for _, path in sorted(aged)[:-KEPT_FILES]:
            with contextlib.suppress(OSError):
                path.unlink()


def _counts_in(path: Path) -> dict[str, int]:
    """Return the sound entries of one file; a damaged file counts nothing."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        counts = json.loads(content) if len(content) <= MAX_BYTES else None
    except (OSError, ValueError, RecursionError):
        return {}
    if type(counts) is not dict:
        return {}
    return {
        digest: uses
        for digest, uses in counts.items()
        if _DIGEST.fullmatch(digest) and type(uses) is int and 0 < uses < 10**12
    }
