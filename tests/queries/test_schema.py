"""Schemas by content: what changes the digest, and what does not."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp
from sqlglot.schema import MappingSchema, Schema

from pytest_querycache.queries.schema import prepare_schema, schema_digest, schema_for_sqlglot

TABLES = {"t": {"a": "int", "b": "text"}, "u": {"x": "date"}}


def test_equal_content_has_an_equal_digest():
    """Two mappings of the same content are one schema, whatever the order of their tables."""
    assert schema_digest(TABLES) == schema_digest({"u": {"x": "date"}, "t": {"a": "int", "b": "text"}})


@pytest.mark.parametrize(
    "other",
    [
        {"t": {"a": "int", "b": "text"}},
        {"t": {"a": "int", "b": "text"}, "u": {"x": "text"}},
        {"t": {"b": "text", "a": "int"}, "u": {"x": "date"}},
        {"t": {"a": "int", "b": "text"}, "v": {"x": "date"}},
        {"t": {"a": "int", "b": "text", "c": "int"}, "u": {"x": "date"}},
        {"db": TABLES},
        {"t": {"a": "int", "b": None}, "u": {"x": "date"}},
    ],
)
def test_different_content_has_a_different_digest(other):
    """Tables, columns, their order, their types and the levels around them are content."""
    assert schema_digest(other) != schema_digest(TABLES)


def test_types_may_be_expressions():
    """sqlglot's type expressions count by their content too."""
    assert schema_digest({"t": {"a": exp.DataType.build("int")}}) == schema_digest(
        {"t": {"a": exp.DataType.build("int")}}
    )
    assert schema_digest({"t": {"a": exp.DataType.build("int")}}) != schema_digest(
        {"t": {"a": exp.DataType.build("text")}}
    )


def test_a_sqlglot_schema_counts_with_all_its_parts():
    """Visibility, dialect, normalisation and user functions of a MappingSchema split the key."""
    variants = [
        MappingSchema(TABLES),
        MappingSchema(TABLES, visible={"t": {"a"}}),
        MappingSchema(TABLES, visible={"t": {"a", "b"}}),
        MappingSchema(TABLES, dialect="snowflake"),
        MappingSchema(TABLES, normalize=False),
        MappingSchema(TABLES, dialect="mysql"),
    ]
    assert len({schema_digest(schema) for schema in variants}) == len(variants)
    assert schema_digest(MappingSchema(TABLES)) == schema_digest(MappingSchema(TABLES))


class Catalog(Schema):
    """A schema of somebody's own, which states its content."""

    version = "1"

    def add_table(self, *args, **kwargs):
        raise NotImplementedError

    def column_names(self, table, *args, **kwargs):
        return ["a"]

    def get_column_type(self, *args, **kwargs):
        return exp.DataType.build("int")

    @property
    def supported_table_args(self):
        return ("this",)

    def signature(self):
        return self.version


def test_an_object_with_a_signature_answers_for_itself():
    """A schema's own signature is its content, and a change of it is seen."""
    catalog = Catalog()
    before = schema_digest(catalog)
    assert schema_digest(Catalog()) == before
    catalog.version = "2"
    assert schema_digest(catalog) != before
    catalog.version = 2
    with pytest.raises(TypeError, match=r"Catalog\.signature\(\): expected str or bytes, got int"):
        schema_digest(catalog)


def test_what_cannot_be_read_is_refused():
    """Identity is no content: an object without either is an error that says what to do."""

    class Silent(Catalog):
        signature = None

    with pytest.raises(TypeError, match=r"give the class a method signature\(\)"):
        schema_digest(Silent())
    with pytest.raises(TypeError, match=r"cannot read the content of a builtins\.object"):
        schema_digest(object())
    with pytest.raises(TypeError, match="expected a mapping of tables to columns, got list"):
        prepare_schema(["t"])


def test_a_prepared_schema_cannot_be_changed():
    """Neither the value nor the mapping it was made from reaches the digest afterwards."""
    mapping = copy.deepcopy(TABLES)
    prepared = prepare_schema(mapping)
    digest = prepared.digest
    mapping["t"]["c"] = "int"
    assert "c" not in prepared.mapping["t"]
    assert schema_digest(prepared) == digest == prepare_schema(TABLES).digest
    with pytest.raises(TypeError):
        prepared.mapping["t"]["c"] = "int"
    with pytest.raises(AttributeError, match="cannot be changed"):
        prepared.digest = "other"
    with pytest.raises(AttributeError, match="cannot be changed"):
        del prepared.mapping


def test_a_prepared_schema_copies_lists_of_columns():
    """A list of column names inside the mapping cannot be changed from outside either."""
    columns = ["a"]
    prepared = prepare_schema({"t": columns})
    columns.append("b")
    assert prepared.mapping["t"] == ("a",)


def test_the_dialect_of_a_prepared_schema_is_content():
    """The same names in another dialect are other names."""
    assert prepare_schema(TABLES).digest != prepare_schema(TABLES, dialect="snowflake").digest
    assert list(schema_for_sqlglot(prepare_schema(TABLES, dialect="snowflake"), None).mapping) == ["T", "U"]


def test_a_prepared_schema_travels():
    """Pickled to another process it has the same digest."""
    prepared = prepare_schema(TABLES, dialect="duckdb")
    assert pickle.loads(pickle.dumps(prepared)).digest == prepared.digest


def test_sqlglot_gets_a_schema_of_its_own_each_time():
    """What sqlglot adds to a schema while it optimises stays out of the prepared one."""
    prepared = prepare_schema(TABLES)
    first = schema_for_sqlglot(prepared, None)
    first.add_table("new", {"z": "int"})
    assert "new" not in schema_for_sqlglot(prepared, None).mapping


names = st.text(alphabet="ab\"' ,:{1", max_size=3)
schemas = st.dictionaries(
    names, st.dictionaries(names, st.sampled_from(["int", "text", None]), min_size=1, max_size=3), max_size=3
)


def written(schema):
    return [(name, list(schema[name].items())) for name in sorted(schema)]


@settings(deadline=None)
@given(schemas, schemas)
def test_digests_are_equal_exactly_for_equal_content(one, other):
    """For any two mappings: the same digest means the same tables with the same columns in the same order."""
    assert (schema_digest(one) == schema_digest(other)) == (written(one) == written(other))
