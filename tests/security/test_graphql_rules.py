"""The table of expectations through GraphQL (T2): rows, columns, records by their id, relations, writes, functions.

Writes leave nothing behind: of at most no row, or together with one that fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.scenario import ANON, SERVICE, Persona, Place, Reply
from tests.security.expectations import EXAMPLES, FUNCTIONS, KEY, MATRIX
from tests.security.graphql_questions import ask, asked
from tests.security.graphql_world import (
    SETTINGS,
    camel,
    collection,
    columns,
    described,
    key_columns,
    literal,
    pascal,
    reads,
    token,
    writes,
)
from tests.security.world import BEA, BEA_ID, CARL, PERSONAS, TABLES, fill, make_app, rows

CELLS = [(persona, table) for persona in PERSONAS.values() for table in TABLES]
IDS = [f"{persona.letter}-{table}" for persona, table in CELLS]
FAILS = "insertIntoInboxCollection(objects: [{text: null}]) {affectedCount}"
"""What everybody may ask, and nobody is given: it takes with it what came before."""
OPERAND = {"bool": "true", "int": "1", "str": '"x"'}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(make_app(), tmp_path_factory.mktemp("rules"), **SETTINGS) as place:
        fill(place)
        yield place


def told(reply: Reply) -> Any:
    found = reply.json()
    assert reply.status == 200, reply
    assert "errors" not in found, reply
    return found["data"]


def first_error(reply: Reply) -> dict[str, Any]:
    error: dict[str, Any] = reply.json()["errors"][0]
    return error


def refused_as_unknown(place: Place, document: str, name: str, who: Persona) -> None:
    """Refused, without a statement, in the words in which a name that nobody ever gave is."""
    found = ask(place, asked(document), who)
    other = place.ask(asked(document.replace(name, "qzqzq")), who)
    assert (found.reply.status, found.statements) == (400, 0), f"{document}: {found.reply.body!r}"
    ours, theirs = first_error(found.reply), first_error(other)
    assert ours["message"].replace(name, "qzqzq") == theirs["message"], document
    assert ours["extensions"] == theirs["extensions"], document


def key_of(table: str) -> str:
    return KEY.get(table, "id")


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize(("who", "table"), CELLS, ids=IDS)
def test_t2_rows(place: Place, who: Persona, table: str) -> None:
    may, key = MATRIX[who.letter][table], camel(key_of(table))
    name = collection(table)
    document = f"{{{name} {{edges {{node {{{key} nodeId}}}} totalCount aggregate {{count}} pageInfo {{hasNextPage}}}}}}"
    if not reads(who, table):
        refused_as_unknown(place, document, name, who)
        return
    found = told(place.ask(asked(document), who))[name]
    assert {edge["node"][key] for edge in found["edges"]} == may.select
    assert found["totalCount"] == found["aggregate"]["count"] == len(found["edges"])
    assert found["pageInfo"] == {"hasNextPage": False}
    for number in range(len(found["edges"])):
        page = told(place.ask(asked(f"{{{name}(first: {number}) {{edges {{cursor}} pageInfo {{hasNextPage}}}}}}"), who))
        assert page[name]["pageInfo"] == {"hasNextPage": True}


@pytest.mark.parametrize("who", list(PERSONAS.values()), ids=lambda who: who.letter)
def test_t2_a9_records_by_their_ids(place: Place, who: Persona) -> None:
    """By whatever way: as a node, as its type, as another, by another name, in a fragment, beside others."""
    nobody = place.ask(asked(f'{{node(nodeId: "{token("public", "nope", 1)}") {{nodeId}}}}'), who)
    for table, found in rows().items():
        if table not in TABLES:
            continue
        type_, may = pascal(table), MATRIX[who.letter][table]
        for row in found:
            if "id" not in row and table != "note_labels":
                continue
            key = [row[column] for column in key_columns(table)]
            id_ = token("public", table, *key)
            plain = place.ask(asked(f'{{node(nodeId: "{id_}") {{nodeId}}}}'), who)
            if not reads(who, table):
                assert (plain.status, plain.body) == (nobody.status, nobody.body), f"{table} {key}"
                continue
            expected = {"nodeId": id_} if row[key_of(table)] in may.select and _is_shown(who, table, row) else None
            assert told(plain) == {"node": expected}, f"{table} {key}"
            more = told(
                place.ask(
                    asked(
                        f'{{a: node(nodeId: "{id_}") {{...F ... on Node {{nodeId}}}} b: node(nodeId: "{id_}") {{'
                        f"__typename ... on {type_} {{nodeId}}}}}} fragment F on {type_} {{{camel(key_columns(table)[0])}}}"
                    ),
                    who,
                )
            )
            assert more["a"] == (expected and {camel(key_columns(table)[0]): key[0], "nodeId": id_})
            assert more["b"] == (expected and {"__typename": type_, "nodeId": id_})
            hidden = [column for column in columns(table) if column not in reads(who, table)]
            for column in hidden:
                inside = f'{{node(nodeId: "{id_}") {{... on {type_} {{{camel(column)}}}}}}}'
                refused_as_unknown(place, inside, camel(column), who)


def _is_shown(who: Persona, table: str, row: dict[str, Any]) -> bool:
    """Rows of a junction are known in the expectations by one half of their key."""
    return table != "note_labels" or who.letter == "s" or bool(row["is_shown"])


@pytest.mark.parametrize("who", list(PERSONAS.values()), ids=lambda who: who.letter)
def test_t2_relations_lead_to_no_other_rows(place: Place, who: Persona) -> None:
    """Each relation of each type: only to rows that may be read, whichever record leads there; and two steps on."""
    api = described(who)
    counted = 0
    for table in api.tables.values():
        for relation in table.relations.values():
            target = api.tables[relation.target]
            key = camel(key_of(relation.target))
            back = " ".join(
                f"{each.name} {{edges {{node {{{camel(key_of(each.target))}}}}} totalCount}}"
                for each in target.relations.values()
                if each.many
            )
            fields = f"{key} {back}"
            inner = (
                f"{{edges {{node {{{fields}}}}} totalCount aggregate {{count}}}}" if relation.many else f"{{{fields}}}"
            )
            document = f"{{{table.collection} {{edges {{node {{{relation.name} {inner}}}}}}}}}"
            for edge in told(place.ask(asked(document), who))[table.collection]["edges"]:
                counted += _check_below(who, relation, edge["node"][relation.name], target)
    assert counted > 3


def _check_below(who: Persona, relation: Any, found: Any, target: Any) -> int:
    if found is None:
        return 0
    key, may = camel(key_of(relation.target)), MATRIX[who.letter][relation.target].select
    nodes = [edge["node"] for edge in found["edges"]] if relation.many else [found]
    assert {node[key] for node in nodes} <= may, f"{relation.name} by {who.letter}"
    if relation.many:
        assert found["totalCount"] == len(nodes)
    for node in nodes:
        for each in target.relations.values():
            if each.name in node:
                keys = {edge["node"][camel(key_of(each.target))] for edge in node[each.name]["edges"]}
                assert keys <= MATRIX[who.letter][each.target].select
    return len(nodes)


# ---------------------------------------------------------------- columns


@pytest.mark.parametrize(("who", "table"), CELLS, ids=IDS)
def test_t2_a1_columns(place: Place, who: Persona, table: str) -> None:
    """A column that is hidden is unknown by every way of asking: shown, filtered by, in order, in an aggregate."""
    known = reads(who, table)
    if not known:
        return
    name = collection(table)
    for column in columns(table):
        field = camel(column)
        ways = {
            "shown": f"{{{name} {{edges {{node {{{field}}}}}}}}}",
            "by another name": f"{{{name} {{edges {{node {{id: {field}}}}}}}}}",
            "in a fragment": f"{{{name} {{edges {{node {{...F}}}}}}}} fragment F on {pascal(table)} {{{field}}}",
        }
        if column in known:
            for document in ways.values():
                assert place.ask(asked(document), who).status == 200, document
            continue
        ways |= {
            "in a filter": f"{{{name}(filter: {{{field}: {{is: NULL}}}}) {{totalCount}}}}",
            "in a filter's tree": f"{{{name}(filter: {{or: [{{not: {{{field}: {{is: NULL}}}}}}]}}) {{totalCount}}}}",
            "in an order": f"{{{name}(orderBy: [{{{field}: AscNullsLast}}]) {{totalCount}}}}",
            "in an aggregate": f"{{{name} {{aggregate {{max {{{field}}}}}}}}}",
            "in a sum": f"{{{name} {{aggregate {{count min {{{field}}}}}}}}}",
        }
        for document in ways.values():
            refused_as_unknown(place, document, field, who)
        by_variable = f"query ($f: {pascal(table)}Filter) {{{name}(filter: $f) {{totalCount}}}}"
        for filter_ in ({field: {"is": "NULL"}}, {"not": {field: {"eq": "x"}}}, {"and": [{"or": [{field: None}]}]}):
            found = ask(place, asked(by_variable, {"f": filter_}), who)
            assert (found.reply.status, found.statements) == (400, 0), f"{filter_}: {found.reply.body!r}"


@pytest.mark.parametrize(("who", "table"), CELLS, ids=IDS)
def test_t2_b1_columns_of_writes(place: Place, who: Persona, table: str) -> None:
    """What may not be written is no member of the input, whatever its value."""
    for column in columns(table):
        field = camel(column)
        for value in ("null", '"x"') if table in ("notes", "remarks") else ("null",):
            insert = (
                f"mutation {{insertInto{pascal(table)}Collection(objects: [{{{field}: {value}}}]) {{affectedCount}}}}"
            )
            update = (
                f"mutation {{update{pascal(table)}Collection(set: {{{field}: {value}}}, atMost: 0) {{affectedCount}}}}"
            )
            for verb, document in (("insert", insert), ("update", update)):
                if column in writes(who, table, verb):
                    continue
                found = ask(place, asked(document), who)
                assert (found.reply.status, found.statements) == (400, 0), f"{document}: {found.reply.body!r}"
        if (
            table in ("notes", "remarks")
            and column not in writes(who, table, "update")
            and writes(who, table, "update")
        ):
            refused_as_unknown(place, update, field, who)


# ---------------------------------------------------------------- writes


@pytest.mark.parametrize(("who", "table"), CELLS, ids=IDS)
def test_t2_changes(place: Place, who: Persona, table: str) -> None:
    """Of at most no row: who may change one is told that there is one; for whoever may not there is none."""
    may, key, type_ = MATRIX[who.letter][table], camel(key_of(table)), pascal(table)
    every = MATRIX["s"][table].select
    updates = sorted(writes(who, table, "update"))
    for one in sorted(every, key=str):
        where = f"filter: {{{key}: {{eq: {json.dumps(one)}}}}}, atMost: 0"
        for verb, allowed, document in (
            ("delete", may.delete, f"mutation {{deleteFrom{type_}Collection({where}) {{affectedCount}}}}"),
            ("update", may.update, _update(who, type_, where, updates)),
        ):
            reply = place.ask(asked(document), who)
            if not reads(who, table) or (verb == "update" and not updates) or "Cannot query field" in str(reply.body):
                assert reply.status == 400, f"{document}: {reply}"
                assert one not in allowed or not reads(who, table), document
                continue
            code = first_error(reply)["extensions"]["code"] if "errors" in reply.json() else None
            assert (code in ("PGRST124", "23503")) == (one in allowed), f"{document}: {reply}"
            assert code in (None, "PGRST124", "23503"), f"{document}: {reply}"


def _update(who: Persona, type_: str, where: str, updates: list[str]) -> str:
    """A change of one column to what stays within the rule."""
    values: dict[str, Any] = {
        "rank": 5,
        "rating": "5",
        "name": "x",
        "label": "x",
        "text": "x",
        "duty": "mate",
        "isShown": True,
    }
    values |= {"userId": who.sub or BEA_ID, "noteId": 10}
    fields = [camel(each) for each in updates]
    known = next((name for name in values if name in fields), fields[0] if fields else "nope")
    return f"mutation {{update{type_}Collection(set: {{{known}: {json.dumps(values.get(known))}}}, {where}) {{affectedCount}}}}"


@pytest.mark.parametrize(("who", "table"), CELLS, ids=IDS)
def test_t2_new_rows(place: Place, who: Persona, table: str) -> None:
    may = MATRIX[who.letter][table]
    if not writes(who, table, "insert"):
        return
    for name, row in EXAMPLES[table].items():
        objects = literal({camel(column): value for column, value in row.items()})
        document = (
            f"mutation {{a: insertInto{pascal(table)}Collection(objects: [{objects}]) {{affectedCount}} b: {FAILS}}}"
        )
        reply = place.ask(asked(document), who)
        error = first_error(reply)
        # The second fails always; that it was reached says that the first one was done.
        assert (error.get("path") == ["b"]) == may.new.get(name, False), f"{name}: {reply}"
        assert error["extensions"]["code"] in ("42501", "23502", "UC441"), f"{name}: {reply}"


def test_t2_nothing_was_written(place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the tests above ask leaves everything as it was: it is the last of them."""
    with Place(make_app(), tmp_path_factory.mktemp("before"), **SETTINGS) as before:
        fill(before)
        ours, theirs = place.contents(), before.contents()
    for table in TABLES:
        assert ours[table] == theirs[table], table


# ---------------------------------------------------------------- functions, and who is asked for whom


@pytest.mark.parametrize("who", list(PERSONAS.values()), ids=lambda who: who.letter)
def test_t2_functions(place: Place, who: Persona) -> None:
    """A function is a field for those who may call it, and the rows that it gives are those that they may read."""
    for name, letters in FUNCTIONS.items():
        if who.letter not in letters:
            for kind in ("query", "mutation"):
                refused_as_unknown(place, f"{kind} {{{camel(name)}}}", camel(name), who)
    for name in ("allNotes", "handedOut"):
        found = told(place.ask(asked(f"{{{name} {{edges {{node {{id}}}} totalCount}}}}"), who))[name]
        assert {edge["node"]["id"] for edge in found["edges"]} == MATRIX[who.letter]["notes"].select
        assert found["totalCount"] == len(found["edges"])


def test_t2_what_was_prepared_for_one_is_not_anothers(place: Place) -> None:
    """The same document by all, in turns: what is kept of it is of a role, and asks with its caller's claims."""
    document = "query ($n: Int!) {notesCollection(filter: {id: {gte: $n}}) {edges {node {id}} totalCount}}"
    for who in (BEA, CARL, ANON, BEA, SERVICE, CARL, BEA):
        found = told(place.ask(asked(document, {"n": 20}), who))["notesCollection"]
        assert {edge["node"]["id"] for edge in found["edges"]} == MATRIX[who.letter]["notes"].select - {10}
