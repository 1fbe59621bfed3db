"""Special statements of the provider: consents given again, pages of clients, authorizations nobody finished."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from undercroft.auth.store import Record, Rows, given
from undercroft.auth.tables import OAUTH_AUTHORIZATIONS, OAUTH_CLIENTS, OAUTH_CONSENTS
from undercroft.sql.prepared import Prepared, prepare

_BIG = sa.BigInteger()


def consented(rows: Rows, dialect: Dialect, user_id: str, client_id: str, scopes: str, now: datetime) -> None:
    """That somebody lets an app in, once more or for the first time; two tabs may say so at once."""
    values = {"id": str(uuid4()), "user_id": user_id, "client_id": client_id, "scopes": scopes, "granted_at": now}
    rows.raw(_consenting(dialect), values)


def page_of_clients(rows: Rows, dialect: Dialect, limit: int, offset: int) -> list[Record]:
    """Clients, the oldest first."""
    return rows.asked(_page(dialect), OAUTH_CLIENTS, {"limit": limit, "offset": offset})


def count_clients(rows: Rows, dialect: Dialect) -> int:
    """How many there are."""
    return int(rows.raw(_count(dialect), {})[0][0])


def forget_unfinished(rows: Rows, dialect: Dialect, before: datetime) -> None:
    """Take out authorizations that ran out before that moment and came to nothing."""
    rows.raw(_forgetting(dialect), {"expires_at": before})


@cache
def _consenting(dialect: Dialect) -> Prepared:
    insert = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
    c = OAUTH_CONSENTS.c
    names = (c.id, c.user_id, c.client_id, c.scopes, c.granted_at)
    added = insert(OAUTH_CONSENTS).values({column.name: given(column) for column in names})
    changed = {"scopes": added.excluded.scopes, "granted_at": added.excluded.granted_at, "revoked_at": sa.null()}
    return prepare(
        added.on_conflict_do_update(index_elements=[c.user_id, c.client_id], set_=changed).returning(c.id), dialect
    )


@cache
def _page(dialect: Dialect) -> Prepared:
    c = OAUTH_CLIENTS.c
    found = sa.select(OAUTH_CLIENTS).where(c.deleted_at.is_(None)).order_by(c.created_at, c.id)
    found = found.limit(sa.bindparam("limit", type_=_BIG)).offset(sa.bindparam("offset", type_=_BIG))
    return prepare(found, dialect)


@cache
def _count(dialect: Dialect) -> Prepared:
    found = sa.select(sa.func.count()).select_from(OAUTH_CLIENTS).where(OAUTH_CLIENTS.c.deleted_at.is_(None))
    return prepare(found, dialect)


@cache
def _forgetting(dialect: Dialect) -> Prepared:
    c = OAUTH_AUTHORIZATIONS.c
    gone = sa.delete(OAUTH_AUTHORIZATIONS).where(c.expires_at < given(c.expires_at), c.status != "exchanged")
    return prepare(gone.returning(c.id), dialect)
