"""Whom a call waits for when its time is over."""

from __future__ import annotations

import asyncio

import pytest

from undercroft.outgoing.parts.progress import following, waiting_for

pytestmark = pytest.mark.anyio


async def asked(inner: str | None) -> None:
    with waiting_for("https://a.test"), waiting_for(inner):
        await asyncio.sleep(5)


async def test_a_time_that_is_over_is_the_fault_of_who_was_waited_for() -> None:
    for inner in (None, "https://b.test"):
        with following() as progress:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asked(inner), 0.01)
            assert progress.origin == inner


async def test_afterwards_it_is_as_before() -> None:
    told: list[str | None] = []
    with following() as progress:
        with waiting_for("https://a.test"):
            with waiting_for(None):
                told.append(progress.origin)
            told.append(progress.origin)
            with pytest.raises(ValueError, match="x"), waiting_for(None):
                raise ValueError("x")
            told.append(progress.origin)
        told.append(progress.origin)
    with waiting_for("https://a.test"):
        told.append(progress.origin)
    assert told == [None, "https://a.test", "https://a.test", None, None]
