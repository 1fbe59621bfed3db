"""The commands of `undercroft keys`; what they do is in `credentials`, imported when it is needed."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from undercroft.cli.arguments import AsJson, Config, Data, of_app

if TYPE_CHECKING:
    from undercroft.cli.options import Common

keys = typer.Typer(
    help="Print the two API keys; see and change the keys that sign.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


class Algorithm(StrEnum):
    """By which a new key signs."""

    ES256 = "ES256"
    RS256 = "RS256"
    EDDSA = "EdDSA"


AlgorithmOption = Annotated[Algorithm, typer.Option(help="By which it signs.")]


@keys.callback()
def keys_shown(context: typer.Context, data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """Print the two API keys.

    They are made at the first start. The second passes every policy: keep it secret.
    """
    if context.invoked_subcommand is not None:
        return
    from undercroft.cli.credentials import tell_keys
    from undercroft.cli.options import Common

    tell_keys(Common(data=data, config=config), as_json=as_json)


@keys.command("list")
def keys_list(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show the keys that sign access tokens, and how each stands."""
    from undercroft.cli.credentials import tell_signing_keys
    from undercroft.cli.options import Common

    tell_signing_keys(Common(data=data, config=config), as_json=as_json)


@keys.command("standby")
def keys_standby(
    algorithm: AlgorithmOption = Algorithm.ES256, data: Data = None, config: Config = None, as_json: AsJson = False
) -> None:
    """Make a key that everybody gets to know before it signs."""
    from undercroft.cli.credentials import make_standby
    from undercroft.cli.options import Common

    make_standby(Common(data=data, config=config), algorithm.value, as_json=as_json)


@keys.command("rotate")
def keys_rotate(
    secret: Annotated[
        bool, typer.Option("--secret", help="Make a new secret and new API keys instead: all old tokens are refused.")
    ] = False,
    algorithm: AlgorithmOption = Algorithm.ES256,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Sign with the key that stands by; where none does, one is made.

    Tokens of the key before are good until they run out.
    """
    from undercroft.cli.credentials import rotate_keys, rotate_secret
    from undercroft.cli.options import Common

    options = Common(data=data, config=config)
    if secret:
        rotate_secret(options, as_json=as_json)
    else:
        rotate_keys(options, algorithm.value, as_json=as_json)


@keys.command("revoke")
def keys_revoke(
    kid: Annotated[str, typer.Argument(metavar="KID", help="The name of a key, as `undercroft keys list` shows it.")],
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Believe no token of a key any more."""
    from undercroft.cli.credentials import revoke_key
    from undercroft.cli.options import Common

    revoke_key(Common(data=data, config=config), kid, as_json=as_json)


@keys.command("reseal")
@of_app
def keys_reseal(
    options: Common,
    same_key: Annotated[bool, typer.Option("--same-key", help="Make no new key: go on where it was left.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a new key for encrypted values, and encrypt them anew.

    Servers may run meanwhile. The keys before stay, and open what somebody wrote with them until now.
    """
    from undercroft.cli.resealing import reseal

    reseal(options, same_key=same_key, as_json=as_json)
