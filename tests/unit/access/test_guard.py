"""The guard: which rows, columns and values each role may read and write, put into the plan and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from undercroft.access.actor import ANONYMOUS, SERVICE, Actor
from undercroft.access.claims import claim, role, uid
from undercroft.access.errors import PolicyFault
from undercroft.access.guard import Guard, as_clause
from undercroft.access.policy import ColumnRule, Policy, Rules, rules_of
from undercroft.access.scope import catalog_for
from undercroft.base.faults import SetupFault
from undercroft.catalog.reader import read_catalog
from undercroft.engine import SQLiteEngine, SQLiteSettings
from undercroft.models.base import Numeric, Uuid
from undercroft.query.ask import (
    Ask,
    EmbedAsk,
    Field,
    Filter,
    Question,
    QuestionsAsk,
    ReadAsk,
    SelectField,
    SelectGroup,
    TellRows,
    TellTotal,
    TellWord,
    Told,
    WriteAsk,
)
from undercroft.query.bind import bind_questions, bind_read, bind_write
from undercroft.query.errors import QueryFault
from undercroft.query.plan import QuestionPlan
from undercroft.sql.read import write_questions, write_read
from undercroft.sql.rows import Rendering
from undercroft.sql.sqlite import SqliteDialect
from undercroft.sql.statement import Given, compile_statement

METADATA = sa.MetaData()
POSTS = sa.Table(
    "posts",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("author", Uuid()),
    sa.Column("published", sa.Boolean),
    sa.Column("secret", sa.Text),
    sa.Column("price", Numeric()),
    sa.UniqueConstraint("secret", name="posts_secret"),
)
NOTES = sa.Table(
    "notes",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("post", sa.ForeignKey("posts.id", name="notes_post")),
)
LINKS = sa.Table(
    "links",
    METADATA,
    sa.Column("post", sa.ForeignKey("posts.id", name="links_post"), primary_key=True),
    sa.Column("note", sa.ForeignKey("notes.id", name="links_note"), primary_key=True),
)
CATALOG = read_catalog(METADATA)
DIALECT = sqlite.dialect()
NOTHING = "0 = 1"
U = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"


def policy(table: str, *commands: Any, using: Any, check: Any = None, to: Any = ()) -> Policy:
    return Policy("p", table, frozenset(commands), using, check or using, frozenset(to))


def rules(*policies: Policy, columns: tuple[ColumnRule, ...] = ()) -> Rules:
    return rules_of(list(policies), list(columns))


def text(clause: Any) -> str | None:
    return None if clause is None else str(clause.compile(dialect=DIALECT, compile_kwargs={"literal_binds": False}))


def own(post: Any) -> Any:
    return post.author == uid


def published(post: Any) -> Any:
    return post.published


# ---------------------------------------------------------------- which policies


def using(found: Rules, role_: str, command: Any = "select") -> str | None:
    return text(Guard(found, role_).using(CATALOG.tables["posts"], command, POSTS))


def test_policies_of_one_command_are_joined_by_or() -> None:
    both = rules(policy("posts", "select", using=own), policy("posts", "select", using=published))
    assert using(both, "anon") == "posts.author = ? OR posts.published = 1"


def test_a_policy_speaks_for_its_roles_and_commands() -> None:
    found = rules(
        policy("posts", "select", using=published, to=["anon"]),
        policy("posts", "select", "update", using=own, to=["authenticated"]),
    )
    assert using(found, "anon") == "posts.published = 1"
    assert using(found, "authenticated") == using(found, "authenticated", "update") == "posts.author = ?"
    assert using(found, "anon", "update") == using(found, "else") == NOTHING


def test_no_policy_is_no_row_and_a_true_one_is_every_row() -> None:
    assert using(rules(), "anon") == NOTHING
    assert using(rules(policy("posts", "select", using=lambda post: True)), "anon") is None
    assert using(rules(policy("posts", "select", using=lambda post: sa.true())), "anon") is None
    for nothing in (False, None):
        assert using(rules(policy("posts", "select", using=lambda post, it=nothing: it)), "anon") == NOTHING


def test_a_true_policy_wins_over_others() -> None:
    found = rules(policy("posts", "select", using=own), policy("posts", "select", using=lambda post: True))
    assert using(found, "anon") is None


def test_the_service_is_bound_by_none() -> None:
    found = rules(policy("posts", "select", using=lambda post: False))
    assert using(found, "service_role") is None
    assert Guard(found, "service_role").bypasses
    strict = replace(found, bypass=frozenset())
    assert using(strict, "service_role") == NOTHING


def test_using_is_for_what_is_there_and_check_for_what_comes() -> None:
    found = rules(policy("posts", "update", using=own, check=published))
    guard = Guard(found, "anon")
    assert text(guard.using(CATALOG.tables["posts"], "update", POSTS)) == "posts.author = ?"
    assert text(guard.check(CATALOG.tables["posts"], "update", POSTS)) == "posts.published = 1"


def test_a_policy_must_speak_of_its_row() -> None:
    with pytest.raises(SetupFault, match="outside of a query"):
        as_clause(NOTES.c.id == 1, POSTS)


# ---------------------------------------------------------------- plans


def test_each_node_of_a_read_gets_its_own_policy() -> None:
    found = rules(policy("posts", "select", using=own), policy("notes", "select", using=lambda note: note.id > 5))
    plan = bind_read(
        ReadAsk("notes", Ask((EmbedAsk("post", Ask((EmbedAsk("notes", Ask(), hint="notes_post"),))),))), CATALOG
    )
    node = Guard(found, "anon").read(plan).node
    (post,) = node.embeds()
    (note,) = post.node.embeds()
    assert text(node.policy) == "t0.id > ?"
    assert text(post.node.policy) == "t1.author = ?"
    assert text(note.node.policy) == "t2.id > ?"
    assert node.guarded
    assert post.node.guarded
    assert note.node.guarded


def test_filters_and_orders_speak_of_the_guarded_embed() -> None:
    found = rules(policy("posts", "select", using=own), policy("notes", "select", using=lambda note: True))
    asked = Ask((EmbedAsk("post", Ask(), alias="p"),), conditions=(Filter(Field("p"), "is", is_value="null"),))
    node: Any = Guard(found, "anon").read(bind_read(ReadAsk("notes", asked), CATALOG)).node
    (embed,) = node.embeds()
    assert node.conditions[0].embed is embed
    assert embed.node.policy is not None


def test_the_rows_between_must_be_readable_too() -> None:
    found = rules(
        *(policy(name, "select", using=lambda row: True) for name in ("posts", "notes")),
        policy("links", "select", using=lambda link: link.post > 3),
    )
    plan = bind_read(ReadAsk("posts", Ask((EmbedAsk("notes", Ask(), hint="links"),))), CATALOG)
    (embed,) = Guard(found, "anon").read(plan).node.embeds()
    assert embed.junction is not None
    assert text(embed.junction.policy) == "t2.post > ?"


def test_a_plan_that_did_not_pass_is_not_written() -> None:
    plan = bind_read(ReadAsk("posts", Ask()), CATALOG)
    with pytest.raises(AssertionError, match="without passing the guard"):
        write_read(plan, SqliteDialect(DIALECT), Rendering())


def test_an_embed_within_groups_has_its_policy_or_is_not_written() -> None:
    """At any depth, below what is told, and in each of several questions."""
    found = rules(policy("posts", "select", using=own), policy("notes", "select", using=lambda note: note.id > 5))
    told = Told((TellRows("edges", 0), TellTotal("total")), beyond=Filter(Field("id"), "is", is_value="null"))
    notes = Ask((SelectGroup("g", (SelectField(Field("id")),)),), told=told)
    edges = SelectGroup("edges", (SelectGroup("node", (EmbedAsk("notes", notes, hint="notes_post"),)),))
    ask = QuestionsAsk((Question("q", ReadAsk("posts", Ask((edges,), told=told))), TellWord("w", "x")))
    bound = bind_questions(ask, CATALOG)
    plan = Guard(found, "anon").questions(bound)
    (question, _) = plan.members
    assert isinstance(question, QuestionPlan)
    (embed,) = question.node.embeds()
    assert (text(question.node.policy), text(embed.node.policy)) == ("t0.author = ?", "t1.id > ?")
    statement = write_questions(plan, SqliteDialect(DIALECT)).text
    assert statement.count("t0.author = ?") == 2  # of the page, and of the total
    assert statement.count("t1.id > ?") == 2
    bare = bound.members[0]
    assert isinstance(bare, QuestionPlan)
    half = replace(question, node=replace(question.node, outputs=bare.node.outputs))
    for unguarded in (bound, replace(plan, members=(half,))):
        with pytest.raises(AssertionError, match="without passing the guard"):
            write_questions(unguarded, SqliteDialect(DIALECT))


def test_an_upsert_changes_no_column_that_its_caller_may_not_write() -> None:
    found = rules(
        policy("posts", "insert", "update", using=lambda post: True),
        columns=(ColumnRule("posts", "read_only", frozenset({"price"}), frozenset()),),
    )
    assert write(found, "upsert", columns=("id",), updates=("published",)).updates[0].name == "published"
    with pytest.raises(PolicyFault):
        write(found, "upsert", columns=("id",), updates=("price",))


def write(found: Rules, verb: Any, role_: str = "anon", **more: Any) -> Any:
    return Guard(found, role_).write(bind_write(WriteAsk("posts", verb, Ask(), **more), CATALOG))


ALL = ("select", "insert", "update", "delete")


def test_updates_and_deletes_need_the_row_to_be_readable() -> None:
    found = rules(policy("posts", "select", using=published), policy("posts", "update", "delete", using=own))
    for verb in ("update", "delete"):
        assert text(write(found, verb).using) == "posts.author = ? AND posts.published = 1"
    assert text(write(found, "update").update_check) == "posts.author = ? AND posts.published = 1"


def test_inserts_need_a_policy_and_its_check() -> None:
    found = rules(policy("posts", "insert", using=published, check=own))
    plan = write(found, "insert")
    assert text(plan.insert_check) == "posts.author = ?"
    assert plan.update_check is None
    for other in (rules(), rules(policy("posts", "select", using=own))):
        with pytest.raises(PolicyFault) as raised:
            write(other, "insert")
        assert raised.value.message == 'new row violates row-level security policy for table "posts"'


def test_upserts_need_both() -> None:
    found = rules(policy("posts", "select", "insert", using=lambda post: True), policy("posts", "update", using=own))
    plan = write(found, "upsert", resolution="merge")
    assert text(plan.using) == text(plan.update_check) == "posts.author = ?"
    ignoring = write(found, "upsert", resolution="ignore")
    assert ignoring.using is ignoring.update_check is None


@pytest.mark.parametrize("kind", ["read_only", "preset"])
def test_columns_that_may_not_be_sent(kind: Any) -> None:
    rule = ColumnRule("posts", kind, frozenset({"author"}), value=uid)
    found = rules(policy("posts", *ALL, using=lambda post: True), columns=(rule,))
    for verb in ("insert", "update", "upsert"):
        with pytest.raises(PolicyFault) as raised:
            write(found, verb, columns=("author",))
        assert raised.value.message == 'column "author" of relation "posts" cannot be written'
        assert write(found, verb, "service_role", columns=("author",)).guarded


def test_presets_join_the_write() -> None:
    rule = ColumnRule("posts", "preset", frozenset({"author"}), frozenset({"anon"}), uid, frozenset({"insert"}))
    found = rules(policy("posts", *ALL, using=lambda post: True), columns=(rule,))
    (preset,) = write(found, "insert").presets
    assert (preset.column.name, preset.at_insert, preset.at_update) == ("author", True, False)
    assert preset.value.type is POSTS.c.author.type
    assert write(found, "update").presets == ()
    assert write(found, "insert", "else").presets == ()
    assert write(found, "insert", "service_role").presets == ()


# ---------------------------------------------------------------- what a role may know of


def test_a_role_knows_tables_on_which_it_may_do_something() -> None:
    found = rules(policy("posts", "insert", using=own, to=["authenticated"]))
    assert set(catalog_for("authenticated", CATALOG, found).tables) == {"posts"}
    assert set(catalog_for("anon", CATALOG, found).tables) == set()
    assert catalog_for("service_role", CATALOG, found) is CATALOG


def test_a_hidden_column_is_a_missing_one() -> None:
    hide = ColumnRule("posts", "hide", frozenset({"secret"}))
    found = rules(policy("posts", "select", using=lambda post: True), columns=(hide,))
    scope = catalog_for("anon", CATALOG, found)
    assert "secret" not in scope.tables["posts"].columns
    assert scope.tables["posts"].unique == ()
    with pytest.raises(QueryFault) as hidden:
        bind_read(ReadAsk("posts", Ask(conditions=(Filter(Field("secret"), "eq", 0),))), scope)
    with pytest.raises(QueryFault) as missing:
        bind_read(ReadAsk("posts", Ask(conditions=(Filter(Field("seecret"), "eq", 0),))), scope)
    assert hidden.value.message.replace("secret", "seecret") == missing.value.message
    assert hidden.value.hint == missing.value.hint


def test_a_relation_over_a_hidden_column_or_table_is_a_missing_one() -> None:
    everything = [policy(name, "select", using=lambda row: True) for name in ("posts", "notes", "links")]
    for hidden in ("posts.id", "links.note"):
        table, _, column = hidden.partition(".")
        scope = catalog_for(
            "anon", CATALOG, rules(*everything, columns=(ColumnRule(table, "hide", frozenset({column})),))
        )
        assert not any(each.junction for each in scope.relations["posts"])
    scope = catalog_for("anon", CATALOG, rules(*everything[:2]))
    assert {each.kind for each in scope.relations["posts"]} == {"o2m"}


# ---------------------------------------------------------------- claims


def values_of(clause: Any, actor: Actor) -> list[object]:
    statement = compile_statement(sa.select(POSTS.c.id).where(clause), DIALECT)
    return statement.arguments(Given((), actor))


def test_claims_are_bound_in_the_form_of_what_they_are_compared_with() -> None:
    actor = Actor("authenticated", U.upper(), {"n": 5, "t": "x", "deep": {"er": "y"}, "list": [1], "flag": True})
    assert values_of(POSTS.c.author == uid, actor) == [U]
    assert values_of(uid == POSTS.c.author, actor) == [U]
    assert values_of(POSTS.c.id == claim("n"), actor) == [5]
    assert values_of(POSTS.c.secret == claim("deep", "er"), actor) == ["y"]
    assert values_of(POSTS.c.secret == role, actor) == ["authenticated"]
    assert values_of(POSTS.c.published == claim("flag"), actor) == [1]


@pytest.mark.parametrize("path", [("missing",), ("t",), ("list",), ("deep",), ("t", "er"), ("none",)])
def test_a_claim_that_is_none_or_of_another_type_is_null(path: tuple[str, ...]) -> None:
    actor = Actor("authenticated", "no uuid", {"t": "x", "list": [1], "deep": {"er": 1}, "none": None})
    assert values_of(POSTS.c.id == claim(*path), actor) == [None]
    assert values_of(POSTS.c.author == uid, actor) == [None]


def test_nobody_has_no_id() -> None:
    assert values_of(POSTS.c.author == uid, ANONYMOUS) == [None]
    assert values_of(POSTS.c.author == uid, SERVICE) == [None]


def test_one_statement_serves_many_actors() -> None:
    statement = compile_statement(sa.select(POSTS.c.id).where(POSTS.c.author == uid, POSTS.c.id > 3), DIALECT)
    other = U.replace("a", "b")
    assert [statement.arguments(Given((), Actor("a", each))) for each in (U, other, None)] == [
        [U, 3],
        [other, 3],
        [None, 3],
    ]


def test_the_members_of_a_list_are_bound_in_the_columns_form() -> None:
    from uuid import UUID

    assert values_of(POSTS.c.author.in_([UUID(U)]), ANONYMOUS) == [U]


# ---------------------------------------------------------------- decimals that are stored as text


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        (POSTS.c.price > 9, [2, 4]),
        (POSTS.c.price < Decimal("10.000000000000000000001"), [1, 2, 3]),
        (POSTS.c.price == Decimal("9.00"), [1]),
        (POSTS.c.price != 9, [2, 3, 4]),
        (POSTS.c.price.in_([9, Decimal("10.0")]), [1, 2]),
        (POSTS.c.price.not_in([9]), [2, 3, 4]),
        (POSTS.c.price.between(1, 10), [1, 2]),
        (sa.literal(9, POSTS.c.price.type) < POSTS.c.price, [2, 4]),
        (POSTS.c.price + 1 > 10, [2, 4]),
        (POSTS.c.price * 2 < 4, [3]),
        (POSTS.c.price.is_(None), [5]),
        (POSTS.c.price >= POSTS.c.price, [1, 2, 3, 4]),
    ],
)
def test_long_decimals_are_compared_as_numbers(tmp_path: Any, clause: Any, found: list[int]) -> None:
    engine = SQLiteEngine(SQLiteSettings(path=tmp_path / "d.db"))
    prices = ("9", "10", "-1.5", "10.000000000000000000001", None)
    with engine.migration_connection() as connection:
        METADATA.create_all(connection)
        connection.execute(
            POSTS.insert(), [{"id": i, "price": each and Decimal(each)} for i, each in enumerate(prices, 1)]
        )
        assert list(connection.scalars(sa.select(POSTS.c.id).where(clause).order_by(POSTS.c.id))) == found
        others = list(connection.scalars(sa.select(POSTS.c.id).where(sa.not_(clause)).order_by(POSTS.c.id)))
        assert others == [each for each in (1, 2, 3, 4) if each not in found]
