"""Passwords stored by others, as they are taken over: Django's and Firebase's.

Django: `django.contrib.auth.hashers`, https://docs.djangoproject.com/en/5.2/topics/auth/passwords/. Firebase: its
modified scrypt (https://github.com/firebase/scrypt), in the spelling that GoTrue takes (`$fbscrypt$…`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re

_MOST_ROUNDS = 5_000_000
_MOST_MEMORY = 256 * 1024 * 1024
_DIGESTS = {"pbkdf2_sha256": "sha256", "pbkdf2_sha1": "sha1"}
_FIREBASE = re.compile(
    r"\$fbscrypt\$v=1,n=(?P<n>\d{1,2}),r=(?P<r>\d{1,3}),p=(?P<p>\d{1,2}),(?:ss=(?P<ss>[A-Za-z0-9+/=]*),)?"
    r"sk=(?P<sk>[A-Za-z0-9+/=]+)\$(?P<salt>[A-Za-z0-9+/=]+)\$(?P<hash>[A-Za-z0-9+/=]+)"
)
BEGINNINGS = ("pbkdf2_sha256$", "pbkdf2_sha1$", "scrypt$", "$fbscrypt$")


def is_sound(stored: str) -> bool:
    """Whether it can be read, and costs no more to compare than a server can bear."""
    try:
        if stored.startswith("$fbscrypt$"):
            return _firebase_parts(stored) is not None
        if stored.startswith("scrypt$"):
            return _scrypt_parts(stored) is not None
        return _pbkdf2_parts(stored) is not None
    except (ValueError, binascii.Error):
        return False


def matches(stored: str, password: bytes) -> bool:
    """Whether a password is the stored one; of what cannot be read, never."""
    if not is_sound(stored):
        return False
    if stored.startswith("$fbscrypt$"):
        return _matches_firebase(stored, password)
    if stored.startswith("scrypt$"):
        return _matches_scrypt(stored, password)
    digest, rounds, salt, expected = _pbkdf2_parts(stored) or ("sha256", 1, b"", b"")
    found = hashlib.pbkdf2_hmac(digest, password, salt, rounds)
    return hmac.compare_digest(found, expected)


def _pbkdf2_parts(stored: str) -> tuple[str, int, bytes, bytes] | None:
    """`pbkdf2_sha256$600000$salt$hash`."""
    kind, rounds, salt, expected = stored.split("$")
    if not rounds.isdigit() or not 1 <= int(rounds) <= _MOST_ROUNDS:
        return None
    return _DIGESTS[kind], int(rounds), salt.encode(), base64.b64decode(expected, validate=True)


def _scrypt_parts(stored: str) -> tuple[int, bytes, int, int, bytes] | None:
    """`scrypt$16384$salt$8$1$hash`: the cost, the salt, the block size, the lanes."""
    _, cost, salt, block, lanes, expected = stored.split("$")
    n, r, p = int(cost), int(block), int(lanes)
    return (n, salt.encode(), r, p, base64.b64decode(expected, validate=True)) if _is_bearable(n, r, p) else None


def _is_bearable(n: int, r: int, p: int) -> bool:
    return n > 1 and n & (n - 1) == 0 and r > 0 and 0 < p <= 16 and 128 * n * r <= _MOST_MEMORY


def _matches_scrypt(stored: str, password: bytes) -> bool:
    n, salt, r, p, expected = _scrypt_parts(stored) or (2, b"", 1, 1, b"")
    found = hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=2 * _MOST_MEMORY, dklen=max(1, len(expected)))
    return hmac.compare_digest(found, expected)


def _firebase_parts(stored: str) -> tuple[int, int, int, bytes, bytes, bytes] | None:
    """The cost, block size and lanes; the salt with its separator, the signer key, the hash."""
    found = _FIREBASE.fullmatch(stored)
    if found is None:
        return None
    n, r, p = 1 << int(found["n"]), int(found["r"]), int(found["p"])
    if not _is_bearable(n, r, p):
        return None
    salt, separator, key, expected = (
        base64.b64decode(found[name] or "", validate=True) for name in ("salt", "ss", "sk", "hash")
    )
    return n, r, p, salt + separator, key, expected


def _matches_firebase(stored: str, password: bytes) -> bool:
    """What scrypt makes of the password opens the project's signer key: AES in counter mode, from zero."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    n, r, p, salt, key, expected = _firebase_parts(stored) or (2, 1, 1, b"", b"", b"")
    own = hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=2 * _MOST_MEMORY, dklen=32)
    sealing = Cipher(algorithms.AES(own), modes.CTR(bytes(16))).encryptor()
    return hmac.compare_digest(sealing.update(key) + sealing.finalize(), expected)
