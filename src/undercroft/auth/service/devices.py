"""The devices on which somebody is signed in, seen and ended by themselves."""

from __future__ import annotations

from undercroft.auth.errors import AuthFault
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.service.room import Room, noted
from undercroft.auth.service.sessions import ended, session_shape
from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import SESSIONS
from undercroft.auth.types import Caller


async def listed(room: Room, user: Record, session: Record | None) -> list[Shape]:
    """`GET /sessions`: the oldest first; `current` is the one that asks."""
    here = session["id"] if session else None
    return await room.read(lambda rows: [session_shape(each, here) for each in rows.all(SESSIONS, user_id=user["id"])])


async def end(room: Room, user: Record, session_id: str, caller: Caller) -> None:
    """`DELETE /sessions/{id}`: another's is not found. Raises `AuthFault`."""

    def work(rows: Rows) -> list[str]:
        found = rows.one(SESSIONS, id=session_id, user_id=user["id"])
        if found is None:
            raise AuthFault("session_not_found", "There is no such session", status=404)
        noted(rows, room, "logout", user, caller, traits={"session_id": session_id})
        return ended(rows, room, [found])

    room.revoked(await room.write(work))
