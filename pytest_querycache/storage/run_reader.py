"""The values of a run file, checked while they are taken apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf
from pathlib import Path
from typing import Any

from ..model.account import Account, Occasion
from ..model.environment import Environment
from ..model.limit import Limit
from ..model.metric import METRICS, Metric
from ..model.record import Record, Run, own_metric
from ..model.verdict import Counts, Duel, Evidence, Finding, GateResult, Verdict
from .members import Members


class RunReader:
    """Builds a session from a parsed document; RunFileError names the path and the member that is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def account(self, document: Mapping[str, Any]) -> Account:
        """The whole session."""
        root = Members(self.path, document, "")
        gate = root.get("gate")
        return Account(
            run=self._run(root),
            occasion=Occasion(
                command=root.text("command"),
                finished=root.text("finished"),
                commit=root.text("commit"),
                dirty=root.flag("dirty"),
            ),
            result=self._result(Members(self.path, gate, "'gate'")) if gate is not None else None,
            evidence={
                (each.text("node_id"), each.text("metric")): self._evidence(each)
                for each in root.objects("evidence")
            },
        )

    def _run(self, root: Members) -> Run:
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

    def _environment(self, members: Members) -> Environment:
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

    def _record(self, node_id: str, members: Members) -> Record:
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
            statements=_statements(members),
            unattributed_statements=members.whole("unattributed_statements"),
            setup_statements=members.whole("setup_statements"),
            setup_ns=members.whole("setup_ns"),
            teardown_ns=members.whole("teardown_ns"),
            calls=members.whole("calls", 1),
            worker=members.text("worker"),
            file=members.text("file"),
            line=members.whole("line"),
        )

    def _own_metric(self, name: str, members: Members) -> Metric:
        better = members.text("better")
        if better not in {"lower", "higher"}:
            members.fail(f"unexpected {better!r} in {members.where}.'better', expected 'lower' or 'higher'")
        return own_metric(
            name, unit=members.text("unit"), better=better, deterministic=members.flag("deterministic")
        )

    def _result(self, members: Members) -> GateResult:
        counts = members.mapping("counts")
        return GateResult(
            findings=[self._finding(each) for each in members.objects("findings")],
            cleared=[self._finding(each) for each in members.objects("cleared")],
            counts=Counts(**{name: counts.whole(name) for name in Counts.__slots__}),
            failures=members.texts("failures"),
            not_judged={name: int(n) for name, n in members.mapping("not_judged").numbers_by_name().items()},
            notes=members.texts("notes"),
            ungated_times=members.text("ungated_times"),
        )

    def _finding(self, members: Members) -> Finding:
        verdict = members.text("verdict")
        if verdict not in {known.value for known in Verdict}:
            members.fail(f"unexpected {verdict!r} in {members.where}.'verdict', expected a verdict")
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

    def _limit(self, members: Members, metric: Metric) -> Limit:
        return Limit(
            metric=metric,
            value=members.number("value") or 0.0,
            origin=members.text("origin"),
            rule=members.text("rule"),
            reason=members.text("reason"),
            reference=members.number("reference"),
            floor=members.number("floor") or 0.0,
        )

    def _evidence(self, members: Members) -> Evidence:
        duel = self._duel(members.mapping("duel")) if members.get("duel") is not None else None
        return Evidence(
            processes=[kept for kept in self._repeats(members) if kept],
            problem=members.text("problem"),
            incomparable=members.flag("incomparable"),
            machine_share=members.number("machine_share"),
            duel=duel if duel is not None and duel.pair_ratios else None,
        )

    def _repeats(self, members: Members) -> Iterator[list[float]]:
        """The values of each process, without those that JSON could not hold."""
        for values in members.items("processes"):
            yield [number for number in members.checked_numbers(values, "processes") if number != inf]

    def _duel(self, members: Members) -> Duel:
        return Duel(
            pair_ratios=members.numbers("pair_ratios"),
            old=members.number("old") or 0.0,
            new=members.number("new") or 0.0,
            needed=members.whole("needed"),
            commit=members.text("commit"),
            test_changed=members.flag("test_changed"),
            rises=members.mapping("rises").numbers_by_name(),
            turns=[
                [self._turn(members, turn) for turn in members.checked_items(pair, "turns")]
                for pair in members.items("turns")
            ],
            apart=members.flag("apart"),
            single=members.flag("single"),
            controls=members.number("controls"),
            disturbed=members.whole("disturbed"),
        )

    def _turn(self, members: Members, value: object) -> tuple[float, float]:
        numbers = members.checked_numbers(value, "turns")
        if len(numbers) != 2:
            members.fail(f"unexpected {value!r} in turns, expected the new value and the old one")
        return numbers[0], numbers[1]


def _statements(members: Members) -> tuple[list[Any], ...]:
    rows = members.get("statements") or []
    if not isinstance(rows, list) or any(
        not isinstance(row, list) or [type(value) for value in row] != _STATEMENT for row in rows
    ):
        members.fail(
            f"unexpected {rows!r:.200} in {members.where}.'statements', expected arrays of digest, text, count, call "
            "site, repeated and rows"
        )
    return tuple(rows)


_STATEMENT = [str, str, int, str, int, int]
