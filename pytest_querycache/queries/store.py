"""Optimised plans that survive the process: one file for each signature, in a folder of the caller's."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Final

from ..errors import CompilationError
from .plan_file import MAX_BYTES, StoredPlan, content_of, plan_of, signature_in
from .plan_format import PlanFormatError
from .signature import VERSION, QuerySignature
from .use_counts import UseCounts

_SUFFIX: Final = ".plan"
_DIGEST: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """What happened in a store since it was made.

    ``misses`` counts look-ups that found no plan to use, ``rejected`` those of them that found a file which
    was damaged, foreign, or of another version; ``written`` the plans saved, ``not_kept`` those that
    cost no less to load than to compile, or could not be stored.
    """

    hits: int = 0
    misses: int = 0
    rejected: int = 0
    written: int = 0
    not_kept: int = 0


class PlanStore:
    """Plans in files below one folder, for any number of threads and processes at once.

    Files are replaced as a whole and never changed, so that readers need no lock. A file holds plain values
    only, is checked against the digest in its first line, and is built into classes of an allow-list. What
    does not pass is a miss. The digest finds damage; it keeps nobody from writing a plan of his own, so
    the folder should be one that only the user can write to, as pytest's cache is. ``timer`` gives
    nanoseconds.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, timer: Callable[[], int] = time.perf_counter_ns
    ) -> None:
        self.folder = Path(folder)
        self._timer = timer
        self._lock = Lock()
        self._counts: Counter[str] = Counter()
        self._uses = UseCounts(self.folder)

    def stats(self) -> StoreStats:
        """Return the counts so far."""
        with self._lock:
            return StoreStats(**self._counts)

    def load(self, signature: QuerySignature) -> StoredPlan | None:
        """Return the plan kept for a signature, or None; whatever is wrong with its file, nothing is raised."""
        content = self._read(signature.digest)
        if content is None:
            self._count("misses")
            return None
        try:
            plan = plan_of(content)
            if plan.signature != signature:
                raise PlanFormatError("the file holds the plan of another query")
        except PlanFormatError:
            self._count("misses", "rejected")
            return None
        self._count("hits")
        return plan

    def save(self, plan: StoredPlan) -> bool:
        """Keep a plan for later, if reading it is cheaper than compiling it; return whether it is kept.

        Nothing is raised when it cannot be stored.
        """
        try:
            content = content_of(plan)
            started = self._timer()
            # What this very process cannot read back, or not faster, nobody should have to read.
            plan_of(content)
            cheaper = self._timer() - started < plan.compile_ns
        except PlanFormatError:
            cheaper = False
        written = cheaper and self._write(plan.signature.digest, content)
        self._count("written" if written else "not_kept")
        return written

    def reject(self, signature: QuerySignature) -> None:
        """Remove a plan that was read but could not be used; the look-up that found it was a miss after all."""
        with self._lock:
            self._counts["hits"] -= 1
        self._count("misses", "rejected")
        self._remove(signature.digest)

    def count_use(self, signature: QuerySignature) -> None:
        """Count one use of a compiled query, for ``most_used`` in later sessions; ``flush`` writes the counts."""
        self._uses.add(signature.digest)

    def flush(self) -> None:
        """Write the uses counted since the last time; called at the end of a session."""
        self._uses.flush()

    def most_used(self, n: int) -> list[tuple[QuerySignature, Callable[[], Any]]]:
        """Return the ``n`` queries used most in earlier sessions whose plans are kept, the most used first.

        Each comes as its signature with a factory that makes the plan ready to execute, and raises
        CompilationError when that turns out to be impossible.
        """
        found: list[tuple[QuerySignature, Callable[[], Any]]] = []
        for digest in self._uses.ranked():
            if len(found) >= n:
                break
            content = self._read(digest)
            if content is None:
                continue
            try:
                signature = signature_in(content)
            except PlanFormatError:
                self._count("rejected")
                continue
            if signature.digest == digest and signature.version == VERSION:
                found.append((signature, partial(self._ready, signature)))
        return found

    def _ready(self, signature: QuerySignature) -> Any:
        # Compiling knows the store, not the other way round.
        from .compiled import compiled_from

        stored = self.load(signature)
        compiled = None if stored is None else compiled_from(stored, self)
        if compiled is None:
            raise CompilationError(
                f"the stored plan {signature.digest} cannot be used; its query is compiled anew when it is needed"
            )
        return compiled

    def _count(self, *names: str) -> None:
        with self._lock:
            for name in names:
                self._counts[name] += 1

    def _path(self, digest: str) -> Path:
        return self.folder / f"{digest}{_SUFFIX}"

    def _read(self, digest: str) -> bytes | None:
        if not _DIGEST.fullmatch(digest):
            return None
        try:
            with self._path(digest).open("rb") as file:
                # One byte more than allowed tells a file that is too long, without reading all of it.
                return file.read(MAX_BYTES + 1)
        except OSError:
            return None

    def _write(self, digest: str, content: bytes) -> bool:
        path = self._path(digest)
        temporary = path.with_name(f".{digest}.{os.getpid()}.{os.urandom(4).hex()}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(content)
            temporary.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            return False
        return True

    def _remove(self, digest: str) -> None:
        with contextlib.suppress(OSError):
            self._path(digest).unlink()
