"""Every error this package raises on purpose.

Each message says where, what, what was expected, and what to do next; the plugin turns them into
``pytest.UsageError`` at its edge, the command line into exit status 4.
"""

from __future__ import annotations


class QueryCacheError(Exception):
    """The base of every error of this package."""


class ConfigurationError(QueryCacheError):
    """A threshold, a rule, an option or a configuration key cannot be understood."""


class BaselineError(QueryCacheError):
    """A baseline file is missing, unreadable, of a newer format, or lacks the section asked for."""


class RunFileError(QueryCacheError):
    """A run file is missing, unreadable, half-written, of a newer format, or something else than a run."""


class ReportError(QueryCacheError):
    """A report cannot be made here, because what it needs is not installed or its file cannot be written."""


class MeasurementError(QueryCacheError):
    """A tracker was used in a way that has no meaning, such as completing what was never started."""


class ArmError(QueryCacheError):
    """A fresh process could not be started, died, hung, or could not execute what it was told to."""


class IncomparableError(ArmError):
    """A fresh process ran other code than it should have, so that its figures prove nothing."""


class CompilationError(QueryCacheError):
    """A SQL query could not be parsed, optimised or planned."""
