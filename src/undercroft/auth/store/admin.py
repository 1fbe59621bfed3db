"""Pages of accounts and of the audit log, for those who look after an app."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import AUDIT, FACTORS, IDENTITIES, USERS
from undercroft.models.base import Uuid
from undercroft.sql.prepared import Prepared, prepare

_BIG = sa.BigInteger()
_NAMES = ("full_name", "name", "user_name")
_AUDITED = {"author": ("actor_username", "actor_name"), "action": ("action",), "type": ("log_type",)}
"""What an audit log is searched by, in GoTrue's words, and the parts of an entry that are meant."""


def users_like(rows: Rows, dialect: Dialect, search: str, aud: str | None, limit: int, offset: int) -> list[Record]:
    """A page of accounts, the newest first: all, or those whose address or name begins with a text."""
    statement = _users(bool(search), aud is not None, dialect, counted=False)
    return rows.asked(statement, USERS, {**_given(search, aud), "limit": limit, "offset": offset})


def count_users_like(rows: Rows, dialect: Dialect, search: str, aud: str | None) -> int:
    """How many there are."""
    statement = _users(bool(search), aud is not None, dialect, counted=True)
    return int(rows.raw(statement, _given(search, aud))[0][0])


def identities_of(rows: Rows, dialect: Dialect, users: Iterable[Record]) -> dict[str, list[Record]]:
    """The identities of several accounts, by account."""
    return _by_user(rows, dialect, IDENTITIES, users)


def factors_of(rows: Rows, dialect: Dialect, users: Iterable[Record]) -> dict[str, list[Record]]:
    """The factors of several accounts, by account."""
    return _by_user(rows, dialect, FACTORS, users)


def audited(rows: Rows, dialect: Dialect, scope: str | None, text: str, limit: int, offset: int) -> list[Record]:
    """A page of the audit log, the newest first; `scope` is one of `SCOPES`."""
    given = {"text": _pattern(text, anywhere=True)} if scope else {}
    return rows.asked(_audit(scope, dialect, counted=False), AUDIT, {**given, "limit": limit, "offset": offset})


def count_audited(rows: Rows, dialect: Dialect, scope: str | None, text: str) -> int:
    """How many entries there are."""
    given = {"text": _pattern(text, anywhere=True)} if scope else {}
    return int(rows.raw(_audit(scope, dialect, counted=True), given)[0][0])


SCOPES = frozenset(_AUDITED)


def _given(search: str, aud: str | None) -> dict[str, object]:
    given: dict[str, object] = {} if aud is None else {"aud": aud}
    if search:
        given |= {"search": _pattern(search), "id": search.lower(), "phone": _pattern(search.removeprefix("+"))}
    return given


def _pattern(text: str, *, anywhere: bool = False) -> str:
    """A pattern of LIKE in which the text stands for itself."""
    for special in "\\%_":
        text = text.replace(special, f"\\{special}")
    return f"%{text.lower()}%" if anywhere else f"{text.lower()}%"


def _like(column: Any, name: str) -> Any:
    return sa.func.lower(column).like(sa.bindparam(name, type_=sa.Text()), escape="\\")


@cache
def _users(searched: bool, of_audience: bool, dialect: Dialect, *, counted: bool) -> Prepared:
    c = USERS.c
    found = sa.select(sa.func.count()).select_from(USERS) if counted else sa.select(USERS)
    if of_audience:
        found = found.where(c.aud == sa.bindparam("aud", type_=sa.Text()))
    if searched:
        named = [_like(c.raw_user_meta_data[name].as_string(), "search") for name in _NAMES]
        its_id = sa.cast(c.id, sa.Text) == sa.bindparam("id", type_=sa.Text())
        found = found.where(sa.or_(_like(c.email, "search"), _like(c.phone, "phone"), its_id, *named))
    if not counted:
        found = _paged(found.order_by(c.created_at.desc(), c.id))
    return prepare(found, dialect)


@cache
def _audit(scope: str | None, dialect: Dialect, *, counted: bool) -> Prepared:
    c = AUDIT.c
    found = sa.select(sa.func.count()).select_from(AUDIT) if counted else sa.select(AUDIT)
    if scope is not None:
        found = found.where(sa.or_(*(_like(c.payload[part].as_string(), "text") for part in _AUDITED[scope])))
    if not counted:
        found = _paged(found.order_by(c.created_at.desc(), c.id))
    return prepare(found, dialect)


def _paged(found: sa.Select[Any]) -> sa.Select[Any]:
    return found.limit(sa.bindparam("limit", type_=_BIG)).offset(sa.bindparam("offset", type_=_BIG))


def _by_user(rows: Rows, dialect: Dialect, table: sa.Table, users: Iterable[Record]) -> dict[str, list[Record]]:
    ids = [user["id"] for user in users]
    found: dict[str, list[Record]] = {user_id: [] for user_id in ids}
    for row in rows.asked(_of_users(table, dialect), table, {"ids": json.dumps(ids)}):
        found[row["user_id"]].append(row)
    return found


@cache
def _of_users(table: sa.Table, dialect: Dialect) -> Prepared:
    kind = Uuid() if dialect.name == "postgresql" else sa.Text()
    ids = sa.func.json_each(sa.bindparam("ids", type_=sa.Text())).table_valued(sa.column("value", kind))
    found = sa.select(table).where(table.c.user_id.in_(sa.select(ids.c.value)))
    return prepare(found.order_by(table.c.created_at, table.c.id), dialect)
