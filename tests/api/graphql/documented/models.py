"""The worlds of the documented examples as apps: models, what is said of them for GraphQL, functions and rows."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

from tests.api.scenario import ANON, SERVICE, Persona
from undercroft import App, Context
from undercroft.models.base import NAMES

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""SQLite numbers rows by its own integers only."""
MOMENT = "2023-07-24T04:01:09.882781"


class Modelled(NamedTuple):
    """An app, the rows that are put in before somebody asks, and who asks."""

    app: App
    rows: Rows = MappingProxyType({})
    who: Persona = SERVICE


class _Models:
    """Models of an app that is about to be."""

    def __init__(self) -> None:
        self.base: type[DeclarativeBase] = type(
            "Base", (DeclarativeBase,), {"metadata": sa.MetaData(naming_convention=NAMES)}
        )
        self.app = App(self.base, title="Documented")

    def add(self, name: str, *parts: Any, comment: str | None = None) -> Any:
        table = sa.Table(name, self.base.metadata, *parts, comment=comment)
        return type(name, (self.base,), {"__table__": table})


def column(name: str, type_: Any, *more: Any, need: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, type_, *more, nullable=not need, **options)


def key(type_: Any = sa.Integer) -> sa.Column[Any]:
    return sa.Column("id", type_, primary_key=True)


def _blog(name: str, rows: Sequence[Mapping[str, Any]], *, dated: bool) -> Modelled:
    made = _Models()
    now: Any = None if dated else sa.func.now()
    made.add(
        name,
        key(),
        column("name", sa.String(255), need=True),
        column("description", sa.String(255)),
        column("createdAt", sa.DateTime, need=True, server_default=now),
        column("updatedAt", sa.DateTime, need=dated),
    )
    moments = {"createdAt": MOMENT, "updatedAt": MOMENT} if dated else {}
    return Modelled(made.app, {name: [{**row, **moments} for row in rows]} if rows else {})


def _blogs() -> Modelled:
    named = [("A: Blog 1", "a desc1"), ("A: Blog 2", "a desc2"), ("A: Blog 3", "a desc3"), ("B: Blog 3", "b desc1")]
    return _blog("Blog", [{"name": name, "description": text} for name, text in named], dated=True)


def _rated() -> Modelled:
    made = _Models()
    made.add(
        "Blog",
        key(),
        column("title", sa.Text, need=True),
        column("rating", sa.Numeric(2, 1)),
        column("visits", sa.Integer),
        column("createdAt", sa.DateTime, need=True),
        column("updatedAt", sa.DateTime, need=True),
        comment='@graphql({"aggregate": {"enabled": true}})',
    )
    names = ("title", "rating", "visits", "createdAt", "updatedAt")
    rows = [
        ("Low", 2.5, 9000, "2020-01-01T00:00:00", "2024-01-01T00:00:00"),
        ("Beta", 4.5, 250, "2022-01-15T10:30:00", "2023-08-20T14:45:00"),
        ("Alpha", 4.0, 1000, "2022-02-15T10:30:00", "2023-05-20T14:45:00"),
    ]
    return Modelled(made.app, {"Blog": [dict(zip(names, row, strict=True)) for row in rows]})


def _posts() -> Modelled:
    made = _Models()
    made.add("Blog", key(), column("name", sa.String(255), need=True))
    made.add(
        "BlogPost",
        key(),
        column("blogId", sa.Integer, sa.ForeignKey("Blog.id"), need=True),
        column("title", sa.String(255), need=True),
        column("body", sa.String(10000)),
    )
    posts = [{"id": 2, "blogId": 1, "title": "fIr3t p0sT"}, {"id": 3, "blogId": 1, "title": "graphql with postgres"}]
    return Modelled(made.app, {"Blog": [{"name": "pg_graphql blog"}], "BlogPost": posts})


def _employees() -> Modelled:
    made = _Models()
    made.add("EmailAddress", key(), column("address", sa.Text, need=True, unique=True))
    made.add(
        "Employee",
        key(),
        column("name", sa.Text, need=True),
        column("email_address_id", sa.Integer, sa.ForeignKey("EmailAddress.id"), unique=True),
    )
    employees = [{"name": "Foo Barington", "email_address_id": 1}]
    return Modelled(made.app, {"EmailAddress": [{"address": "foo@bar.com"}], "Employee": employees})


def _one(name: str, column_: sa.Column[Any], row: Mapping[str, Any], key_: Any = sa.Integer) -> Modelled:
    made = _Models()
    made.add(name, key(key_), column_)
    return Modelled(made.app, {name: [row]})


# --- functions ---


def _sums() -> Modelled:
    made = _Models()

    @made.app.rpc(read_only=True, name="addNums")
    async def add_nums(ctx: Context, a: int, b: int) -> int:
        return a + b

    return Modelled(made.app)


def _sums_by_default() -> Modelled:
    made = _Models()

    @made.app.rpc(read_only=True, name="addNums")
    async def add_nums(ctx: Context, a: int = 1, b: int = 2) -> int:
        return a + b

    return Modelled(made.app)


def _accounts(name: str, *emails: str) -> Modelled:
    made = _Models()
    account = made.add(name, key(), column("email", sa.String(255), need=True))
    columns = account.__table__.c

    async def add(ctx: Context, email: str) -> int:
        row = account(email=email)
        ctx.session.add(row)
        await ctx.session.flush()
        return int(row.id)

    async def by_id(ctx: Context, accountId: int) -> Any:
        return await ctx.session.get(account, accountId)

    async def by_email(ctx: Context, emailToSearch: str) -> Any:
        return list(
            await ctx.session.scalars(sa.select(account).where(columns.email == emailToSearch).order_by(columns.id))
        )

    async def by_ids(ctx: Context, ids: list[int]) -> Any:
        return list(await ctx.session.scalars(sa.select(account).where(columns.id.in_(ids)).order_by(columns.id)))

    async def emails_by_ids(ctx: Context, ids: list[int]) -> list[str]:
        return list(await ctx.session.scalars(sa.select(columns.email).where(columns.id.in_(ids)).order_by(columns.id)))

    by_id.__annotations__["return"] = account | None
    by_email.__annotations__["return"] = by_ids.__annotations__["return"] = list[account]  # type: ignore[valid-type]
    made.app.rpc(name="addAccount")(add)
    for function, called in (
        (by_id, "accountById"), (by_email, "accountsByEmail"), (by_ids, "accountsByIds"),
        (emails_by_ids, "emailsByIds"),
    ):  # fmt: skip
        made.app.rpc(read_only=True, name=called)(function)
    return Modelled(made.app, {name: [{"email": email} for email in emails]} if emails else {})


# --- relations by comment, generated columns ---


def _addresses() -> Modelled:
    made = _Models()
    made.add("Account", key(), column("name", sa.Text, need=True))
    directed = (
        '@graphql({"foreign_keys": [{"local_name": "addresses", "local_columns": ["accountId"],'
        ' "foreign_name": "account", "foreign_schema": "public", "foreign_table": "Account",'
        ' "foreign_columns": ["id"]}]})'
    )
    made.add(
        "EmailAddress",
        key(),
        column("accountId", sa.Integer, need=True),
        column("isPrimary", sa.Boolean, need=True),
        column("address", sa.Text, need=True),
        comment=directed,
    )
    addresses = [
        {"accountId": 1, "isPrimary": True, "address": "a@x.com"},
        {"accountId": 1, "isPrimary": False, "address": "b@x.com"},
    ]
    return Modelled(made.app, {"Account": [{"name": "Ada"}], "EmailAddress": addresses})


def _generated() -> Modelled:
    made = _Models()
    made.add(
        "parcel",
        key(),
        column("width", sa.Integer, need=True),
        column("height", sa.Integer, need=True),
        column("girth", sa.Integer, sa.Computed("2 * (width + height)", persisted=True)),
    )
    return Modelled(made.app, {"parcel": [{"width": 30, "height": 12}]})


# --- what is configured ---


def _posts_of(comment: str | None, emails: Sequence[str], *others: str) -> Modelled:
    made = _Models()
    made.add("BlogPost", key(), column("email", sa.String(255), need=True), comment=comment)
    for name in others:
        made.add(name, key())
    return Modelled(made.app, {"BlogPost": [{"email": email} for email in emails]})


def _inflected() -> Modelled:
    made = _Models()
    made.add("blog_post", key(), column("my_title", sa.Text))
    return Modelled(made.app)


def _aggregated() -> Modelled:
    made = _Models()
    comment = '@graphql({"totalCount": {"enabled": true}, "aggregate": {"enabled": true}})'
    made.add(
        "BlogPost",
        key(),
        column("title", sa.String(255), need=True),
        column("rating", sa.Integer, need=True),
        comment=comment,
    )
    made.add("Unaggregated", key())
    rows = [{"title": title, "rating": rating} for title, rating in (("a", 1), ("b", 4), ("c", 5))]
    return Modelled(made.app, {"BlogPost": rows})


def _renamed() -> Modelled:
    made = _Models()
    account = made.add("account", key(), column("email", sa.Text))
    made.app.graphql(account, name="AccountHolder")
    made.app.graphql(account.email, name="emailAddress")
    return Modelled(made.app, {"account": [{"email": "a@x.com"}]})


def _renamed_key() -> Modelled:
    made = _Models()
    made.add("Account", key(), column("name", sa.Text))
    comment = '@graphql({"foreign_name": "author", "local_name": "posts"})'
    made.add(
        "Post",
        key(),
        column("accountId", sa.Integer, need=True),
        column("title", sa.Text, need=True),
        column("body", sa.Text),
        sa.ForeignKeyConstraint(["accountId"], ["Account.id"], name="Post_accountId_fkey", comment=comment),
    )
    return Modelled(made.app, {"Account": [{"name": "Ada"}], "Post": [{"accountId": 1, "title": "A title"}]})


def _described() -> Modelled:
    made = _Models()
    account = made.add("Account", key())
    made.app.graphql(account, description="A User Account")
    made.app.graphql(account.id, description="The primary key identifier")

    async def one(ctx: Context) -> int:
        return 1

    made.app.rpc(read_only=True, name="aFunction")(one)
    made.app.graphql(one, description="Gives one")
    return Modelled(made.app)


def _mapped() -> Modelled:
    made = _Models()
    algorithm = enum.Enum("Algorithm", {"AEAD": "aead-ietf"})  # type: ignore[misc]
    words = sa.Enum(algorithm, values_callable=lambda members: [member.value for member in members])
    made.add("Key", key(), column("algorithm", words))
    made.app.graphql(algorithm, mappings={"aead-ietf": "AEAD_IETF"})
    return Modelled(made.app, {"Key": [{"algorithm": "aead-ietf"}, {"algorithm": None}]})


def _rows() -> Modelled:
    made = _Models()
    account = made.add("Account", key(), column("name", sa.Text), column("public", sa.Boolean, need=True))

    @made.app.policy(account, "select")
    def shown(row: Any) -> Any:
        """Accounts that are public are everybody's."""
        return row.public

    return Modelled(
        made.app, {"Account": [{"name": "Ada", "public": True}, {"name": "Bob", "public": False}]}, who=ANON
    )


WORLDS: Mapping[str, Callable[[], Modelled]] = {
    "blog": lambda: _blog("blog", [{"name": "Some Blog", "description": "Description of Some Blog"}], dated=True),
    "blogs": _blogs,
    "rated": _rated,
    "written": lambda: _blog("Blog", [], dated=False),
    "foo_and_bar": lambda: _blog("Blog", [{"name": "foo"}, {"name": "bar"}], dated=False),
    "baz": lambda: _blog("Blog", [{"name": "baz"}, {"name": "bar"}], dated=False),
    "posts": _posts,
    "employees": _employees,
    "users": lambda: _one("User", column("config", sa.JSON), {"config": {"palette": "dark-mode"}}, BIG),
    "people": lambda: _one("Person", column("name", sa.Text), {"name": "J. Bazworth"}, BIG),
    "ledger": lambda: _one("GeneralLedger", column("amount", sa.Numeric(10, 2)), {"amount": 22.15}),
    "sums": _sums,
    "sums_by_default": _sums_by_default,
    "account": lambda: _accounts("account"),
    "two_accounts": lambda: _accounts("account", "a@example.com", "b@example.com"),
    "three_accounts": lambda: _accounts("Account", "a@example.com", "a@example.com", "b@example.com"),
    "accounts_by_ids": lambda: _accounts("Account", "a@example.com", "b@example.com", "c@example.com"),
    "addresses": _addresses,
    "generated": _generated,
    "inflected": _inflected,
    "default_rows": lambda: _posts_of(None, ["x"] * 35),
    "counted": lambda: _posts_of('@graphql({"totalCount": {"enabled": true}})', ["a", "b", "b"], "Uncounted"),
    "aggregated": _aggregated,
    "renamed": _renamed,
    "renamed_key": _renamed_key,
    "described": _described,
    "mapped": _mapped,
    "rows": _rows,
}
