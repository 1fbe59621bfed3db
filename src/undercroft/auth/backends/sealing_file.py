"""The keys under which secrets are stored in the database: a file of their own, so that a copy of the database opens
none, and new signing keys close none. One key a line, the one in force first.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from undercroft.auth.backends.key_file import open_data_dir
from undercroft.auth.backends.private_file import read_private, write_private
from undercroft.auth.errors import KeyFault
from undercroft.base.sealing import SealingRing
from undercroft.base.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

    from undercroft.base.settings.auth_section import Auth

FILE = "sealing.key"
_BYTES = 48


def load_or_create_sealing_key(data_dir: Path) -> Secret:
    """The lasting key of this installation: its oldest, which no change of the key in force takes away.

    Raises `KeyFault`.
    """
    return load_or_create_sealing_keys(data_dir)[-1]


def load_or_create_sealing_keys(data_dir: Path) -> list[Secret]:
    """All keys of it, the first one made when it is first asked for. Processes that start together agree on one.

    Raises `KeyFault`.
    """
    found = _stored(data_dir)
    if not found:
        write_private(data_dir / FILE, secrets.token_urlsafe(_BYTES), replace=False)
        found = _stored(data_dir)  # another process may have been first: what is on disk is what counts
    return found


def add_sealing_key(data_dir: Path) -> None:
    """Put a new key in force; the ones before still open what they sealed. Raises `KeyFault`."""
    kept = [key.reveal() for key in load_or_create_sealing_keys(data_dir)]
    write_private(data_dir / FILE, "\n".join([secrets.token_urlsafe(_BYTES), *kept]), replace=True)


class SealingKeys:
    """The keys as the settings and the file say them now: a key that is added while running is in force at once."""

    def __init__(self, auth: Auth, data_dir: Path) -> None:
        self._named = [*([auth.encryption_key] if auth.encryption_key else []), *auth.older_encryption_keys]
        self._is_named = auth.encryption_key is not None
        self._data_dir = data_dir
        self._read: tuple[int, list[Secret]] | None = None
        self._ring: SealingRing | None = None

    def lasting(self) -> Secret:
        """The oldest key. Tokens are signed with it, so that a change of the key in force signs nobody out."""
        return self._named[-1] if self._is_named else self._filed()[-1]

    def ring(self) -> SealingRing:
        """What seals and opens. Raises `SetupFault`."""
        before = self._read
        filed = self._filed()
        if self._ring is None or before is not self._read:
            self._ring = SealingRing([*self._named, *filed] if self._is_named else [*filed, *self._named])
        return self._ring

    def _filed(self) -> list[Secret]:
        path = self._data_dir / FILE
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            changed = 0
        if self._read is None or self._read[0] != changed:
            found = _stored(self._data_dir) if self._is_named else load_or_create_sealing_keys(self._data_dir)
            self._read = (path.stat().st_mtime_ns if path.exists() else 0, found)
        return self._read[1]


def _stored(data_dir: Path) -> list[Secret]:
    open_data_dir(data_dir)
    kept = read_private(data_dir / FILE)
    if kept is None:
        return []
    found = kept.split()
    if not found or any(len(key) < _BYTES for key in found):
        raise KeyFault(
            f"{data_dir / FILE} is damaged: put back a copy; without it the secrets in the database cannot be opened"
        )
    return [Secret(key) for key in found]
