"""The commands of `undercroft graphql`; what they do is in `describing`, imported when it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undercroft.cli.arguments import AsJson, of_app

if TYPE_CHECKING:
    from undercroft.cli.options import Common

graphql = typer.Typer(help="See the API of GraphQL.", no_args_is_help=True, rich_markup_mode=None)


@graphql.callback()
def graphql_commands() -> None:
    """See the API of GraphQL."""


@graphql.command("schema")
@of_app
def graphql_schema(
    options: Common,
    role: Annotated[str, typer.Option(metavar="ROLE", help="As this role sees it.")] = "service_role",
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the schema in GraphQL's own language; with --json, as a client would be told it.

    Nothing is asked of an app's database; one that decides for itself is asked what the role may do.
    """
    from undercroft.cli.describing import tell_schema

    tell_schema(options, role=role, output=output, as_json=as_json)
