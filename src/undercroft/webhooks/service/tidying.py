"""Housekeeping: events that are long over go, with their deliveries and the log of those."""

from __future__ import annotations

from undercroft.engine.types import Cursor
from undercroft.webhooks.service.room import Room
from undercroft.webhooks.store import BATCH
from undercroft.webhooks.types import MICROSECONDS


async def tidy(room: Room) -> int:
    """Let go of what is older than it is kept; how many events went, or only their bodies, where the signature holds
    for ever. One short transaction after the other."""
    before = room.now() - round(room.settings.keep * MICROSECONDS)
    gone, known = 0, room.statements
    for statement in (known.purge_events, known.purge_inbox, known.empty_inbox):
        args = statement.args(before=before)

        def purge(cursor: Cursor, text: str = statement.text, args: list[object] = args) -> int:
            return len(cursor.all(text, args))

        while (went := await room.engine.write(purge)) == BATCH:
            gone += went
        gone += went
    return gone
