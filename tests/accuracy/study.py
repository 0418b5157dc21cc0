"""How often the gate is wrong, measured on real libraries: ``python tests/accuracy/study.py PART``.

Each part takes under ten minutes, adds to the raw results, and can be stopped and repeated; README.md beside this
file says in which order, and what the figures mean. ``table`` sums up everything that was recorded.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.accuracy.calibration import calibrate
from tests.accuracy.conditions import CONDITIONS
from tests.accuracy.identical import everything, forced, identical, overhead, record_rounds
from tests.accuracy.libraries import LIBRARIES, StudyError, Workshop
from tests.accuracy.parts import Part
from tests.accuracy.planted import planted, planted_forced, truth
from tests.accuracy.replays import replay
from tests.accuracy.results import Results
from tests.accuracy.table import write_table
from tests.accuracy.traces import trace, trace_planted

HERE = Path(__file__).resolve().parent


def prepare(part: Part) -> None:
    """Download the libraries, commit them, and record their baselines and the rival's rounds."""
    for name in part.libraries:
        workshop = Workshop(name, part.work)
        workshop.prepare()
        record_rounds(workshop)
        tests = len(workshop.tests_between(1_000_000))
        print(f"{workshop.version}: {tests} tests from 1 ms, in {part.work / name}", flush=True)


def calibration(part: Part) -> None:
    """Measure how much work makes which test how much slower."""
    for name in part.libraries:
        print(f"{name}: {calibrate(part.workshop(name))} tests can be planted", flush=True)


def table(part: Part) -> None:
    """Write RESULTS.md and results.json from the raw results."""
    for path in write_table(part.results):
        print(path)


PARTS: dict[str, Callable[[Part], None]] = {
    "prepare": prepare,
    "calibrate": calibration,
    "truth": truth,
    "identical": identical,
    "forced": forced,
    "planted": planted,
    "planted-forced": planted_forced,
    "everything": everything,
    "overhead": overhead,
    "trace": trace,
    "trace-planted": trace_planted,
    "replay": replay,
    "table": table,
}
TESTS = {"planted": 12, "planted-forced": 13, "trace-planted": 13, "trace": 40, "forced": 60, "truth": 8}
"""How many tests a session of a part takes on, where nobody says otherwise."""


def main() -> int:
    """Run one part; 0 when it went through, 2 when it could not go on, 130 when it was interrupted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the raw results")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(tempfile.gettempdir()) / "querycache-accuracy",
        help="folder that keeps the libraries between parts (default: a temporary one)",
    )
    parser.add_argument("--libraries", nargs="+", choices=LIBRARIES, default=list(LIBRARIES))
    parser.add_argument("--conditions", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    parser.add_argument("--sessions", type=int, default=1_000, help="add no more than so many sessions")
    parser.add_argument("--minutes", type=float, default=8.0, help="begin no session later (default: 8)")
    parser.add_argument("--tests", type=int, help="tests that a session plants, traces or forces")
    options = parser.parse_args()
    part = Part(
        results=Results(options.results.resolve()),
        work=options.work.resolve(),
        libraries=options.libraries,
        conditions=options.conditions,
        sessions=options.sessions,
        seconds=options.minutes * 60,
        tests=options.tests or TESTS.get(options.part, 0),
    )
    if options.part not in {"replay", "table"}:
        part.results.describe_machine()
    try:
        PARTS[options.part](part)
    except StudyError as error:
        print(f"the part {options.part} stopped: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was measured before is kept", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
