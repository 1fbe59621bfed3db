"""The commands of `undercroft webhooks` and their arguments; what they do is elsewhere, imported when it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from undercroft.cli.arguments import AppDatabase, AppOption, AsJson, Config, Data

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
def list_endpoints(
    app: AppOption = None,
    database: AppDatabase = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the endpoints."""
    from undercroft.cli.webhooking import tell_endpoints

    tell_endpoints(_common(app, database, data, config), as_json=as_json)


@webhooks.command("add")
def add(
    url: Annotated[str, typer.Argument(help="Where events are sent to.")],
    event: Events = None,
    description: Description = None,
    app: AppOption = None,
    database: AppDatabase = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Send events to a URL, and print the secret that signs them."""
    from undercroft.cli.webhooking import add_endpoint

    add_endpoint(_common(app, database, data, config), url, event or ["*"], description or "", as_json=as_json)


@webhooks.command("change")
def change(
    endpoint: Number,
    url: Annotated[str | None, typer.Option(help="Another place.")] = None,
    event: Events = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether anything is sent.")] = None,
    description: Description = None,
    app: AppOption = None,
    database: AppDatabase = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Change an endpoint, or turn it on or off."""
    from undercroft.cli.webhooking import change_endpoint

    changes = {"url": url, "events": event, "enabled": enabled, "description": description}
    change_endpoint(_common(app, database, data, config), endpoint, changes, as_json=as_json)


@webhooks.command("remove")
def remove(
    endpoint: Number, app: AppOption = None, database: AppDatabase = None, data: Data = None, config: Config = None
) -> None:
    """Forget an endpoint with its deliveries."""
    from undercroft.cli.webhooking import remove_endpoint

    remove_endpoint(_common(app, database, data, config), endpoint)


@webhooks.command("secret")
def secret(
    endpoint: Number,
    app: AppOption = None,
    database: AppDatabase = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Print the secret that signs."""
    from undercroft.cli.webhooking import tell_secret

    tell_secret(_common(app, database, data, config), endpoint, as_json=as_json)


@webhooks.command("rotate")
def rotate(
    endpoint: Number,
    overlap: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="How long the old secret signs too: 0s, 12h ([webhooks] overlap)."),
    ] = None,
    app: AppOption = None,
    database: AppDatabase = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a new secret, and print it."""
    from undercroft.cli.webhooking import rotate_secret

    rotate_secret(_common(app, database, data, config), endpoint, overlap, as_json=as_json)


@webhooks.command("deliveries")
def deliveries(
    endpoint: Annotated[int | None, typer.Option(help="Only of this endpoint.")] = None,
    state: Annotated[str | None, typer.Option(help="waiting, delivered, failed or cancelled.")] = None,
    most: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    app: AppOption = None,
    database: AppDatabase = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the latest deliveries."""
    from undercroft.cli.webhooking import tell_deliveries

    tell_deliveries(_common(app, database, data, config), endpoint, state, most, as_json=as_json)


@webhooks.command("log")
def log(
    delivery: DeliveryNumber,
    app: AppOption = None,
    database: AppDatabase = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the attempts at a delivery."""
    from undercroft.cli.webhooking import tell_attempts

    tell_attempts(_common(app, database, data, config), delivery, as_json=as_json)


@webhooks.command("replay")
def replay(
    delivery: DeliveryNumber,
    app: AppOption = None,
    database: AppDatabase = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a delivery once more, with the same id and body."""
    from undercroft.cli.webhooking import replay_delivery

    replay_delivery(_common(app, database, data, config), delivery)


def _common(app: str | None, database: str | None, data: object, config: object) -> Common:
    from pathlib import Path

    from undercroft.cli.options import Common

    return Common(
        app=app,
        database=database,
        data=data if isinstance(data, Path) else None,
        config=config if isinstance(config, Path) else None,
    )
