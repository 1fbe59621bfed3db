"""Values that are stored so that a copy of the database opens none of them: AES-256-GCM under keys of the installation.

A sealed value is base64url of a version (1 byte), the id of its key (4), a nonce (12), the ciphertext and its tag. It
opens at the place it was sealed for and no other: table, column and, where it is known, the row are authenticated with
it, so that a sealed value that is copied elsewhere stays shut.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from typing import TYPE_CHECKING

from undercroft.base.faults import Fault, SetupFault
from undercroft.base.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

SHORTEST = 32
"""Characters of a key, at least."""
_VERSION = b"\x01"
_ID, _NONCE, _TAG = 4, 12, 16
_HEAD = 1 + _ID


class SealedFault(Fault):
    """A sealed value that no key of the installation opens at its place: a key is missing, or it was changed."""

    default_code = "UC520"


class _Key:
    __slots__ = ("cipher", "id", "index")

    def __init__(self, secret: Secret) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if len(secret) < SHORTEST:
            raise SetupFault(
                f"an encryption key has at least {SHORTEST} characters",
                hint='python -c "import secrets; print(secrets.token_urlsafe(48))" makes one.',
            )
        self.id = _derived(secret, b"id")[:_ID]
        self.cipher = AESGCM(_derived(secret, b"seal"))
        self.index = _derived(secret, b"index")


class SealingRing:
    """The keys of an installation: the first one seals, each of them opens what it sealed."""

    __slots__ = ("_by_id", "_keys")

    def __init__(self, keys: Iterable[Secret]) -> None:
        """Take keys, the one in force first. Raises `SetupFault` for one that is too short, and for none."""
        self._keys = [_Key(key) for key in keys]
        if not self._keys:
            raise SetupFault("there is no key to seal with")
        self._by_id = {key.id: key for key in reversed(self._keys)}

    def seal(self, value: str, *place: str) -> str:
        """A value as it is stored at a place: table, column, row."""
        key = self._keys[0]
        head, nonce = _VERSION + key.id, secrets.token_bytes(_NONCE)
        sealed = head + nonce + key.cipher.encrypt(nonce, value.encode(), _bound(head, place))
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, sealed: str, *place: str) -> str:
        """The value that was sealed for that place. Raises `SealedFault`."""
        from cryptography.exceptions import InvalidTag

        raw = _read(sealed)
        key = self._by_id.get(raw[1:_HEAD])
        if key is None:
            raise SealedFault(
                f"a sealed value of {'.'.join(place[:2])} needs a key that is not there",
                hint="Add the key it was sealed with to [auth] older_encryption_keys, or put back sealing.key.",
            )
        nonce, rest = raw[_HEAD : _HEAD + _NONCE], raw[_HEAD + _NONCE :]
        try:
            return key.cipher.decrypt(nonce, rest, _bound(raw[:_HEAD], place)).decode()
        except (InvalidTag, UnicodeDecodeError):
            raise SealedFault(f"a sealed value of {'.'.join(place[:2])} was changed, or moved from elsewhere") from None

    def is_current(self, sealed: str) -> bool:
        """Whether it was sealed with the key that is in force. Raises `SealedFault` for a text that is not sealed."""
        return _read(sealed)[1:_HEAD] == self._keys[0].id

    def indexes(self, value: str, *place: str) -> list[str]:
        """What stands beside a sealed value to find it by equality: one text for each key, that in force first.

        Equal values of one column have equal texts; without the key, nobody can make the text of a guess.
        """
        return [hmac.digest(key.index, _bound(value.encode(), place), "sha256").hex() for key in self._keys]


def _read(sealed: str) -> bytes:
    try:
        raw = base64.b64decode(sealed.encode("ascii") + b"=" * (-len(sealed) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise SealedFault("this is no sealed value") from None
    if len(raw) < _HEAD + _NONCE + _TAG or raw[:1] != _VERSION:
        raise SealedFault("this is no sealed value")
    return raw


def _bound(head: bytes, place: tuple[str, ...]) -> bytes:
    """All parts with their lengths, so that no two places read alike."""
    parts = (head, *(part.encode() for part in place))
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _derived(secret: Secret, purpose: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869): 32 bytes for one purpose."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, None, b"undercroft sealing 1 " + purpose).derive(secret.reveal_bytes())
