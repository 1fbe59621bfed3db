"""The commands of `undercroft migrate` and their arguments; what they do is elsewhere, imported when it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from undercroft.cli.arguments import AsJson, DataLoss, Renames, of_app

if TYPE_CHECKING:
    from undercroft.cli.options import Common

migrate = typer.Typer(
    help="Bring the database to the models, step by step.", no_args_is_help=True, rich_markup_mode=None
)


@migrate.command("make")
@of_app
def migrate_make(
    options: Common,
    message: Annotated[str, typer.Argument(help="What it is about; worked out when left out.")] = "",
    rename: Renames = None,
    empty: Annotated[bool, typer.Option("--empty", help="A file to fill in by hand.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the next revision file.

    It leads from what the files make so far to what the models say.
    """
    from undercroft.cli.moving import make

    make(options, message, rename or [], empty=empty, as_json=as_json)


@migrate.command("up")
@of_app
def migrate_up(
    options: Common,
    target: Annotated[str | None, typer.Argument(help="The revision to stop at; all by default.")] = None,
    allow_data_loss: DataLoss = False,
    as_json: AsJson = False,
) -> None:
    """Run the revisions that wait."""
    from undercroft.cli.moving import up

    up(options, target, allow_data_loss=allow_data_loss, as_json=as_json)


@migrate.command("down")
@of_app
def migrate_down(
    options: Common,
    target: Annotated[str | None, typer.Argument(help="A revision, or base; one back by default.")] = None,
    allow_data_loss: DataLoss = False,
    as_json: AsJson = False,
) -> None:
    """Go back by one revision, or to one.

    What was added since goes, with its values.
    """
    from undercroft.cli.moving import down

    down(options, target, allow_data_loss=allow_data_loss, as_json=as_json)


@migrate.command("status")
@of_app
def migrate_status(options: Common, as_json: AsJson = False) -> None:
    """Tell where models, files and database stand."""
    from undercroft.cli.moving import status

    status(options, as_json=as_json)


@migrate.command("check")
@of_app
def migrate_check(
    options: Common,
    no_database: Annotated[
        bool, typer.Option("--no-database", help="Compare models and files only, as where there is no database.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fail where they do not agree: for CI.

    The exit status is 1 where models, revision files and database differ.
    """
    from undercroft.cli.moving import check

    raise typer.Exit(check(options, database=not no_database, as_json=as_json))


@migrate.command("policies")
@of_app
def migrate_policies(
    options: Common,
    emit_rls: Annotated[bool, typer.Option("--emit-rls", help="Write what has changed as a revision file.")] = False,
    show: Annotated[bool, typer.Option("--print", help="Print all of it as SQL instead.")] = False,
    at_once: Annotated[bool, typer.Option("--apply", help="Make it so in the database now, without a file.")] = False,
    drop_rls: Annotated[bool, typer.Option("--drop-rls", help="Write a revision file that takes it down.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the policies as PostgreSQL's row-level security.

    They then hold a second time, in the database itself.
    """
    from undercroft.cli.walling import policies

    policies(options, emit=emit_rls, show=show, apply=at_once, drop=drop_rls, as_json=as_json)
