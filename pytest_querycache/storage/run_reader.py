"""The values of a run file, checked while they are taken apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from pathlib import Path
from typing import Any, NoReturn

from ..errors import RunFileError
from ..model.account import Account, Occasion
from ..model.environment import Environment
from ..model.limit import Limit
from ..model.metric import METRICS, Metric
from ..model.quantity import is_finite
from ..model.record import Record, Run, own_metric
from ..model.verdict import Counts, Duel, Evidence, Finding, GateResult, Verdict


class RunReader:
    """Builds a session from a parsed document; RunFileError names the path and the member that is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def account(self, document: Mapping[str, Any]) -> Account:
        """The whole session."""
        root = _Members(self, document, "")
        gate = root.get("gate")
        return Account(
            run=self._run(root),
            occasion=Occasion(
                command=root.text("command"),
                finished=root.text("finished"),
                commit=root.text("commit"),
                dirty=root.flag("dirty"),
            ),
            result=self._result(_Members(self, gate, "'gate'")) if gate is not None else None,
            evidence={
                (each.text("node_id"), each.text("metric")): self._evidence(each)
                for each in root.objects("evidence")
            },
        )

    def fail(self, what: str) -> NoReturn:
        """Refuse the file."""
        raise RunFileError(f"{self.path}: {what}; pytest --perf-json=FILE writes a run")

    def _run(self, root: _Members) -> Run:
        records = {
            node_id: self._record(node_id, members) for node_id, members in root.mapping("records").each()
        }
        claimed = {record.node_id for record in records.values() if not record.test_id}
        return Run(
            environment=self._environment(root.mapping("environment")),
            records=records,
            claimed=claimed | set(root.texts("not_run")),
            deselected=set(root.texts("deselected")),
            wholly_collected=set(root.texts("wholly_collected")),
            disturbances=root.mapping("disturbances").texts_by_name(),
            complete=root.flag("complete"),
            whole=root.flag("whole"),
        )

    def _environment(self, members: _Members) -> Environment:
        return Environment(
            implementation=members.text("implementation"),
            minor_version=members.text("minor_version"),
            platform=members.text("platform"),
            free_threaded=members.flag("free_threaded"),
            counter=members.text("counter"),
            full_version=members.text("full_version"),
            cpu_model=members.text("cpu_model"),
            cpu_count=members.whole("cpu_count"),
            workers=members.whole("workers"),
            distributions=members.mapping("distributions").texts_by_name(),
            own_key=members.text("own_key"),
        )

    def _record(self, node_id: str, members: _Members) -> Record:
        exempt = members.get("exempt")
        return Record(
            node_id=node_id,
            test_id=members.text("test_id"),
            outcome=members.text("outcome"),
            values=members.mapping("values").numbers_by_name(),
            unmeasured=members.mapping("unmeasured").texts_by_name(),
            own_metrics={
                name: self._own_metric(name, each) for name, each in members.mapping("own_metrics").each()
            },
            thresholds=members.mapping("thresholds").raw,
            budgets=members.mapping("budgets").raw,
            exempt=None if exempt is None else str(exempt),
            setup_ns=members.whole("setup_ns"),
            teardown_ns=members.whole("teardown_ns"),
            calls=members.whole("calls", 1),
            worker=members.text("worker"),
            file=members.text("file"),
            line=members.whole("line"),
        )

    def _own_metric(self, name: str, members: _Members) -> Metric:
        better = members.text("better")
        if better not in {"lower", "higher"}:
            self.fail(f"unexpected {better!r} in {members.where}.'better', expected 'lower' or 'higher'")
        return own_metric(
            name, unit=members.text("unit"), better=better, deterministic=members.flag("deterministic")
        )

    def _result(self, members: _Members) -> GateResult:
        counts = members.mapping("counts")
        return GateResult(
            findings=[self._finding(each) for each in members.objects("findings")],
            cleared=[self._finding(each) for each in members.objects("cleared")],
            counts=Counts(**{name: counts.whole(name) for name in Counts.__slots__}),
            failures=members.texts("failures"),
            not_judged={name: int(n) for name, n in members.mapping("not_judged").numbers_by_name().items()},
            notes=members.texts("notes"),
        )

    def _finding(self, members: _Members) -> Finding:
        verdict = members.text("verdict")
        if verdict not in {known.value for known in Verdict}:
            self.fail(f"unexpected {verdict!r} in {members.where}.'verdict', expected a verdict")
        metric = None
        if members.get("metric") is not None:
            described = members.mapping("metric")
            name = described.text("name")
            metric = METRICS.get(name) or self._own_metric(name, described)
        interval = members.numbers("interval")
        return Finding(
            node_id=members.text("node_id"),
            verdict=Verdict(verdict),
            metric=metric,
            was=members.number("was"),
            now=members.number("now"),
            limit=self._limit(members.mapping("limit"), metric) if metric and members.get("limit") else None,
            proof=members.text("proof"),
            insight=members.text("insight"),
            estimate=members.number("estimate"),
            interval=(interval[0], interval[1]) if len(interval) == 2 else None,
        )

    def _limit(self, members: _Members, metric: Metric) -> Limit:
        return Limit(
            metric=metric,
            value=members.number("value") or 0.0,
            origin=members.text("origin"),
            rule=members.text("rule"),
            reason=members.text("reason"),
            reference=members.number("reference"),
            floor=members.number("floor") or 0.0,
        )

    def _evidence(self, members: _Members) -> Evidence:
        processes = members.get("processes") or []
        if not isinstance(processes, list):
            self.fail(f"unexpected {processes!r} in {members.where}.'processes', expected an array")
        where = f"{members.where}.'processes'"
        return Evidence(
            processes=[self.checked_numbers(values, where) for values in processes],
            problem=members.text("problem"),
            incomparable=members.flag("incomparable"),
            duel=self._duel(members.mapping("duel")) if members.get("duel") is not None else None,
        )

    def _duel(self, members: _Members) -> Duel:
        return Duel(
            pair_ratios=members.numbers("pair_ratios"),
            old=members.number("old") or 0.0,
            new=members.number("new") or 0.0,
            needed=members.whole("needed"),
            commit=members.text("commit"),
            test_changed=members.flag("test_changed"),
            rises=members.mapping("rises").numbers_by_name(),
            turns=[
                [self._turn(turn) for turn in self._list(pair, "turns")]
                for pair in self._list(members.get("turns") or [], "turns")
            ],
            apart=members.flag("apart"),
            controls=members.number("controls"),
            disturbed=members.whole("disturbed"),
        )

    def _turn(self, value: object) -> tuple[float, float]:
        numbers = self.checked_numbers(value, "turns")
        if len(numbers) != 2:
            self.fail(f"unexpected {value!r} in turns, expected the new value and the old one")
        return numbers[0], numbers[1]

    def _list(self, value: object, where: str) -> list[object]:
        if not isinstance(value, list):
            self.fail(f"unexpected {value!r} in {where}, expected an array")
        return value

    def checked_numbers(self, values: object, where: str) -> list[float]:
        """An array of numbers; null stands for what JSON cannot hold, a ratio to zero."""
        if not isinstance(values, list):
            self.fail(f"unexpected {values!r} in {where}, expected an array of numbers")
        return [inf if value is None else self.checked_number(value, where) for value in values]

    def checked_number(self, value: object, where: str) -> float:
        """A number that a float can hold."""
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not is_finite(value):
            self.fail(f"unexpected {value!r} in {where}, expected a number")
        return value


class _Members:
    """The members of one object of the file; what is absent has the empty value of its kind."""

    def __init__(self, reader: RunReader, raw: object, where: str) -> None:
        if not isinstance(raw, dict):
            reader.fail(f"unexpected {type(raw).__name__} in {where}, expected an object")
        self.raw: dict[str, Any] = raw
        self.where = where
        self._reader = reader

    def get(self, name: str) -> Any:
        return self.raw.get(name)

    def _path(self, name: str) -> str:
        return f"{self.where}.{name!r}" if self.where else repr(name)

    def _checked(self, name: str, kind: type, otherwise: Any, expected: str) -> Any:
        value = self.raw.get(name, otherwise)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self._reader.fail(f"unexpected {value!r} in {self._path(name)}, expected {expected}")
        return value

    def text(self, name: str) -> str:
        return str(self._checked(name, str, "", "a text"))

    def flag(self, name: str) -> bool:
        return bool(self._checked(name, bool, False, "true or false"))

    def whole(self, name: str, otherwise: int = 0) -> int:
        return int(self._checked(name, int, otherwise, "a whole number"))

    def number(self, name: str) -> float | None:
        value = self.raw.get(name)
        return None if value is None else self._reader.checked_number(value, self._path(name))

    def numbers(self, name: str) -> list[float]:
        value = self.raw.get(name)
        return [] if value is None else self._reader.checked_numbers(value, self._path(name))

    def texts(self, name: str) -> list[str]:
        values = self._checked(name, list, [], "an array of texts")
        if not all(isinstance(value, str) for value in values):
            self._reader.fail(f"unexpected member in {self._path(name)}, expected texts")
        return list(values)

    def mapping(self, name: str) -> _Members:
        return _Members(self._reader, self.raw.get(name, {}), self._path(name))

    def objects(self, name: str) -> Iterable[_Members]:
        values = self._checked(name, list, [], "an array of objects")
        return [_Members(self._reader, value, self._path(name)) for value in values]

    def each(self) -> Iterable[tuple[str, _Members]]:
        return ((name, _Members(self._reader, value, self._path(name))) for name, value in self.raw.items())

    def texts_by_name(self) -> dict[str, str]:
        return {name: self.text(name) for name in self.raw}

    def numbers_by_name(self) -> dict[str, float]:
        check = self._reader.checked_number
        return {name: check(value, self._path(name)) for name, value in self.raw.items()}
