"""Reading what one may not: rows, columns, and that they exist. Each test is named after its row of the threat list."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pytest

from tests.api.scenario import ANON, SERVICE, Persona, Place, Reply, Request, get, send
from tests.security.world import (
    AUDITOR,
    BEA,
    BEA_ID,
    CARL,
    HIDDEN,
    NOBODY,
    PERSONAS,
    STRANGER,
    TABLES,
    Note,
    fill,
    knows,
    make_app,
    rows,
    sees,
)
from undercroft.access.guard import Guard
from undercroft.base.faults import SetupFault

KEY = {"codes": "label", "members": "team_id", "note_labels": "note_id"}
"""A column that everybody may read, where it is not `id`."""
OPERATORS = (
    "eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "in", "is", "isdistinct", "fts", "plfts",
    "phfts", "wfts", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj",
)  # fmt: skip
VALUE = {"in": "(x,y)", "is": "null"}


def channels(column: str, key: str) -> Iterator[str]:
    """Every place of a query string that takes a column's name."""
    for operator in OPERATORS:
        test = f"{operator}.{VALUE.get(operator, 'x')}"
        yield f"{column}={test}"
        yield f"{column}=not.{test}"
        yield f"or=({key}.eq.1,{column}.{test})"
        yield f"and=({key}.eq.1,not.or({column}.not.{test},{key}.eq.2))"
    yield f"{column}=eq(any).{{a,b}}"
    yield f"{column}=like(all).{{a,b}}"
    for term in ("", ".asc", ".desc", ".desc.nullslast", ".nullsfirst"):
        yield f"order={column}{term}"
        yield f"order={key},{column}{term}"
    for item in (
        "{c}",
        "x:{c}",
        "{c}::text",
        "{c}->k",
        "{c}->>k",
        "{c}->a->>b",
        "{c}->0",
        "x:{c}->>k::int",
        "{c}.max()",
        "{c}.count()",
    ):
        yield "select=" + item.format(c=column)
        yield f"select={key}," + item.format(c=column)
    for path in ("->k", "->>k", "->a->>b", "->0"):
        yield f"{column}{path}=eq.x"
        yield f"{column}{path}=not.is.null"
        yield f"order={column}{path}.desc"


ABOVE = {"notes": ("vaults", "notes"), "teams": ("notes", "team"), "remarks": ("notes", "remarks")}
"""A table that embeds another, and the name by which it does."""


def embedded_channels(name: str, column: str) -> Iterator[str]:
    """The same, one level further down."""
    yield f"select=id,{name}({column})"
    yield f"select=id,...{name}({column})"
    yield f"select=id,{name}!inner(id)&{name}.{column}=like.z*"
    yield f"select=id,{name}(id)&{name}.{column}=eq.x"
    yield f"select=id,{name}(id)&{name}.{column}->>k=eq.x"
    yield f"select=id,{name}(id)&{name}.or=({column}.eq.x,id.eq.1)"
    yield f"select=id,{name}(id)&{name}.order={column}.desc"
    yield f"select=id,{name}(id)&order={name}({column})"


def stand_in(name: str, known: list[str]) -> str:
    """A name that no column has, as long as this one, which is guessed to mean the same column."""
    mixer = random.Random(name)
    for _ in range(10_000):
        changed = set(mixer.sample(range(len(name)), mixer.randint(1, len(name))))
        other = "".join(mixer.choice("qxzjkw") if place in changed else char for place, char in enumerate(name))
        near = [get_close_matches(each, known, n=1, cutoff=cutoff) for each in (name, other) for cutoff in (0.6, 0.75)]
        if near[:2] == near[2:] and other not in known and name not in other:
            return other
    raise AssertionError(f"no stand-in for {name}")


def assert_alike(forbidden: Reply, missing: Reply, name: str, other: str, what: str) -> None:
    """Status, headers and body are the same but for the name that was asked for."""
    assert forbidden.status >= 400, f"{what}: {forbidden.status} {forbidden.body[:300]!r}"
    told = missing.body.decode().replace(other, name)
    assert (forbidden.status, forbidden.body.decode()) == (missing.status, told), what
    assert [n for n, _ in forbidden.headers] == [n for n, _ in missing.headers], what


@pytest.mark.parametrize("who", [ANON, BEA, AUDITOR], ids=lambda who: who.letter)
def test_a1_an_unreadable_column_is_a_missing_one_in_every_position(
    place: Place, who: Persona, rounds: Callable[[int, int], int]
) -> None:
    """For the signed-in caller all of them, for the others a part: binding does not know one role from another."""
    step = 1 if who is BEA else rounds(7, 1)
    asked = 0
    for table, hidden in HIDDEN.items():
        if not knows(who, table):
            continue
        known = [column for column in TABLES[table].__table__.c.keys() if column not in hidden]  # noqa: SIM118
        for column in hidden:
            other = stand_in(column, known)
            key = KEY.get(table, "id")
            pairs = list(zip(channels(column, key), channels(other, key), strict=True))
            requests = [(get(f"/rest/v1/{table}?{a}"), get(f"/rest/v1/{table}?{b}")) for a, b in pairs]
            requests += [(Request("HEAD", a.target), Request("HEAD", b.target)) for a, b in requests[:8]]
            csv = ("accept", "text/csv")
            requests += [(get(a.target, csv), get(b.target, csv)) for a, b in requests[-20:]]
            above, name = ABOVE.get(table, ("", ""))
            if above and knows(who, above):
                inner = zip(embedded_channels(name, column), embedded_channels(name, other), strict=True)
                requests += [(get(f"/rest/v1/{above}?{a}"), get(f"/rest/v1/{above}?{b}")) for a, b in inner]
            if table == "notes":
                requests += [(get(f"/rest/v1/rpc/all_notes?{a}"), get(f"/rest/v1/rpc/all_notes?{b}")) for a, b in pairs]
            requests += list(zip(write_channels(table, column, key), write_channels(table, other, key), strict=True))
            for forbidden, missing in requests[::step]:
                what = f"{forbidden.method} {forbidden.target!r} {forbidden.body!r} as {who.role}"
                assert_alike(place.ask(forbidden, who), place.ask(missing, who), column, other, what)
            asked += len(requests)
    assert asked > 500


def write_channels(table: str, column: str, key: str) -> Iterator[Request]:
    """Every place of a write that takes a column's name."""
    undo = ("prefer", "tx=rollback")
    path = f"/rest/v1/{table}"
    yield send("POST", path, {column: "x"}, undo)
    yield send("POST", path, [{column: None}, {column: "x"}], undo)
    yield send("POST", f"{path}?columns={column}", [{"a": 1}], undo)
    yield send("POST", f"{path}?columns={key},{column}", [{key: 1}], undo)
    yield send(
        "POST", f"{path}?on_conflict={column}", [{key: 1}], ("prefer", "tx=rollback, resolution=merge-duplicates")
    )
    yield send("POST", f"{path}?select={column}", [{key: 1}], ("prefer", "tx=rollback, return=representation"))
    yield Request("POST", path, (("content-type", "text/csv"), undo), f"{column}\nx\n".encode())
    yield Request("POST", path, (("content-type", "application/x-www-form-urlencoded"), undo), f"{column}=x".encode())
    yield send("PATCH", f"{path}?{key}=eq.1", {column: "x"}, undo)
    yield send("PATCH", f"{path}?{column}=eq.1", {key: 1}, undo)
    yield send("PATCH", f"{path}?{key}=eq.1&or=({column}.is.null,{key}.eq.1)", {key: 1}, undo)
    yield send("DELETE", f"{path}?{column}=like.z*", None, undo)
    yield send("DELETE", f"{path}?{key}=eq.1&select={column}", None, ("prefer", "tx=rollback, return=representation"))
    yield send("PUT", f"{path}?{key}=eq.1", {key: 1, column: "x"}, undo)
    yield send("PUT", f"{path}?{column}=eq.x", {column: "x"}, undo)


SPELLINGS = (
    "secret", '"secret"', '"secret" ', " secret", "secret ", "SECRET", "Secret", "notes.secret", "t0.secret", '"notes"."secret"',
    '"t0"."secret"', "ｓecret", "secre\u0074\u0301", "sec\u0000ret", "secret\u200b", "[secret]", "`secret`", "'secret'",
    "rowid", "_rowid_", "oid", "ROWID", "sealed->>k", "sealed->k", '"sealed"->>k', "SEALED->>k", "sealed->>'k'", 'sealed->>"k"',
    "sealed->>$.k", "blob::text", "*", "count(secret)", "(secret)", "secret::text", "sealed::text", "secret COLLATE NOCASE",
)  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a2_no_spelling_reaches_a_protected_column(place: Place, spelling: str) -> None:
    """The canaries of hidden columns are in every row: a single byte of them in any answer fails `Place.sweep`."""
    from tests.api.scenario import escaped

    text = escaped(spelling)
    before = place.ask(get("/rest/v1/notes?select=id&order=id"), BEA).json()
    for request in (
        get(f"/rest/v1/notes?select={text}"),
        get(f"/rest/v1/notes?select=x:{text}"),
        get(f"/rest/v1/notes?select=id&order={text}"),
        get(f"/rest/v1/notes?select=id&{text}=like.z*"),
        get(f"/rest/v1/notes?select=id&or=({text}.like.z*,id.eq.-1)"),
        get(f"/rest/v1/vaults?select=id,notes({text})"),
    ):
        reply = place.ask(request, BEA)
        if spelling == "*":
            continue
        assert reply.status in (400, 404), f"{request.target!r}: {reply.status} {reply.body[:200]!r}"
    assert place.ask(get("/rest/v1/notes?select=id&order=id"), BEA).json() == before


# ---------------------------------------------------------------- through relations


def visible(who: Persona, table: str) -> list[dict[str, Any]]:
    everything = rows()
    return [row for row in everything[table] if sees(who, table, row, everything)]


@pytest.mark.parametrize("who", [ANON, BEA, CARL, NOBODY, AUDITOR, STRANGER], ids=lambda who: who.letter)
class TestA3:
    """A filter, an order or an embed along a relation knows only the rows that the caller could list."""

    def test_a3_a_closed_table_is_no_step_of_a_path(self, place: Place, who: Persona) -> None:
        for step in ("tokens", "tokenz"):
            for query in (
                f"select=id,{step}(*)", f"select=id,{step}!inner()", f"select=id,{step}(id,vaults(id))", f"select=id,...{step}(token)",
                f"select=id,{step}()&{step}=not.is.null", f"select=id&order={step}(token)", f"select=id&{step}=is.null",
                f"select=id&{step}.token=like.z*", f"select=id,{step}(id)&{step}.token=like.z*", f"select=id,x:{step}!note_id(id)",
                f"select=id,notes(id,{step}(id))", f"select=id,notes(id,{step}!inner(id))&notes.{step}.token=like.z*",
            ):  # fmt: skip
                reply = place.ask(get(f"/rest/v1/vaults?{query}"), who)
                assert reply.status == 400, f"{query}: {reply.body!r}"
                assert b"tokens" not in reply.body.replace(f"'{step}'".encode(), b"") or step == "tokens"

    def test_a3_embeds_hold_only_listed_rows(self, place: Place, who: Persona) -> None:
        notes = {row["id"] for row in visible(who, "notes")}
        found = place.ask(get("/rest/v1/vaults?select=id,note_id,notes(id)&order=id"), who).json()
        assert [(row["id"], row["notes"] and row["notes"]["id"]) for row in found] == [
            (row["id"], row["note_id"] if row["note_id"] in notes else None) for row in visible(who, "vaults")
        ]

    @pytest.mark.parametrize(
        "query",
        [
            "select=id,notes!inner(id)", "select=id,notes!inner()", "select=id,notes(id)&notes=not.is.null", "select=id,notes()&notes=not.is.null",
            "select=id,...notes!inner(note:id)", "select=id,n:notes()&n=not.is.null", "select=id,notes()&or=(notes.not.is.null,id.lt.0)",
            "select=id,notes()&and=(id.gt.0,or(notes.not.is.null,id.lt.0))",
        ],
    )  # fmt: skip
    def test_a3_the_existence_of_an_embed_is_that_of_a_listed_row(self, place: Place, who: Persona, query: str) -> None:
        notes = {row["id"] for row in visible(who, "notes")}
        found = place.ask(get(f"/rest/v1/vaults?{query}&order=id"), who).json()
        assert [row["id"] for row in found] == [row["id"] for row in visible(who, "vaults") if row["note_id"] in notes]

    @pytest.mark.parametrize("direction", ["asc", "desc"])
    @pytest.mark.parametrize("embed", ["notes(id)", "notes()", "...notes(title)"])
    def test_a3_order_by_a_related_column_sees_nulls_for_unlisted_rows(
        self, place: Place, who: Persona, embed: str, direction: str
    ) -> None:
        titles = {row["id"]: row["title"] for row in visible(who, "notes")}
        found = place.ask(
            get(f"/rest/v1/vaults?select=id,{embed}&order=notes(title).{direction}.nullslast,id"), who
        ).json()
        related = [(row["id"], titles.get(row["note_id"])) for row in visible(who, "vaults")]
        known = sorted(
            (row for row in related if row[1] is not None), key=lambda row: str(row[1]), reverse=direction == "desc"
        )
        assert [row["id"] for row in found] == [row[0] for row in known] + [row[0] for row in related if row[1] is None]

    def test_a3_a_junction_counts_only_with_its_own_rows(self, place: Place, who: Persona) -> None:
        labels = {row["id"] for row in visible(who, "labels")}
        links = visible(who, "note_labels")
        expected = [
            (
                row["id"],
                sorted(
                    link["label_id"] for link in links if link["note_id"] == row["id"] and link["label_id"] in labels
                ),
            )
            for row in visible(who, "notes")
        ]
        found = place.ask(get("/rest/v1/notes?select=id,labels(id)&order=id&labels.order=id"), who).json()
        assert [(row["id"], [label["id"] for label in row["labels"]]) for row in found] == expected
        inner = place.ask(get("/rest/v1/notes?select=id,labels!inner()&order=id"), who).json()
        assert [row["id"] for row in inner] == [id_ for id_, found_labels in expected if found_labels]

    def test_a3_to_any_depth(self, place: Place, who: Persona) -> None:
        notes = {row["id"]: row for row in visible(who, "notes")}
        query = "select=id,parent:parent_id(id,parent:parent_id!inner(id,vaults!inner(id)))&order=id"
        vaults = {row["note_id"] for row in visible(who, "vaults")}
        for row in place.ask(get(f"/rest/v1/notes?{query}"), who).json():
            parent = notes.get(notes[row["id"]]["parent_id"])
            grand = notes.get(parent["parent_id"]) if parent else None
            held = parent is not None and grand is not None and grand["id"] in vaults
            assert (row["parent"] is not None) == held, row


# ---------------------------------------------------------------- counts


@pytest.mark.parametrize("who", list(PERSONAS.values()), ids=lambda who: who.letter)
def test_a4_counts_ranges_and_heads_count_listed_rows_only(place: Place, who: Persona) -> None:
    for table in TABLES:
        if not knows(who, table):
            continue
        total = len(visible(who, table))
        for kind in ("exact", "planned", "estimated"):
            for method in ("GET", "HEAD"):
                reply = place.ask(Request(method, f"/rest/v1/{table}?limit=1", (("prefer", f"count={kind}"),)), who)
                assert (reply.header("content-range") or "").partition("/")[2] == str(total), f"{table} {kind}"
        beyond = place.ask(get(f"/rest/v1/{table}?offset=500", ("prefer", "count=exact")), who)
        assert (beyond.status, beyond.header("content-range")) == (416, f"*/{total}")
        assert f"only {total} rows" in beyond.json()["details"]
        assert place.ask(get(f"/rest/v1/{table}?offset=500"), who).json() == []
        plan = place.ask(get(f"/rest/v1/{table}", ("accept", "application/vnd.pgrst.plan+json")), who)
        assert plan.code == "PGRST107"


# ---------------------------------------------------------------- what faults tell

METHODS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS")


@pytest.mark.parametrize("who", [ANON, BEA, AUDITOR, STRANGER], ids=lambda who: who.letter)
def test_a5_a_forbidden_table_is_a_missing_one(place: Place, who: Persona) -> None:
    closed = [
        name
        for name in (*TABLES, "audit", "users", "private.audit", "auth.users", "sqlite_master")
        if not knows(who, name)
    ]
    known = [name for name in TABLES if knows(who, name)]
    for name in closed:
        other = stand_in(name, known)
        for method in METHODS:
            body = {"id": 1} if method in ("POST", "PATCH", "PUT") else None
            one, two = (place.ask(send(method, f"/rest/v1/{each}?id=eq.1", body), who) for each in (name, other))
            assert_alike(one, two, name, other, f"{method} {name} as {who.role}")
        one, two = (place.ask(get(f"/rest/v1/notes?select=id,{each}(*)"), who) for each in (name, other))
        assert_alike(one, two, name, other, f"embedding {name} as {who.role}")


@pytest.mark.parametrize("who", [ANON, BEA, STRANGER], ids=lambda who: who.letter)
def test_a5_a_forbidden_function_is_a_missing_one(place: Place, who: Persona) -> None:
    forbidden = [each.name for each in place.app.functions if not each.allows(who.role or "anon", frozenset())]
    known = [each.name for each in place.app.functions if each.allows(who.role or "anon", frozenset())]
    assert {"for_auditors", "for_the_service"} <= set(forbidden)
    for name in forbidden:
        other = stand_in(name, known)
        requests: tuple[Callable[[str], Request], ...] = (
            lambda each: get(f"/rest/v1/rpc/{each}"),
            lambda each: get(f"/rest/v1/rpc/{each}?deep=1"),
            lambda each: Request("HEAD", f"/rest/v1/rpc/{each}"),
            lambda each: Request("OPTIONS", f"/rest/v1/rpc/{each}"),
            lambda each: send("POST", f"/rest/v1/rpc/{each}", {"deep": 1}),
            lambda each: send("POST", f"/rest/v1/rpc/{each}", {}),
            lambda each: send("PATCH", f"/rest/v1/rpc/{each}", {}),
        )
        for request in requests:
            assert_alike(place.ask(request(name), who), place.ask(request(other), who), name, other, name)


@pytest.mark.parametrize("who", [ANON, BEA, AUDITOR], ids=lambda who: who.letter)
def test_a5_hints_name_only_what_the_caller_knows(place: Place, who: Persona) -> None:
    """One letter away from every hidden name: a hint that knew it would say so."""
    secret = {column for columns in HIDDEN.values() for column in columns} - {"code"}  # a word of every fault
    secret |= {name for name in TABLES if not knows(who, name)}
    secret |= {each.name for each in place.app.functions if not each.allows(who.role or "anon", frozenset())}
    for name in sorted(secret):
        for typed in (name[:-1], name + "s", name + "_", "_" + name, name[:2] + "x" + name[3:], name[0] + name):
            if typed in secret or typed in TABLES:
                continue
            for request in (
                get(f"/rest/v1/{typed}"),
                get(f"/rest/v1/rpc/{typed}"),
                get(f"/rest/v1/notes?select=id,{typed}(id)"),
                get(f"/rest/v1/notes?select={typed}"),
                get(f"/rest/v1/codes?select={typed}"),
                send("POST", "/rest/v1/notes", {typed: 1}),
            ):
                told = place.ask(request, who).body.decode().replace(typed, "")
                assert name not in told, f"{request}: {told}"


@pytest.mark.parametrize("who", [ANON, BEA, AUDITOR, STRANGER], ids=lambda who: who.letter)
def test_a5_the_description_holds_only_what_the_caller_may_use(place: Place, who: Persona) -> None:
    reply = place.ask(get("/rest/v1/"), who)
    assert reply.status == 200
    document = reply.body.decode()
    for table in TABLES:
        assert (f'"/{table}"' in document) == knows(who, table), table
    for word in ("motto", "sealed", "secret", "tokens", "private", "for_the_service"):
        assert word not in document, word
    assert ("for_auditors" in document) == (who is AUDITOR)


def test_a5_the_database_names_no_hidden_column(place: Place) -> None:
    reply = place.ask(send("POST", "/rest/v1/codes", {"label": "x"}, ("prefer", "tx=rollback")), BEA)
    assert reply.code == "23502"
    assert b'"code"' not in reply.body.replace(b'"code":"23502"', b"")


# ---------------------------------------------------------------- existence by writing


def test_a6_a_taken_key_says_so_and_no_more(fresh: Place) -> None:
    """Unique keys hold for all rows, as in PostgreSQL: that a key is taken is told, what it belongs to is not."""
    before = fresh.contents()
    taken = fresh.ask(send("POST", "/rest/v1/notes", {"title": "x", "slug": "note-30"}), BEA)
    assert (taken.status, taken.code) == (409, "23505")
    assert taken.json()["details"] == "Key (slug) already exists."
    assert fresh.contents() == before


@pytest.mark.parametrize("conflict", ["id", "slug"])
@pytest.mark.parametrize("method", ["merge-duplicates", "ignore-duplicates"])
def test_a6_an_upsert_never_touches_an_invisible_row(fresh: Place, conflict: str, method: str) -> None:
    before = fresh.contents()
    row = {"id": 30, "slug": "note-30", "title": "mine now", "owner_id": BEA_ID}
    reply = fresh.ask(
        send(
            "POST",
            f"/rest/v1/notes?on_conflict={conflict}",
            row,
            ("prefer", f"resolution={method}, return=representation"),
        ),
        BEA,
    )
    assert fresh.contents() == before
    if method == "merge-duplicates":
        assert (reply.status, reply.code) == (403, "42501")
    else:
        assert reply.json() == []


def test_a6_a_put_never_touches_an_invisible_row(fresh: Place) -> None:
    before = fresh.contents()
    row = {"id": 30, "slug": "x", "title": "mine now", "is_public": True, "owner_id": BEA_ID}
    missing = {"body", "rating", "mood", "meta", "seen_at", "team_id", "parent_id"}
    reply = fresh.ask(send("PUT", "/rest/v1/notes?id=eq.30", row | dict.fromkeys(missing)), BEA)
    assert (reply.status, reply.code) == (403, "42501"), reply.body
    assert fresh.contents() == before


def test_a6_a_reference_to_an_invisible_row_shows_nothing_of_it(fresh: Place) -> None:
    """Foreign keys hold for all rows, as in PostgreSQL; the row behind one stays invisible."""
    kept = fresh.ask(
        send(
            "POST",
            "/rest/v1/notes?select=id,parent_id,parent:parent_id(id)",
            {"title": "x", "parent_id": 30},
            ("prefer", "return=representation"),
        ),
        BEA,
    )
    assert kept.status == 201
    assert kept.json()[0]["parent"] is None
    missing = fresh.ask(send("POST", "/rest/v1/notes", {"title": "x", "parent_id": 31}), BEA)
    assert (missing.status, missing.code) == (409, "23503")


# ---------------------------------------------------------------- one set of columns, one door


@pytest.mark.parametrize("who", [ANON, BEA], ids=lambda who: who.letter)
def test_a7_every_way_to_a_note_shows_the_same_columns(place: Place, who: Persona) -> None:
    expected = [c for c in Note.__table__.c.keys() if c not in HIDDEN["notes"]]  # noqa: SIM118
    undo = ("prefer", "tx=rollback, return=representation")
    ways = {
        "list": place.ask(get("/rest/v1/notes?id=eq.10"), who).json(),
        "singular": [
            place.ask(get("/rest/v1/notes?id=eq.10", ("accept", "application/vnd.pgrst.object+json")), who).json()
        ],
        "to one": [place.ask(get("/rest/v1/vaults?select=notes(*)&id=eq.10"), who).json()[0]["notes"]],
        "spread": [place.ask(get("/rest/v1/vaults?select=...notes(*)&id=eq.10"), who).json()[0]],
        "many to many": place.ask(get("/rest/v1/labels?select=notes(*)&id=eq.1"), who).json()[0]["notes"],
        "function": place.ask(get("/rest/v1/rpc/all_notes"), who).json(),
        "function, as the service": place.ask(get("/rest/v1/rpc/handed_out"), who).json(),
        "function, one": [place.ask(get("/rest/v1/rpc/one_note?id=10"), who).json()],
    }
    if who is BEA:
        ways |= {
            "self": [place.ask(get("/rest/v1/notes?select=notes:parent_id(*)&id=eq.20"), who).json()[0]["notes"]],
            "insert": place.ask(send("POST", "/rest/v1/notes", {"title": "x"}, undo), who).json(),
            "update": place.ask(send("PATCH", "/rest/v1/notes?id=eq.20", {"title": "x"}, undo), who).json(),
            "delete": place.ask(send("DELETE", "/rest/v1/notes?id=eq.90", None, undo), who).json(),
            "upsert": place.ask(
                send(
                    "POST",
                    "/rest/v1/notes",
                    {"id": 20, "title": "x"},
                    ("prefer", "tx=rollback, return=representation, resolution=merge-duplicates"),
                ),
                who,
            ).json(),
        }
    for way, found in ways.items():
        assert found, way
        for row in found:
            assert sorted(row) == sorted(expected), way
    header = place.ask(get("/rest/v1/notes?id=eq.10", ("accept", "text/csv")), who).body.split(b"\n")[0]
    assert header.decode().split(",") == expected


def test_a8_every_route_is_known(place: Place) -> None:
    """A new way into the house must be written down here, and pass the tests of this ring."""
    rooms = {b"/rest/v1", b"/functions/v1", b"/webhooks/v1", b"/auth/v1", b"/graphql/v1"}
    assert set(place.house.door._rooms) == rooms
    paths = place.house.outside.paths
    assert "/healthz" in paths
    assert paths <= {"/", "/healthz", "/readyz", "/docs", "/docs/"}, paths
    for path in (
        "/",
        "/rest",
        "/rest/v2/notes",
        "/rest/v1x/notes",
        "/admin",
        "/studio",
        "/metrics",
        "/graphql/v2",
        "/graphql/v1x",
        "/graphql/v1/x",
        "/graphql/v1/graphiql",
        "/graphql/v1/graphiql/..%2f..%2froom.py",
        "/auth/v2/user",
        "/auth/v1x/user",
        "/.undercroft/keys.json",
    ):
        assert place.ask(get(path), SERVICE).status in (404, 307), path


def test_a8_tables_of_other_schemas_are_behind_no_door(place: Place) -> None:
    for who in PERSONAS.values():
        for name in (
            "users",
            "auth.users",
            "auth%2Eusers",
            "audit",
            "private.audit",
            "sqlite_master",
            "sqlite_schema",
            "pragma_table_list",
            "json_each",
        ):
            reply = place.ask(get(f"/rest/v1/{name}"), who)
            assert (reply.status, reply.code) == (404, "PGRST205"), name
        for profile in ("private", "auth", "main", "temp"):
            for method, header in (("GET", "accept-profile"), ("POST", "content-profile")):
                reply = place.ask(Request(method, "/rest/v1/audit", ((header, profile),), b"[]"), who)
                assert reply.code == "PGRST106"


def test_a8_a_plan_that_passed_no_guard_is_never_carried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the guard out of the way nothing at all comes out of the data: no route goes around it."""
    with Place(make_app(), tmp_path, UNDERCROFT_API_TX_END="commit-allow-override") as place:
        fill(place)
        before = place.contents()
        monkeypatch.setattr(Guard, "node", lambda self, node: node)
        monkeypatch.setattr(Place, "sweep_logs", lambda *_: None)
        undo = ("prefer", "return=representation")
        for request in (
            get("/rest/v1/notes"),
            get("/rest/v1/notes?select=id,vaults(id)"),
            Request("HEAD", "/rest/v1/notes"),
            get("/rest/v1/notes", ("accept", "text/csv")),
            get("/rest/v1/notes", ("prefer", "count=exact")),
            get("/rest/v1/rpc/all_notes"),
            get("/rest/v1/rpc/one_note?id=10"),
            send("POST", "/rest/v1/notes", {"title": "x"}, undo),
            send("POST", "/rest/v1/remarks", {"text": "x"}, undo),
            send("PATCH", "/rest/v1/notes?id=eq.20", {"title": "x"}, undo),
            send("DELETE", "/rest/v1/notes?id=eq.20", None, undo),
            send("POST", "/rest/v1/rpc/write_note", {"title": "x"}),
        ):
            reply = place.ask(request, BEA)
            assert reply.status == 500, f"{request}: {reply}"
            assert reply.code == "XX000" or request.method == "HEAD"
        assert place.contents() == before


def test_a9_a_note_is_one_row_by_whatever_name(place: Place) -> None:
    """Two names for one table never give two sets of rows: embeds by table, constraint, column and the models' name."""
    for who in (ANON, BEA, CARL):
        teams = {row["id"] for row in visible(who, "teams")} if knows(who, "teams") else None
        for name in ("team", "teams", "notes_team_id_fkey", "team_id", "teams!team_id", "teams!notes_team_id_fkey"):
            reply = place.ask(get(f"/rest/v1/notes?select=id,t:{name}(id)&order=id"), who)
            if teams is None:
                assert reply.code == "PGRST200", f"{name}: {reply}"
                continue
            expected = [
                (row["id"], row["team_id"] if row["team_id"] in teams else None) for row in visible(who, "notes")
            ]
            assert [(row["id"], row["t"] and row["t"]["id"]) for row in reply.json()] == expected, name


# ---------------------------------------------------------------- nothing given is not everything


def _odd_callers() -> dict[str, Persona]:
    subs: dict[str, Any] = {
        "null": None,
        "empty": "",
        "list": [BEA_ID],
        "object": {"sub": BEA_ID},
        "number": 2,
        "true": True,
        "no uuid": "%",
        "star": "*",
    }
    return {name: Persona("n", "authenticated", None, {"sub": sub}) for name, sub in subs.items()}


@pytest.mark.parametrize("name", list(_odd_callers()))
def test_a10_an_odd_claim_is_no_claim(place: Place, name: str) -> None:
    who = _odd_callers()[name]
    public = [row["id"] for row in rows()["notes"] if row["is_public"]]
    reply = place.ask(get("/rest/v1/notes?select=id&order=id"), who)
    assert reply.status == 401 or [row["id"] for row in reply.json()] == public
    for request in (
        send(
            "PATCH", "/rest/v1/notes?id=not.is.null", {"title": "x"}, ("prefer", "tx=rollback, return=representation")
        ),
        send("DELETE", "/rest/v1/notes?id=not.is.null", None, ("prefer", "tx=rollback, return=representation")),
        get("/rest/v1/remarks"),
        get("/rest/v1/members"),
        get("/rest/v1/teams"),
    ):
        answer = place.ask(request, who)
        assert answer.status == 401 or answer.json() == [], f"{request}: {answer}"
    assert place.ask(
        send("POST", "/rest/v1/notes", {"title": "x", "owner_id": None}, ("prefer", "tx=rollback")), who
    ).status in (401, 403)


@pytest.mark.parametrize(
    "query",
    [
        "owner_id=eq.null",
        "owner_id=eq.",
        "id=in.()",
        "owner_id=in.()",
        "owner_id=is.null",
        "title=eq.",
        "and=()",
        "or=()",
        "not.and=()",
        "id=eq.{}",
        "id=in.({})",
    ],
)
def test_a10_an_empty_condition_is_not_everything(place: Place, query: str) -> None:
    for who in (ANON, BEA, NOBODY):
        allowed = {row["id"] for row in visible(who, "notes")}
        reply = place.ask(get(f"/rest/v1/notes?select=id&{query}"), who)
        assert reply.status == 400 or {row["id"] for row in reply.json()} <= allowed
        for method, value in (("PATCH", {"title": "x"}), ("DELETE", None)):
            answer = place.ask(
                send(method, f"/rest/v1/notes?{query}", value, ("prefer", "tx=rollback, return=representation")), who
            )
            touched = answer.json() if answer.status == 200 else []
            mine = {row["id"] for row in rows()["notes"] if who.sub and row["owner_id"] == who.sub}
            assert {row["id"] for row in touched} <= mine


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"[{}]", b"null"])
def test_a10_a_write_of_nothing_still_asks_the_rules(fresh: Place, body: bytes) -> None:
    before = fresh.contents()
    headers = (("content-type", "application/json"), ("prefer", "return=representation"))
    for table in ("labels", "vaults", "members", "teams"):
        reply = fresh.ask(Request("POST", f"/rest/v1/{table}", headers, body), BEA)
        assert reply.status in (400, 403), f"{table}: {reply}"
        changed = fresh.ask(
            Request("PATCH", f"/rest/v1/{table}?{KEY.get(table, 'id')}=not.is.null", headers, body), BEA
        )
        assert changed.status in (400, 403) or changed.json() == []
    assert fresh.contents() == before


def test_a10_a_policy_must_speak_of_its_row(tmp_path: Path) -> None:
    """`Note.is_public` instead of `note.is_public` would join every public note to every row."""
    app = make_app()
    app.policy(Note, "select", to="auditor", name="careless")(lambda note: Note.is_public)
    with pytest.raises(SetupFault, match="careless"), Place(app, tmp_path):
        pass


# ---------------------------------------------------------------- aggregates


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("counting")
    with Place(
        make_app(), folder, UNDERCROFT_API_AGGREGATES="true", UNDERCROFT_API_TX_END="commit-allow-override"
    ) as place:
        fill(place)
        yield place


@pytest.mark.parametrize("who", [ANON, BEA, CARL, NOBODY, AUDITOR], ids=lambda who: who.letter)
def test_a13_an_aggregate_is_one_over_listed_rows(counting: Place, who: Persona) -> None:
    def ask(query: str) -> Any:
        reply = counting.ask(get(f"/rest/v1/{query}"), who)
        assert reply.status == 200, reply
        return reply.json()

    notes = visible(who, "notes")
    ids = {row["id"] for row in notes}
    assert ask("notes?select=count(),id.sum(),id.max(),id.min()") == [
        {"count": len(notes), "sum": sum(ids), "max": max(ids), "min": min(ids)}
    ]
    shown = [row for row in visible(who, "vaults") if row["note_id"] in ids]
    assert ask("vaults?select=notes!inner(),count()") == [{"count": len(shown)}]
    assert sum(row["count"] for row in ask("notes?select=is_public,count()")) == len(notes)
    links = visible(who, "note_labels")
    for row in ask("notes?select=id,note_labels(count())&order=id"):
        assert row["note_labels"] == [{"count": sum(link["note_id"] == row["id"] for link in links)}]
    open_labels = {row["id"] for row in visible(who, "labels")}
    for row in ask("notes?select=id,labels(count())&order=id"):
        assert row["labels"] == [
            {"count": sum(link["note_id"] == row["id"] and link["label_id"] in open_labels for link in links)}
        ]
    assert ask("notes?select=count()&id=not.is.null") == [{"count": len(notes)}]
    grouped = ask("vaults?select=...notes(is_public),count()")
    assert sum(row["count"] for row in grouped) == len(visible(who, "vaults"))
    assert sum(row["count"] for row in grouped if row["is_public"] is not None) == len(shown)


def test_a13_aggregates_of_hidden_columns_are_refused(counting: Place) -> None:
    for word in ("count", "max", "min", "sum", "avg"):
        reply = counting.ask(get(f"/rest/v1/notes?select=secret.{word}()"), BEA)
        assert reply.code == "42703"
