"""The commands and their arguments; what they do is elsewhere, imported when it is needed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from undercroft.base.faults import Fault
from undercroft.cli.arguments import (
    AnonOption,
    App,
    AppOption,
    AsJson,
    Claims,
    Config,
    Data,
    Database,
    DataLoss,
    Host,
    Port,
    Renames,
    ServerChoice,
    ServerOption,
    TlsCert,
    TlsKey,
    UnixSocket,
)
from undercroft.cli.graphql_commands import graphql
from undercroft.cli.jobs_commands import jobs, worker
from undercroft.cli.keys_commands import keys
from undercroft.cli.mail_commands import mail
from undercroft.cli.migrate_commands import migrate
from undercroft.cli.telling import WRONG, tell_fault
from undercroft.cli.users_commands import users
from undercroft.cli.webhook_commands import webhooks

undercroft = typer.Typer(
    help="One Python file of models, policies and logic becomes a complete backend.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
undercroft.add_typer(graphql, name="graphql")
undercroft.add_typer(jobs, name="jobs")
undercroft.add_typer(keys, name="keys")
undercroft.add_typer(mail, name="mail")
undercroft.add_typer(migrate, name="migrate")
undercroft.add_typer(users, name="users")
undercroft.add_typer(webhooks, name="webhooks")
undercroft.command()(worker)


@undercroft.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False) -> None:
    """Serve one Python file as a complete backend."""
    if version:
        from importlib.metadata import version as version_of

        typer.echo(f"undercroft {version_of('undercroft')}")
        raise typer.Exit


@undercroft.command()
def new(
    name: Annotated[str, typer.Argument(help="The folder to make, and the name of the app.")],
) -> None:
    """Make a new app: one file, a test, a README."""
    from undercroft.cli.scaffold import make_app

    make_app(name, Path.cwd())


@undercroft.command()
def dev(
    app: App = None,
    database: Database = None,
    data: Data = None,
    config: Config = None,
    host: Host = None,
    port: Port = None,
    anon: AnonOption = None,
    rename: Renames = None,
    allow_data_loss: DataLoss = False,
    server: ServerOption = ServerChoice.GRANIAN,
) -> None:
    """Serve while developing.

    Reloads on changes, applies migrations, and says what is wrong with the app.
    """
    from undercroft.cli.options import ServeOptions
    from undercroft.cli.serving import serve as run_server

    options = ServeOptions(
        app=app,
        database=database,
        data=data,
        config=config,
        host=host,
        port=port,
        workers=1,
        anon=anon.value if anon else None,
        server=server.value,
        dev=True,
        rename=tuple(rename or ()),
        allow_data_loss=allow_data_loss,
    )
    _end(run_server(options))


@undercroft.command()
def serve(
    app: App = None,
    database: Database = None,
    data: Data = None,
    config: Config = None,
    host: Host = None,
    port: Port = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes that serve (1).")] = None,
    anon: AnonOption = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    unix_socket: UnixSocket = None,
    server: ServerOption = ServerChoice.GRANIAN,
    postgrest_config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Take the place of a PostgREST, by its own configuration file."),
    ] = None,
) -> None:
    """Serve an app, or, without one, an existing database."""
    from undercroft.cli.options import ServeOptions
    from undercroft.cli.serving import serve as run_server

    options = ServeOptions(
        app=app,
        database=database,
        data=data,
        config=config,
        host=host,
        port=port,
        workers=workers,
        anon=anon.value if anon else None,
        tls_cert=tls_cert,
        tls_key=tls_key,
        unix_socket=unix_socket,
        server=server.value,
        postgrest_config=postgrest_config,
    )
    _end(run_server(options))


@undercroft.command()
def token(
    role: Annotated[str, typer.Option(help="The role that the token gives.")] = "authenticated",
    sub: Annotated[str | None, typer.Option(help="The user's id.")] = None,
    claim: Claims = None,
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long it is good: 90s, 30m, 12h (jwt_expiry).")
    ] = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Print a token, for trying things.

    It is signed with the installation's own secret.
    """
    from undercroft.cli.credentials import tell_token
    from undercroft.cli.options import Common

    options = Common(data=data, config=config)
    tell_token(options, role=role, sub=sub, claims=claim or [], expires=expires, as_json=as_json)


@undercroft.command()
def explain(
    request: Annotated[str, typer.Argument(help='As in "GET /rest/v1/posts?select=*"; GET may be left out.')],
    app: AppOption = None,
    user: Annotated[
        str, typer.Option("--as", metavar="USER", help="anon, service_role, a user's id, role:id, or a token.")
    ] = "anon",
    claim: Claims = None,
    row: Annotated[str | None, typer.Option(help="A primary key: why is that row shown or hidden?")] = None,
    header: Annotated[list[str] | None, typer.Option(metavar="NAME:VALUE", help="A header, such as Prefer.")] = None,
    body: Annotated[str, typer.Option(help="The body of a write.")] = "",
    database: Database = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a request means, and why.

    Its plan, its policies with their reasons, SQL, query plan and time.
    """
    from undercroft.cli.explaining import tell_explanation
    from undercroft.cli.options import Common

    options = Common(app=app, database=database, data=data, config=config)
    tell_explanation(
        options,
        request,
        user=user,
        claims=claim or [],
        row=row,
        headers=header or [],
        body=body.encode(),
        as_json=as_json,
    )


@undercroft.command()
def access(
    app: App = None,
    database: Database = None,
    data: Data = None,
    config: Config = None,
    role: Annotated[list[str] | None, typer.Option(help="Only these roles.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show who may do what.

    Role by table by command, with the columns and the names of the policies.
    """
    from undercroft.cli.options import Common
    from undercroft.cli.reviewing import tell_access

    tell_access(Common(app=app, database=database, data=data, config=config), roles=role or [], as_json=as_json)


@undercroft.command()
def doctor(
    app: App = None,
    database: Database = None,
    data: Data = None,
    config: Config = None,
    ignore: Annotated[list[str] | None, typer.Option(metavar="ID", help="A finding that is known and fine.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong before it goes wrong.

    The exit status is 1 where there are errors.
    """
    from undercroft.cli.options import Common
    from undercroft.cli.reviewing import tell_findings

    options = Common(app=app, database=database, data=data, config=config)
    _end(tell_findings(options, ignored=ignore or [], strict=strict, as_json=as_json))


@undercroft.command()
def move(
    source: Annotated[str, typer.Option("--from", metavar="URL", help="What is moved: sqlite:///… or postgresql://…")],
    target: Annotated[str, typer.Option("--to", metavar="URL", help="Where to: an empty database.")],
    app: Annotated[
        str | None,
        typer.Argument(metavar="APP", help="Move the tables of its models; without it, all, by reflection."),
    ] = None,
    schema: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Without APP: only this schema of PostgreSQL. May be repeated."),
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Begin an interrupted move anew.")] = False,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Move schema and rows to another database, and compare.

    An interrupted move goes on when the same command is given again.
    """
    from undercroft.cli.options import Common
    from undercroft.cli.relocating import move_house

    options = Common(app=app, data=data, config=config)
    move_house(options, source, target, schemas=schema or [], restart=restart, as_json=as_json)


def run() -> NoReturn:
    """Do what the arguments say; faults are told in one block, with exit status 2."""
    try:
        undercroft()
        status = 0
    except Fault as fault:
        tell_fault(fault, as_json="--json" in sys.argv)
        status = WRONG
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:  # `undercroft access | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status)


def _end(status: int) -> NoReturn:
    raise typer.Exit(status)
