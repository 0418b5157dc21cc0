"""How the gate's answer counts: as one more failure of the session, and as nothing else.

A made-up report sent through pytest's hooks would enter the cache of ``--lf``, the percentage and the number of
tests. The exit status therefore comes from the session's own count of failures, and the last line from the
terminal's, after everything else has been printed.
"""

from __future__ import annotations

import pytest

from ..model.verdict import GateResult

NAME = "performance gate"


def fail_session(session: pytest.Session) -> None:
    """Make the session end with exit status 1."""
    session.testsfailed += 1


def failure_report(result: GateResult) -> pytest.TestReport:
    """The gate's failure in the shape in which terminals and JUnit files know failures."""
    return pytest.TestReport(
        nodeid=NAME,
        location=(NAME, None, NAME),
        keywords={},
        outcome="failed",
        longrepr="; ".join(result.failures),
        when="call",
    )


def show_failure(terminal: pytest.TerminalReporter, result: GateResult) -> None:
    """Let the short summary and the last line count the gate; failures were printed before this is called."""
    terminal.stats.setdefault("failed", []).append(failure_report(result))
