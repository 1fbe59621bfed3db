"""A house for one command: its database is open and up to date, beside a server that runs or without one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from undercroft.base.faults import SetupFault
from undercroft.cli.options import Common, of_a_file, open_app, read_settings

if TYPE_CHECKING:
    from undercroft.app.house import House


@asynccontextmanager
async def opened_house(options: Common, what: str, *, dev: bool = True) -> AsyncIterator[House]:
    """The house of an app; `what` is what the command is about. `dev` lets example secrets pass.

    Raises `SetupFault`, also for a database that is served as it is.
    """
    from undercroft.app import build

    opened = open_app(of_a_file(options), read_settings(options))
    if opened.app.existing:
        raise SetupFault(f"a database that is served as it is has no {what}", hint="Name an app: --app app.py")
    opened.app.migrations = opened.migrations
    house = build(opened.app, opened.settings, dev=dev)
    house.prepare()
    await house.engine.start()  # the engine alone: no worker is to begin here
    try:
        yield house
    finally:
        await house.engine.close()
