"""A mounted application is started and ended as the ASGI specification has it, if it knows about that."""

from __future__ import annotations

from typing import Any

import pytest

from undercroft.base.faults import SetupFault
from undercroft.web.mounted import Mounted

pytestmark = pytest.mark.anyio


class Recorder:
    """An application that notes its life, or fails at a moment of it."""

    def __init__(self, *, fails: str = "", raises: str = "") -> None:
        self.seen: list[str] = []
        self.fails, self.raises = fails, raises
        self.state: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            self.state = scope.get("state")
            return
        while True:
            moment = (await receive())["type"].removeprefix("lifespan.")
            self.seen.append(moment)
            if moment == self.raises:
                raise RuntimeError("oh")
            if moment == self.fails:
                await send({"type": f"lifespan.{moment}.failed", "message": "Traceback\nno database"})
                return
            scope["state"]["word"] = "x"
            await send({"type": f"lifespan.{moment}.complete"})
            if moment == "shutdown":
                return


async def nothing(*_: Any) -> Any:
    return {}


async def test_it_is_started_ended_and_started_again() -> None:
    application = Recorder()
    mounted = Mounted("/x", application)
    for _ in range(2):
        await mounted.start()
        await mounted({"type": "http", "state": {"ours": 1}}, nothing, nothing)
        assert application.state == {"ours": 1, "word": "x"}
        await mounted.stop()
        await mounted.stop()
    assert application.seen == ["startup", "shutdown"] * 2


@pytest.mark.parametrize("raises", ["startup", "shutdown"])
async def test_one_that_does_not_know_the_protocol_is_served_all_the_same(raises: str) -> None:
    application = Recorder(raises=raises)
    mounted = Mounted("/x", application)
    await mounted.start()
    await mounted({"type": "http"}, nothing, nothing)
    await mounted.stop()


async def test_one_that_cannot_start_stops_the_start() -> None:
    with pytest.raises(SetupFault, match="mounted at /x does not start: no database"):
        await Mounted("/x", Recorder(fails="startup")).start()
