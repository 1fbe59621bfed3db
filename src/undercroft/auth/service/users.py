"""The account of whoever asks, as clients read it."""

from __future__ import annotations

from uuid import UUID

from undercroft.access.actor import Actor
from undercroft.auth.errors import AuthFault
from undercroft.auth.parts.shapes import Shape, user_shape
from undercroft.auth.service.room import Room
from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import FACTORS, IDENTITIES, SESSIONS, USERS


def shape_of(rows: Rows, user: Record) -> Shape:
    """An account as clients read it."""
    return user_shape(user, rows.all(IDENTITIES, user_id=user["id"]), rows.all(FACTORS, user_id=user["id"]))


async def show(room: Room, user: Record) -> Shape:
    """`GET /user`."""
    return await room.read(lambda rows: shape_of(rows, user))


def person_of(rows: Rows, actor: Actor) -> tuple[Record, Record | None]:
    """Whose token it is, and in which session. Raises `AuthFault` where either is gone."""
    if not actor.uid:
        raise AuthFault("bad_jwt", "invalid claim: missing sub claim")
    user = rows.one(USERS, id=_uuid(actor.uid))
    if user is None or user["deleted_at"] is not None:
        raise AuthFault("user_not_found", "User from sub claim in JWT does not exist", status=403)
    session_id = actor.claims.get("session_id")
    if not session_id:
        return user, None
    session = rows.one(SESSIONS, id=_uuid(str(session_id)), user_id=user["id"])
    if session is None:
        raise AuthFault("session_not_found", "Session from session_id claim in JWT does not exist")
    return user, session


def session_of(rows: Rows, session_id: str) -> Record | None:
    """A session as it is now."""
    return rows.one(SESSIONS, id=session_id)


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise AuthFault("bad_jwt", "invalid claim: sub claim must be a UUID") from None
