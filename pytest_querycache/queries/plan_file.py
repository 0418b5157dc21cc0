"""The file of a stored plan: one line with a digest, then JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from .plan_format import PlanFormatError
from .signature import QuerySignature
from .tree_reader import from_stored
from .tree_writer import to_stored

if TYPE_CHECKING:
    from sqlglot import exp

FORMAT_VERSION: Final = 1
# 1  first version: a line "querycache-plan 1 <digest of the rest>", then one JSON object
MAX_BYTES: Final = 4 * 1024 * 1024

_HEAD: Final = f"querycache-plan {FORMAT_VERSION} "
_FIELDS: Final = ("text", "schema", "dialect", "version", "level", "extra")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlan:
    """An optimised query as it is kept: the tree, with what it takes to execute it.

    ``table_args`` are the levels of the schema it was optimised against, ``compile_ns`` what compiling it
    took, in nanoseconds.
    """

    signature: QuerySignature
    name: str | None
    compile_ns: int
    table_args: tuple[str, ...]
    tree: exp.Expression


def content_of(plan: StoredPlan) -> bytes:
    """Return the file of a plan. Raises PlanFormatError when it cannot be stored."""
    body = {
        "signature": [getattr(plan.signature, field) for field in _FIELDS],
        "name": plan.name,
        "compile_ns": plan.compile_ns,
        "table_args": list(plan.table_args),
        "tree": to_stored(plan.tree),
    }
    try:
        text = json.dumps(body, separators=(",", ":")).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise PlanFormatError(f"the plan cannot be written: {error}") from error
    content = f"{_HEAD}{_digest(text)}\n".encode("ascii") + text
    if len(content) > MAX_BYTES:
        raise PlanFormatError(f"a plan of more than {MAX_BYTES} bytes is not stored")
    return content


def plan_of(content: bytes) -> StoredPlan:
    """Return the plan of a file. Raises PlanFormatError for anything ``content_of`` would not have written."""
    body = _checked_body(content)
    name, compile_ns, table_args = body.get("name"), body.get("compile_ns"), body.get("table_args")
    if not (name is None or type(name) is str) or type(compile_ns) is not int:
        raise PlanFormatError("a plan has a name and the time it took to compile")
    if type(table_args) is not list or not all(type(level) is str for level in table_args):
        raise PlanFormatError("a plan has the levels of its schema")
    return StoredPlan(
        signature=_signature_of(body),
        name=name,
        compile_ns=compile_ns,
        table_args=tuple(table_args),
        tree=from_stored(body.get("tree")),
    )


def signature_in(content: bytes) -> QuerySignature:
    """Return the signature of the plan in a file without building the plan. Raises PlanFormatError."""
    return _signature_of(_checked_body(content))


def _checked_body(content: bytes) -> dict[str, Any]:
    head, _, text = content.partition(b"\n")
    if len(content) > MAX_BYTES or head != f"{_HEAD}{_digest(text)}".encode("ascii"):
        raise PlanFormatError("not a plan of this format, or a damaged one")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PlanFormatError(f"not JSON: {error}") from error
    if type(body) is not dict:
        raise PlanFormatError("a plan is an object")
    return body


def _signature_of(body: dict[str, Any]) -> QuerySignature:
    fields = body.get("signature")
    if (
        type(fields) is not list
        or len(fields) != len(_FIELDS)
        or not all(type(field) is str for field in fields)
    ):
        raise PlanFormatError("a plan has a signature of six texts")
    try:
        return QuerySignature(*fields)
    except ValueError as error:
        raise PlanFormatError(f"not a signature: {error}") from error


def _digest(text: bytes) -> str:
    return blake2b(text, digest_size=16).hexdigest()
