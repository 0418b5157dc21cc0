"""What loading the plugin adds to pytest's start: ``python tests/benchmarks/startup.py``.

Sessions without any test and without a ``--perf-*`` option, with the plugin and without it (``-p no:querycache``),
alternating; the median difference is printed, and what ``-X importtime`` says of the plugin's entry module.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from processes import Contender, alternate, print_ratios, quartiles

WITHOUT, WITH = "without the plugin", "with the plugin"
ENTRY = "pytest_querycache.plugin.hooks"
NOTHING_COLLECTED = 5
WANTED_MS = 15


def contenders() -> dict[str, Contender]:
    """An empty session of pytest, without and with the plugin."""
    empty = (sys.executable, "-m", "pytest", "-q")
    return {
        WITHOUT: Contender(command=(*empty, "-p", "no:querycache"), expected=NOTHING_COLLECTED),
        WITH: Contender(command=empty, expected=NOTHING_COLLECTED),
    }


def import_ms(folder: Path, repeats: int) -> tuple[float, set[str]]:
    """Milliseconds to import the entry module in a process that has pytest, and which of our modules it loaded."""
    command = (sys.executable, "-X", "importtime", "-c", f"import pytest, {ENTRY}")
    times, modules = [], set()
    for _ in range(repeats):
        report = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stderr
        own = re.findall(r"import time: *(\d+) \| *(\d+) \| ( *)(\S+)", report)
        after = [row for row in own if row[3].startswith("pytest_querycache")]
        modules.update(row[3] for row in after)
        outermost = min(len(row[2]) for row in after)
        times.append(sum(int(row[1]) for row in after if len(row[2]) == outermost) / 1000)
    return statistics.median(times), modules


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=31)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="startup-") as folder:
        path = Path(folder)
        seconds = alternate(contenders(), path, rounds=options.rounds)
        print_ratios(seconds, WITHOUT, {})
        differences = [
            (one - other) * 1000 for one, other in zip(seconds[WITH], seconds[WITHOUT], strict=True)
        ]
        low, middle, high = quartiles(differences)
        print(
            f"the plugin adds {middle:.1f} ms (quartiles {low:.1f} to {high:.1f}), wanted at most {WANTED_MS}"
        )
        fastest = (min(seconds[WITH]) - min(seconds[WITHOUT])) * 1000
        print(
            f"between the fastest session of each kind lie {fastest:.1f} ms, which a busy machine hides less"
        )
        milliseconds, modules = import_ms(path, min(options.rounds, 11))
        print(f"importing {ENTRY} after pytest: {milliseconds:.1f} ms, {len(modules)} modules of ours:")
        print("  " + ", ".join(sorted(modules)))


if __name__ == "__main__":
    main()
