"""`undercroft graphql schema`: the API of a role, for code generators and for reviews."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

from undercroft.base.faults import Fault, SetupFault
from undercroft.cli.options import Common, open_app, read_settings
from undercroft.cli.telling import say, warn

if TYPE_CHECKING:
    from undercroft.app.house import House
    from undercroft.graphql.parts.describing.described import Described


def tell_schema(options: Common, *, role: str, output: Path | None, as_json: bool) -> None:
    """Print the schema, or write it to a file. Raises `SetupFault`."""
    from undercroft.graphql.schema import print_sdl, tell_introspection

    found = _described(options, role)
    text = json.dumps(tell_introspection(found), indent=2) + "\n" if as_json else print_sdl(found)
    if output is None:
        say(text.rstrip("\n"))
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SetupFault(f"--output: {output} cannot be written: {error.strerror}") from None


def _described(options: Common, role: str) -> Described:
    from undercroft.app import build
    from undercroft.app.describing import described_for, outline_of

    opened = open_app(options, read_settings(options))
    opened.app.migrations = opened.migrations
    house = build(opened.app, opened.settings, dev=True)
    if house.describe is not None:
        return asyncio.run(_asked(house, role))
    known = outline_of(opened.app, house.pipeline, house.settings)
    for problem in known.problems:
        warn(problem)
    return described_for(role, known, house.pipeline, house.caller, house.settings)


async def _asked(house: House, role: str) -> Described:
    """What a database says of a role, asked as that role."""
    if house.describe is None:
        raise AssertionError("an app says it by itself")
    await house.engine.start()
    try:
        return await house.describe(role)
    except Fault as fault:
        raise SetupFault(f"as {role}: {fault.message}", hint="Name a role of the database: --role NAME") from None
    finally:
        await house.engine.close()
