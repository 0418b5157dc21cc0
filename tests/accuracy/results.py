"""The raw results: a file of JSON lines for each part, to which sessions are added until there are enough."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from itertools import combinations as combinations_of
from pathlib import Path
from typing import Any


class Results:
    """A folder of raw results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, part: str, row: dict[str, Any]) -> None:
        """Append one row; what was added before stays, whatever happens now."""
        with self._file(part).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")

    def rows(self, part: str) -> list[dict[str, Any]]:
        """Every row of a part; a last line that was cut off is left out."""
        return list(self._rows(part))

    def describe_machine(self) -> None:
        """Add the machine, unless it is described already."""
        machine = machine_now()
        known = [{name: row[name] for name in machine if name != "date"} for row in self.rows("machine")]
        if {name: value for name, value in machine.items() if name != "date"} not in known:
            self.add("machine", machine)

    def _rows(self, part: str) -> Iterator[dict[str, Any]]:
        file = self._file(part)
        if not file.exists():
            return
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue

    def _file(self, part: str) -> Path:
        return self.folder / f"{part}.jsonl"


def machine_now() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "date": datetime.now(timezone.utc).date().isoformat(),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def least_served(rows: Sequence[dict[str, Any]], combinations: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The combination that fewest rows belong to, so that a part can stop and go on anywhere.

    Of several the one whose members were together least often: few rows then tell a library from a kind of work.
    """

    def together(names: Sequence[str], combination: dict[str, Any]) -> int:
        return sum(all(row.get(name) == combination[name] for name in names) for row in rows)

    def served(combination: dict[str, Any]) -> tuple[int, ...]:
        sizes = range(len(combination), 0, -1)
        return tuple(
            sum(together(names, combination) for names in combinations_of(combination, size))
            for size in sizes
        )

    return min(combinations, key=served)
