"""RESULTS.md and results.json, from the raw results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.accuracy.proportion import Proportion
from tests.accuracy.results import Results
from tests.accuracy.summary import (
    ALL,
    summed_everything,
    summed_forced,
    summed_identical,
    summed_overhead,
    summed_planted,
    summed_truth,
)

GOALS = {
    "10": ("< 1 %", ""),
    "25": ("≥ 90 %", "≥ 80 %"),
    "30": ("≥ 97 %", "≥ 90 %"),
    "50": ("≥ 99 %", "≥ 95 %"),
}
_TITLE = """# Accuracy: what was measured

Written by `python tests/accuracy/study.py table`. README.md beside this file says what was done and what the words
mean. Every share stands with its numerator and denominator, and in brackets Wilson's 95 % interval in per cent."""


def write_table(results: Results) -> tuple[Path, Path]:
    """Write both files, beside the folder of the raw results; their paths."""
    summed = summary_of(results)
    markdown, plain = (results.folder.parent / name for name in ("RESULTS.md", "results.json"))
    plain.write_text(json.dumps(summed, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    markdown.write_text("\n".join(lines_of(summed)) + "\n", encoding="utf-8")
    return markdown, plain


def summary_of(results: Results) -> dict[str, Any]:
    """Everything that was recorded, summed up."""
    latest = {row["half"]: row for row in results.rows("replay")}
    return {
        "machines": results.rows("machine"),
        "libraries": sorted(
            {row["version"] for part in ("identical", "planted", "trace") for row in results.rows(part)}
        ),
        "identical": summed_identical(results.rows("identical")),
        "forced": summed_forced(results.rows("forced")),
        "planted": summed_planted(results.rows("planted"), results.rows("planted_forced")),
        "truth": summed_truth(results.rows("truth")),
        "everything": summed_everything(results.rows("everything")),
        "overhead": summed_overhead(results.rows("overhead")),
        "replay": latest,
    }


def lines_of(summed: Mapping[str, Any]) -> Iterator[str]:
    """The Markdown page, line by line."""
    yield _TITLE
    yield ""
    for machine in summed["machines"]:
        yield (
            f"Machine: {machine['cpu']}, {machine['cores']} cores, {machine['system']}, {machine['python']}, "
            f"{machine['date']}."
        )
    yield f"Libraries: {', '.join(summed['libraries'])}."
    for part in (_identical, _forced, _planted, _misses, _groups, _truth, _everything, _overhead, _replay):
        lines = list(part(summed))
        if lines:
            yield ""
            yield from lines


def _identical(summed: Mapping[str, Any]) -> Iterator[str]:
    if not summed["identical"]:
        return
    yield "## Identical code: sessions that fail although nothing changed"
    yield ""
    yield from _header(
        "condition",
        "the gate",
        "+20 % on one execution",
        "`min:20%`",
        "suspects in a session",
        "confirming, s",
        "unconfirmed records",
    )
    for name, found in summed["identical"].items():
        yield _line(
            _bold(name),
            _share(found["failed_sessions"]),
            _share(found["single_run"]["failed_sessions"]),
            _share(found["min_20"]["failed_sessions"]),
            _middle(found["suspects"], digits=0),
            _middle(found["confirming_seconds"], digits=1),
            str(found["unconfirmed_records"]),
        )
    whole = summed["identical"][ALL]
    cleared = ", ".join(f"{how} {number}" for how, number in sorted(whole["cleared_by"].items()))
    yield ""
    yield (
        f"Records compared: {whole['compared_records']}; called regressed by the gate: "
        f"{whole['regressed_records']}. Tests flagged: by the plain rule "
        f"{_share(whole['single_run']['flagged_tests'])} of those of 0.1 ms or more, by `min:20%` "
        f"{_share(whole['min_20']['flagged_tests'])} of those it was given. Suspects cleared: {cleared or 'none'}."
    )


def _forced(summed: Mapping[str, Any]) -> Iterator[str]:
    if not summed["forced"]:
        return
    yield "## Identical code, every test forced to be a suspect"
    yield ""
    yield from _header(
        "condition", "failed sessions", "tests forced", "duels", "called regressed", "unconfirmed"
    )
    for name, found in summed["forced"].items():
        numbers = ("forced_records", "duels", "regressed_records", "unconfirmed_records")
        yield _line(_bold(name), _share(found["failed_sessions"]), *(str(found[n]) for n in numbers))


def _planted(summed: Mapping[str, Any]) -> Iterator[str]:
    found = summed["planted"]
    if not found:
        return
    yield "## Planted slow-downs: tests called regressed (wall time)"
    yield ""
    yield from _header(
        "planted", "reached confirmation", "goal", "end to end", "goal", "rise seen without the gate, %"
    )
    for level, of_level in found["by_level"].items():
        reached, whole = GOALS.get(level, ("", ""))
        yield _line(
            f"+{level} %",
            _share(of_level["reached"]),
            reached,
            _share(of_level["end_to_end"]),
            whole,
            _middle(of_level["seen_per_cent"], digits=0),
        )
    yield ""
    yield (
        f"Sessions of whole suites: {found['sessions']}, with {_middle(found['confirming_seconds'], digits=0)} s of "
        f"confirmation; of planted tests forced to be suspects, which count only as having reached confirmation: "
        f"{found['forced_sessions']}. Records beside the planted ones: {found['others_compared']} compared, "
        f"{found['others_regressed']} called regressed."
    )


def _misses(summed: Mapping[str, Any]) -> Iterator[str]:
    if not summed["planted"]:
        return
    by_level = summed["planted"]["by_level"]
    names = sorted({name for found in by_level.values() for name in found["missed"]})
    yield "What became of the others:"
    yield ""
    yield from _header("planted", *names)
    for level, found in by_level.items():
        yield _line(f"+{level} %", *(str(found["missed"].get(name, 0)) for name in names))


def _groups(summed: Mapping[str, Any]) -> Iterator[str]:
    for name in ("kind", "library", "condition"):
        groups = summed["planted"].get(f"by_{name}", {})
        if groups:
            yield ""
            yield from _header(f"by {name}", "reached confirmation", "end to end")
            for group, found in groups.items():
                yield _line(group, _share(found["reached"]), _share(found["end_to_end"]))


def _truth(summed: Mapping[str, Any]) -> Iterator[str]:
    if not summed["truth"]:
        return
    yield "## How true the truth is: the rise that is seen over the rise that was meant (from +20 %)"
    yield ""
    yield from _header("kind of work", "seen / meant", "trials", "median standard error, percentage points")
    for name, found in summed["truth"].items():
        error = f"{found['median_error_per_cent']:.1f}"
        yield _line(_bold(name), _middle(found, digits=2), str(found["number"]), error)


def _everything(summed: Mapping[str, Any]) -> Iterator[str]:
    if not summed["everything"]:
        return
    yield "## Everything 30 % slower"
    yield ""
    yield from _header(
        "condition",
        "reported",
        "called suite-wide, and the code",
        "put down to the machine",
        "failed sessions",
    )
    keys = ("reported", "suite_wide", "the_machine", "failed_sessions")
    for name, found in summed["everything"].items():
        yield _line(_bold(name), *(_share(found[key]) for key in keys))


def _overhead(summed: Mapping[str, Any]) -> Iterator[str]:
    if not summed["overhead"]:
        return
    yield "## Time of a gated session without suspects over that of a plain one"
    yield ""
    yield from _header("library", "ratio", "seconds more", "pairs of sessions")
    for name, found in summed["overhead"].items():
        yield _line(_bold(name), _middle(found, digits=3), f"{found['seconds']:.2f}", str(found["number"]))


def _replay(summed: Mapping[str, Any]) -> Iterator[str]:
    if not summed["replay"]:
        return
    yield "## Replayed traces"
    yield ""
    yield (
        "Every second recording served for tuning, the others are reported; "
        + "; ".join(
            f"{half}: {row['tests']['identical']} traces of identical code, {row['tests']['planted']} planted"
            for half, row in sorted(summed["replay"].items())
        )
        + "."
    )
    for question, title in (
        ("false_sessions", "simulated sessions that fail"),
        ("recall", "called regressed"),
    ):
        halves = {half: row[question] for half, row in summed["replay"].items()}
        keys = list(dict.fromkeys(key for found in halves.values() for key in found))
        if not keys:
            continue
        yield ""
        yield from _header(title, "rule", *sorted(halves))
        for key in keys:
            group, _, rule = key.partition("; ")
            shares = [_share(halves[half].get(key)) for half in sorted(halves)]
            yield _line(group, rule, *shares)


def _header(*names: str) -> Iterator[str]:
    yield _line(*names)
    yield _line(*("---" for _ in names))


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _bold(name: str) -> str:
    return f"**{name}**" if name == ALL else name


def _share(plain: Mapping[str, Any] | None) -> str:
    return "–" if plain is None else str(Proportion(plain["hits"], plain["trials"]))


def _middle(plain: Mapping[str, Any], *, digits: int) -> str:
    """A median with the middle 90 % in brackets."""
    if plain["median"] is None:
        return "–"
    low, mid, high = (f"{plain[name]:.{digits}f}" for name in ("low", "median", "high"))
    return f"{mid} ({low}–{high})"
