"""`undercroft keys` and `undercroft token`."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from undercroft.base.faults import SetupFault
from undercroft.cli.options import Common, read_settings
from undercroft.cli.telling import columns, say, say_json, warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from undercroft.auth.parts.signing_keys import SigningKey

_HEARD = 2.0
"""Seconds in which every process that serves has seen a new key."""
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


# --- keys that sign ---


def tell_signing_keys(options: Common, *, as_json: bool) -> None:
    """The keys with their states. Raises `SetupFault`."""
    from undercroft.auth.service.keys import signing_keys

    found = signing_keys(read_settings(options))
    if as_json:
        say_json([_as_value(key) for key in found])
    elif not found:
        say("Tokens are signed with the secret (HS256). `undercroft keys rotate` makes a key of two parts.")
    else:
        rows = [(key.kid, key.algorithm, key.state.replace("_", " "), _since(key.since)) for key in found]
        for line in columns([("KID", "ALGORITHM", "STATE", "SINCE"), *rows], indent=""):
            say(line)


def make_standby(options: Common, algorithm: str, *, as_json: bool) -> None:
    """A new key that stands by. Raises `SetupFault`."""
    from undercroft.auth.service.keys import stand_by
    from undercroft.base.clock import SystemClock

    _tell_key(stand_by(read_settings(options), SystemClock(), algorithm), "stands by", as_json=as_json)


def rotate_keys(options: Common, algorithm: str, *, as_json: bool) -> None:
    """Another key in use. Raises `SetupFault`."""
    from undercroft.auth.service.keys import rotate, signing_keys, stand_by
    from undercroft.base.clock import SystemClock

    settings, clock = read_settings(options), SystemClock()
    if not any(key.state == "standby" for key in signing_keys(settings)):
        stand_by(settings, clock, algorithm)
        time.sleep(_HEARD)  # until every process that serves knows it
    _tell_key(rotate(settings, clock), "is in use", as_json=as_json)


def revoke_key(options: Common, kid: str, *, as_json: bool) -> None:
    """A key that is believed no more. Raises `SetupFault`."""
    from undercroft.auth.service.keys import revoke
    from undercroft.base.clock import SystemClock

    _tell_key(revoke(read_settings(options), SystemClock(), kid), "is believed no more", as_json=as_json)


def rotate_secret(options: Common, *, as_json: bool) -> None:
    """A new secret, and with it new API keys. Raises `SetupFault` where the settings give it."""
    from undercroft.auth import rotate
    from undercroft.base.clock import SystemClock

    settings = read_settings(options)
    if settings.auth.jwt_secret is not None:
        raise SetupFault("the secret is that of [auth] jwt_secret: change it there")
    made = rotate(settings.database.data, SystemClock(), issuer=settings.auth.jwt_issuer).revealed()
    if as_json:
        say_json(dict(made))
    else:
        say("\n".join(columns(list(made.items()), indent="")))


def _tell_key(key: SigningKey, what: str, *, as_json: bool) -> None:
    if as_json:
        say_json(_as_value(key))
    else:
        say(f"{key.kid} ({key.algorithm}) {what}.")


def _as_value(key: SigningKey) -> dict[str, object]:
    return {"kid": key.kid, "algorithm": key.algorithm, "state": key.state, "since": key.since}


def _since(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M}Z" if moment else ""
