"""What `serve` and `dev` print when they are ready: the addresses, the keys, and in `dev` what doctor has to say."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from undercroft.cli.telling import columns, paint, say, warn

if TYPE_CHECKING:
    from undercroft.app import House
    from undercroft.base.findings import Finding
    from undercroft.cli.options import Opened, ServeOptions

MOST_FINDINGS = 6


def greet(options: ServeOptions, opened: Opened, house: House, url: str) -> None:
    """Print it. The service key only at the first start or on a terminal: it passes every policy."""
    for notice in opened.settings.notices:
        warn(notice)
    out, keys, terminal = sys.stdout, house.keys, sys.stdout.isatty()
    title = f"{paint(opened.app.title, 'bold', out)} is served at {paint(url, 'cyan', out)}"
    if (
        opened.settings.postgrest.stand_in and opened.app.existing
    ):  # the API has every path, and callers' tokens come from elsewhere
        say(f"\n{title}, in the place of a PostgREST.\n")
        return
    rows = [("REST", f"{url}/rest/v1")]
    if house.door.room_of(b"/graphql/v1") is not None:
        rows.append(("GraphQL", f"{url}/graphql/v1"))
    if opened.settings.api.openapi != "disabled":
        rows.append(("Docs", f"{url}/docs"))
    if "/mail/{id:int}" in house.outside.paths:
        rows.append(("Mail", f"{url}/mail"))
    if keys.fresh or terminal or options.dev:
        rows.append(("anon key", keys.anon))
    if keys.fresh or terminal:
        rows.append(("service_role key", keys.service_role.reveal()))
    say("\n".join(["", title, *columns(rows)]))
    if keys.fresh:
        where = opened.settings.database.data
        say(f"  The keys are new, and kept in {where}; the second passes every policy: keep it secret.")
    elif not terminal:
        say("  `undercroft keys` prints the API keys.")
    if options.dev:
        _tell_findings(house)
    say()


def _tell_findings(house: House) -> None:
    from undercroft.ops import findings

    found = [each for each in findings(house) if each.severity != "note"]
    for each in found[:MOST_FINDINGS]:
        say(f"  {line_of(each)}")
    if found:
        more = f" ({len(found) - MOST_FINDINGS} more)" if len(found) > MOST_FINDINGS else ""
        say(f"  `undercroft doctor` tells what to do about it{more}.")


def line_of(finding: Finding) -> str:
    """A finding in one line."""
    colour = {"error": "red", "warning": "yellow", "note": "dim"}[finding.severity]
    return f"{paint(finding.id, colour, sys.stdout)} {finding.subject}: {finding.message}"
