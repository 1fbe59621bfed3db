"""Organisations by a table of expectations through each entry (T2), and two worlds that differ in another tenant (T0).

The table: who reaches how many rows of which table by which command, through the data API and through the session of an
app's function, in one wall and in both. The worlds: whatever a member of one organisation asks, functions included, the
answers are the same bytes, whatever the other organisation is, has, and whom it invites.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.api.organisations.team import team_app
from tests.api.scenario import ANON, SERVICE, Persona, Place, Request, get, send
from undercroft import Context, Fault

OURS, THEIRS = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
NAMES = ("owner", "admin", "auditor", "member", "guest", "retired", "stranger", "crow", "moderator")
IDS = {name: f"00000000-0000-4000-8000-0000000000{at:02d}" for at, name in enumerate(NAMES, 10)}
WHO = {name: Persona(name[0], "authenticated", id) for name, id in IDS.items()}
TABLES = ("organisations", "memberships", "organisation_invitations", "user_roles", "notes")
HARMLESS: dict[str, dict[str, Any]] = {
    "organisations": {"metadata": {"x": 1}}, "memberships": {"role": "made up"}, "user_roles": {"role": "made up"},
    "organisation_invitations": {"role": "made up"}, "notes": {"text": "changed"},
}  # fmt: skip
FULL = ("prefer", "tx=rollback, return=representation")
WHEN = datetime(2026, 1, 1, tzinfo=UTC).isoformat()

# Rows that a persona reaches: of OURS there are 1 organisation, 6 members, 2 invitations, 2 notes; of THEIRS 1, 1, 1, 1.
# Beside them there are two roles in the app, the moderator's and the crow's.
EXPECTED: dict[str, dict[str, tuple[int, ...]]] = {
    "select": {
        "owner": (1, 6, 2, 0, 2), "admin": (1, 6, 2, 0, 2), "auditor": (1, 6, 0, 0, 2), "member": (1, 6, 0, 0, 2),
        "guest": (1, 6, 0, 0, 2), "retired": (1, 6, 0, 0, 0), "stranger": (0, 0, 0, 0, 0), "crow": (1, 1, 1, 1, 1),
        "moderator": (0, 0, 0, 1, 3),
    },
    "update": {
        "owner": (1, 0, 0, 0, 2), "admin": (1, 0, 0, 0, 2), "member": (0, 0, 0, 0, 2), "crow": (1, 0, 0, 0, 1),
        "moderator": (0, 0, 0, 0, 3),
    },
    "delete": {"owner": (1, 0, 0, 0, 2), "admin": (0, 0, 0, 0, 2), "crow": (1, 0, 0, 0, 1)},
}  # fmt: skip
WALLS = [
    pytest.param(False, id="one wall"),
    pytest.param(True, id="both walls", marks=pytest.mark.needs("postgres")),
]


@contextmanager
def world(folder: Path, server: str | None, secret: str = "crows", more: int = 0) -> Iterator[Place]:
    """Two organisations; what is of THEIRS is otherwise for another `secret`, and `more`."""
    app, _ = team_app()

    @app.rpc(to="authenticated")
    async def by_session(ctx: Context, table: str, verb: str) -> int:
        return await reached(ctx, app, table, verb)

    settings = {"UNDERCROFT_API_TX_END": "commit-allow-override", "UNDERCROFT_DATABASE_RLS": str(bool(server)).lower()}
    with Place(app, folder, server=server, UNDERCROFT_MAIL_BACKEND="memory", **settings) as place:
        users = app.metadata.tables["auth.users"]

        async def people() -> None:
            async with place.house.pipeline.logic(_service()) as transaction:
                told = [
                    {"id": id, "email": f"{name}@example.com", "email_confirmed_at": datetime(2026, 1, 1, tzinfo=UTC)}
                    for name, id in IDS.items()
                ]
                await transaction.session().execute(sa.insert(users).values(told))

        place.run(people())
        seed(place, secret, more)
        yield place


def _service() -> Any:
    from undercroft.access.actor import SERVICE as ACTOR

    return ACTOR


def seed(place: Place, secret: str, more: int) -> None:
    """The rows, as the service writes them."""
    organisation = {"created_at": WHEN, "metadata": None}
    members = [{"organisation_id": OURS, "role": name, "user_id": IDS[name]} for name in NAMES[:5]]
    members += [{"organisation_id": OURS, "role": "once a role", "user_id": IDS["retired"]}]
    members += [{"organisation_id": THEIRS, "role": "owner", "user_id": IDS["crow"]}]
    members += [{"organisation_id": THEIRS, "role": "guest", "user_id": IDS["moderator"]}] * bool(more)
    asked = [(OURS, "boss@example.com", "owner"), (OURS, "new@example.com", "guest")]
    asked += [(THEIRS, f"{secret}@example.com", "owner")]
    asked += [(THEIRS, f"{at}.{secret}@example.com", "guest") for at in range(more)]
    invitations = [
        {"organisation_id": at, "email": email, "role": role, "token_hash": f"hash of {email}", "expires_at": WHEN,
         "created_at": WHEN, "id": f"cccccccc-0000-4000-8000-0000000000{number:02d}"}
        for number, (at, email, role) in enumerate(asked)
    ]  # fmt: skip
    notes = [{"id": 1, "organisation_id": OURS, "text": "ours"}, {"id": 2, "organisation_id": OURS, "text": "ours too"}]
    notes += [{"id": 3 + at, "organisation_id": THEIRS, "text": f"{secret} {at}"} for at in range(more + 1)]
    for table, found in {
        "organisations": [
            {"id": OURS, "name": "Ducks", "slug": "ducks", **organisation},
            {"id": THEIRS, "name": secret, "slug": f"of-{secret}", **organisation, "metadata": {"plan": secret}},
        ],
        "memberships": [{**row, "created_at": WHEN} for row in members],
        "organisation_invitations": invitations,
        "user_roles": [
            {"user_id": IDS["moderator"], "role": "moderator", "created_at": WHEN},
            {"user_id": IDS["crow"], "role": "chief" if more else "retired", "created_at": WHEN},
        ],
        "notes": notes,
    }.items():
        answer = place.ask(send("POST", f"/rest/v1/{table}", found), SERVICE)
        assert answer.status == 201, answer


async def reached(ctx: Context, app: Any, table: str, verb: str) -> int:
    """How many rows the session of a function lets its caller read, change, or delete, one by one."""
    entity = next(each.class_ for each in app.models.registry.mappers if each.local_table.name == table)
    session = ctx.session
    if verb == "select":
        return len(list(await session.scalars(sa.select(entity))))
    with ctx.as_service():
        every = list(await session.scalars(sa.select(entity)))
    keys = [sa.inspect(each).identity for each in every]
    session.expunge_all()
    count = 0
    for key in keys:
        try:
            async with session.begin_nested():
                with ctx.as_service():
                    row = await session.get(entity, key)
                if verb == "delete":
                    await session.delete(row)
                else:
                    for name, value in HARMLESS[table].items():
                        setattr(row, "details" if name == "metadata" else name, value)
                await session.flush()
                count += 1
                raise _Undo
        except _Undo:
            pass
        except Fault as fault:
            if fault.code != "42501":
                raise
        finally:
            session.expunge_all()
    return count


class _Undo(Exception):
    pass


@pytest.fixture(scope="module", params=WALLS)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    server = request.getfixturevalue("postgres_server") if request.param else None
    with world(tmp_path_factory.mktemp("teams"), server) as made:
        yield made


@pytest.mark.parametrize("name", [*NAMES, "nobody"])
def test_t2_everybody_reaches_what_the_table_says(place: Place, name: str) -> None:
    who = WHO.get(name, ANON)
    for verb, method in (("select", "GET"), ("update", "PATCH"), ("delete", "DELETE")):
        expected = EXPECTED[verb].get(name, (0,) * len(TABLES))
        for table, count in zip(TABLES, expected, strict=True):
            body = HARMLESS[table] if verb == "update" else None
            key = "role" if table == "user_roles" else "created_at" if table != "notes" else "id"
            answer = place.ask(send(method, f"/rest/v1/{table}?{key}=not.is.null", body, FULL), who)
            if name == "nobody":
                assert answer.code == "PGRST205", (table, verb, answer)
                continue
            if verb != "select" and answer.status == 403:  # the second wall has no right to grant
                assert (answer.code, count) == ("42501", 0), (table, verb, answer)
            elif (table, verb) == ("organisations", "delete") and count:
                assert answer.status == 200, answer
            else:
                assert len(answer.json()) == count, (table, verb, answer)
            if (table, verb) not in NOT_BY_SESSION:
                call = send("POST", "/rest/v1/rpc/by_session", {"table": table, "verb": verb}, FULL)
                assert (table, verb, place.ask(call, who).json()) == (table, verb, count)


@pytest.mark.parametrize("name", NAMES)
def test_t2_nobody_adds_rows_but_notes_of_their_team(place: Place, name: str) -> None:
    """Whatever else is wrong with them: a row that is there already, or a new one."""
    for table in TABLES:
        row = place.ask(get(f"/rest/v1/{table}?limit=1"), SERVICE).json()[0]
        row.pop("token_hash", None)
        if table == "notes":
            row |= {"id": 99, "organisation_id": OURS}
        answer = place.ask(send("POST", f"/rest/v1/{table}", row, FULL), WHO[name])
        if table == "notes" and name in ("owner", "admin", "member", "moderator"):
            assert answer.status == 201, answer
        else:
            assert answer.code == "42501", (table, answer)


NOT_BY_SESSION = {("organisations", "delete")}
"""A session asks about every row that goes along, those of other tables by the database's own cascade."""


def questions() -> Iterator[Request]:
    """Whatever may tell of the other tenant: reads of each shape, writes, and functions by its ids and names."""
    for table in TABLES:
        for query in (
            "select=*", "select=*&order=created_at" if table != "notes" else "select=*&order=id", "select=count()",
            "limit=1&offset=5", f"organisation_id=eq.{THEIRS}", f"id=eq.{THEIRS}", "role=eq.owner", "name=like.*row*",
            "text=like.*row*", "email=like.*row*", "select=*,organisations(*)", "select=*,memberships(*)",
            "select=*,notes(*),organisation_invitations(*)", "select=*,organisations!inner(name)&organisations.slug=like.of*",
            "select=token_hash", "metadata->>plan=like.*row*",
        ):  # fmt: skip
            yield get(f"/rest/v1/{table}?{query}", ("prefer", "count=exact"))
        for method in ("PATCH", "DELETE"):
            where = f"organisation_id=eq.{THEIRS}" if table != "organisations" else f"id=eq.{THEIRS}"
            yield send(method, f"/rest/v1/{table}?{where}", HARMLESS[table] if method == "PATCH" else None, FULL)
        row = {**HARMLESS[table], "organisation_id": THEIRS, "user_id": IDS["crow"]}
        yield send("POST", f"/rest/v1/{table}", row, ("prefer", "resolution=merge-duplicates, tx=rollback"))
    for function, arguments in {
        "invite_member": {"organisation_id": THEIRS, "email": "x@example.com", "role": "guest"},
        "change_member": {"organisation_id": THEIRS, "user_id": IDS["crow"], "role": "guest"},
        "remove_member": {"organisation_id": THEIRS, "user_id": IDS["crow"]},
        "leave_organisation": {"organisation_id": THEIRS},
        "revoke_invitation": {"invitation_id": "cccccccc-0000-4000-8000-000000000002"},
        "accept_invitation": {"token": "x"},
        "give_role": {"user_id": IDS["crow"], "role": "moderator"},
        "take_role": {"user_id": IDS["crow"], "role": "chief"},
        "may": {"organisation_id": THEIRS, "permission": "notes.read"},
    }.items():
        for given in (arguments, dict.fromkeys(arguments, "no such")):
            yield send("POST", f"/rest/v1/rpc/{function}", given, FULL)


@pytest.mark.parametrize("walled", WALLS)
def test_t0_nothing_tells_of_another_tenant(request: pytest.FixtureRequest, tmp_path: Path, walled: bool) -> None:
    server = request.getfixturevalue("postgres_server") if walled else None
    told: list[list[Any]] = []
    for folder, secret, more in (("one", "crows", 0), ("two", "rowers", 3)):
        with world(tmp_path / folder, server, secret, more) as place:
            told.append([
                (asked, name, reply.status, reply.body, reply.header("content-range"))
                for asked in questions()
                for name in ("owner", "guest", "stranger", "nobody")
                for reply in (place.ask(asked, WHO.get(name, ANON)),)
            ])  # fmt: skip
    for one, other in zip(*told, strict=True):
        assert one == other
    assert {status for _, _, status, _, _ in told[0]} >= {200, 400, 403, 404}
    shown = {name: {body for asked, who, _, body, _ in told[0] if who == name} for name in ("owner", "stranger")}
    assert any(b"ours too" in body for body in shown["owner"])
    assert not any(json.dumps(OURS).encode() in body for body in shown["stranger"])
