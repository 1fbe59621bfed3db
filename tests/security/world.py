"""An app with something to hide in every place where an app can hide it: the subject of most tests in this ring.

`make_app` builds it anew for each test, `rows` says what is in it, and `sees` says in plain Python who may read which row,
without sharing anything with the policies that are under test.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tests.api.scenario import ANON, SERVICE, Persona, Place, Request, send
from undercroft import App, Context, Model, Numeric, User, auth
from undercroft.models.base import NAMES

ADA_ID, BEA_ID, CARL_ID = (f"0000000{n}-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
BEA = Persona("b", "authenticated", BEA_ID)
CARL = Persona("c", "authenticated", CARL_ID)
NOBODY = Persona("n", "authenticated")
"""A signed-in caller whose token names no user."""
AUDITOR = Persona("r", "auditor", ADA_ID)
STRANGER = Persona("x", "role_of_no_policy", BEA_ID)
PERSONAS = {each.letter: each for each in (ANON, BEA, CARL, NOBODY, AUDITOR, STRANGER, SERVICE)}


class Base(Model):
    __abstract__ = True
    metadata = sa.MetaData(naming_convention=NAMES)


class Mood(enum.Enum):
    calm = "calm"
    angry = "angry"


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    motto: Mapped[str | None]
    """Hidden from everybody."""
    rank: Mapped[int | None]


class Member(Base):
    """Who is in which team. Its policies ask the same table: members see their team mates."""

    __tablename__ = "members"
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    duty: Mapped[str] = mapped_column(default="mate")


class Seat(Base):
    """Who sits in a team may give seats in it: the check asks the very table that is written to."""

    __tablename__ = "seats"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    user_id: Mapped[UUID]


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str | None] = mapped_column(unique=True)
    title: Mapped[str]
    body: Mapped[str | None]
    secret: Mapped[str | None]
    """Hidden from everybody."""
    rating: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    mood: Mapped[Mood | None]
    meta: Mapped[dict[str, Any] | None]
    sealed: Mapped[dict[str, Any] | None]
    """Hidden JSON."""
    blob: Mapped[bytes | None]
    """Hidden bytes."""
    seen_at: Mapped[datetime | None]
    is_public: Mapped[bool] = mapped_column(default=False)
    owner_id: Mapped[UUID | None] = mapped_column(default=auth.uid)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("notes.id"))
    stamp: Mapped[str | None]
    """Read only."""
    team: Mapped[Team | None] = relationship()


class Token(Base):
    """Closed: no policy speaks of it."""

    __tablename__ = "tokens"
    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id"))
    token: Mapped[str] = mapped_column(unique=True)


class Vault(Base):
    """Open, but it hangs on a closed table."""

    __tablename__ = "vaults"
    id: Mapped[int] = mapped_column(primary_key=True)
    token_id: Mapped[int | None] = mapped_column(ForeignKey("tokens.id"))
    note_id: Mapped[int | None] = mapped_column(ForeignKey("notes.id"))
    name: Mapped[str]


class Label(Base):
    __tablename__ = "labels"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    is_open: Mapped[bool]


class NoteLabel(Base):
    """A junction whose own rows may be invisible."""

    __tablename__ = "note_labels"
    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id"), primary_key=True)
    label_id: Mapped[int] = mapped_column(ForeignKey("labels.id"), primary_key=True)
    is_shown: Mapped[bool]


class Remark(Base):
    """Writes to it pass through hooks."""

    __tablename__ = "remarks"
    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[int | None] = mapped_column(ForeignKey("notes.id"))
    text: Mapped[str]
    pin: Mapped[str | None]
    """Hidden from everybody."""
    stamp: Mapped[str | None]
    """Read only."""
    owner_id: Mapped[UUID | None]
    """Preset at insert."""
    edited_by: Mapped[UUID | None]
    """Preset at insert and update."""


class Code(Base):
    """Its primary key is hidden."""

    __tablename__ = "codes"
    code: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str]


class Inbox(Base):
    """Everybody may write to it, and nobody may read it."""

    __tablename__ = "inbox"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


class Audit(Base):
    """Outside the schema that is served."""

    __tablename__ = "audit"
    __table_args__ = ({"schema": "private"},)
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


HIDDEN: Mapping[str, tuple[str, ...]] = {
    "teams": ("motto",),
    "notes": ("secret", "sealed", "blob"),
    "remarks": ("pin",),
    "codes": ("code",),
}
"""Columns that exist for nobody but the service."""
CLOSED = ("tokens", "audit", "users")
TABLES: Mapping[str, type[Base]] = {
    each.__tablename__: each for each in (Team, Member, Seat, Note, Token, Vault, Label, NoteLabel, Remark, Code, Inbox)
}


def make_app() -> App:
    """The app with its policies, column rules, hooks and functions."""
    app = App(models=Base)
    _policies(app)
    _column_rules(app)
    _hooks(app)
    _functions(app)
    return app


def _policies(app: App) -> None:
    @app.policy(Team, "select", to=["authenticated", "auditor"])
    def own_teams(team: Any) -> Any:
        return team.id.in_(sa.select(Member.team_id).where(Member.user_id == auth.uid))

    @app.policy(Member, "select", to="authenticated")
    def mates(member: Any) -> Any:
        return sa.exists().where(Member.team_id == member.team_id, Member.user_id == auth.uid)

    @app.policy(Member, "update", "delete", to="authenticated")
    def chiefs(member: Any) -> Any:
        return sa.exists().where(Member.team_id == member.team_id, Member.user_id == auth.uid, Member.duty == "chief")

    @app.policy(Seat, "select", "insert", "update", "delete", to="authenticated")
    def colleagues(seat: Any) -> Any:
        return seat.team_id.in_(sa.select(Seat.team_id).where(Seat.user_id == auth.uid))

    @app.policy(Note, "select")
    def public(note: Any) -> Any:
        return note.is_public

    @app.policy(Note, "select", to="authenticated")
    def own_or_team(note: Any) -> Any:
        mine = sa.select(Member.team_id).where(Member.user_id == auth.uid)
        return (note.owner_id == auth.uid) | note.team_id.in_(mine)

    @app.policy(Note, "insert", "update", "delete", to="authenticated")
    def own(note: Any) -> Any:
        return note.owner_id == auth.uid

    @app.policy(Vault, "select")
    def everything(vault: Any) -> Any:
        return True

    @app.policy(Label, "select")
    def open_labels(label: Any) -> Any:
        return label.is_open

    @app.policy(NoteLabel, "select")
    def shown(link: Any) -> Any:
        return link.is_shown

    @app.policy(NoteLabel, "insert", "delete", to="authenticated")
    def on_own_notes(link: Any) -> Any:
        return link.note_id.in_(sa.select(Note.id).where(Note.owner_id == auth.uid))

    @app.policy(Remark, "select", "insert", "update", "delete", to="authenticated")
    def own_remarks(remark: Any) -> Any:
        return remark.owner_id == auth.uid

    @app.policy(Code, "select")
    def all_codes(code: Any) -> Any:
        return True

    @app.policy(Code, "insert", "update", to="authenticated")
    def codes_of_all(code: Any) -> Any:
        return True

    @app.policy(Inbox, "insert")
    def anybody(inbox: Any) -> Any:
        return True


def _column_rules(app: App) -> None:
    app.hide(Team.motto, Note.secret, Note.sealed, Note.blob, Remark.pin, Code.code)
    app.read_only(Note.stamp, Remark.stamp)
    app.preset(Remark.owner_id, auth.uid)
    app.preset(Remark.edited_by, auth.uid, on=("insert", "update"))


def _hooks(app: App) -> None:
    @app.before_insert(Remark)
    @app.before_update(Remark)
    async def tidy(ctx: Context, remark: Remark) -> None:
        text: str | None = remark.text
        if text is None:
            return  # the database will say so
        remark.text = remark.text.strip()
        if remark.text == "write elsewhere":
            ctx.session.add(Token(id=990, note_id=10, token="planted"))
        if remark.text == "give away":
            remark.owner_id = UUID(CARL_ID)

    @app.after_insert(Remark)
    @app.after_update(Remark)
    @app.after_delete(Remark)
    async def look(ctx: Context, remark: Remark) -> None:
        """What a hook sees by the session is what its caller may see."""
        if remark.text == "look around":
            remark.text = "seen: " + ",".join(
                str(each) for each in await ctx.session.scalars(sa.select(Note.id).order_by(Note.id))
            )


def _functions(app: App) -> None:
    @app.rpc(read_only=True)
    async def all_notes(ctx: Context) -> list[Note]:
        return list(await ctx.session.scalars(sa.select(Note).order_by(Note.id)))

    @app.rpc(read_only=True)
    async def handed_out(ctx: Context) -> list[Note]:
        """Finds everything as the service; the answer must still be the caller's."""
        with ctx.as_service():
            return list(await ctx.session.scalars(sa.select(Note).order_by(Note.id)))

    @app.rpc(read_only=True)
    async def one_note(ctx: Context, id: int) -> Note | None:
        return await ctx.session.get(Note, id)

    @app.rpc(read_only=True)
    async def note_ids(ctx: Context) -> list[int]:
        return list(await ctx.session.scalars(sa.select(Note.id).order_by(Note.id)))

    @app.rpc(read_only=True)
    async def given_keys(ctx: Context) -> list[Token]:
        with ctx.as_service():
            return list(await ctx.session.scalars(sa.select(Token)))

    @app.rpc(to="authenticated")
    async def write_note(ctx: Context, title: str, owner: UUID | None = None, is_public: bool = False) -> Note:
        note = Note(title=title, is_public=is_public)
        if owner is not None:
            note.owner_id = owner
        ctx.session.add(note)
        await ctx.session.flush()
        return note

    @app.rpc(to="authenticated")
    async def retitle(ctx: Context, id: int, title: str) -> int:
        note = await ctx.session.get(Note, id)
        if note is None:
            return 0
        note.title = title
        return 1

    @app.rpc(to="authenticated")
    async def drop_note(ctx: Context, id: int) -> int:
        note = await ctx.session.get(Note, id)
        if note is None:
            return 0
        await ctx.session.delete(note)
        return 1

    @app.rpc(to="authenticated")
    async def take_seat(ctx: Context, team: int) -> None:
        ctx.session.add(Seat(team_id=team, user_id=ctx.auth.uid))

    @app.rpc(to="authenticated")
    async def move_seat(ctx: Context, id: int, team: int) -> None:
        seat = await ctx.session.get_one(Seat, id)
        seat.team_id = team

    @app.rpc(to="auditor")
    async def for_auditors(ctx: Context, deep: int = 0) -> str:
        return "checked"

    @app.rpc(to="service_role")
    async def for_the_service(ctx: Context) -> list[str]:
        with ctx.as_service():
            return list(await ctx.session.scalars(sa.select(Token.token)))


# ---------------------------------------------------------------- the rows


def mark(audience: str, name: str) -> str:
    """A canary: the letters of those who may see it, and a name."""
    return f"zqx7_{audience}_{name}"


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def rows() -> dict[str, list[dict[str, Any]]]:
    """What is in the tables, in an order that foreign keys allow. Ids leave room between them."""
    notes = [
        # id, owner, team, public, parent
        (10, None, None, True, None),
        (20, BEA_ID, None, False, 10),
        (30, CARL_ID, None, False, 10),
        (40, CARL_ID, 1, False, 30),
        (50, CARL_ID, 2, False, 20),
        (60, None, None, False, 50),
        (70, BEA_ID, 2, True, 60),
        (80, None, 2, None, 10),
        (90, BEA_ID, None, False, None),
        (900, None, None, True, 60),
    ]
    return {
        "teams": [
            {"id": 1, "name": mark("brs", "team1"), "motto": mark("s", "motto1"), "rank": 1},
            {"id": 2, "name": mark("cs", "team2"), "motto": mark("s", "motto2"), "rank": None},
            {"id": 3, "name": mark("s", "team3"), "motto": mark("s", "motto3"), "rank": 3},
            {"id": 900, "name": mark("brs", "team900"), "motto": None, "rank": None},
        ],
        "members": [
            {"team_id": 1, "user_id": BEA_ID, "duty": "chief"},
            {"team_id": 1, "user_id": ADA_ID, "duty": mark("bs", "duty1")},
            {"team_id": 2, "user_id": CARL_ID, "duty": "mate"},
            {"team_id": 3, "user_id": "00000009-0000-4000-8000-000000000009", "duty": mark("s", "duty3")},
            {"team_id": 900, "user_id": BEA_ID, "duty": "mate"},
            {"team_id": 900, "user_id": ADA_ID, "duty": "mate"},
        ],
        "seats": [
            {"id": 10, "team_id": 1, "user_id": BEA_ID},
            {"id": 20, "team_id": 1, "user_id": ADA_ID},
            {"id": 30, "team_id": 2, "user_id": CARL_ID},
            {"id": 900, "team_id": 1, "user_id": ADA_ID},
        ],
        "notes": [
            {
                "id": id_,
                "slug": f"note-{id_}",
                "title": mark(_readers(owner, team, public), f"title{id_}"),
                "body": None if id_ % 20 else mark(_readers(owner, team, public), f"body{id_}"),
                "secret": mark("s", f"secret{id_}"),
                "rating": None if id_ == 30 else id_ / 8,
                "mood": [None, "calm", "angry"][id_ // 10 % 3],
                "meta": None
                if id_ == 40
                else {"k": mark(_readers(owner, team, public), f"meta{id_}"), "n": id_, "deep": {"list": [id_, None]}},
                "sealed": {"k": mark("s", f"sealed{id_}"), "n": id_},
                "blob": "\\x" + mark("s", f"blob{id_}").encode().hex(),
                "seen_at": None if id_ == 50 else (NOON + timedelta(days=id_)).isoformat(),
                "is_public": bool(public),
                "owner_id": owner,
                "team_id": team,
                "parent_id": parent,
                "stamp": "stamped",
            }
            for id_, owner, team, public, parent in notes
        ],
        "tokens": [{"id": n, "note_id": n, "token": mark("s", f"token{n}")} for n in (10, 20, 30, 900)],
        "vaults": [
            {"id": n, "token_id": n, "note_id": note, "name": f"vault {n}"}
            for n, note in ((10, 10), (20, 20), (30, 30), (900, 60))
        ],
        "labels": [
            {"id": 1, "name": "open", "is_open": True},
            {"id": 2, "name": mark("s", "label2"), "is_open": False},
            {"id": 3, "name": "also open", "is_open": True},
            {"id": 900, "name": "last", "is_open": True},
        ],
        "note_labels": [
            {"note_id": note, "label_id": label, "is_shown": shown}
            for note, label, shown in (
                (10, 1, True),
                (10, 2, True),
                (10, 3, False),
                (20, 1, True),
                (30, 1, True),
                (70, 3, False),
                (70, 1, True),
            )
        ],
        "remarks": [
            {
                "id": 10,
                "note_id": 10,
                "text": mark("bs", "remark10"),
                "pin": mark("s", "pin10"),
                "stamp": "x",
                "owner_id": BEA_ID,
                "edited_by": BEA_ID,
            },
            {
                "id": 20,
                "note_id": 20,
                "text": mark("cs", "remark20"),
                "pin": mark("s", "pin20"),
                "stamp": "x",
                "owner_id": CARL_ID,
                "edited_by": BEA_ID,
            },
            {
                "id": 30,
                "note_id": None,
                "text": mark("s", "remark30"),
                "pin": None,
                "stamp": None,
                "owner_id": None,
                "edited_by": None,
            },
            {
                "id": 900,
                "note_id": None,
                "text": "last",
                "pin": mark("s", "pin900"),
                "stamp": None,
                "owner_id": BEA_ID,
                "edited_by": None,
            },
        ],
        "codes": [{"code": mark("s", f"code{n}"), "label": f"label {n}"} for n in (1, 2)],
        "inbox": [{"id": 10, "text": mark("s", "inbox10")}, {"id": 900, "text": mark("s", "inbox900")}],
    }


def _readers(owner: str | None, team: int | None, public: bool | None) -> str:
    if public:
        return "abcnrxs"
    found = {BEA_ID: "b", CARL_ID: "c"}.get(owner or "", "")
    found += {1: "b", 2: "c"}.get(team or 0, "")
    return "".join(sorted(set(found))) + "s"


def sees(who: Persona, table: str, row: Mapping[str, Any], everything: Mapping[str, list[dict[str, Any]]]) -> bool:
    """Whether somebody may read a row: the policies once more, as anybody would tell them."""
    if who is SERVICE:
        return True
    teams = {link["team_id"] for link in everything["members"] if who.sub and link["user_id"] == who.sub}
    signed_in = who.role == "authenticated"
    match table:
        case "teams":
            return who.role in ("authenticated", "auditor") and row["id"] in teams
        case "members":
            return signed_in and row["team_id"] in teams
        case "seats":
            sits = {seat["team_id"] for seat in everything["seats"] if who.sub and seat["user_id"] == who.sub}
            return signed_in and row["team_id"] in sits
        case "notes":
            mine = who.sub is not None and row["owner_id"] == who.sub
            return bool(row["is_public"]) or (signed_in and (mine or row["team_id"] in teams))
        case "vaults" | "codes":
            return True
        case "labels":
            return bool(row["is_open"])
        case "note_labels":
            return bool(row["is_shown"])
        case "remarks":
            return signed_in and who.sub is not None and row["owner_id"] == who.sub
        case _:
            return False


def knows(who: Persona, table: str) -> bool:
    """Whether a table exists for somebody."""
    if who is SERVICE:
        return table in TABLES
    return table in {
        "authenticated": {
            "teams",
            "members",
            "seats",
            "notes",
            "vaults",
            "labels",
            "note_labels",
            "remarks",
            "codes",
            "inbox",
        },
        "auditor": {"teams", "notes", "vaults", "labels", "note_labels", "codes", "inbox"},
    }.get(who.role or "", {"notes", "vaults", "labels", "note_labels", "codes", "inbox"})


def fill(place: Place, data: Mapping[str, list[dict[str, Any]]] | None = None) -> None:
    """Put the rows in, as the service and through the front door."""
    for table, found in (rows() if data is None else data).items():
        reply = place.ask(send("POST", f"/rest/v1/{table}", found), SERVICE)
        assert reply.status == 201, f"{table}: {reply.body!r}"
    columns = "(id, email, role, created_at)"
    for number, id_ in enumerate((ADA_ID, BEA_ID, CARL_ID)):
        place.sql(
            f'insert into "auth.users" {columns} values (?, ?, ?, ?)',
            id_,
            mark("s", f"mail{number}"),
            "authenticated",
            "2026-01-01",
        )
    place.sql('insert into "private.audit" (id, text) values (1, ?)', mark("s", "audit1"))


def everything_request(table: str) -> Request:
    """A read of a whole table."""
    return Request("GET", f"/rest/v1/{table}")


assert User is not None  # the users' table is part of every app's data
