"""What tidies up: again and again, whatever one of them meets, until it is stopped."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from undercroft.base.faults import Fault
from undercroft.jobs.service.tidying import Tidying

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("error", "said"), [(Fault("the disk is full", code="53100"), "tidying failed"), (KeyError(), "tidying crashed")]
)
async def test_one_that_fails_keeps_no_other_from_it(error: Exception, said: str) -> None:
    went = 0

    async def fails() -> None:
        raise error

    async def goes() -> None:
        nonlocal went
        went += 1

    with structlog.testing.capture_logs() as logs:
        tidying = Tidying((fails, goes), structlog.get_logger(), first=0.0, every=0.001)
        await tidying.start()
        async with asyncio.timeout(5):
            while went < 3:  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.001)
        await tidying.stop()
    ended = went
    await asyncio.sleep(0.02)
    assert went == ended
    assert {each["event"] for each in logs} == {said}
