"""The commit that a session's figures belong to."""

from __future__ import annotations

import pytest

from ..storage.repository import Head, read_head
from .settings import Settings


def read_session_head(config: pytest.Config, settings: Settings) -> Head | None:
    """The commit the project stands at; what the gate itself writes, baseline and history, makes no tree dirty."""
    named = settings.configuration.history
    return read_head(
        config.rootpath,
        ignoring=settings.baseline,
        history=config.rootpath / named if named else None,
    )
