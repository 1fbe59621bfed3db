"""A real PostgreSQL, read: what `tests/api/database/wide.sql` declares is what the catalogs say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from undercroft.access.actor import Actor
from undercroft.access.guard import Guard
from undercroft.access.policy import Rules
from undercroft.base.faults import Fault
from undercroft.catalog.kinds import Kind
from undercroft.catalog.types import Catalog, ObjectName, Relation, Table
from undercroft.engine.postgres.reflect import reflect
from undercroft.query.ask import CountKind, ReadAsk
from undercroft.query.bind import bind_read
from undercroft.query.calls import BodyType, bind_call, find_routine
from undercroft.rest.parts.limits import Limits
from undercroft.rest.request import Reader
from undercroft.sql.database.calls import ARGUMENTS, argument_texts, write_database_call
from undercroft.sql.database.dialect import DatabaseDialect
from undercroft.sql.database.read import write_database_read
from undercroft.sql.postgres import TextDialect
from undercroft.sql.rows import Rendering
from undercroft.sql.statement import Given

pytestmark = pytest.mark.needs("postgres")

WIDE = Path(__file__).resolve().parent.parent / "api/database/wide.sql"
OPEN = Guard(Rules({}, {}, frozenset({"caller"})), "caller")
CALLER = Actor("caller")


@dataclass(frozen=True)
class Database:
    """The wide fixture: a connection, and what was read of it."""

    connection: Any
    catalogs: Mapping[str, Catalog]

    @property
    def api(self) -> Catalog:
        return self.catalogs["api"]

    def one(self, text: str, args: list[object]) -> Any:
        return self.connection.execute(text, args or None).fetchone()

    def read(self, target: str) -> Any:
        """The answer to a GET."""
        path, _, query = target.partition("?")
        reader = Reader(Limits())
        shaped = reader.shape("GET", path.encode(), query.encode(), [])
        ask = reader.parse(shaped).ask
        assert isinstance(ask, ReadAsk)
        statement = write_database_read(OPEN.read(bind_read(ask, self.api)), DIALECT, Rendering())
        return json.loads(self.one(statement.text, statement.arguments(Given(shaped.values, CALLER)))[0])

    def call(
        self, target: str, body: str | bytes | None = None, kind: BodyType | None = None, count: CountKind | None = None
    ) -> tuple[Any, int, int | None]:
        """(answer, rows, total) of a call; a body without a kind is JSON."""
        name, _, query = target.partition("?")
        reader = Reader(Limits())
        shaped = reader.shape("POST" if body is not None else "GET", f"/rpc/{name}".encode(), query.encode(), [])
        ask = reader.parse(shaped).ask
        assert isinstance(ask, ReadAsk)
        names: list[str] = [each for each, _ in shaped.arguments]
        if body is not None:
            kind = kind or "json"
            members = json.loads(body) if kind == "json" else None
            names = list(members) if isinstance(members, dict) else []
        routine, form = find_routine(self.api, name, names, kind)
        plan = bind_call(routine, form, names, ask.ask, self.api, count)
        plan = replace(plan, node=OPEN.node(plan.node))
        statement = write_database_call(plan, DIALECT, Rendering("array" if routine.many else "object"))
        carried = {ARGUMENTS: argument_texts(routine, shaped.arguments) if form == "texts" else body}
        row = self.one(statement.text, statement.arguments(Given(shaped.values, CALLER, None, carried)))
        return None if row[0] is None else json.loads(row[0]), row[1], row[2]


DIALECT = DatabaseDialect(TextDialect())


@pytest.fixture(scope="module")
def wide(postgres_server: str) -> Iterator[Database]:
    import psycopg

    with postgres.database(postgres_server) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(WIDE.read_text().encode())
        connection.execute("SET search_path = api, extra")
        connection.cursor_factory = psycopg.RawCursor
        database = Database(connection, {})
        with connection.transaction():
            catalogs = reflect(database.one, ("api", "other"), ("extra",))  # type: ignore[arg-type]
        yield replace(database, catalogs=catalogs)


def table(database: Database, name: str) -> Table:
    return database.api.tables[name]


def relations(database: Database, source: str, target: str) -> list[Relation]:
    return [each for each in database.api.relations.get(source, ()) if each.target == target]


# ---------------------------------------------------------------- tables


def test_the_served_schemas_have_their_tables_and_no_others(wide: Database) -> None:
    assert set(wide.api.tables) == {
        "clients", "profiles", "addresses", "orders", "items", "order_items", "staff", "shelves", "boxes",
        "Odd; Näme", "events", "authors", "books", "book_titles", "edited", "counted", "named", "either", "recent",
        "paired", "links",
    }  # fmt: skip
    assert set(wide.catalogs["other"].tables) == {"things"}


def test_comments_are_read(wide: Database) -> None:
    assert wide.api.comment == "A shop\n\nwith a little of everything."
    assert table(wide, "clients").comment == "Who buys"
    assert table(wide, "clients").columns["mood"].comment == "How they felt"
    assert wide.api.routines["add_them"][0].comment == "Adds\n\ntwo numbers"


@pytest.mark.parametrize(
    ("column", "kind", "type_name"),
    [
        ("id", Kind.INTEGER, "integer"),
        ("billing_id", Kind.BIGINT, "bigint"),
        ("net", Kind.NUMERIC, "numeric"),
        ("tags", Kind.ARRAY, "text[]"),
        ("validity", Kind.RANGE, "daterange"),
        ("place", Kind.COMPOSITE, "api.point2"),
        ("extra", Kind.JSONB, "jsonb"),
        ("raw", Kind.JSON, "json"),
        ("paint", Kind.INTEGER, "integer"),
        ("amount", Kind.INTEGER, "integer"),
        ("words", Kind.TSVECTOR, "tsvector"),
    ],
)
def test_types_have_their_kind_and_name(wide: Database, column: str, kind: Kind, type_name: str) -> None:
    found = table(wide, "orders").columns[column]
    assert (found.kind, found.pg_type) == (kind, type_name)


def test_a_type_is_spelled_for_casts_as_it_was_declared(wide: Database) -> None:
    spelled = {name: column.element.type.name for name, column in table(wide, "orders").columns.items()}  # type: ignore[attr-defined]
    assert (spelled["net"], spelled["paint"], spelled["tags"]) == ("numeric(10,2)", "api.color", "text[]")


def test_words_lengths_defaults_and_generated_columns(wide: Database) -> None:
    clients, orders = table(wide, "clients").columns, table(wide, "orders").columns
    assert clients["mood"].kind is Kind.ENUM
    assert clients["mood"].element.type.words == ("sad", "ok", "very happy")  # type: ignore[attr-defined]
    assert clients["email"].length == 40
    assert (orders["net"].default, orders["net"].has_default) == ("0", True)
    assert orders["gross"].generated
    assert not orders["net"].generated
    assert table(wide, "addresses").columns["id"].has_default
    assert not clients["name"].nullable
    assert clients["birthday"].nullable


def test_a_domain_has_the_functions_that_show_and_read_it(wide: Database) -> None:
    paint = table(wide, "orders").columns["paint"].representation
    assert paint is not None
    assert paint.to_json == ObjectName("api", "color_to_json")
    assert paint.from_json == ObjectName("api", "color_from_json")
    assert paint.from_text == ObjectName("api", "color_from_text")
    assert table(wide, "orders").columns["amount"].representation is None


def test_what_can_be_written(wide: Database) -> None:
    def writable(name: str) -> tuple[bool, bool, bool]:
        found = table(wide, name)
        return found.insertable, found.updatable, found.deletable

    assert writable("clients") == writable("events") == writable("books") == writable("book_titles") == (True,) * 3
    assert writable("counted") == writable("recent") == writable("either") == (False,) * 3
    assert [name for name, each in wide.api.tables.items() if each.is_view] == [
        "authors", "book_titles", "books", "counted", "edited", "either", "links", "named", "paired", "recent",
    ]  # fmt: skip


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("clients", ("id",)),
        ("order_items", ("order_id", "item_id")),
        ("events", ("id", "day")),
        ("books", ("id",)),
        ("book_titles", ("book_id",)),
        ("edited", ("id",)),
        ("recent", ("id",)),
        ("links", ("order_id", "item_id")),
        ("paired", ("item_id", "order_id")),
        ("counted", ()),
        ("either", ()),
    ],
)
def test_primary_keys_also_of_views(wide: Database, name: str, key: tuple[str, ...]) -> None:
    assert sorted(table(wide, name).primary_key) == sorted(key)


def test_keys_of_tables_give_both_directions(wide: Database) -> None:
    there, back = relations(wide, "orders", "clients"), relations(wide, "clients", "orders")
    assert [(each.kind, each.constraint, each.pairs) for each in there] == [
        ("m2o", "orders_client_id_fkey", (("client_id", "id"),))
    ]
    assert [each.kind for each in back if each.function is None] == ["o2m"]
    assert [each.constraint for each in relations(wide, "orders", "addresses")] == ["billing", "shipping"]
    assert relations(wide, "boxes", "shelves")[0].pairs == (("row_no", "row_no"), ("col_no", "col_no"))
    assert [each.kind for each in relations(wide, "profiles", "clients")] == ["o2o"]
    assert [each.kind for each in relations(wide, "events", "clients")] == ["m2o"]


def test_a_junction_is_a_table_or_a_view_of_one(wide: Database) -> None:
    between = [each.junction.table for each in relations(wide, "orders", "items") if each.junction is not None]
    assert between == ["links", "order_items"]


@pytest.mark.parametrize(
    ("source", "target", "pairs"),
    [
        ("books", "authors", (("author_id", "id"),)),
        ("book_titles", "authors", (("writer (id)", "id"),)),
        ("edited", "authors", (("editor_id", "id"),)),
        ("counted", "authors", (("author_id", "id"),)),
        ("recent", "clients", (("client_id", "id"),)),
        ("books", "named", (("author_id", "id"),)),
    ],
)
def test_views_inherit_keys_through_views_subqueries_and_with(
    wide: Database, source: str, target: str, pairs: tuple[tuple[str, str], ...]
) -> None:
    assert [(each.kind, each.pairs) for each in relations(wide, source, target)] == [("m2o", pairs)]
    assert [each.kind for each in relations(wide, target, source)] == ["o2m"]


def test_a_union_inherits_nothing(wide: Database) -> None:
    assert "either" not in wide.api.relations


# ---------------------------------------------------------------- what functions make of rows


def test_computed_fields_come_from_the_whole_search_path(wide: Database) -> None:
    fields = table(wide, "clients").computed
    assert {name: each.function and each.function.schema for name, each in fields.items()} == {
        "shout": "api",
        "initial": "extra",
    }
    assert fields["shout"].comment == "The name, loud"


def test_computed_relationships_and_how_many_they_give(wide: Database) -> None:
    made = {each.constraint: each.kind for each in wide.api.relations["clients"] if each.function is not None}
    assert made == {"last_order": "m2o", "big_orders": "o2m"}


def test_a_function_takes_the_place_of_the_key_whose_table_it_is_called_after(wide: Database) -> None:
    assert [each.function for each in relations(wide, "order_items", "items")] == [ObjectName("api", "items")]


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("/clients?select=shout,initial&order=id&limit=1", [{"shout": "NINA", "initial": "N"}]),
        ("/clients?shout=eq.CAN&select=name", [{"name": "Can"}]),
        ("/clients?select=name&order=shout.desc&limit=1", [{"name": "Nina"}]),
        ("/clients?select=name,last_order(id)&id=eq.1", [{"name": "Nina", "last_order": {"id": 2}}]),
        ("/clients?select=last_order(id,clients(name))&id=eq.3", [{"last_order": None}]),
        ("/clients?select=id,...last_order(net)&id=lt.3&order=id", [{"id": 1, "net": 20.0}, {"id": 2, "net": 30.0}]),
        ("/clients?select=name,big_orders!inner(id)&order=id", [
            {"name": "Nina", "big_orders": [{"id": 2}]}, {"name": "Can", "big_orders": [{"id": 3}]}
        ]),
        ("/clients?select=big_orders(order_items(items(title)))&id=eq.1", [
            {"big_orders": [{"order_items": [{"items": {"title": "computed table"}}]}]}
        ]),
        ("/clients?last_order.net=gt.25&last_order=not.is.null&select=name,last_order()", [{"name": "Can"}]),
        ("/book_titles?select=title,authors(name)&title=eq.Kindred", [
            {"title": "Kindred", "authors": {"name": "Octavia"}}
        ]),
        ("/edited?select=title,authors(name)", [{"title": "The Dispossessed", "authors": {"name": "Octavia"}}]),
        ("/orders?select=place->x,tags->0&id=eq.1", [{"x": 1, "tags": "a"}]),
        ("/Odd;%20N%C3%A4me", [{'a "quoted" one': 1, "100% sure": "yes"}]),
    ],
)  # fmt: skip
def test_reads(wide: Database, target: str, answer: Any) -> None:
    assert wide.read(target) == answer


@pytest.mark.parametrize("target", ["/recent?select=orders_client_id_fkey(name)", "/books?select=author_id(name)"])
def test_a_view_is_embedded_by_its_own_name_only(wide: Database, target: str) -> None:
    if target.startswith("/recent"):  # the key leads to a table
        assert wide.read(target)[0] == {"orders_client_id_fkey": {"name": "Nina"}}
    else:
        with pytest.raises(Fault) as refused:
            wide.read(target)
        assert refused.value.code == "PGRST200"


# ---------------------------------------------------------------- functions


def test_functions_that_cannot_be_called_by_name_are_not_served(wide: Database) -> None:
    assert "unreachable" not in wide.api.routines
    assert "on_change" not in wide.api.routines
    assert "there" not in wide.api.routines
    assert "there" in wide.catalogs["other"].routines


def test_what_is_known_of_functions(wide: Database) -> None:
    add, rename, slow = (wide.api.routines[name][0] for name in ("add_them", "rename", "slow"))
    assert [(each.name, each.type_, each.required) for each in add.arguments] == [
        ("a", "integer", True),
        ("b", "integer", False),
    ]
    assert (add.volatility, add.many, add.rows, add.kind) == ("immutable", False, None, Kind.INTEGER)
    assert (rename.volatility, rename.read_only, rename.many) == ("volatile", False, True)
    assert rename.rows is wide.api.tables["clients"]
    assert slow.settings == (("statement_timeout", "5s"),)
    assert wide.api.routines["join_all"][0].arguments[0].variadic
    assert wide.api.routines["nothing"][0].is_void
    assert len(wide.api.routines["overloaded"]) == 3


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("add_them?a=1", 11),
        ("add_them?a=1&b=2", 3),
        ("overloaded", "none"),
        ("overloaded?a=1", "a 1"),
        ("overloaded?a=1&b=x", "a 1 b x"),
        ("join_all?words=a&words=b%20c", "a b c"),
        ("join_all", ""),
        ("numbers?many=3", [1, 2, 3]),
        ("points?many=5&x=gt.3&select=label&order=x.desc", [{"label": "p5"}, {"label": "p4"}]),
        ("one_point", {"x": 1, "y": 2}),
        ("halves?n=5", {"low": 2, "high": 3}),
        ("twice?n=4", {"n": 8}),
        ("nothing", None),
        ("moods?m=ok&ms={sad,ok}", "ok{sad,ok}"),
        ("distance?p=(1,2)", 3),
        ("padded?code=abc&flags=101", "abc101"),
        ("one_client?client=1&select=name,shout,last_order(id)", {
            "name": "Nina", "shout": "NINA", "last_order": {"id": 2},
        }),
        ("orders_above?lowest=1&id=gt.1&select=id,clients(name)&order=id&limit=1", [
            {"id": 2, "clients": {"name": "Nina"}},
        ]),
    ],
)  # fmt: skip
def test_calls_by_texts(wide: Database, target: str, answer: Any) -> None:
    assert wide.call(target)[0] == answer


@pytest.mark.parametrize(
    ("name", "body", "kind", "answer"),
    [
        ("add_them", '{"a": 1, "b": 2}', "json", 3),
        ("join_all", '{"words": ["x", "y z"]}', "json", "x y z"),
        ("moods", '{"m": "ok", "ms": ["sad", "very happy"]}', "json", 'ok{sad,"very happy"}'),
        ("distance", '{"p": {"x": 1, "y": 5}}', "json", 6),
        ("padded", '{"code": "abc", "flags": "101"}', "json", "abc101"),
        ("whole", '{"a": [1]}', "json", {"got": {"a": [1]}}),
        ("whole", "[1, 2]", "json", {"got": [1, 2]}),
        ("whole_text", "plain", "text", "got plain"),
        ("whole_bytes", b"\x00\xff", "bytes", 2),
    ],
)
def test_calls_by_a_body(wide: Database, name: str, body: str | bytes, kind: BodyType, answer: Any) -> None:
    assert wide.call(name, body, kind)[0] == answer


def test_a_function_is_called_once_also_when_its_rows_are_counted(wide: Database) -> None:
    wide.connection.execute("CREATE SEQUENCE IF NOT EXISTS api.calls")
    wide.connection.execute(
        "CREATE OR REPLACE FUNCTION api.counting() RETURNS SETOF bigint LANGUAGE sql VOLATILE AS"
        " $$ SELECT nextval('api.calls') UNION ALL SELECT 0 UNION ALL SELECT 0 $$"
    )
    with wide.connection.transaction():
        again = replace(wide, catalogs=reflect(wide.one, ("api",)))  # type: ignore[arg-type]
    first = again.call("counting?limit=1", count="exact")
    second = again.call("counting?limit=1", count="exact")
    wide.connection.execute("SET search_path = api, extra")
    assert (first, second) == (([1], 1, 3), ([2], 1, 3))


@pytest.mark.parametrize(
    ("target", "body", "code", "words"),
    [
        ("unclear?a=1", None, "PGRST203", "api.unclear(a => integer), api.unclear(a => text)"),
        ("overload?a=1", None, "PGRST202", "Could not find the function api.overload(a) in the schema cache"),
        ("overload?a=1", None, "PGRST202", "Perhaps you meant to call the function api.overloaded"),
        ("overloaded?a=1&c=2", None, "PGRST202", "Perhaps you meant to call the function api.overloaded(a, b)"),
        ("add_them", None, "PGRST202", "api.add_them without parameters"),
        ("add_them", '{"z": 1}', "PGRST202", "with parameter z or with a single unnamed json/jsonb parameter"),
        ("points?many=1&nope=eq.1", None, "42703", "column points.nope does not exist"),
    ],
)
def test_refusals(wide: Database, target: str, body: str | None, code: str, words: str) -> None:
    with pytest.raises(Fault) as refused:
        wide.call(target, body)
    fault = refused.value
    assert fault.code == code
    assert words in f"{fault.message} {fault.details} {fault.hint}"
