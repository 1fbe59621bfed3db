"""The table of expectations, through every entry point there is: the data API, functions, the session, and hooks (T2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import inspect as sa_inspect

from tests.api.scenario import Persona, Place, Reply, Request, get, send
from tests.security.batched import Batched
from tests.security.expectations import EXAMPLES, FUNCTIONS, KEY, MATRIX, Key
from tests.security.world import PERSONAS, TABLES, Audit, Base, Inbox, Mood, fill, make_app
from undercroft import Context, Fault, User

ENTITIES: dict[str, Any] = {**TABLES, "audit": Audit, "users": User}
UNDO = ("prefer", "tx=rollback, return=representation")
CELLS = [(persona, table) for persona in PERSONAS.values() for table in ENTITIES]
IDS = [f"{persona.letter}-{table}" for persona, table in CELLS]
HARMLESS: dict[str, dict[str, Any]] = {
    "teams": {"rank": 5},
    "members": {"team_id": "same"},
    "seats": {"id": "same"},
    "notes": {"rating": 5},
    "tokens": {"note_id": 10},
    "vaults": {"note_id": 10},
    "labels": {"is_open": True},
    "note_labels": {"is_shown": True},
    "remarks": {"text": "y"},
    "codes": {"label": "same"},
    "inbox": {"text": "y"},
}
"""A change that takes no row out of the rule; "same" sets a column to what it is."""


def key_of(table: str) -> str:
    return KEY.get(table, "id")


@pytest.fixture(scope="module", params=["alone", "in a batch"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The world, with a function for each table that hands out its rows, and others that use the session; asked by
    single requests, and by batches.
    """
    app = make_app()
    found: dict[str, Any] = {}
    for name, entity in TABLES.items():
        app.rpc(name=f"every_{name}", read_only=True)(_giving_all(entity))

    @app.rpc()
    async def by_session(ctx: Context, table: str, verb: str, row: dict[str, Any] | None = None) -> list[Any]:
        return await use_session(ctx, table, verb, row)

    @app.before_insert(Inbox)
    async def by_hook(ctx: Context, inbox: Inbox) -> None:
        for name in TABLES:
            found[name] = await use_session(ctx, name, "select", None)

    with Place(app, tmp_path_factory.mktemp("matrix"), UNDERCROFT_API_TX_END="commit-allow-override") as place:
        fill(place)
        place.by_hook = found  # type: ignore[attr-defined]
        yield place if request.param == "alone" else Batched(place)


def _giving_all(entity: Any) -> Any:
    async def every(ctx: Context) -> Any:
        with ctx.as_service():
            return list(await ctx.session.scalars(sa.select(entity)))

    every.__annotations__ = {"ctx": Context, "return": list[entity]}
    return every


async def use_session(ctx: Context, table: str, verb: str, row: dict[str, Any] | None) -> list[Any]:
    """What the session lets its caller do: the keys of the rows, or of those that could be changed or deleted one by one."""
    entity, session = ENTITIES[table], ctx.session
    key = sa_inspect(entity).columns[key_of(table)]
    if verb == "select":
        return [_plain(each) for each in await session.scalars(sa.select(key).select_from(entity))]
    if verb == "insert":
        return [1] if await _allowed(session, lambda: session.add(entity(**row_of(table, row or {})))) else []
    with ctx.as_service():
        names = list((await session.execute(sa.select(*sa_inspect(entity).primary_key, key.label("shown")))).all())
    done = []
    for *primary, shown in names:
        with ctx.as_service():
            each = await session.get(entity, tuple(primary))
        change = None if verb == "delete" else _change(table, each)
        if await _allowed(session, change, each):
            done.append(shown)
    return done


def _change(table: str, instance: Any) -> Any:
    """A change of an object that takes its row out of no rule; the session must see that it is one."""
    name = {"members": "duty", "seats": "user_id"}.get(table) or next(iter(HARMLESS[table]))
    value: Any = sa.literal_column(name)
    return lambda: setattr(instance, name, value)


async def _allowed(session: Any, change: Any, instance: Any = None) -> bool:
    """Whether a flush of one change passes the policies; nothing of it remains."""
    try:
        async with session.begin_nested():
            if change is None:
                await session.delete(instance)
            else:
                change()
            await session.flush()
            raise _Undo
    except (_Undo, sa.exc.IntegrityError):
        return True
    except Fault as fault:
        return fault.code != "42501"
    finally:
        session.expunge_all()


class _Undo(Exception):
    pass


def row_of(table: str, row: dict[str, Any]) -> dict[str, Any]:
    from uuid import UUID

    turned = {name: UUID(value) if name in ("owner_id", "user_id") and value else value for name, value in row.items()}
    return {name: Mood(value) if name == "mood" and value else value for name, value in turned.items()}


def _plain(value: Any) -> Any:
    return value


def keys(reply: Reply, table: str) -> set[Key]:
    assert reply.status in (200, 201), reply
    return {row[key_of(table)] for row in reply.json()}


def assert_unknown(reply: Reply) -> None:
    assert (reply.status, reply.code) == (404, "PGRST205"), reply


# ---------------------------------------------------------------- the table is complete


def is_kept_by_the_house(table: Any) -> bool:
    """Its own tables; apps may refer to people themselves."""
    return bool(table.schema == "undercroft" or (table.schema == "auth" and table.name != "users"))


def test_t2_every_table_column_function_and_persona_has_an_expectation(place: Place) -> None:
    tables = {table.name for table in Base.metadata.tables.values() if not is_kept_by_the_house(table)}
    assert set(ENTITIES) == tables
    for letter, row in MATRIX.items():
        assert set(row) == tables, letter
    assert set(EXAMPLES) == tables
    ours = {"by_session", *(f"every_{name}" for name in TABLES)}
    assert {function.name for function in place.app.functions} - ours == set(FUNCTIONS)
    assert set(PERSONAS) == set(MATRIX)
    roles = {role for policy in place.app.policies for role in policy.roles} | {"anon"}
    assert roles <= {persona.role or "anon" for persona in PERSONAS.values()}


@pytest.mark.parametrize("who", list(PERSONAS.values()), ids=lambda who: who.letter)
def test_t2_what_the_house_keeps_is_known_to_nobody(place: Place, who: Persona) -> None:
    own = [table for table in Base.metadata.tables.values() if is_kept_by_the_house(table)]
    assert len(own) > 20
    for table in own:
        for name in (table.name, table.fullname):
            assert_unknown(place.ask(get(f"/rest/v1/{name}"), who))


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize(("who", "table"), CELLS, ids=IDS)
def test_t2_rows(place: Place, who: Persona, table: str) -> None:
    may = MATRIX[who.letter][table]
    path, key = f"/rest/v1/{table}", key_of(table)
    everything = f"{key}=not.is.null"
    if not may.known:
        for method in ("GET", "HEAD", "OPTIONS"):
            reply = place.ask(Request(method, path), who)
            assert reply.status == 404
        assert_unknown(place.ask(get(path), who))
        assert_unknown(place.ask(send("POST", path, next(iter(EXAMPLES[table].values()))), who))
        assert_unknown(place.ask(send("PATCH", f"{path}?{everything}", {"id": 1}, UNDO), who))
        assert_unknown(place.ask(send("DELETE", f"{path}?{everything}", None, UNDO), who))
        assert_unknown(place.ask(send("PUT", f"{path}?id=eq.1", {"id": 1}, UNDO), who))
        return
    assert keys(place.ask(get(f"{path}?select={key}"), who), table) == may.select
    assert place.ask(Request("OPTIONS", path), who).status == 200
    plain = place.ask(get(f"{path}?select={key}", ("accept", "text/csv")), who).body.decode().split("\n")[1:]
    assert {line.strip('"') for line in plain} == {str(each) for each in may.select}
    changed = place.ask(send("PATCH", f"{path}?{everything}&select={key}", _harmless(table), UNDO), who)
    if "same" not in HARMLESS[table].values() and may.update:
        assert keys(changed, table) == may.update
    elif not may.update:
        assert changed.status >= 400 or keys(changed, table) == set()
    for one in sorted(may.select | may.update | may.delete | {"nope"}, key=str):
        if isinstance(one, str) and key == "id":
            continue
        reply = place.ask(send("DELETE", f"{path}?{key}=eq.{one}&select={key}", None, UNDO), who)
        allowed = reply.code == "23503" or (reply.status == 200 and keys(reply, table) == {one})
        assert allowed == (one in may.delete), f"deleting {one}: {reply}"


def _harmless(table: str) -> dict[str, Any]:
    return {name: value for name, value in HARMLESS[table].items() if value != "same"} or {"nope": 1}


@pytest.mark.parametrize(("who", "table"), CELLS, ids=IDS)
def test_t2_new_rows(place: Place, who: Persona, table: str) -> None:
    may = MATRIX[who.letter][table]
    if not may.known:
        return
    for name, row in EXAMPLES[table].items():
        for prefer in (
            "tx=rollback",
            "tx=rollback, resolution=merge-duplicates",
            "tx=rollback, resolution=ignore-duplicates",
        ):
            reply = place.ask(send("POST", f"/rest/v1/{table}", row, ("prefer", prefer)), who)
            expected = may.new.get(name, False)
            assert (reply.status in (200, 201)) == expected, f"{name}, {prefer}: {reply}"
            if not expected:
                assert reply.code in ("42501", "23502", "PGRST204"), f"{name}: {reply}"
        nothing = place.ask(send("POST", f"/rest/v1/{table}", [], ("prefer", "tx=rollback")), who)
        assert nothing.status in (200, 201, 400, 401, 403)


# ---------------------------------------------------------------- columns


@pytest.mark.parametrize(("who", "table"), CELLS, ids=IDS)
def test_t2_columns(place: Place, who: Persona, table: str) -> None:
    may = MATRIX[who.letter][table]
    if not may.known:
        return
    columns = list(ENTITIES[table].__table__.c.keys())
    every = who.letter == "s"
    for column in columns:
        reads = place.ask(get(f"/rest/v1/{table}?select={column}"), who)
        assert (reads.status == 200) == (every or column in may.reads), f"{column}: {reads}"
        inserted = place.ask(send("POST", f"/rest/v1/{table}", {column: None}, ("prefer", "tx=rollback")), who)
        changed = place.ask(send("PATCH", f"/rest/v1/{table}?{key_of(table)}=is.null", {column: None}, UNDO), who)
        # Refused as a column: missing to whoever may not know it, 42501 by name to whoever may only read it.
        if every or may.inserts:
            assert _refused_column(inserted, column) == (not every and column not in may.inserts), (
                f"{column}: {inserted}"
            )
        else:
            assert inserted.status in (400, 401, 403), f"{column}: {inserted}"
        if every or may.updates or column not in may.reads:
            assert _refused_column(changed, column) == (not every and column not in may.updates), f"{column}: {changed}"
    whole = place.ask(get(f"/rest/v1/{table}?limit=1"), who).json()
    for row in whole:
        assert set(row) == (set(columns) if every else set(may.reads))


def _refused_column(reply: Reply, column: str) -> bool:
    if reply.code == "PGRST204":
        return True
    return reply.code == "42501" and f'column "{column}"' in reply.json()["message"]


# ---------------------------------------------------------------- functions, the session, hooks


@pytest.mark.parametrize("who", list(PERSONAS.values()), ids=lambda who: who.letter)
def test_t2_functions(place: Place, who: Persona) -> None:
    for name, letters in FUNCTIONS.items():
        reply = place.ask(send("POST", f"/rest/v1/rpc/{name}", {"nope": 1}), who)
        options = place.ask(Request("OPTIONS", f"/rest/v1/rpc/{name}"), who)
        assert reply.code == "PGRST202"
        assert (options.status == 200) == (who.letter in letters), name
    for table in TABLES:
        may, key = MATRIX[who.letter][table], key_of(table)
        reply = place.ask(get(f"/rest/v1/rpc/every_{table}?select={key}"), who)
        if not may.known:
            assert reply.code == "42501", f"{table}: {reply}"
        else:
            assert keys(reply, table) == may.select, table


@pytest.mark.parametrize("verb", ["select", "update", "delete", "insert"])
@pytest.mark.parametrize("who", list(PERSONAS.values()), ids=lambda who: who.letter)
def test_t2_the_session_within_a_function(place: Place, who: Persona, verb: str) -> None:
    for table in TABLES:
        may = MATRIX[who.letter][table]
        if verb == "insert":
            for name, row in EXAMPLES[table].items():
                if table in ("remarks", "codes"):
                    continue  # presets and keys are the business of the API
                reply = place.ask(
                    send("POST", "/rest/v1/rpc/by_session", {"table": table, "verb": verb, "row": row}, UNDO), who
                )
                # To SQLAlchemy's session None is no value, and the column's default takes its place.
                expected = may.new.get("by whoever asks" if name == "by nobody" else name, False)
                assert (reply.json() == [1]) == expected, f"{table} {name}: {reply}"
            continue
        reply = place.ask(send("POST", "/rest/v1/rpc/by_session", {"table": table, "verb": verb}, UNDO), who)
        assert reply.status == 200, reply
        reached = {"select": may.select, "update": may.update, "delete": may.delete}[verb]
        assert set(reply.json()) == reached, f"{table}: {reply}"


@pytest.mark.parametrize("who", list(PERSONAS.values()), ids=lambda who: who.letter)
def test_t2_the_session_within_a_hook(place: Place, who: Persona) -> None:
    assert place.ask(send("POST", "/rest/v1/inbox", {"text": "x"}, ("prefer", "tx=rollback")), who).status == 201
    found = place.by_hook  # type: ignore[attr-defined]
    for table in TABLES:
        assert set(found[table]) == MATRIX[who.letter][table].select, table


# ---------------------------------------------------------------- what is told of it


@pytest.mark.parametrize("who", list(PERSONAS.values()), ids=lambda who: who.letter)
def test_t2_the_description_tells_the_same(place: Place, who: Persona) -> None:
    document = place.ask(get("/rest/v1/"), who).json()
    for table, entity in ENTITIES.items():
        may = MATRIX[who.letter][table]
        path = document["paths"].get(f"/{table}")
        assert (path is not None) == may.known, table
        if path is None:
            continue
        writes = {"post": bool(may.inserts), "patch": bool(may.updates), "delete": bool(may.delete)}
        for method, allowed in writes.items():
            if who.letter == "s":
                assert method in path, f"{table} {method}"
            elif method != "delete":
                assert (method in path) == allowed, f"{table} {method}"
        text = str(document)
        for column in entity.__table__.c.keys():  # noqa: SIM118
            if who.letter != "s" and column not in may.reads and column != "code":
                assert f"'{column}'" not in text, f"{table}.{column}"
