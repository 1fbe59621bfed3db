"""Housekeeping: events that are long over go, with their deliveries and the log of those."""

from __future__ import annotations

from undercroft.engine.types import Cursor
from undercroft.webhooks.service.room import Room
from undercroft.webhooks.store import BATCH
from undercroft.webhooks.types import MICROSECONDS


async def tidy(room: Room) -> int:
    """Let go of what is older than it is kept; how many events went. One short transaction after the other."""
    before = room.now() - round(room.settings.keep * MICROSECONDS)
    gone = 0
    for statement in (room.statements.purge_events, room.statements.purge_inbox):
        args = statement.args(before=before)

        def purge(cursor: Cursor, text: str = statement.text, args: list[object] = args) -> int:
            return len(cursor.all(text, args))

        while (went := await room.engine.write(purge)) == BATCH:
            gone += went
        gone += went
    return gone
