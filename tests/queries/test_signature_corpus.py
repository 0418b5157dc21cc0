"""The signature on sqlglot's own statements: thousands of them, in five dialects."""

from __future__ import annotations

import logging
import random
from collections import defaultdict
from pathlib import Path

import pytest
from sqlglot.errors import SqlglotError

from pytest_querycache.queries.dialect_name import resolve_dialect
from pytest_querycache.queries.fingerprint import fingerprint
from pytest_querycache.queries.lexicon import FOLD, actions_of
from pytest_querycache.queries.normal_form import DIRECTIVE, normal_pieces, tokens_of
from tests.queries.sqlglot_fixtures import statements

DIALECTS = ["", "mysql", "bigquery", "snowflake", "tsql"]
GAPS = [" ", "  ", "\n", "\t", "\r\n  ", " /* note */ ", " -- note\n", "\n\n"]
# White space may be put beside these where there was none.
LOOSE = {",", "(", ")", "=", "<", ">", "<=", ">=", "<>", "||"}


@pytest.fixture(scope="session")
def corpus(request, tmp_path_factory):
    cache = getattr(request.config, "cache", None)
    folder = cache.mkdir("querycache-sqlglot-source") if cache else tmp_path_factory.mktemp("source")
    found = statements(Path(folder))
    assert len(found) >= 4_000
    return found


@pytest.fixture(autouse=True)
def _quiet():
    """sqlglot warns about each statement it keeps as a command."""
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    yield
    logging.getLogger("sqlglot").setLevel(logging.NOTSET)


def reformatted(sql, tokens, dialect, choose):
    """Write the same tokens with other white space, comments, keyword case and a semicolon."""
    actions = actions_of(type(dialect))
    parts = []
    stop = 0
    for index, token in enumerate(tokens):
        gap = sql[stop : token.start]
        if DIRECTIVE.search(gap):
            parts.append(gap)
        elif gap and index:
            parts.append(choose.choice(GAPS))
        elif index and (token.text in LOOSE or tokens[index - 1].text in LOOSE) and choose.random() < 0.3:
            parts.append(" ")
        text = sql[token.start : token.end + 1]
        previous = tokens[index - 1].text.upper() if index else ""
        if actions.get(token.token_type) == FOLD and previous not in ("AS", "."):
            text = choose.choice((text.lower(), text.upper(), text.title()))
        parts.append(text)
        stop = token.end + 1
    return "".join(parts) + choose.choice(("", ";", " ;\n", "\n-- end"))


def meaning(sql, dialect):
    """What sqlglot understands by a statement, with the comments that are read by somebody."""
    try:
        trees = [tree for tree in dialect.parser().parse(tokens_of(sql, dialect), sql) if tree is not None]
    except (SqlglotError, TypeError, AttributeError) as error:  # sqlglot stumbles over some nonsense
        return (type(error).__name__,), ()
    for tree in trees:
        for node in tree.walk():
            node.comments = None
    return tuple(map(repr, trees)), tuple(DIRECTIVE.findall(sql))


@pytest.mark.parametrize("name", DIALECTS)
def test_reformatting_never_splits_the_key(corpus, name):
    """Other white space, comments, keyword case and semicolons leave the key of every statement as it is."""
    dialect = resolve_dialect(name)[1]
    choose = random.Random(name)
    split = []
    compared = 0
    for sql in corpus:
        tokens = tokens_of(sql, dialect)
        pieces = normal_pieces(sql, tokens, dialect)
        if pieces is None:
            continue  # kept as exact text
        other = reformatted(sql, tokens, dialect, choose)
        compared += 1
        if normal_pieces(other, tokens_of(other, dialect), dialect) != pieces:
            split.append((sql, other))
    assert split == []
    assert compared > 0.85 * len(corpus)


@pytest.mark.parametrize("name", DIALECTS)
def test_statements_of_different_meaning_never_share_a_key(corpus, name):
    """Among all statements and their variants in case and spacing, equal keys mean equal trees."""
    dialect = resolve_dialect(name)[1]
    sharing = defaultdict(set)
    for sql in corpus:
        for variant in (sql, sql.swapcase(), sql.replace(" ", "  ").replace("-", " - ").replace("*", " * ")):
            pieces = normal_pieces(variant, tokens_of(variant, dialect), dialect)
            if pieces is not None:
                sharing[tuple(pieces)].add(variant)
    merged = []
    compared = 0
    for variants in sharing.values():
        first, *others = sorted(variants)
        # The longest statements take most of the time and say nothing the others do not.
        if others and len(first) < 250:
            compared += 1
            expected = meaning(first, dialect)
            merged += [(first, other) for other in others if meaning(other, dialect) != expected]
    assert merged == []
    assert compared > 1_000


def test_pairs_that_naive_rules_would_merge_are_told_apart(corpus, record_property):
    """Folding the case of every word merges pairs of different meaning; the signature merges none of them."""
    dialect = resolve_dialect("")[1]
    naive = defaultdict(dict)
    for sql in corpus[::2]:
        for variant in (sql, sql.lower(), sql.upper()):
            tokens = tokens_of(variant, dialect)
            if tokens:
                naive[" ".join(token.text.upper() for token in tokens)][variant] = None
    pairs = []
    for variants in naive.values():
        first, *others = variants
        if others and len(first) < 120:
            expected = meaning(first, dialect)
            pairs += [(first, other) for other in others if meaning(other, dialect) != expected]
    record_property("pairs that naive rules merge", pairs)
    assert len(pairs) > 200

    def key(sql):
        pieces = normal_pieces(sql, tokens_of(sql, dialect), dialect)
        return sql if pieces is None else tuple(pieces)

    assert [pair for pair in pairs if key(pair[0]) == key(pair[1])] == []


@pytest.mark.parametrize("name", DIALECTS)
def test_the_fingerprint_of_a_fingerprint_is_itself(corpus, name):
    """Erasing the values of a text without values changes nothing, for every statement."""
    changed = []
    for sql in corpus[::3]:
        once = fingerprint(sql, dialect=name)
        if fingerprint(once, dialect=name) != once:
            changed.append((sql, once))
    assert changed == []
