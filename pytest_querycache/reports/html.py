"""The page: one file that needs no network, from a template with its style sheet and script beside it.

A Content-Security-Policy names the style sheet and the script by their hashes and forbids everything else, so that
no node id can bring anything to life even if an escape were forgotten.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from ..errors import ReportError
from ..model.account import Account
from .page_content import page_of

_TEMPLATES = Path(__file__).with_name("templates")


def why_no_page() -> str | None:
    """Why no page can be made here, or None where it can."""
    if find_spec("jinja2") is None:
        return "it needs the package jinja2: pip install 'pytest-querycache[html]'"
    return None


def html_report(account: Account, *, accept: str = "") -> str:
    """The whole page; raises ReportError where the template engine is not installed."""
    problem = why_no_page()
    if problem is not None:
        raise ReportError(f"no page can be made: {problem}")
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    style, script = _source("page.css"), _source("page.js")
    engine = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = page_of(account, accept=accept)
    text = engine.get_template("page.html").render(
        page=page,
        records=Markup(page.records),  # its characters were escaped where it was made
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
    )
    # a file name that is not UTF-8 arrives as lone surrogates, which no page can carry
    return text.encode("utf-8", "replace").decode("utf-8")


def _source(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
