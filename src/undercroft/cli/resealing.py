"""`undercroft keys reseal`: another key for what is encrypted in the database, while servers run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from undercroft.base.faults import SetupFault
from undercroft.cli.opening import opened_house
from undercroft.cli.options import Common
from undercroft.cli.telling import say, say_json, warn

if TYPE_CHECKING:
    from undercroft.app.rotating import Rotated


def reseal(options: Common, *, same_key: bool, as_json: bool) -> None:
    """Make a key and seal everything with it; with `same_key` go on with the one in force. Raises `SetupFault`, also
    where something stayed shut."""
    last = asyncio.run(_resealed(options, same_key=same_key, as_json=as_json))
    if as_json:
        say_json([each._asdict() for each in last.values()])
    shut = sum(each.shut for each in last.values())
    if shut:
        raise SetupFault(
            f"{shut} values were opened by no key, and stay as they are",
            hint="Add their key to [auth] older_encryption_keys, then: undercroft keys reseal --same-key",
        )
    if not as_json:
        say("Everything is sealed with the key in force.")


async def _resealed(options: Common, *, same_key: bool, as_json: bool) -> dict[str, Rotated]:
    from undercroft.app.rotating import rotated
    from undercroft.auth import add_sealing_key

    last: dict[str, Rotated] = {}
    async with opened_house(options, "encrypted columns") as house:
        settings = house.settings
        if settings.auth.encryption_key is None and not same_key:
            add_sealing_key(settings.database.data)
        elif not same_key:
            warn("[auth] encryption_key is set: what is sealed is brought to that key")
        async for each in rotated(house):
            last[each.column] = each
            if not as_json:
                say(f"{each.column}: {each.seen} seen, {each.changed} sealed anew")
    return last
