"""Signing keys: which one signs now, which are believed, and how one comes after another.

Without any, tokens are signed with the installation's secret (HS256), as a fresh one does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from msgspec.json import encode

from undercroft.auth.backends import signing_file
from undercroft.auth.backends.key_file import FILE as SECRET_FILE
from undercroft.auth.errors import KeyFault
from undercroft.auth.parts.signing import secret_signer
from undercroft.auth.parts.signing_keys import IN_USE, PREVIOUS, REVOKED, STANDBY, SigningKey, new_key, read_keys

if TYPE_CHECKING:
    from pathlib import Path

    from undercroft.auth.types import Claims, Keys
    from undercroft.base.clock import Clock
    from undercroft.base.settings import Settings

MOST = 16
"""Keys that are kept; the oldest that is no more used goes first."""


def signing_keys(settings: Settings) -> tuple[SigningKey, ...]:
    """Those of `[auth] signing_keys_path`, else of the data directory. Raises `KeyFault`."""
    path = settings.auth.signing_keys_path
    if settings.postgrest.stand_in:
        return ()
    if path is None:
        return signing_file.load(settings.database.data)
    try:
        return read_keys(path.read_bytes(), f"[auth] signing_keys_path {path}")
    except OSError as error:
        raise KeyFault(f"[auth] signing_keys_path {path} cannot be read: {error.strerror}") from None


class Signing:
    """Signs for this process, with the key in use."""

    def __init__(self, settings: Settings, keys: Keys) -> None:
        self._settings = settings
        self._keys = keys
        self._signs: Callable[[Claims], str]
        self._public: list[dict[str, Any]] = []
        self.trust(keys)

    def __call__(self, claims: Claims) -> str:
        """A token."""
        return self._signs(claims)

    def public(self) -> list[dict[str, Any]]:
        """`/.well-known/jwks.json`: of each key that is believed, what others may know."""
        return self._public

    def trust(self, keys: Keys) -> None:
        """Read the keys again. Raises `KeyFault`."""
        found = signing_keys(self._settings)
        used = next((key for key in found if key.state == IN_USE), None)
        self._signs = used.signer() if used is not None else secret_signer(keys.signing, encode)
        self._public = [told for key in found if key.is_believed and (told := key.public()) is not None]


def files_of(settings: Settings) -> list[Path]:
    """The files whose change means other keys."""
    folder = settings.database.data
    own = settings.auth.signing_keys_path or folder / signing_file.FILE
    return [own] if settings.auth.jwt_secret is not None else [own, folder / SECRET_FILE]


# --- one after another ---


def stand_by(settings: Settings, clock: Clock, algorithm: str = "ES256") -> SigningKey:
    """A new key that everybody gets to know before it signs. Raises `KeyFault` where one stands by already."""
    held = _own(settings)
    if any(key.state == STANDBY for key in held):
        raise KeyFault("a key stands by already", hint="undercroft keys rotate brings it into use.")
    made = new_key(algorithm, clock.timestamp())
    _kept(settings, (*held, made))
    return made


def rotate(settings: Settings, clock: Clock) -> SigningKey:
    """Bring the key that stands by into use; tokens of the one before are good until they run out.

    Raises `KeyFault`.
    """
    held, now = _own(settings), clock.timestamp()
    if not any(key.state == STANDBY for key in held):
        raise KeyFault("no key stands by", hint="undercroft keys standby makes one.")
    after = []
    for key in held:
        if key.state == IN_USE:
            after.append(key.without_private(PREVIOUS, now))
        elif key.state == STANDBY:
            after.append(replace(key, state=IN_USE, since=int(now)))
        else:
            after.append(key)
    _kept(settings, tuple(after))
    return next(key for key in after if key.state == IN_USE)


def revoke(settings: Settings, clock: Clock, kid: str) -> SigningKey:
    """Believe no token of a key any more. Raises `KeyFault` for the one in use, and for one that is not there."""
    held = _own(settings)
    found = next((key for key in held if key.kid == kid), None)
    if found is None:
        raise KeyFault(f'there is no signing key "{kid}"', hint="undercroft keys list shows them.")
    if found.state == IN_USE:
        raise KeyFault("the key in use cannot be revoked", hint="undercroft keys rotate first.")
    revoked = found.without_private(REVOKED, clock.timestamp())
    _kept(settings, tuple(revoked if key.kid == kid else key for key in held))
    return revoked


def _own(settings: Settings) -> tuple[SigningKey, ...]:
    if settings.auth.signing_keys_path is not None:
        raise KeyFault("the keys are those of [auth] signing_keys_path: change that file")
    return signing_file.load(settings.database.data)


def _kept(settings: Settings, keys: tuple[SigningKey, ...]) -> None:
    spare = [key for key in keys if key.state in (PREVIOUS, REVOKED)][: max(0, len(keys) - MOST)]
    signing_file.store(settings.database.data, [key for key in keys if key not in spare])
