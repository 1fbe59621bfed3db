"""`undercroft graphql schema`: the API of a role, for code generators and for reviews."""

from __future__ import annotations

import json
from pathlib import Path

from undercroft.base.faults import SetupFault
from undercroft.cli.options import Common
from undercroft.cli.reviewing import built
from undercroft.cli.telling import say, warn


def tell_schema(options: Common, *, role: str, output: Path | None, as_json: bool) -> None:
    """Print the schema, or write it to a file. Raises `SetupFault`."""
    from undercroft.app.describing import described_for, outline_of
    from undercroft.graphql.schema import print_sdl, tell_introspection

    app, house = built(options)
    known = outline_of(app, house.pipeline, house.settings)
    for problem in known.problems:
        warn(problem)
    found = described_for(role, known, house.pipeline, house.caller, house.settings)
    text = json.dumps(tell_introspection(found), indent=2) + "\n" if as_json else print_sdl(found)
    if output is None:
        say(text.rstrip("\n"))
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SetupFault(f"--output: {output} cannot be written: {error.strerror}") from None
