"""The commands of `undercroft users`; what they do is in `accounts`, imported when it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undercroft.cli.arguments import AsJson, of_app

if TYPE_CHECKING:
    from undercroft.cli.options import Common

users = typer.Typer(help="See and look after the accounts of an app.", no_args_is_help=True, rich_markup_mode=None)

Who = Annotated[str, typer.Argument(metavar="USER", help="An id, an e-mail address or a phone number.")]


@users.command("list")
@of_app
def users_list(
    options: Common,
    search: Annotated[str, typer.Argument(metavar="[TEXT]", help="How an address or a name begins.")] = "",
    page: Annotated[int, typer.Option(min=1, help="Which page.")] = 1,
    most: Annotated[int, typer.Option(min=1, max=1000, help="Accounts on a page.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show accounts, the newest first."""
    from undercroft.cli.accounts import tell_users

    tell_users(options, search, page, most, as_json=as_json)


@users.command("show")
@of_app
def users_show(options: Common, user: Who, as_json: AsJson = False) -> None:
    """Show everything that is known of one."""
    from undercroft.cli.accounts import tell_user

    tell_user(options, user, as_json=as_json)


@users.command("create")
@of_app
def users_create(
    options: Common,
    email: Annotated[str | None, typer.Option(help="Its e-mail address, taken as confirmed.")] = None,
    phone: Annotated[str | None, typer.Option(help="Its phone number, taken as confirmed.")] = None,
    password: Annotated[
        str | None, typer.Option(help="Its password; - reads it from standard input. Without one, by code only.")
    ] = None,
    password_hash: Annotated[str | None, typer.Option(help="A password that another system stored.")] = None,
    role: Annotated[str | None, typer.Option(help="Its role (authenticated).")] = None,
    data_of: Annotated[
        list[str] | None, typer.Option("--user-metadata", metavar="NAME=VALUE", help="VALUE as JSON, or a text.")
    ] = None,
    app_data_of: Annotated[
        list[str] | None, typer.Option("--app-metadata", metavar="NAME=VALUE", help="What its owner cannot change.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an account."""
    from undercroft.cli.accounts import create

    create(
        options,
        email=email,
        phone=phone,
        password=password,
        password_hash=password_hash,
        role=role,
        user_metadata=data_of or [],
        app_metadata=app_data_of or [],
        as_json=as_json,
    )


@users.command("import")
@of_app
def users_import(
    options: Common,
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="postgresql://… of a Supabase project, or a .json, .jsonl or .csv.")
    ],
    firebase_hash: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The hash_config that Firebase's console shows.")
    ] = None,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="Addresses and numbers are confirmed where the file does not say.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take over the accounts of a Supabase project, of Firebase, of Django, or of a file."""
    from undercroft.cli.taking_over import import_users

    import_users(options, source, firebase_hash, confirmed=confirmed, as_json=as_json)


@users.command("ban")
@of_app
def users_ban(
    options: Common,
    user: Who,
    duration: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long: 24h, 1h30m; none lifts a ban.")
    ] = "876000h",
    as_json: AsJson = False,
) -> None:
    """Keep somebody out: all sessions end, and none begins."""
    from undercroft.cli.accounts import ban

    ban(options, user, duration, as_json=as_json)


@users.command("delete")
@of_app
def users_delete(
    options: Common,
    user: Who,
    softly: Annotated[
        bool, typer.Option("--soft", help="Keep the row for what refers to it, and nothing of the person.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete an account."""
    from undercroft.cli.accounts import delete

    delete(options, user, softly=softly, as_json=as_json)


@users.command("sign-out")
@of_app
def users_sign_out(options: Common, user: Who, as_json: AsJson = False) -> None:
    """End all sessions of an account."""
    from undercroft.cli.accounts import sign_out

    sign_out(options, user, as_json=as_json)
