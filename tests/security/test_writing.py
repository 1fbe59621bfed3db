"""Writing what one may not: columns, rows, and rows other than those that were meant (rows B1 to B6 of the threat list)."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.api.scenario import ANON, SERVICE, Persona, Place, Reply, Request, Scenario, get, send
from tests.security.world import AUDITOR, BEA, BEA_ID, CARL_ID, STRANGER, make_app, rows

UNDO = ("prefer", "tx=rollback, return=representation")
SHOW = ("prefer", "return=representation")

OWN_ROW = {"notes": "id=eq.20", "remarks": "id=eq.10"}
"""A row that Bea may change."""
FORBIDDEN: dict[str, dict[str, Any]] = {
    "notes": {"secret": "x", "sealed": {"k": 1}, "blob": "\\x00", "stamp": "mine"},
    "remarks": {"pin": "x", "stamp": "mine", "owner_id": CARL_ID, "edited_by": CARL_ID},
}
"""Columns that she may not write: hidden, read-only, preset; with a value that they could have."""
PLAIN = {"notes": {"title": "x"}, "remarks": {"text": "x"}}


def smuggled(table: str, column: str, value: Any) -> Iterator[Request]:
    """Every way to bring a value into a column."""
    path, plain, own = f"/rest/v1/{table}", PLAIN[table], OWN_ROW[table]
    yield send("POST", path, plain | {column: value})
    yield send("POST", path, [plain, plain | {column: value}])
    yield send("POST", path, [plain | {column: value}, plain | {column: value}])
    yield send("POST", path, plain | {column: value}, ("prefer", "missing=default"))
    yield send("POST", f"{path}?columns={','.join([*plain, column])}", plain | {column: value})
    yield send("POST", f"{path}?columns={','.join([*plain, column])}", plain)
    yield send("POST", path, {"id": 20, column: value} | plain, ("prefer", "resolution=merge-duplicates"))
    yield send(
        "POST", f"{path}?on_conflict=id", {"id": 20, column: value} | plain, ("prefer", "resolution=ignore-duplicates")
    )
    yield send("PATCH", f"{path}?{own}", {column: value})
    yield send("PATCH", f"{path}?{own}", plain | {column: value})
    yield send("PATCH", f"{path}?{own}&columns={column}", {column: value})
    yield send("PUT", f"{path}?{own}", {"id": int(own[6:]), column: value} | plain)
    text = value if isinstance(value, str) else json.dumps(value)
    header = ("content-type", "text/csv")
    for cell in ("" if value is None else '"' + text.replace('"', '""') + '"', "NULL"):
        yield Request("POST", path, (header,), f"{','.join(plain)},{column}\nx,{cell}\n".encode())
        yield Request("PATCH", f"{path}?{own}", (header,), f"{column}\n{cell}\n".encode())
    form = ("content-type", "application/x-www-form-urlencoded")
    yield Request("POST", path, (form,), f"{next(iter(plain))}=x&{column}=x".encode())
    for name in (
        column.upper(),
        f'"{column}"',
        f" {column}",
        f"{table}.{column}",
        f"{column}->k",
        f"{column}->>k",
        f"{column}\u0000",
    ):
        yield send("POST", path, plain | {name: value})
        yield send("PATCH", f"{path}?{own}", {name: value})


def protected(place: Place) -> dict[str, Any]:
    """What stands in the columns that nobody may write, and the rows that are there at all."""
    return {
        table: place.sql(f"select id, {', '.join(columns)} from {table} order by id")
        for table, columns in FORBIDDEN.items()
    }


@pytest.mark.parametrize("table", list(FORBIDDEN))
def test_b1_no_body_reaches_a_column_that_is_not_writable(fresh: Place, table: str) -> None:
    before = protected(fresh)
    for column, usual in FORBIDDEN[table].items():
        values: tuple[Any, ...] = (usual, None, "", "DEFAULT", {}, [], 0, False)
        for value in values:
            for request in smuggled(table, column, value):
                reply = fresh.ask(request, BEA)
                assert 400 <= reply.status < 500, f"{request}: {reply}"
    assert protected(fresh) == before


def test_b1_columns_may_leave_the_forbidden_ones_out(fresh: Place) -> None:
    """`columns` says what is taken of a body; the rest is not looked at, as in PostgREST."""
    reply = fresh.ask(
        send("PATCH", "/rest/v1/notes?id=eq.20&columns=title", {"title": "y", "stamp": "mine"}, SHOW), BEA
    )
    assert [(row["title"], row["stamp"]) for row in reply.json()] == [("y", "stamped")]


def test_b1_presets_are_set_whatever_is_sent(fresh: Place) -> None:
    made = fresh.ask(send("POST", "/rest/v1/remarks", {"text": "x"}, SHOW), BEA).json()[0]
    assert (made["owner_id"], made["edited_by"]) == (BEA_ID, BEA_ID)
    changed = fresh.ask(send("PATCH", "/rest/v1/remarks?id=eq.900", {"text": "y"}, SHOW), BEA).json()[0]
    assert (changed["owner_id"], changed["edited_by"]) == (BEA_ID, BEA_ID)
    merge = ("prefer", "return=representation, resolution=merge-duplicates")
    fresh.sql("update remarks set edited_by = null")
    merged = fresh.ask(send("POST", "/rest/v1/remarks", {"id": 900, "text": "z"}, merge), BEA).json()[0]
    assert (merged["owner_id"], merged["edited_by"]) == (BEA_ID, BEA_ID)


def test_b1_unknown_keys_are_refused(fresh: Place) -> None:
    for key in ("nope", "__class__", "metadata", "registry", "team", "_sa_instance_state", "owner", ""):
        for method, path in (("POST", "/rest/v1/notes"), ("PATCH", "/rest/v1/notes?id=eq.20")):
            reply = fresh.ask(send(method, path, {"title": "x", key: "x"}), BEA)
            assert (reply.status, reply.code) == (400, "PGRST204"), key


# ---------------------------------------------------------------- rows in and out of the rule


def ids(reply: Reply) -> list[int]:
    assert reply.status in (200, 201), reply
    return sorted(row["id"] for row in reply.json())


SCENARIOS = [
    Scenario("a row may not be given away", send("PATCH", "/rest/v1/notes?id=eq.20", {"owner_id": CARL_ID}), 403, BEA, code="42501"),
    Scenario("nor be orphaned", send("PATCH", "/rest/v1/notes?id=eq.20", {"owner_id": None}), 403, BEA, code="42501"),
    Scenario("nor be taken", send("PATCH", "/rest/v1/notes?id=eq.10", {"owner_id": BEA_ID}, SHOW), 200, BEA, json=[]),
    Scenario("nor be taken unseen", send("PATCH", "/rest/v1/notes?id=eq.30", {"owner_id": BEA_ID}, SHOW), 200, BEA, json=[]),
    Scenario("nor be written for somebody else", send("POST", "/rest/v1/notes", {"title": "x", "owner_id": CARL_ID}), 403, BEA, code="42501"),
    Scenario("nor for nobody", send("POST", "/rest/v1/notes", {"title": "x", "owner_id": None}), 403, BEA, code="42501"),
    Scenario("an upsert is an update of what is there", send("POST", "/rest/v1/notes", {"id": 10, "title": "x", "owner_id": BEA_ID}, ("prefer", "resolution=merge-duplicates")), 403, BEA, code="42501"),
    Scenario("and may not change its owner", send("POST", "/rest/v1/notes", {"id": 20, "title": "x", "owner_id": CARL_ID}, ("prefer", "resolution=merge-duplicates")), 403, BEA, code="42501"),
    Scenario("one bad row stops all", send("POST", "/rest/v1/notes", [{"title": "x", "owner_id": BEA_ID}, {"title": "y", "owner_id": CARL_ID}]), 403, BEA, code="42501"),
    Scenario("one bad row stops all, in an upsert", send("POST", "/rest/v1/notes", [{"id": 20, "title": "x"}, {"id": 40, "title": "y"}], ("prefer", "resolution=merge-duplicates")), 403, BEA, code="42501"),
    Scenario("a PUT is no way around", send("PUT", "/rest/v1/notes?id=eq.10", {"id": 10, "title": "x", "owner_id": BEA_ID}), 403, BEA, code="42501"),
    Scenario("what is not seen is not deleted", send("DELETE", "/rest/v1/notes?id=eq.30", None, SHOW), 200, BEA, json=[]),
    Scenario("what is seen and not owned is not deleted", send("DELETE", "/rest/v1/notes?id=eq.40", None, SHOW), 200, BEA, json=[]),
    Scenario("all rows are the own rows", send("PATCH", "/rest/v1/notes?id=not.is.null", {"mood": "calm"}), 204, BEA, changes=frozenset({"notes"})),
    Scenario("an update needs a filter", send("PATCH", "/rest/v1/notes", {"title": "x"}), 400, BEA, code="21000"),
    Scenario("a delete needs a filter", send("DELETE", "/rest/v1/notes"), 400, BEA, code="21000"),
    Scenario("anonymous callers write nothing", send("POST", "/rest/v1/notes", {"title": "x"}), 401, ANON, code="42501"),
    Scenario("nor change", send("PATCH", "/rest/v1/notes?id=eq.10", {"title": "x"}, SHOW), 200, ANON, json=[]),
    Scenario("a role of no policy writes nothing", send("POST", "/rest/v1/notes", {"title": "x"}), 403, STRANGER, code="42501"),
    Scenario("an auditor only reads", send("DELETE", "/rest/v1/notes?id=eq.10", None, SHOW), 200, AUDITOR, json=[]),
    Scenario("a write-only table takes", send("POST", "/rest/v1/inbox", {"text": "hello"}), 201, ANON, changes=frozenset({"inbox"})),
    Scenario("and does not show", send("POST", "/rest/v1/inbox", {"text": "hello"}, SHOW), 401, ANON, code="42501"),
    Scenario("nor its key", send("POST", "/rest/v1/inbox", {"text": "hello"}, ("prefer", "return=headers-only")), 401, ANON, code="42501"),
    Scenario("a link is made on one's own note", send("POST", "/rest/v1/note_labels", {"note_id": 20, "label_id": 3, "is_shown": True}), 201, BEA, changes=frozenset({"note_labels"})),
    Scenario("and on no other", send("POST", "/rest/v1/note_labels", {"note_id": 40, "label_id": 3, "is_shown": True}), 403, BEA, code="42501"),
    Scenario("memberships are not made by members", send("POST", "/rest/v1/members", {"team_id": 2, "user_id": BEA_ID}), 403, BEA, code="42501"),
    Scenario("nor changed by mates", send("PATCH", "/rest/v1/members?team_id=eq.900", {"duty": "chief"}, SHOW), 200, BEA, json=[]),
    Scenario("nor moved by chiefs", send("PATCH", "/rest/v1/members?team_id=eq.1", {"team_id": 2}), 403, BEA, code="42501"),
    Scenario("who is chief may call a mate otherwise", send("PATCH", "/rest/v1/members?team_id=eq.1&duty=neq.chief", {"duty": "friend"}), 204, BEA, changes=frozenset({"members"})),
    Scenario("and edit the own row", send("PATCH", "/rest/v1/members?team_id=eq.1&duty=eq.chief", {"duty": "chief"}), 204, BEA),
    Scenario("who is in a team may add to it", send("POST", "/rest/v1/seats", {"team_id": 1, "user_id": CARL_ID}), 201, BEA, changes=frozenset({"seats"})),
    Scenario("nobody enters a team by being in it", send("POST", "/rest/v1/seats", {"team_id": 2, "user_id": BEA_ID}), 403, BEA, code="42501"),
    Scenario("not even two at once", send("POST", "/rest/v1/seats", [{"team_id": 2, "user_id": BEA_ID}, {"team_id": 2, "user_id": BEA_ID}]), 403, BEA, code="42501"),
    Scenario("nor by an upsert", send("POST", "/rest/v1/seats", {"id": 10, "team_id": 2, "user_id": BEA_ID}, ("prefer", "resolution=merge-duplicates")), 403, BEA, code="42501"),
    Scenario("nor by moving a seat", send("PATCH", "/rest/v1/seats?id=eq.10", {"team_id": 2}), 403, BEA, code="42501"),
    Scenario("nor by a function", send("POST", "/rest/v1/rpc/take_seat", {"team": 2}), 403, BEA, code="42501"),
    Scenario("a function does what its caller may", send("POST", "/rest/v1/rpc/take_seat", {"team": 1}), 204, BEA, changes=frozenset({"seats"})),
    Scenario("nor by moving a seat in a function", send("POST", "/rest/v1/rpc/move_seat", {"id": 10, "team": 2}), 403, BEA, code="42501"),
    Scenario("nor removed by mates", send("DELETE", "/rest/v1/members?team_id=eq.900", None, SHOW), 200, BEA, json=[]),
    Scenario("by chiefs they are", send("DELETE", "/rest/v1/members?team_id=not.is.null&duty=neq.chief"), 204, BEA, changes=frozenset({"members"})),
    Scenario("a closed table is not there", send("POST", "/rest/v1/tokens", {"id": 1, "note_id": 10, "token": "x"}), 404, BEA, code="PGRST205"),
    Scenario("the service writes everywhere", send("PATCH", "/rest/v1/tokens?id=eq.10", {"note_id": 20}), 204, SERVICE, changes=frozenset({"tokens"})),
    Scenario("a hook gives nothing away", send("PATCH", "/rest/v1/remarks?id=eq.10", {"text": "give away"}), 403, BEA, code="42501"),
    Scenario("a hook writes as its caller", send("POST", "/rest/v1/remarks", {"text": "write elsewhere"}), 403, BEA, code="42501"),
    Scenario("also around an update", send("PATCH", "/rest/v1/remarks?id=eq.10", {"text": "write elsewhere"}), 403, BEA, code="42501"),
    Scenario("a hook around an upsert too", send("POST", "/rest/v1/remarks", {"id": 10, "text": "write elsewhere"}, ("prefer", "resolution=merge-duplicates")), 403, BEA, code="42501"),
    Scenario("hooks see by their caller's eyes", send("PATCH", "/rest/v1/remarks?id=eq.900", {"text": "look around"}, SHOW), 200, BEA, holds=[b"seen: 10,20,40,70,90,900"], changes=frozenset({"remarks"})),
    Scenario("others' remarks pass no hook", send("PATCH", "/rest/v1/remarks?id=eq.20", {"text": "look around"}, SHOW), 200, BEA, json=[]),
    Scenario("functions write as their caller", send("POST", "/rest/v1/rpc/write_note", {"title": "x", "owner": CARL_ID}), 403, BEA, code="42501"),
    Scenario("functions change as their caller", send("POST", "/rest/v1/rpc/retitle", {"id": 10, "title": "x"}), 403, BEA, code="42501"),
    Scenario("functions find as their caller", send("POST", "/rest/v1/rpc/retitle", {"id": 30, "title": "x"}), 200, BEA, json=0),
    Scenario("functions delete as their caller", send("POST", "/rest/v1/rpc/drop_note", {"id": 10}), 403, BEA, code="42501"),
    Scenario("functions do what their caller may", send("POST", "/rest/v1/rpc/drop_note", {"id": 90}), 200, BEA, json=1, changes=frozenset({"notes"})),
]  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_b2(fresh: Place, scenario: Scenario) -> None:
    scenario.play(fresh)


def test_b2_hooked_and_plain_writes_agree(fresh: Place) -> None:
    """The same rows are touched whether hooks run or not."""
    with_hooks = fresh.ask(send("PATCH", "/rest/v1/remarks?id=not.is.null", {"text": "x"}, UNDO), BEA)
    assert ids(with_hooks) == [10, 900]
    assert ids(fresh.ask(send("DELETE", "/rest/v1/remarks?id=not.is.null", None, UNDO), BEA)) == [10, 900]
    hooks, fresh.house.pipeline.hooks = fresh.house.pipeline.hooks, type(fresh.house.pipeline.hooks)({})
    assert ids(fresh.ask(send("PATCH", "/rest/v1/remarks?id=not.is.null", {"text": "x"}, UNDO), BEA)) == [10, 900]
    assert ids(fresh.ask(send("DELETE", "/rest/v1/remarks?id=not.is.null", None, UNDO), BEA)) == [10, 900]
    fresh.house.pipeline.hooks = hooks


GUESSES: dict[str, tuple[Any, Any]] = {
    "title": ("zqx7_cs_title30", "nothing of the kind"), "rating": (5, 9999), "mood": ("calm", "calm"),
    "seen_at": ("2026-03-31T12:00:00Z", "1999-01-01T00:00:00Z"), "team_id": (2, 3), "owner_id": (CARL_ID, BEA_ID),
    "is_public": (False, True), "parent_id": (50, 7),
}  # fmt: skip
"""By column: a value of rows that Bea does not see, and one of none."""


@pytest.mark.parametrize("column", list(GUESSES))
@pytest.mark.parametrize("both", [False, True], ids=["alone", "beside a key"])
def test_b2_an_upsert_tells_nobody_which_values_others_have(fresh: Place, column: str, both: bool) -> None:
    """Of columns that are no key the answer is the same whatever stands in rows that the caller does not see."""
    merge, target = ("prefer", "resolution=merge-duplicates"), f"{column},slug" if both else column
    replies = []
    for value in GUESSES[column]:
        row = {"title": "x", "slug": "note-30", "owner_id": BEA_ID, column: value}
        replies.append(fresh.ask(send("POST", f"/rest/v1/notes?on_conflict={target}", row, merge), BEA))
    assert [(reply.status, reply.code) for reply in replies] == [(400, "42P10")] * 2
    assert replies[0].body == replies[1].body


@pytest.mark.needs("postgres")
def test_b2_nobody_takes_over_a_row_that_appears_meanwhile(postgres_server: str, tmp_path: Path) -> None:
    """An upsert finds no row of its key, waits for one that somebody else is writing, and meets it."""
    import psycopg

    waiting = "select count(*) from pg_locks where not granted and locktype = 'transactionid'"
    mine = {"id": 77, "title": "taken", "owner_id": BEA_ID}
    with Place(make_app(), tmp_path, server=postgres_server) as place:
        upsert = send("POST", "/rest/v1/notes", mine, ("prefer", "resolution=merge-duplicates"))
        with psycopg.connect(place.environment["UNDERCROFT_DATABASE_URL"]) as theirs, ThreadPoolExecutor(1) as beside:
            theirs.execute(
                "insert into notes (id, title, is_public, owner_id) values (77, 'theirs', false, %s)", [CARL_ID]
            )

            def commit_once_somebody_waits() -> None:
                until = time.monotonic() + 20
                while place.sql(waiting) == [(0,)] and time.monotonic() < until:
                    time.sleep(0.01)
                theirs.commit()

            done = beside.submit(commit_once_somebody_waits)
            reply = place.ask(upsert, BEA)
            done.result()
        assert (reply.status, reply.code) == (403, "42501")
        assert place.sql("select title, owner_id::text from notes where id = 77") == [("theirs", CARL_ID)]
        own = [{"id": 78, "title": "a", "owner_id": BEA_ID}, {"id": 79, "title": "b", "owner_id": BEA_ID}]
        for _ in range(2):
            merge = ("prefer", "resolution=merge-duplicates")
            assert place.ask(send("POST", "/rest/v1/notes", own, merge), BEA).status in (200, 201)


# ---------------------------------------------------------------- the rows that were meant


def conditions(chance: random.Random) -> str:
    """A random filter over notes, with NULLs on both sides of it."""

    def term() -> str:
        kind = chance.randrange(8)
        no = chance.choice(("", "not."))
        number = chance.choice((0, 10, 20, 30, 40, 55, 70, 900))
        if kind == 0:
            return f"id.{no}{chance.choice(('eq', 'neq', 'gt', 'gte', 'lt', 'lte'))}.{number}"
        if kind == 1:
            return f"id.{no}in.({number},20,90)"
        if kind == 2:
            return (
                f"{chance.choice(('body', 'team_id', 'parent_id', 'mood', 'rating', 'meta', 'owner_id'))}.{no}is.null"
            )
        if kind == 3:
            return f"is_public.{no}is.{chance.choice(('true', 'false', 'null'))}"
        if kind == 4:
            return f"rating.{no}{chance.choice(('gt', 'lte'))}.{chance.choice(('2.5', '5', '-1'))}"
        if kind == 5:
            return f"title.{no}like.*{chance.choice(('20', '9', 'title', ''))}*"
        if kind == 6:
            return f"meta->n.{no}{chance.choice(('eq', 'gt'))}.{number}"
        return f"mood.{no}eq.{chance.choice(('calm', 'angry'))}"

    def tree(depth: int) -> str:
        if depth == 0 or chance.random() < 0.4:
            return term()
        inner = ",".join(tree(depth - 1) for _ in range(chance.randint(1, 3)))
        return f"{chance.choice(('', 'not.'))}{chance.choice(('and', 'or'))}({inner})"

    return f"{chance.choice(('', 'not.'))}or=({tree(2)},{tree(2)})"


def test_b3_a_write_touches_the_rows_that_a_read_shows(fresh: Place, rounds: Callable[[int, int], int]) -> None:
    """PATCH and DELETE of a filter touch exactly those of the rows that a GET of it shows which the rule lets be written."""
    chance = random.Random(20)
    own = {row["id"] for row in rows()["notes"] if row["owner_id"] == BEA_ID}
    for _ in range(rounds(100, 5000)):
        query = conditions(chance)
        seen = fresh.ask(get(f"/rest/v1/notes?select=id&{query}"), BEA)
        if seen.status == 400:
            continue
        expected = sorted(own & set(ids(seen)))
        changed = fresh.ask(send("PATCH", f"/rest/v1/notes?select=id&{query}", {"slug": None}, UNDO), BEA)
        assert ids(changed) == expected, query
    everything = {row["id"]: row for row in rows()["notes"]}
    referenced = {row["parent_id"] for row in everything.values()} | {20, 70}
    fresh.sql("delete from vaults where note_id in (20, 70)")
    fresh.sql("delete from tokens where note_id in (20, 70)")
    for _ in range(rounds(100, 5000)):
        query = conditions(chance)
        seen = fresh.ask(get(f"/rest/v1/notes?select=id&{query}"), BEA)
        if seen.status == 400 or own & set(ids(seen)) & referenced:
            continue
        deleted = fresh.ask(send("DELETE", f"/rest/v1/notes?select=id&{query}", None, UNDO), BEA)
        assert ids(deleted) == sorted(own & set(ids(seen))), query


@pytest.mark.parametrize("who", [BEA, SERVICE], ids=lambda who: who.letter)
def test_b3_ranges_and_embedded_filters_do_not_move_a_write(fresh: Place, who: Persona) -> None:
    plain = ids(fresh.ask(send("PATCH", "/rest/v1/notes?id=gt.15", {"mood": "calm"}, UNDO), who))
    assert plain
    for query, header in (
        ("", ("range", "0-0")),
        ("", ("range-unit", "items")),
        ("&select=id,vaults(id)&vaults.id=eq.-1", ("x-a", "b")),
        ("&select=id,team(id)&team.id=eq.-1", ("x-a", "b")),
        ("&select=id,vaults(id)&vaults.limit=0", ("x-a", "b")),
    ):
        reply = fresh.ask(send("PATCH", f"/rest/v1/notes?id=gt.15{query}", {"mood": "calm"}, UNDO, header), who)
        assert reply.status == 400 or ids(reply) == plain, f"{query}: {reply}"
    # A limit that would be ignored is worse than none: it is either heeded or refused.
    for query in ("&limit=1", "&limit=1&order=id", "&offset=1"):
        reply = fresh.ask(send("PATCH", f"/rest/v1/notes?id=gt.15{query}", {"mood": "calm"}, UNDO), who)
        assert reply.status == 400 or len(ids(reply)) <= 1 or ids(reply) == plain, f"{query}: {reply}"


def test_b3_bounds_on_what_is_touched_hold(fresh: Place) -> None:
    before = fresh.contents()
    most = ("prefer", "handling=strict, max-affected=1")
    for request in (
        send("PATCH", "/rest/v1/notes?id=not.is.null", {"mood": "calm"}, most),
        send("DELETE", "/rest/v1/remarks?id=not.is.null", None, most),
        send("PATCH", "/rest/v1/remarks?id=not.is.null", {"text": "x"}, most),
    ):
        reply = fresh.ask(request, BEA)
        assert (reply.status, reply.code) == (400, "PGRST124")
    one = ("accept", "application/vnd.pgrst.object+json")
    for request in (
        send("PATCH", "/rest/v1/notes?id=not.is.null", {"mood": "calm"}, one, SHOW),
        send("PATCH", "/rest/v1/remarks?id=not.is.null", {"text": "x"}, one, SHOW),
        send("DELETE", "/rest/v1/remarks?id=not.is.null", None, one, SHOW),
    ):
        assert fresh.ask(request, BEA).code == "PGRST116"
    assert fresh.contents() == before


def test_b6_nothing_is_spent_twice(fresh: Place) -> None:
    """64 callers at once change one row on the condition that it is as they found it: one does."""
    tries = [
        send("PATCH", "/rest/v1/notes?id=eq.20&mood=eq.angry&select=id", {"mood": "calm"}, SHOW) for _ in range(64)
    ]
    assert fresh.sql("select mood from notes where id = 20") == [("angry",)]
    assert sum(reply.json() == [{"id": 20}] for reply in fresh.ask_at_once(tries, BEA)) == 1
