"""The commands of `undercroft mail` and their arguments; what they do is elsewhere, imported when it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from undercroft.cli.arguments import AsJson, of_app

if TYPE_CHECKING:
    from undercroft.cli.options import Common

mail = typer.Typer(
    help="Mails, what became of them, and who is not written to.", no_args_is_help=True, rich_markup_mode=None
)

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="As ada@example.com.")]
Most = Annotated[int, typer.Option(min=1, max=10_000, help="How many are shown.")]


@mail.command("test")
@of_app
def send(options: Common, to: Address, as_json: AsJson = False) -> None:
    """Send a mail now, by the settings, and say which server took it."""
    from undercroft.cli.mailing import send_test

    send_test(options, to, as_json=as_json)


@mail.command("list")
@of_app
def list_mails(options: Common, most: Most = 20, as_json: AsJson = False) -> None:
    """Show the latest mails, and what became of them."""
    from undercroft.cli.mailing import tell_mails

    tell_mails(options, most, as_json=as_json)


@mail.command("suppressions")
@of_app
def suppressions(options: Common, most: Most = 100, as_json: AsJson = False) -> None:
    """Show who is not written to, and why."""
    from undercroft.cli.mailing import tell_suppressions

    tell_suppressions(options, most, as_json=as_json)


@mail.command("suppress")
@of_app
def suppress(options: Common, address: Address, reason: Annotated[str, typer.Option(help="Why.")] = "asked") -> None:
    """Send nothing to an address any more."""
    from undercroft.cli.mailing import suppress_address

    suppress_address(options, address, reason)


@mail.command("unsuppress")
@of_app
def unsuppress(options: Common, address: Address) -> None:
    """Write to an address again."""
    from undercroft.cli.mailing import unsuppress_address

    unsuppress_address(options, address)
