"""The run file: one session's figures and verdicts for other programs, and for gating several shards as one.

JSON, described by ``run.schema.json`` beside this module, with one line for each record. It is written whole or not
at all; a copy that was cut off on its way is not JSON, and is refused.

Format history:

1. The first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..errors import RunFileError
from ..model.account import Account
from ..model.environment import Environment
from ..model.metric import METRICS
from ..model.plain import plain_evidence, plain_number, plain_result
from ..model.record import Record, Run
from .replace import write_text
from .run_reader import RunReader

FORMAT = "pytest-querycache run"
VERSION = 1

SCHEMA = Path(__file__).with_name("run.schema.json")
"""The JSON Schema of the format."""

_AGAIN = "pytest --perf-json=FILE writes one"


def write_run(path: Path, account: Account) -> None:
    """Write a session to a file, whose folder is made where it is missing; raises ReportError."""
    write_text(path, run_text(account))


def run_text(account: Account) -> str:
    """The text of a run file; the same session always gives the same text."""
    return "\n".join(_lines(account)) + "\n"


def _lines(account: Account) -> Iterator[str]:
    run, occasion = account.run, account.occasion
    yield "{"
    yield f'"format": {_text(FORMAT)},'
    yield f'"version": {VERSION},'
    for name in ("command", "finished", "commit", "dirty"):
        yield f'"{name}": {_text(getattr(occasion, name))},'
    yield f'"complete": {_text(run.complete)},'
    yield f'"whole": {_text(run.whole)},'
    yield f'"environment": {_text(_plain_environment(run.environment))},'
    yield f'"disturbances": {_text(run.disturbances)},'
    yield from _listed("metrics", (f"{_text(name)}: {_text(_described(name))}" for name in _used(run)), "{}")
    yield from _listed(
        "records",
        (f"{_text(name)}: {_text(_plain_record(run.records[name]))}" for name in sorted(run.records)),
        "{}",
    )
    for name, node_ids in (
        ("not_run", run.claimed - set(run.records)),
        ("deselected", run.deselected),
        ("wholly_collected", run.wholly_collected),
    ):
        yield from _listed(name, (_text(node_id) for node_id in sorted(node_ids)), "[]")
    yield from _listed("evidence", map(_text, plain_evidence(account.evidence)), "[]")
    yield f'"gate": {_text(plain_result(account.result) if account.result is not None else None)}'
    yield "}"


def _listed(name: str, members: Iterable[str], brackets: str) -> Iterator[str]:
    yield f'"{name}": {brackets[0]}'
    yield ",\n".join(f" {member}" for member in members)
    yield f"{brackets[1]},"


def _text(value: object) -> str:
    # escapes also carry file names that are not UTF-8, which arrive as lone surrogates
    return json.dumps(value, separators=(", ", ": "), allow_nan=False)


def _plain_environment(environment: Environment) -> dict[str, Any]:
    members: dict[str, Any] = {"key": environment.key}
    for name in Environment.__slots__:
        value = getattr(environment, name)
        members[name] = dict(sorted(value.items())) if name == "distributions" else value
    return members


def _used(run: Run) -> Iterator[str]:
    measured = {name for record in run.records.values() for name in record.values}
    return (name for name in METRICS if name in measured)


def _described(name: str) -> dict[str, Any]:
    metric = METRICS[name]
    return {
        "unit": metric.unit,
        "family": metric.family.value,
        "better": metric.better.value,
        "deterministic": metric.deterministic,
        "gated": metric.gated,
    }


def _plain_record(record: Record) -> dict[str, Any]:
    """A record; members that say nothing are left out."""
    numbers = {name: plain_number(value) for name, value in record.values.items()}
    members: dict[str, Any] = {
        "outcome": record.outcome,
        "values": {name: number for name, number in numbers.items() if number is not None},
        "test_id": record.test_id,
        "unmeasured": dict(record.unmeasured),
        "own_metrics": {
            name: {
                "unit": metric.unit,
                "better": metric.better.value,
                "deterministic": metric.deterministic,
            }
            for name, metric in record.own_metrics.items()
        },
        "thresholds": dict(record.thresholds),
        "budgets": dict(record.budgets),
        "statements": [list(row) for row in record.statements],
        "unattributed_statements": record.unattributed_statements,
        "setup_statements": record.setup_statements,
        "setup_ns": record.setup_ns,
        "teardown_ns": record.teardown_ns,
        "worker": record.worker,
        "file": record.file,
        "line": record.line,
    }
    kept = {name: value for name, value in members.items() if value or name == "values"}
    if record.calls != 1:
        kept["calls"] = record.calls
    if record.exempt is not None:
        kept["exempt"] = record.exempt
    return kept


def read_run(path: Path) -> Account:
    """The session in a file; raises RunFileError that says where, what, what was expected, and what to do."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunFileError(f"{path}: no such file; {_AGAIN}") from None
    except OSError as error:
        raise RunFileError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except json.JSONDecodeError as error:
        raise RunFileError(
            f"{path}:{error.lineno}: not JSON ({error.msg}), expected a run; the file may have been cut off "
            f"while it was copied: copy it again, or {_AGAIN}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise RunFileError(f"{path}: not a run ({error}); {_AGAIN}") from None
    _check_format(document, path)
    return RunReader(path).account(document)


def is_run(path: Path) -> bool:
    """Whether a file begins as a run does, so that the right reader can be asked."""
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            return f'"{FORMAT}"' in stream.read(200)
    except OSError:
        return False


def _check_format(document: object, path: Path) -> None:
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT or not isinstance(document, dict):
        what = "a baseline" if found == "pytest-querycache baseline" else "something else"
        raise RunFileError(f"{path}: this is {what}, expected a run; {_AGAIN}")
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise RunFileError(f"{path}: unexpected {version!r} in 'version', expected a number; {_AGAIN}")
    if version > VERSION:
        raise RunFileError(
            f"{path}: the file has format {version}, this version reads up to {VERSION}; "
            "upgrade pytest-querycache"
        )
