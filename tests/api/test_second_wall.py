"""An app whose policies hold twice on PostgreSQL: in its statements, and as row-level security in the caller's role.

It is served by a login that owns its tables and is no superuser, so that whatever it does without a role is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey, exists, select
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column

from tests import postgres
from tests.api.scenario import ANON, SERVICE, Persona, Place, get, send
from undercroft import App, Uuid, auth
from undercroft.access.policy import Rules
from undercroft.app import build, wall_for
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings
from undercroft.engine import migrate
from undercroft.engine.migrate import walls
from undercroft.engine.migrate.errors import NotUpToDate
from undercroft.models.base import NAMES

pytestmark = pytest.mark.needs("postgres")

ADA, BEA = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
ada, bea = Persona("a", "authenticated", ADA), Persona("b", "authenticated", BEA)
guest = Persona("g", "visitor", BEA)
FULL = ("prefer", "return=representation")


class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMES)


class Project(Base):
    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID | None] = mapped_column(Uuid())
    name: Mapped[str]
    public: Mapped[bool] = mapped_column(default=False)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id"))
    notes: Mapped[str | None]
    budget: Mapped[int | None]


class Member(Base):
    """Nobody may read it; policies do."""

    __tablename__ = "members"
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)


class Letter(Base):
    """Anybody may write one and nobody may read any."""

    __tablename__ = "letters"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


other = aliased(Project)


def made() -> App:
    app = App(Base)

    @app.policy(Project, "select")
    def public_or_own(project: Any) -> Any:
        return project.public | (project.owner_id == auth.uid)

    @app.policy(Project, "select", to="authenticated")
    def as_member(project: Any) -> Any:
        return exists().where(Member.project_id == project.id, Member.user_id == auth.uid)

    @app.policy(Project, "select", to="authenticated")
    def below_own(project: Any) -> Any:
        return project.parent_id.in_(select(other.id).where(other.owner_id == auth.uid))

    @app.policy(Project, "insert", "update", "delete", to="authenticated")
    def owners(project: Any) -> Any:
        return project.owner_id == auth.uid

    @app.policy(Letter, "insert")
    def anybody(letter: Any) -> Any:
        return letter.text != ""

    app.preset(Project.owner_id, auth.uid)
    app.hide(Project.notes)
    app.read_only(Project.budget)

    @app.before_update(Project)
    async def named(ctx: Any, project: Any) -> None:
        members = await ctx.session.scalar(select(sa.func.count()).select_from(Member))
        project.notes = f"changed by {ctx.auth.uid}, who sees {members} members"

    @app.rpc()
    async def names(ctx: Any) -> list[str]:
        return sorted(await ctx.session.scalars(select(Project.name)))

    @app.rpc()
    async def everything(ctx: Any) -> int:
        with ctx.as_service():
            return int(await ctx.session.scalar(select(sa.func.count()).select_from(Project)))

    return app


@contextmanager
def owned(server: str) -> Iterator[str]:
    """A fresh database of a login that may make roles, and is no superuser."""
    import psycopg
    from psycopg import errors

    name = f"owner_{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        inherits = connection.info.server_version >= 160000  # before, a login says itself that it inherits nothing
        connection.execute(
            f"CREATE ROLE {name} LOGIN CREATEROLE {'INHERIT' if inherits else 'NOINHERIT'} PASSWORD 'x'".encode()
        )
        known = ("anon", "authenticated", "service_role", "undercroft_policies", "undercroft_anybody")
        for role in known:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
                # Made by a neighbour: the owner of this database may lend it on.
                way = "ADMIN TRUE, INHERIT FALSE, SET TRUE" if inherits else "ADMIN OPTION"
                connection.execute(f"GRANT {role} TO {name} WITH {way}".encode())
        try:
            with postgres.database(server) as url:
                parts = urlsplit(url)
                connection.execute(f"ALTER DATABASE {parts.path.lstrip('/')} OWNER TO {name}".encode())
                with psycopg.connect(url, autocommit=True) as inside:
                    inside.execute(f"ALTER SCHEMA public OWNER TO {name}".encode())
                yield urlunsplit(parts._replace(netloc=f"{name}:x@{parts.netloc.rpartition('@')[2]}"))
        finally:
            with suppress(errors.DependentObjectsStillExist):  # it lent the roles that it made
                connection.execute(f"DROP ROLE {name}".encode())


def settings_of(url: str, folder: Path, **more: str) -> Settings:
    return Settings.load(
        None,
        {
            "UNDERCROFT_DATABASE_URL": url,
            "UNDERCROFT_DATABASE_DATA": str(folder / "data"),
            "UNDERCROFT_DATABASE_RLS": "true",
            **more,
        },
    )


class OwnedPlace(Place):
    """A place on a database of another login, migrated as `undercroft dev` would do it."""

    def __init__(self, app: App, folder: Path, url: str) -> None:
        super().__init__(app, folder, UNDERCROFT_DATABASE_URL=url, UNDERCROFT_DATABASE_RLS="true")
        app.developing = True
        self.owner = url

    def sql(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """As the owner, who says that every row is to be seen."""
        return as_owner(self.owner, "SET undercroft.owner = 'on'", text, *values)


def as_owner(url: str, before: str, text: str, *values: object) -> list[tuple[Any, ...]]:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(before.encode())
        return list(connection.execute(text.replace("?", "%s").encode(), values or None))


@pytest.fixture(scope="module")
def url(postgres_server: str) -> Iterator[str]:
    with owned(postgres_server) as found:
        yield found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, url: str) -> Iterator[OwnedPlace]:
    place = OwnedPlace(made(), tmp_path_factory.mktemp("walls"), url)
    with place:
        seed: list[dict[str, Any]] = [
            {"id": 1, "owner_id": ADA, "name": "garden", "public": True, "parent_id": None},
            {"id": 2, "owner_id": ADA, "name": "secret", "public": False, "parent_id": None},
            {"id": 3, "owner_id": BEA, "name": "shed", "public": False, "parent_id": 1},
            {"id": 4, "owner_id": None, "name": "nobody's", "public": False, "parent_id": None},
        ]
        assert place.ask(send("POST", "/rest/v1/projects", seed), SERVICE).status == 201
        assert place.ask(send("POST", "/rest/v1/members", {"project_id": 2, "user_id": BEA}), SERVICE).status == 201
        yield place


def names(place: Place, who: Persona) -> list[str]:
    reply = place.ask(get("/rest/v1/projects?select=name&order=id"), who)
    assert reply.status == 200, reply.body
    return [row["name"] for row in reply.json()]


# ---------------------------------------------------------------- the same answers


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (ANON, ["garden"]),
        (ada, ["garden", "secret", "shed"]),
        (bea, ["garden", "secret", "shed"]),
        (guest, ["garden", "shed"]),
        (SERVICE, ["garden", "secret", "shed", "nobody's"]),
    ],
    ids=["anon", "ada", "bea", "a role that no policy names", "service"],
)
def test_each_sees_what_the_policies_say(place: Place, who: Persona, expected: list[str]) -> None:
    assert names(place, who) == expected


def test_writes_are_held_to_the_policies(place: Place) -> None:
    new = {"name": "boat", "public": True}
    reply = place.ask(send("POST", "/rest/v1/projects?select=id,name,owner_id", new, FULL), ada)
    assert (reply.status, reply.json()[0]["owner_id"]) == (201, ADA), reply.body
    key = reply.json()[0]["id"]
    assert place.ask(send("POST", "/rest/v1/projects", new)).code == "42501"
    assert place.ask(send("PATCH", f"/rest/v1/projects?id=eq.{key}", {"name": "ours"}, FULL), bea).json() == []
    changed = place.ask(send("PATCH", f"/rest/v1/projects?id=eq.{key}&select=name", {"name": "ship"}, FULL), ada)
    assert changed.json() == [{"name": "ship"}], changed.body
    assert place.sql("select notes from projects where id = ?", key) == [(f"changed by {ADA}, who sees 0 members",)]
    gone = send("DELETE", f"/rest/v1/projects?id=eq.{key}&select=id", None, FULL)
    assert place.ask(gone, bea).json() == []
    assert place.ask(gone, ada).json() == [{"id": key}]


def test_what_nobody_may_read_may_be_written(place: Place) -> None:
    before = place.sql("select count(*) from letters")[0][0]
    assert place.ask(send("POST", "/rest/v1/letters", {"text": "hello"})).status == 201
    assert place.ask(send("POST", "/rest/v1/letters", [{"text": "a"}, {"text": "b"}]), ada).status == 201
    assert place.ask(send("POST", "/rest/v1/letters", {"text": ""})).code == "42501"
    assert place.sql("select count(*) from letters")[0][0] == before + 3


def test_columns_are_closed_in_both_walls(place: Place) -> None:
    assert place.ask(get("/rest/v1/projects?select=notes"), ada).code == "42703"
    assert place.ask(send("POST", "/rest/v1/projects", {"name": "x", "budget": 1}), ada).code == "42501"
    rights = "select has_column_privilege(?, 'projects', ?, ?)"
    assert place.sql(rights, "authenticated", "notes", "select") == [(False,)]
    assert place.sql(rights, "authenticated", "budget", "select") == [(True,)]
    assert place.sql(rights, "authenticated", "budget", "insert") == [(False,)]
    assert place.sql(rights, "authenticated", "owner_id", "insert") == [(True,)]  # the app sets it
    assert place.sql("select has_table_privilege('authenticated', 'members', 'select')") == [(False,)]


def test_functions_run_for_their_callers(place: Place) -> None:
    assert place.ask(send("POST", "/rest/v1/rpc/names", {})).json() == ["garden"]
    assert place.ask(send("POST", "/rest/v1/rpc/names", {}), bea).json() == ["garden", "secret", "shed"]
    assert place.ask(send("POST", "/rest/v1/rpc/everything", {})).json() == 4


# ---------------------------------------------------------------- each wall by itself


def test_without_the_first_wall_the_second_one_holds(place: Place, tmp_path: Path) -> None:
    """A guard that puts in no policy at all: the database still shows each caller what is theirs."""
    pipeline = place.house.pipeline
    open_to_all = Rules({}, {}, bypass=frozenset({"anon", "authenticated", "visitor", "service_role"}))
    kept = pipeline.rules
    pipeline.rules = open_to_all
    for cache in (pipeline._guards, pipeline._reads, pipeline._writes, pipeline._scopes):
        cache.clear()
    try:
        assert names(place, ANON) == ["garden"]
        assert names(place, ada) == ["garden", "secret", "shed"]
        assert place.ask(get("/rest/v1/members"), ada).code == "42501"
        theirs = send("POST", "/rest/v1/projects", {"name": "forged", "owner_id": BEA})
        assert place.ask(theirs, ada).code == "42501"
    finally:
        pipeline.rules = kept
        for cache in (pipeline._guards, pipeline._reads, pipeline._writes, pipeline._scopes):
            cache.clear()


def test_a_statement_without_a_role_sees_what_everybody_sees(place: OwnedPlace) -> None:
    """Where the role is forgotten, what everybody sees is all: row-level security is forced on the owner as well."""
    assert as_owner(place.owner, "SELECT 1", "SELECT name FROM projects") == [("garden",)]
    assert as_owner(place.owner, "SELECT 1", "SELECT count(*) FROM members") == [(0,)]
    assert place.sql("SELECT count(*) FROM projects") == [(4,)]


# ---------------------------------------------------------------- names


class Named(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMES)


class Team(Named):
    __tablename__ = "team"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str | None]


class TeamMember(Named):
    __tablename__ = "team_members"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    user_id: Mapped[UUID] = mapped_column(Uuid())


def alike() -> App:
    """The names of a table and of its policy, put together, are those of another table and another policy."""
    app = App(Named)

    @app.policy(Team, "select", name="members_see")
    def of_members(team: Any) -> Any:
        return exists().where(TeamMember.team_id == team.id, TeamMember.user_id == auth.uid)

    @app.policy(TeamMember, "select", name="see")
    def all_of_a_team(member: Any) -> Any:
        return exists().where(Team.id == member.id)

    @app.policy(TeamMember, "insert", "update", "delete", name="write")
    def of_a_team(member: Any) -> Any:
        return member.team_id.in_(select(Team.id))

    @app.policy(Team, "insert", "update", check=lambda team: exists().where(TeamMember.id == team.id), name="own")
    def own(team: Any) -> Any:
        return exists().where(TeamMember.id == team.id + 1)

    @app.policy(Team, "delete", name="own_check")
    def never(team: Any) -> Any:
        return exists().where(TeamMember.id == team.id - 1)

    app.policy(Team, "delete", name="own_check")(lambda team: exists().where(TeamMember.id == team.id + 2))
    app.policy(Team, "delete", name="own_check_2")(lambda team: team.id.in_(select(TeamMember.team_id)))
    return app


def test_no_policy_takes_the_place_of_another(postgres_server: str, tmp_path: Path) -> None:
    pieces = pieces_of(alike(), tmp_path)
    assert len({piece.key for piece in pieces}) == len(pieces)
    functions = [piece for piece in pieces if piece.key.startswith("function ")]
    assert len(functions) == len(alike().policies) + 1, "one for each query, and one for the check"
    with owned(postgres_server) as url, OwnedPlace(alike(), tmp_path, url) as place:
        assert place.ask(send("POST", "/rest/v1/team", [{"id": 1}, {"id": 2}]), SERVICE).status == 201
        assert place.ask(send("POST", "/rest/v1/team_members", {"team_id": 2, "user_id": BEA}), SERVICE).status == 201
        assert place.ask(get("/rest/v1/team?select=id"), bea).json() == [{"id": 2}]
        assert place.ask(get("/rest/v1/team?select=id"), ada).json() == []
        assert place.ask(get("/rest/v1/team_members?select=id"), ada).json() == [{"id": 1}]
        members, merge = "/rest/v1/team_members", ("prefer", "resolution=merge-duplicates")
        for id_, team, status in ((9, 2, 201), (8, 9, 403)):
            new = {"id": id_, "team_id": team, "user_id": BEA}
            assert place.ask(send("POST", members, new), ada).status == status, "a policy that asks, for new rows too"
        for team, status in ((9, 403), (1, 200)):
            changed = {"id": 1, "team_id": team, "user_id": BEA}
            assert place.ask(send("POST", members, changed, merge), bea).status == status
        assert place.ask(send("POST", "/rest/v1/team", {"id": 9}), ada).status == 201, "by the check, of its member"
        assert place.ask(send("POST", "/rest/v1/team", {"id": 8}), ada).code == "42501"


def test_what_is_preset_otherwise_for_some_is_held_to_it(postgres_server: str, tmp_path: Path) -> None:
    app = alike()
    app.policy(Team, "insert", name="any")(lambda team: True)
    app.preset(Team.kind, "plain")
    app.preset(Team.kind, "with\na line", to="authenticated")
    app.preset(Team.kind, "known AS nobody's $1", to="anon")
    with owned(postgres_server) as url, OwnedPlace(app, tmp_path, url) as place:
        for who in (guest, ada, ANON):
            assert place.ask(send("POST", "/rest/v1/team", {}), who).status == 201
        assert place.sql("select kind from team order by id") == [
            ("plain",),
            ("with\na line",),
            ("known AS nobody's $1",),
        ]
        forged = "INSERT INTO team (kind) VALUES ('plain')"
        as_owner(url, "SET ROLE undercroft_anybody", f"{forged} RETURNING NULL")
        for role in ("authenticated", "anon"):
            with pytest.raises(Exception, match="row-level security"):
                as_owner(url, f"SET ROLE {role}", f"{forged} RETURNING NULL")


# ---------------------------------------------------------------- starts


def test_a_server_insists_on_the_wall(url: str, place: Place, tmp_path: Path) -> None:
    app = made()
    app.policy(Letter, "select", to="authenticated")(lambda letter: letter.text == "open")
    app.settings = settings_of(url, tmp_path)
    with pytest.raises(NotUpToDate, match="not what the policies say"):
        build(app, app.settings).prepare()
    fine = made()
    build(fine, settings_of(url, tmp_path)).prepare()


def test_sqlite_has_no_second_wall(tmp_path: Path) -> None:
    app = made()
    with pytest.raises(SetupFault, match="SQLite has no row-level security"):
        build(app, settings_of("sqlite:///x.db", tmp_path))


# ---------------------------------------------------------------- files


def pieces_of(app: App, tmp_path: Path) -> Any:
    return wall_for(app, settings_of("postgresql://x/y", tmp_path)).pieces


def emitted(app: App, tmp_path: Path) -> walls.Emitted:
    return walls.emit(pieces_of(app, tmp_path), tmp_path / "migrations")


def test_files_hold_what_has_changed(postgres_server: str, tmp_path: Path) -> None:
    files, app = tmp_path / "migrations", made()
    with owned(postgres_server) as url:
        site = migrate.place_at(url)
        migrate.make(Base.metadata, site, files)
        first = emitted(app, tmp_path)
        assert first.path is not None
        assert emitted(made(), tmp_path) == walls.Emitted(None)
        migrate.up(site, files)
        walls.insist(pieces_of(app, tmp_path), site)
        assert not walls.apply(pieces_of(app, tmp_path), site)

        app.policies = [replace(p, name="as_friend") if p.name == "as_member" else p for p in app.policies]
        app.policies = [p for p in app.policies if p.name != "below_own"]
        second = emitted(app, tmp_path)
        assert set(second.new) == {"function projects_as_friend_1", "policy projects undercroft.as_friend select"}
        assert set(second.gone) == {
            "function projects_as_member_1",
            "policy projects undercroft.as_member select",
            "function projects_below_own_1",
            "policy projects undercroft.below_own select",
            "policy projects undercroft.asked",
            "grant projects undercroft_policies",
        }
        assert second.changed == ("mark",)
        migrate.up(site, files)
        walls.insist(pieces_of(app, tmp_path), site)
        assert policies(url) == {p.key.removeprefix("policy ") for p in pieces_of(app, tmp_path) if "policy" in p.key}

        migrate.down(site, files, allow_data_loss=True)
        walls.insist(pieces_of(made(), tmp_path), site)
        third = walls.emit((), files)
        assert third.path is not None
        migrate.up(site, files)
        assert policies(url) == set()
        assert migrate.check(Base.metadata, site, files) == ()


def test_a_changed_function_takes_its_policies_along(tmp_path: Path) -> None:
    app = made()
    emitted(app, tmp_path)
    friends = aliased(Member)

    def as_member(project: Any) -> Any:
        return exists().where(friends.user_id == auth.uid, friends.project_id == project.parent_id)

    changed = [replace(p, using=as_member, check=as_member) if p.name == "as_member" else p for p in app.policies]
    app.policies = changed
    second = emitted(app, tmp_path)
    assert second.new == second.gone == ()
    wanted = ("function projects_as_member_1", "policy projects undercroft.as_member select", "mark")
    assert second.changed == wanted


def test_the_script_may_be_run_again(postgres_server: str, tmp_path: Path) -> None:
    import psycopg

    with owned(postgres_server) as url:
        site = migrate.place_at(url)
        migrate.sync(Base.metadata, site)
        for _ in range(2):
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(walls.script(pieces_of(made(), tmp_path)).encode())
        walls.insist(pieces_of(made(), tmp_path), site)


def test_rows_are_still_filled_by_migrations(postgres_server: str, tmp_path: Path) -> None:
    """Row-level security is forced on the owner, and yet a revision that fills rows reaches all of them."""
    import psycopg

    with owned(postgres_server) as url:
        site = migrate.place_at(url)
        migrate.sync(Base.metadata, site)
        walls.apply(pieces_of(made(), tmp_path), site)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET undercroft.owner = 'on'")
            connection.execute("INSERT INTO letters (text) VALUES ('one'), ('two')")
        after = sa.MetaData(naming_convention=NAMES)
        for table in Base.metadata.tables.values():
            table.to_metadata(after)
        after.tables["letters"].append_column(sa.Column("kind", sa.Text, nullable=False, default="plain"))
        migrate.sync(after, site)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET undercroft.owner = 'on'")
            assert connection.execute("SELECT kind FROM letters").fetchall() == [("plain",), ("plain",)]


def policies(url: str) -> set[str]:
    import psycopg

    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT tablename || ' ' || policyname FROM pg_policies")
        return {row[0] for row in found}


# ---------------------------------------------------------------- what it cannot say


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (lambda letter: sa.type_coerce(letter.id, sa.Interval()) == auth.claim("x"), "interval"),
        (lambda letter: letter.id > sa.func.json_array_length(auth.claim("x").typed(sa.JSON())), "json"),
    ],
    ids=["interval", "json"],
)
def test_what_row_level_security_cannot_say_is_refused_by_name(
    policy: Callable[[Any], Any], told: str, tmp_path: Path
) -> None:
    app = made()
    app.policy(Letter, "select", name="odd")(policy)
    with pytest.raises(SetupFault, match=told) as refused:
        pieces_of(app, tmp_path)
    assert "the policy odd of letters" in str(refused.value)


def test_what_the_database_is_not_told_is_said(tmp_path: Path) -> None:
    app = made()
    app.hide(Project.public)
    app.preset(Letter.text, sa.func.lower("X"))
    notes = wall_for(app, settings_of("postgresql://x/y", tmp_path)).notes
    assert any("projects.public is hidden from anon by the app alone" in note for note in notes)
    assert any("letters.text is set by the app alone" in note for note in notes)
