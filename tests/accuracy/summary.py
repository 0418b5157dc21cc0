"""The raw results summed up: numerators, denominators and intervals, as plain values for JSON and for the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median, quantiles
from typing import Any

from tests.accuracy.planting import LEVELS
from tests.accuracy.proportion import Proportion

Row = Mapping[str, Any]
ALL = "all"
_THE_CODE, _THE_MACHINE = "it is the code", "it is the machine"


def share(rows: Iterable[Row], hit: Callable[[Row], bool]) -> dict[str, Any]:
    """How many of the rows hit, with the interval."""
    known = list(rows)
    return Proportion(sum(map(hit, known)), len(known)).plain()


def by(rows: Sequence[Row], name: str) -> dict[str, list[Row]]:
    """The rows by a member, and all of them last."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[name], []).append(row)
    return {**groups, ALL: list(rows)}


def fails(row: Row) -> bool:
    """Whether the gate failed a session; tests that failed by themselves do not count."""
    return bool(row["gate_failures"])


def summed_identical(rows: Sequence[Row]) -> dict[str, Any]:
    """Sessions of identical code, by condition."""
    return {name: _identical(group) for name, group in by(rows, "condition").items()} if rows else {}


def _identical(rows: Sequence[Row]) -> dict[str, Any]:
    with_rounds = [row["rounds"] for row in rows if "rounds" in row]
    return {
        "failed_sessions": share(rows, fails),
        "regressed_records": sum(len(row["regressed"]) for row in rows),
        "compared_records": sum(row["counts"]["compared"] for row in rows),
        "suspects": middle([_suspects(row) for row in rows]),
        "cleared_by": _added(row["cleared"] for row in rows),
        "unconfirmed_records": sum(row["counts"]["unconfirmed"] for row in rows),
        "confirming_seconds": middle([row["confirming_seconds"] for row in rows]),
        "single_run": {
            "failed_sessions": share(rows, lambda row: bool(row["single_run"])),
            "flagged_tests": Proportion(
                sum(len(row["single_run"]) for row in rows), sum(row["records_over_floor"] for row in rows)
            ).plain(),
        },
        "min_20": {
            "failed_sessions": share(with_rounds, lambda rounds: bool(rounds["flagged"])),
            "flagged_tests": Proportion(
                sum(len(rounds["flagged"]) for rounds in with_rounds),
                sum(rounds["tests"] for rounds in with_rounds),
            ).plain(),
        },
    }


def _suspects(row: Row) -> int:
    return int(sum(row["cleared"].values())) + len(row["regressed"]) + len(row["unconfirmed"])


def summed_forced(rows: Sequence[Row]) -> dict[str, Any]:
    """Sessions in which every test was forced to be a suspect, by condition."""
    return {
        name: {
            "failed_sessions": share(group, fails),
            "regressed_records": sum(len(row["regressed"]) for row in group),
            "forced_records": sum(row["tests"] for row in group),
            "duels": sum(len(row["duels"]) for row in group),
            "unconfirmed_records": sum(row["counts"]["unconfirmed"] for row in group),
        }
        for name, group in (by(rows, "condition").items() if rows else ())
    }


def summed_planted(rows: Sequence[Row], forced: Sequence[Row] = ()) -> dict[str, Any]:
    """Planted trials: by level, and for the levels of the goals by kind, library and condition.

    Those of the sessions in ``forced`` count among what reached confirmation, and not end to end.
    """
    trials = [
        {**trial, "condition": row["condition"], "library": row["library"], "forced": is_forced}
        for is_forced, several in ((False, rows), (True, forced))
        for row in several
        for trial in row["trials"]
    ]
    if not trials:
        return {}
    levels = sorted(set(LEVELS))
    return {
        "sessions": len(rows),
        "forced_sessions": len(forced),
        "by_level": {str(level): recall([t for t in trials if t["level"] == level]) for level in levels},
        **{
            f"by_{name}": {
                f"{group}, +{level} %": recall([t for t in of_group if t["level"] == level])
                for group, of_group in by(trials, name).items()
                for level in (25, 30, 50)
                if group != ALL
            }
            for name in ("kind", "library", "condition")
        },
        "others_regressed": sum(len(row["others_regressed"]) for row in rows),
        "others_compared": sum(row["counts"]["compared"] - len(row["trials"]) for row in rows),
        "confirming_seconds": middle([row["confirming_seconds"] for row in rows]),
    }


def recall(trials: Sequence[Row]) -> dict[str, Any]:
    """What became of trials: among those that reached a duel, and among all that nobody forced."""
    reached = [trial for trial in trials if trial["duel"]]
    seen = [trial["seen"] for trial in trials if trial["seen"] is not None]
    return {
        "reached": share(reached, _is_regressed),
        "end_to_end": share([trial for trial in trials if not trial.get("forced")], _is_regressed),
        "missed": _counted(_how_missed(trial) for trial in trials if not _is_regressed(trial)),
        "seen_per_cent": middle(seen),
    }


def _is_regressed(trial: Row) -> bool:
    return bool(trial["verdict"] == "regressed")


def _how_missed(trial: Row) -> str:
    if trial["verdict"] == "cleared":
        return "cleared by a duel" if trial["duel"] else "cleared by a second look"
    if trial["verdict"] == "unconfirmed":
        return "unconfirmed in a duel" if trial["duel"] else "unconfirmed, no duel"
    return str(trial["verdict"])


def summed_truth(rows: Sequence[Row]) -> dict[str, Any]:
    """For each kind of work, seen rise over meant rise: the middle and the middle 90 %, and the median error."""
    found = {}
    for kind, group in by(rows, "kind").items() if rows else ():
        trials = [trial for row in group for trial in row["trials"] if trial["level"] >= 20]
        if trials:
            ratios = middle([trial["seen"] / trial["level"] for trial in trials])
            found[kind] = {**ratios, "median_error_per_cent": median(trial["error"] for trial in trials)}
    return found


def summed_everything(rows: Sequence[Row]) -> dict[str, Any]:
    """Sessions in which everything was slower, by condition; a note that blames the machine reports nothing."""
    return {
        name: {
            "reported": share(group, lambda row: bool(row["regressed"]) or _notes(row, _THE_CODE)),
            "suite_wide": share(group, lambda row: _notes(row, _THE_CODE)),
            "the_machine": share(group, lambda row: _notes(row, _THE_MACHINE)),
            "failed_sessions": share(group, fails),
        }
        for name, group in (by(rows, "condition").items() if rows else ())
    }


def _notes(row: Row, what: str) -> bool:
    return any(what in note for note in row["suite_wide"])


def summed_overhead(rows: Sequence[Row]) -> dict[str, Any]:
    """Gated over plain, by library: the middle of the ratios, and of the seconds that were added."""
    return {
        name: {
            **middle([row["gated"] / row["plain"] for row in group]),
            "seconds": middle([row["gated"] - row["plain"] for row in group])["median"],
        }
        for name, group in (by(rows, "library").items() if rows else ())
    }


def middle(values: Sequence[float]) -> dict[str, float | int | None]:
    """Number, median, and the ends of the middle 90 %."""
    if not values:
        return {"number": 0, "median": None, "low": None, "high": None}
    if len(values) == 1:
        return {"number": 1, "median": values[0], "low": values[0], "high": values[0]}
    cuts = quantiles(values, n=20, method="inclusive")
    return {"number": len(values), "median": median(values), "low": cuts[0], "high": cuts[-1]}


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for of_session in counts:
        for name, number in of_session.items():
            total[name] = total.get(name, 0) + number
    return total


def _counted(names: Iterable[str]) -> dict[str, int]:
    return _added({name: 1} for name in names)
