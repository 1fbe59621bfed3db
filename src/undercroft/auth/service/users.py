"""The account of whoever asks, as clients read it."""

from __future__ import annotations

from undercroft.auth.parts.shapes import Shape, user_shape
from undercroft.auth.service.room import Room
from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import FACTORS, IDENTITIES


def shape_of(rows: Rows, user: Record) -> Shape:
    """An account as clients read it."""
    return user_shape(user, rows.all(IDENTITIES, user_id=user["id"]), rows.all(FACTORS, user_id=user["id"]))


async def show(room: Room, user: Record) -> Shape:
    """`GET /user`."""
    return await room.read(lambda rows: shape_of(rows, user))
