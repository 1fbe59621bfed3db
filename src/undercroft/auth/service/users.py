"""The account of whoever asks."""

from __future__ import annotations

from typing import Any

from undercroft.auth.errors import AuthFault
from undercroft.auth.parts.shapes import Shape, user_shape
from undercroft.auth.service.accounts import changed, check_password, merged
from undercroft.auth.service.room import Room, noted
from undercroft.auth.service.sessions import ended
from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import FACTORS, IDENTITIES, SESSIONS, USERS
from undercroft.auth.types import Caller
from undercroft.auth.types.asks import ChangeUser


def shape_of(rows: Rows, user: Record) -> Shape:
    """An account as clients read it."""
    return user_shape(user, rows.all(IDENTITIES, user_id=user["id"]), rows.all(FACTORS, user_id=user["id"]))


async def show(room: Room, user: Record) -> Shape:
    """`GET /user`."""
    return await room.read(lambda rows: shape_of(rows, user))


async def change(room: Room, user: Record, session: Record | None, ask: ChangeUser, caller: Caller) -> Shape:
    """`PUT /user`. Raises `AuthFault`."""
    columns: dict[str, Any] = {}
    if ask.password is not None:
        check_password(room, ask.password)
        if user["encrypted_password"] and await room.hasher.matches(user["encrypted_password"], ask.password):
            raise AuthFault("same_password", "New password should be different from the old password.")
        columns["encrypted_password"] = await room.hasher.hashed(ask.password)

    def work(rows: Rows) -> tuple[Shape, list[str]]:
        now = rows.one(USERS, locked=True, id=user["id"])
        if now is None:
            raise AuthFault("user_not_found", "User not found")
        if ask.data:
            columns["raw_user_meta_data"] = merged(now["raw_user_meta_data"], ask.data)
        after = changed(rows, room, now, **columns)
        gone: list[str] = []
        if ask.password is not None:
            others = [
                each for each in rows.all(SESSIONS, user_id=user["id"]) if not session or each["id"] != session["id"]
            ]
            gone = ended(rows, room, others)
            noted(rows, room, "user_updated_password", after, caller, kind="user")
        noted(rows, room, "user_modified", after, caller, kind="user")
        return shape_of(rows, after), gone

    told, gone = await room.write(work)
    room.revoked(gone)
    return told
