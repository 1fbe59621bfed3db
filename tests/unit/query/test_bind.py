"""From names to objects: which relation an embed means, and what is said of a name that means nothing here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from undercroft.catalog.reader import read_catalog
from undercroft.query.ask import (
    Ask,
    EmbedAsk,
    Field,
    Filter,
    JsonStep,
    Logic,
    OrderTerm,
    ReadAsk,
    SelectField,
    SelectGroup,
    SelectStar,
    SelectToken,
    TellAggregates,
    TellRows,
    Told,
    WriteAsk,
)
from undercroft.query.bind import bind_read, bind_write, find_relation
from undercroft.query.errors import QueryFault
from undercroft.query.plan import Aggregates, Compare, Embed, EmbedExists, Group, Output, Tree

METADATA = sa.MetaData()


def table(name: str, *columns: Any, **options: Any) -> sa.Table:
    return sa.Table(name, METADATA, *columns, **options)


def key(name: str = "id") -> sa.Column[int]:
    return sa.Column(name, sa.Integer, primary_key=True)


def to(target: str, name: str, **options: Any) -> sa.ForeignKey:
    return sa.ForeignKey(target, name=name, **options)


table("clients", key(), sa.Column("name", sa.Text), sa.Column("facts", sa.JSON))
table("orders", key(), sa.Column("bill", sa.ForeignKey("addresses.id", name="billing")),
      sa.Column("ship", sa.ForeignKey("addresses.id", name="shipping")),
      sa.Column("client", sa.ForeignKey("clients.id", name="orders_client")))  # fmt: skip
table("addresses", key(), sa.Column("street", sa.Text))
table("people", key(), sa.Column("boss", sa.ForeignKey("people.id", name="people_boss")),
      sa.Column("aide", sa.ForeignKey("people.id", name="people_aide")))  # fmt: skip
table("films", key())
table("actors", key())
table("roles", sa.Column("film", sa.ForeignKey("films.id", name="roles_film"), primary_key=True),
      sa.Column("actor", sa.ForeignKey("actors.id", name="roles_actor"), primary_key=True))  # fmt: skip
table("rivals", sa.Column("film", sa.ForeignKey("films.id", name="rivals_film"), primary_key=True),
      sa.Column("actor", sa.ForeignKey("actors.id", name="rivals_actor"), primary_key=True))  # fmt: skip
table("islands", sa.Column("name", sa.Text))
CATALOG = read_catalog(METADATA)


@pytest.mark.parametrize(
    ("source", "target", "hint", "constraint"),
    [
        ("orders", "clients", None, "orders_client"),
        ("orders", "client", None, "orders_client"),
        ("orders", "orders_client", None, "orders_client"),
        ("clients", "orders", None, "orders_client"),
        ("clients", "orders_client", None, "orders_client"),
        ("orders", "billing", None, "billing"),
        ("orders", "ship", None, "shipping"),
        ("orders", "addresses", "billing", "billing"),
        ("orders", "addresses", "ship", "shipping"),
        ("addresses", "orders", "shipping", "shipping"),
        ("addresses", "orders", "bill", "billing"),
        ("people", "boss", None, "people_boss"),
        ("people", "people", "aide", "people_aide"),
        ("people", "people", "people_boss", "people_boss"),
        ("films", "actors", "roles", "roles_film"),
        ("actors", "films", "rivals", "rivals_actor"),
        ("films", "roles", None, "roles_film"),
    ],
)
def test_a_relation_is_found(source: str, target: str, hint: str | None, constraint: str) -> None:
    assert find_relation(CATALOG, source, target, hint).constraint == constraint


def test_a_table_leads_to_itself_both_ways() -> None:
    assert find_relation(CATALOG, "people", "boss", None).to_one
    assert not find_relation(CATALOG, "people", "people", "boss").to_one


@pytest.mark.parametrize(
    ("source", "target", "hint", "details", "advice"),
    [
        ("orders", "films", None, "'orders' and 'films' in", None),
        ("orders", "client2", None, "'orders' and 'client2' in", "Perhaps you meant 'clients' instead of 'client2'."),
        ("orders", "clients", "nope", "'orders' and 'clients' using the hint 'nope' in", None),
        ("orders", "customers", None, "'orders' and 'customers' in", None),
        ("islands", "orders", None, "'islands' and 'orders' in", None),
        ("films", "actors", "roles_film", "'films' and 'actors' using the hint 'roles_film' in", None),
    ],
)
def test_no_relation(source: str, target: str, hint: str | None, details: str, advice: str | None) -> None:
    with pytest.raises(QueryFault) as raised:
        find_relation(CATALOG, source, target, hint)
    fault = raised.value
    assert fault.code == "PGRST200"
    assert fault.message == f"Could not find a relationship between '{source}' and '{target}' in the schema cache"
    assert fault.details == (
        f"Searched for a foreign key relationship between {details} the schema 'public', but no matches were found."
    )
    assert fault.hint == advice


def test_several_relations() -> None:
    with pytest.raises(QueryFault) as raised:
        find_relation(CATALOG, "orders", "addresses", None)
    fault = raised.value
    assert (fault.code, fault.message) == (
        "PGRST201",
        "Could not embed because more than one relationship was found for 'orders' and 'addresses'",
    )
    assert fault.details == [
        {
            "cardinality": "many-to-one",
            "embedding": "orders with addresses",
            "relationship": f"{name} using orders({column}) and addresses(id)",
        }
        for name, column in (("billing", "bill"), ("shipping", "ship"))
    ]
    assert fault.hint == (
        "Try changing 'addresses' to one of the following: 'addresses!billing', 'addresses!shipping'. "
        "Find the desired relationship in the 'details' key."
    )


def test_several_junctions() -> None:
    with pytest.raises(QueryFault) as raised:
        find_relation(CATALOG, "films", "actors", None)
    assert raised.value.details == [
        {
            "cardinality": "many-to-many",
            "embedding": "films with actors",
            "relationship": f"{name} using {name}_film(film) and {name}_actor(actor)",
        }
        for name in ("roles", "rivals")
    ]
    assert "'actors!roles', 'actors!rivals'" in (raised.value.hint or "")


# ---------------------------------------------------------------- reads


def read(name: str, ask: Ask) -> Any:
    return bind_read(ReadAsk(name, ask), CATALOG).node


def test_a_star_is_every_column_in_its_order() -> None:
    node = read("clients", Ask())
    assert [output.name for output in node.outputs] == ["id", "name", "facts"]


@pytest.mark.parametrize(
    ("item", "name"),
    [
        (SelectField(Field("name")), "name"),
        (SelectField(Field("name"), alias="n"), "n"),
        (SelectField(Field("facts", (JsonStep("a", as_text=False),))), "a"),
        (SelectField(Field("facts", (JsonStep("a", as_text=False), JsonStep(0, as_text=True)))), "a"),
        (SelectField(Field("facts", (JsonStep(0, as_text=True),))), "facts"),
        (SelectField(Field("id"), aggregate="sum"), "sum"),
        (SelectField(Field("id"), aggregate="sum", alias="total"), "total"),
        (SelectField(None, aggregate="count"), "count"),
        (SelectField(Field("count")), "count"),
    ],
)
def test_outputs_have_names(item: SelectField, name: str) -> None:
    (output,) = read("clients", Ask((item,))).outputs
    assert isinstance(output, Output)
    assert output.name == name


@pytest.mark.parametrize(
    "ask",
    [
        Ask((SelectField(Field("nmae")),)),
        Ask(conditions=(Filter(Field("nmae"), "eq", 0),)),
        Ask(conditions=(Logic("or", (Filter(Field("nmae"), "is", is_value="null"),)),)),
        Ask(order=(OrderTerm(Field("nmae")),)),
    ],
)
def test_an_unknown_column_is_the_same_wherever_it_stands(ask: Ask) -> None:
    with pytest.raises(QueryFault) as raised:
        read("clients", ask)
    fault = raised.value
    assert (fault.code, fault.message) == ("42703", "column clients.nmae does not exist")
    assert fault.hint == 'Perhaps you meant to reference the column "clients.name".'


def test_an_unknown_table() -> None:
    with pytest.raises(QueryFault) as raised:
        read("cleints", Ask())
    fault = raised.value
    assert (fault.code, fault.message, fault.hint) == (
        "PGRST205",
        "Could not find the table 'public.cleints' in the schema cache",
        "Perhaps you meant the table 'public.clients'",
    )


def test_only_json_has_paths() -> None:
    with pytest.raises(QueryFault) as raised:
        read("clients", Ask((SelectField(Field("name", (JsonStep("a", as_text=False),))),)))
    assert (raised.value.code, raised.value.message) == ("42883", "operator does not exist: text -> unknown")


def embedding(*items: EmbedAsk, **more: Any) -> Any:
    return read("orders", Ask((SelectStar(), *items), **more))


CLIENT = EmbedAsk("clients", Ask((SelectField(Field("name")),)), alias="who")


def test_embeds_are_filtered_by_alias_relation_or_constraint() -> None:
    for name in ("who", "clients", "orders_client"):
        node = embedding(CLIENT, conditions=(Filter(Field(name), "is", is_value="null"),))
        (condition,) = node.conditions
        assert isinstance(condition, EmbedExists)
        assert condition.empty
        assert condition.embed is next(node.embeds())
    node = embedding(CLIENT, conditions=(Filter(Field("who"), "is", is_value="null", negated=True),))
    assert not node.conditions[0].empty
    with pytest.raises(QueryFault, match=r"orders\.who"):
        embedding(CLIENT, conditions=(Filter(Field("who"), "eq", 0),))


def test_a_column_goes_before_an_embed_of_its_name() -> None:
    (condition,) = embedding(
        EmbedAsk("clients", Ask(), alias="ship"), conditions=(Filter(Field("ship"), "is", is_value="null"),)
    ).conditions
    assert isinstance(condition, Compare)


def test_orders_by_related_columns() -> None:
    (term,) = embedding(CLIENT, order=(OrderTerm(Field("name"), "desc", relation="who"),)).order
    assert isinstance(term.embed, Embed)
    assert (term.direction, term.nulls) == ("desc", "first")
    with pytest.raises(QueryFault) as raised:
        embedding(order=(OrderTerm(Field("name"), relation="who"),))
    assert raised.value.code == "PGRST108"
    with pytest.raises(QueryFault) as raised:
        read("clients", Ask((EmbedAsk("orders", Ask()),), order=(OrderTerm(Field("id"), relation="orders"),)))
    assert raised.value.code == "PGRST118"


def test_nulls_are_the_largest_unless_said() -> None:
    terms = tuple(
        OrderTerm(Field("id"), direction, nulls)
        for direction in (None, "asc", "desc")
        for nulls in (None, "first", "last")
    )
    found = [(term.direction, term.nulls) for term in read("clients", Ask(order=terms)).order]
    asc, desc = (
        [("asc", "last"), ("asc", "first"), ("asc", "last")],
        [("desc", "first"), ("desc", "first"), ("desc", "last")],
    )
    assert found == [*asc, *asc, *desc]


def test_every_node_has_an_alias_of_its_own() -> None:
    node = read("people", Ask((EmbedAsk("boss", Ask((EmbedAsk("boss", Ask()),))), EmbedAsk("aide", Ask()))))
    names = [node.source.name]
    below = list(node.embeds())
    while below:
        embed = below.pop()
        names.append(embed.node.source.name)
        below += embed.node.embeds()
    assert len(set(names)) == 4


def test_trees_keep_their_shape() -> None:
    inner = Logic("and", (Filter(Field("id"), "gt", 0), Filter(Field("id"), "lt", 1, negated=True)), negated=True)
    (tree,) = read("clients", Ask(conditions=(Logic("or", (inner, Filter(Field("id"), "eq", 2))),))).conditions
    assert isinstance(tree, Tree)
    below: Any = tree.terms[0]
    assert (tree.operator, tree.negated, below.operator, below.negated) == ("or", False, "and", True)
    assert [term.value for term in below.terms] == [0, 1]
    assert below.terms[1].negated


# ---------------------------------------------------------------- writes


def write(name: str, verb: Any, **more: Any) -> Any:
    return bind_write(WriteAsk(name, verb, more.pop("ask", Ask()), **more), CATALOG)


def test_payload_columns_are_looked_up() -> None:
    assert [column.name for column in write("clients", "insert", columns=("name", "id")).columns] == ["name", "id"]
    for more, code, message in (
        ({"columns": ("nope",)}, "PGRST204", "Could not find the 'nope' column of 'clients' in the schema cache"),
        ({"on_conflict": ("nope",)}, "42703", 'column "nope" does not exist'),
    ):
        with pytest.raises(QueryFault) as raised:
            write("clients", "upsert", **more)
        assert (raised.value.code, raised.value.message) == (code, message)


def test_an_upsert_is_on_the_primary_key_unless_said() -> None:
    assert [each.name for each in write("roles", "upsert", resolution="merge").conflict] == ["film", "actor"]
    assert [each.name for each in write("clients", "upsert", on_conflict=("name",)).conflict] == ["name"]
    assert write("islands", "upsert").conflict == ()
    assert write("clients", "insert").conflict == ()


def test_filters_find_rows_of_updates_and_deletes_alone() -> None:
    ask = Ask(conditions=(Filter(Field("id"), "eq", 0),))
    for verb in ("update", "delete"):
        assert len(write("clients", verb, ask=ask).targets) == 1
    assert write("clients", "insert", ask=ask).targets == ()


def test_what_is_returned() -> None:
    def names(plan: Any) -> list[str]:
        return [output.name for output in plan.node.outputs]

    assert names(write("clients", "insert")) == []
    assert names(write("clients", "insert", returning="keys")) == ["id"]
    assert names(write("clients", "insert", returning="rows")) == ["id", "name", "facts"]
    assert names(write("roles", "insert", returning="keys")) == ["film", "actor"]
    assert names(write("islands", "insert", returning="keys")) == []


@pytest.mark.parametrize(
    "conditions",
    [
        (),
        (Filter(Field("film"), "eq", 0),),
        (Filter(Field("film"), "eq", 0), Filter(Field("film"), "eq", 1)),
        (Filter(Field("film"), "eq", 0), Filter(Field("actor"), "gt", 1)),
        (Filter(Field("film"), "eq", 0), Filter(Field("actor"), "eq", 1, negated=True)),
        (Filter(Field("film"), "eq", 0), Filter(Field("actor"), "eq", 1, quantifier="any")),
        (Logic("and", (Filter(Field("film"), "eq", 0), Filter(Field("actor"), "eq", 1))),),
    ],
)
def test_put_names_the_whole_key(conditions: Any) -> None:
    with pytest.raises(QueryFault) as raised:
        write("roles", "replace", ask=Ask(conditions=conditions))
    assert raised.value.code == "PGRST105"


def test_put_needs_a_key() -> None:
    whole = (Filter(Field("actor"), "eq", 0), Filter(Field("film"), "eq", 1))
    assert [each.name for each in write("roles", "replace", ask=Ask(conditions=whole)).conflict] == ["film", "actor"]
    with pytest.raises(QueryFault):
        write("islands", "replace")


def test_a_relation_that_is_given_is_taken_where_the_catalog_has_it_whole() -> None:
    along = find_relation(CATALOG, "clients", "orders", None)
    through = find_relation(CATALOG, "films", "actors", "roles")

    def bound(source: str, relation: Any, catalog: Any = CATALOG) -> str:
        embed = EmbedAsk("anything", Ask(), along=relation)
        (found,) = bind_read(ReadAsk(source, Ask((SelectGroup("g", (embed,)),))), catalog).node.embeds()
        return found.node.table.name

    assert (bound("clients", along), bound("films", through)) == ("orders", "actors")
    orders = CATALOG.tables["orders"]
    without_column = replace(orders, columns={n: c for n, c in orders.columns.items() if n != "client"})
    without_junction = {name: each for name, each in CATALOG.tables.items() if name != "roles"}
    unknown = [
        ("orders", along, CATALOG),
        ("clients", along, replace(CATALOG, relations={})),
        ("clients", along, replace(CATALOG, tables={**CATALOG.tables, "orders": without_column})),
        ("films", through, replace(CATALOG, tables=without_junction)),
    ]
    for source, relation, catalog in unknown:
        with pytest.raises(QueryFault) as raised:
            bound(source, relation, catalog)
        assert raised.value.code == "PGRST200"


def test_what_is_told_is_bound_beside_the_rows() -> None:
    """Places of groups are those of the outputs; what is told of all rows are aggregates; embeds within groups lend
    their names to no condition."""
    group = SelectGroup("edges", (SelectField(Field("id")), EmbedAsk("clients", Ask(), alias="bill")))
    told = Told((TellRows("edges", 1), TellAggregates("all", (SelectField(None, "n", aggregate="count"),))))
    empty = Filter(Field("bill"), "is", is_value="null")
    node = bind_read(ReadAsk("orders", Ask((SelectStar(), group), (empty,), told=told)), CATALOG).node
    assert node.telling is not None
    rows, aggregates = node.telling.members
    assert isinstance(rows, TellRows)
    assert isinstance(node.outputs[rows.group], Group)
    assert isinstance(aggregates, Aggregates)
    assert [output.name for output in node.told_outputs()] == ["id", "bill", "ship", "client", "id", "n"]
    assert isinstance(node.conditions[0], Compare)
    for wrong in (SelectField(Field("id")), SelectStar(), EmbedAsk("clients", Ask()), SelectToken("t", (), ())):
        with pytest.raises(AssertionError):
            bind_read(ReadAsk("orders", Ask(told=Told((TellAggregates("all", (wrong,)),)))), CATALOG)
