"""Arguments and options that several commands take."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec

import typer

if TYPE_CHECKING:
    from undercroft.cli.options import Common

P = ParamSpec("P")


class Anon(StrEnum):
    """What somebody without a token may do with a database that has no app file."""

    READ = "read"
    NONE = "none"


class ServerChoice(StrEnum):
    """The HTTP server."""

    GRANIAN = "granian"
    UVICORN = "uvicorn"


App = Annotated[
    str | None, typer.Argument(metavar="APP", help="app.py, app.py:name or package.module:name; app.py by default.")
]
AppOption = Annotated[str | None, typer.Option("--app", metavar="APP", help="app.py by default.")]
AppDatabase = Annotated[
    str | None, typer.Option("--database", metavar="URL", help="sqlite:///file.db or postgresql://…")
]
Database = Annotated[
    str | None, typer.Option(metavar="URL", help="sqlite:///file.db or postgresql://…; without APP it is reflected.")
]
Data = Annotated[Path | None, typer.Option(metavar="DIR", help="The data directory: keys and database.")]
Config = Annotated[
    Path | None, typer.Option(metavar="FILE", help="undercroft.toml, or a config.toml of the Supabase CLI.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Host = Annotated[str | None, typer.Option(help="The address to listen on (127.0.0.1).")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="The port to listen on (8000); 0 takes a free one.")]
UnixSocket = Annotated[Path | None, typer.Option(metavar="FILE", help="Listen on this socket instead of a port.")]
TlsCert = Annotated[Path | None, typer.Option(metavar="FILE", help="Serve HTTPS: the certificate, as PEM.")]
TlsKey = Annotated[Path | None, typer.Option(metavar="FILE", help="The private key of the certificate, as PEM.")]
AnonOption = Annotated[
    Anon | None, typer.Option(help="Without APP: whether somebody without a token may read everything.")
]
ServerOption = Annotated[ServerChoice, typer.Option(help="The HTTP server.")]
Renames = Annotated[
    list[str] | None,
    typer.Option("--rename", metavar="OLD=NEW", help="posts.body=text or articles=posts; nothing after = drops it."),
]
DataLoss = Annotated[bool, typer.Option("--allow-data-loss", help="Agree to steps that lose stored values.")]
Claims = Annotated[
    list[str] | None, typer.Option("--claim", metavar="NAME=VALUE", help="A further claim; VALUE as JSON, or a text.")
]

_OF_APP = {"app": AppOption, "database": AppDatabase, "data": Data, "config": Config}


def of_app(command: Callable[Concatenate[Common, P], None]) -> Callable[..., None]:
    """A command that is handed, before its own arguments, what says which app is meant: `--app` and three others."""

    @wraps(command)
    def run(**given: Any) -> None:
        from undercroft.cli.options import Common

        options = Common(**{name: given.pop(name) for name in _OF_APP})
        command(options, **given)  # type: ignore[call-arg]  # as the signature below says

    _, *own = signature(command, eval_str=True, locals={"Common": Any}).parameters.values()
    ours = [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=each) for name, each in _OF_APP.items()]
    parameters = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in own]
    run.__signature__ = Signature([*parameters, *ours])  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {each.name: each.annotation for each in (*parameters, *ours)}
    return run
