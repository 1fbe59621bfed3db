"""Places by key, and the line before them."""

from __future__ import annotations

import asyncio

import pytest

from undercroft.outgoing.parts.places import Places

pytestmark = pytest.mark.anyio


async def test_one_key_takes_no_place_of_another() -> None:
    places = Places(2)
    for key in ("a", "a", "b"):
        await places.take(key, 0)
    with pytest.raises(TimeoutError):
        await places.take("a", 0.01)
    await places.take("b", 0)
    waiting = asyncio.create_task(places.take("a", 5))
    await asyncio.sleep(0)
    assert not waiting.done()
    places.give_back("a")
    await waiting
    with pytest.raises(TimeoutError):
        await places.take("a", 0.01)


async def test_nothing_is_kept_of_keys_that_nobody_uses() -> None:
    places = Places(1)
    await places.take("a", None)
    gone = asyncio.create_task(places.take("a", None))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert gone.cancelled()
    places.give_back("a")
    assert not places._known
    await places.take("a", 0)
