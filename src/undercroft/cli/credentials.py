"""`undercroft keys` and `undercroft token`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from undercroft.base.faults import SetupFault
from undercroft.cli.options import Common, read_settings
from undercroft.cli.telling import columns, say, say_json, warn

if TYPE_CHECKING:
    from collections.abc import Sequence

_TEN_YEARS = 10 * 365 * 24 * 3600


def tell_keys(options: Common, *, as_json: bool) -> None:
    """Print both API keys; they are made where there are none yet. Raises `SetupFault`."""
    from undercroft.auth import installation_keys
    from undercroft.base.clock import SystemClock

    found = installation_keys(read_settings(options), SystemClock(), dev=True).revealed()
    if as_json:
        say_json(dict(found))
    else:
        say("\n".join(columns(list(found.items()), indent="")))


def tell_token(
    options: Common, *, role: str, sub: str | None, claims: Sequence[str], expires: str | None, as_json: bool
) -> None:
    """Print a token. Raises `SetupFault` for a claim or a time that cannot be read."""
    from undercroft.auth import installation_keys, sign, token_claims
    from undercroft.base.clock import SystemClock

    settings, clock = read_settings(options), SystemClock()
    keys = installation_keys(settings, clock, dev=True)
    lifetime = float(settings.auth.jwt_expiry) if expires is None else read_lifetime(expires)
    issuer, now = settings.auth.jwt_issuer, clock.timestamp()
    made = token_claims(role, now=now, lifetime=lifetime, issuer=issuer, sub=sub, more=read_claims(claims))
    signed = sign(made, keys.signing)
    if as_json:
        say_json({"token": signed, "claims": made})
    else:
        say(signed)
        if sys.stdout.isatty() and role == "service_role":
            warn("this token passes every policy")


def read_claims(texts: Sequence[str]) -> dict[str, object]:
    """`name=value`, the value as JSON or as text. Raises `SetupFault`."""
    from undercroft.auth import read_claim

    try:
        return dict(read_claim(text) for text in texts)
    except ValueError as error:
        raise SetupFault(f"--claim: {error}", hint="--claim org_id=7, --claim 'roles=[\"editor\"]'") from None


def read_lifetime(text: str) -> float:
    """`12h` as seconds, at most ten years. Raises `SetupFault`."""
    from undercroft.base.settings.units import seconds

    try:
        found = float(str(seconds(text)))
    except ValueError:
        found = 0.0
    if not 0 < found <= _TEN_YEARS:
        raise SetupFault(f"--expires: {text} is no length of time", hint="90s, 30m or 12h; a number is seconds.")
    return found
