"""The commands of `undercroft mail` and their arguments; what they do is elsewhere, imported when it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undercroft.cli.arguments import AppDatabase, AppOption, AsJson, Config, Data

if TYPE_CHECKING:
    from undercroft.cli.options import Common

mail = typer.Typer(
    help="Mails, what became of them, and who is not written to.", no_args_is_help=True, rich_markup_mode=None
)

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="As ada@example.com.")]
Most = Annotated[int, typer.Option(min=1, max=10_000, help="How many are shown.")]


@mail.command("test")
def send(
    to: Address,
    app: AppOption = None,
    database: AppDatabase = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Send a mail now, by the settings, and say which server took it."""
    from undercroft.cli.mailing import send_test

    send_test(_common(app, database, data, config), to, as_json=as_json)


@mail.command("list")
def list_mails(
    most: Most = 20,
    app: AppOption = None,
    database: AppDatabase = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the latest mails, and what became of them."""
    from undercroft.cli.mailing import tell_mails

    tell_mails(_common(app, database, data, config), most, as_json=as_json)


@mail.command("suppressions")
def suppressions(
    most: Most = 100,
    app: AppOption = None,
    database: AppDatabase = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show who is not written to, and why."""
    from undercroft.cli.mailing import tell_suppressions

    tell_suppressions(_common(app, database, data, config), most, as_json=as_json)


@mail.command("suppress")
def suppress(
    address: Address,
    reason: Annotated[str, typer.Option(help="Why.")] = "asked",
    app: AppOption = None,
    database: AppDatabase = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Send nothing to an address any more."""
    from undercroft.cli.mailing import suppress_address

    suppress_address(_common(app, database, data, config), address, reason)


@mail.command("unsuppress")
def unsuppress(
    address: Address, app: AppOption = None, database: AppDatabase = None, data: Data = None, config: Config = None
) -> None:
    """Write to an address again."""
    from undercroft.cli.mailing import unsuppress_address

    unsuppress_address(_common(app, database, data, config), address)


def _common(app: str | None, database: str | None, data: Path | None, config: Path | None) -> Common:
    from undercroft.cli.options import Common

    return Common(app=app, database=database, data=data, config=config)
