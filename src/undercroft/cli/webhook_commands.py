"""The commands of `undercroft webhooks` and their arguments; what they do is elsewhere, imported when it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from undercroft.cli.arguments import AsJson, of_app

if TYPE_CHECKING:
    from undercroft.cli.options import Common

webhooks = typer.Typer(
    help="Endpoints that events are sent to, and what became of each delivery.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Number = Annotated[int, typer.Argument(metavar="ENDPOINT", help="Its number.")]
DeliveryNumber = Annotated[int, typer.Argument(metavar="DELIVERY", help="Its number.")]
Events = Annotated[
    list[str] | None, typer.Option("--event", metavar="NAME", help="invoice.paid, invoice.*, or * for all (*).")
]
Description = Annotated[str | None, typer.Option(help="Whose it is.")]


@webhooks.command("list")
@of_app
def list_endpoints(options: Common, as_json: AsJson = False) -> None:
    """Show the endpoints."""
    from undercroft.cli.webhooking import tell_endpoints

    tell_endpoints(options, as_json=as_json)


@webhooks.command("add")
@of_app
def add(
    options: Common,
    url: Annotated[str, typer.Argument(help="Where events are sent to.")],
    event: Events = None,
    description: Description = None,
    as_json: AsJson = False,
) -> None:
    """Send events to a URL, and print the secret that signs them."""
    from undercroft.cli.webhooking import add_endpoint

    add_endpoint(options, url, event or ["*"], description or "", as_json=as_json)


@webhooks.command("change")
@of_app
def change(
    options: Common,
    endpoint: Number,
    url: Annotated[str | None, typer.Option(help="Another place.")] = None,
    event: Events = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether anything is sent.")] = None,
    description: Description = None,
    as_json: AsJson = False,
) -> None:
    """Change an endpoint, or turn it on or off."""
    from undercroft.cli.webhooking import change_endpoint

    changes = {"url": url, "events": event, "enabled": enabled, "description": description}
    change_endpoint(options, endpoint, changes, as_json=as_json)


@webhooks.command("remove")
@of_app
def remove(options: Common, endpoint: Number) -> None:
    """Forget an endpoint with its deliveries."""
    from undercroft.cli.webhooking import remove_endpoint

    remove_endpoint(options, endpoint)


@webhooks.command("secret")
@of_app
def secret(options: Common, endpoint: Number, as_json: AsJson = False) -> None:
    """Print the secret that signs."""
    from undercroft.cli.webhooking import tell_secret

    tell_secret(options, endpoint, as_json=as_json)


@webhooks.command("rotate")
@of_app
def rotate(
    options: Common,
    endpoint: Number,
    overlap: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="How long the old secret signs too: 0s, 12h ([webhooks] overlap)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a new secret, and print it."""
    from undercroft.cli.webhooking import rotate_secret

    rotate_secret(options, endpoint, overlap, as_json=as_json)


@webhooks.command("deliveries")
@of_app
def deliveries(
    options: Common,
    endpoint: Annotated[int | None, typer.Option(help="Only of this endpoint.")] = None,
    state: Annotated[str | None, typer.Option(help="waiting, delivered, failed or cancelled.")] = None,
    most: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the latest deliveries."""
    from undercroft.cli.webhooking import tell_deliveries

    tell_deliveries(options, endpoint, state, most, as_json=as_json)


@webhooks.command("log")
@of_app
def log(options: Common, delivery: DeliveryNumber, as_json: AsJson = False) -> None:
    """Show the attempts at a delivery."""
    from undercroft.cli.webhooking import tell_attempts

    tell_attempts(options, delivery, as_json=as_json)


@webhooks.command("replay")
@of_app
def replay(options: Common, delivery: DeliveryNumber) -> None:
    """Make a delivery once more, with the same id and body."""
    from undercroft.cli.webhooking import replay_delivery

    replay_delivery(options, delivery)
