"""`undercroft access` and `undercroft doctor`: who may do what, and what is wrong, for reviews and for CI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undercroft.cli.options import Common, open_with_policies, read_settings
from undercroft.cli.telling import paint, say, say_json

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from undercroft.app import App, House
    from undercroft.ops import Finding, Grant, Matrix


def built(options: Common) -> tuple[App, House]:
    """The app, built and not started: nothing is asked of its database. Raises `SetupFault`."""
    from undercroft.app import build

    opened = open_with_policies(options, read_settings(options))
    opened.app.migrations = opened.migrations
    return opened.app, build(opened.app, opened.settings, dev=True)


def tell_access(options: Common, *, roles: Sequence[str], as_json: bool) -> None:
    """Print the matrix. Raises `SetupFault`."""
    from undercroft.app.answering import addresses_of
    from undercroft.ops import access_matrix

    app, house = built(options)
    functions = house.caller.functions.values()
    matrix = access_matrix(house.pipeline.catalog, house.pipeline.rules, functions, roles, addresses_of(app))
    if as_json:
        say_json(matrix.as_json())
    else:
        _draw(matrix, roles)


def tell_findings(options: Common, *, ignored: Collection[str], strict: bool, as_json: bool) -> int:
    """Print what doctor finds; 1 where there is an error (`strict`: or a warning) that is not ignored."""
    from undercroft.app.describing import outline_of
    from undercroft.base.findings import in_order
    from undercroft.graphql.checks import check_names
    from undercroft.ops import findings

    app, house = built(options)
    every = [*findings(house), *check_names(outline_of(app, house.pipeline, house.settings))]
    found = [each for each in in_order(every) if each.id not in ignored]
    bad = [each for each in found if each.severity == "error" or (strict and each.severity == "warning")]
    if as_json:
        say_json({"ok": not bad, "findings": [each.as_json() for each in found]})
    else:
        _draw_findings(found)
    return 1 if bad else 0


def _draw(matrix: Matrix, roles: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    console, shown = Console(highlight=False), [role for role in matrix.roles if not roles or role in roles]
    table = Table("table", *shown, show_lines=True)
    for name in matrix.tables:
        table.add_row(name, *(_cell(matrix.of(name, role)) for role in shown))
    console.print(table)
    for heading, verb, named in (("function", "call", matrix.functions), ("address", "ask", matrix.addresses)):
        if named:
            calls = Table(heading, *shown)
            for name, callers in named.items():
                calls.add_row(name, *(f"[green]{verb}[/]" if role in callers else "[dim]–[/]" for role in shown))
            console.print(calls)


def _cell(grants: Sequence[Grant]) -> str:
    from rich.markup import escape

    lines = []
    for grant in grants:
        rows = "all rows" if grant.rows == "all" else "some rows"
        lines.append(f"[bold]{grant.command}[/] {rows}")
        if grant.columns:
            lines.append(f"  {escape(', '.join(grant.columns))}")
        if grant.preset:
            lines.append(f"  preset: {escape(', '.join(grant.preset))}")
        if grant.policies:
            lines.append(f"  [dim]by {escape(', '.join(grant.policies))}[/]")
    return "\n".join(lines) or "[dim]closed[/]"


def _draw_findings(found: Sequence[Finding]) -> None:
    from undercroft.cli.greeting import line_of

    for each in found:
        say(line_of(each))
        place = f" ({each.place})" if each.place else ""
        say(f"      {each.advice}{place}")
    counted = {kind: sum(each.severity == kind for each in found) for kind in ("error", "warning", "note")}
    told = ", ".join(f"{number} {kind}{'s' * (number != 1)}" for kind, number in counted.items() if number)
    import sys

    say(told or paint("Nothing to say: all is well.", "green", sys.stdout))
