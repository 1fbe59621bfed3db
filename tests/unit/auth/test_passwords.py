"""Stored passwords of our own and of others, and which are taken over."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import bcrypt
import pytest

from undercroft.auth.parts.passwords import hashed, is_known, is_outdated, matches

PASSWORD = "user1password"


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def django_pbkdf2() -> str:
    return f"pbkdf2_sha256$1000$seasalt${_b64(hashlib.pbkdf2_hmac('sha256', PASSWORD.encode(), b'seasalt', 1000))}"


def django_scrypt() -> str:
    made = hashlib.scrypt(PASSWORD.encode(), salt=b"seasalt", n=1024, r=8, p=1, dklen=64)
    return f"scrypt$1024$seasalt$8$1${_b64(made)}"


def django_argon2() -> str:
    return f"argon2{hashed(PASSWORD)}"


def django_bcrypt_sha256() -> str:
    digest = hashlib.sha256(PASSWORD.encode()).hexdigest().encode()
    return f"bcrypt_sha256${bcrypt.hashpw(digest, bcrypt.gensalt(4)).decode()}"


def plain_bcrypt() -> str:
    return bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


def firebase() -> str:
    """The example of Firebase's own page on its scrypt."""
    key = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
    stored = "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="
    return f"$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk={key}$42xEC+ixf3L2lw==${stored}"


KINDS: list[Callable[[], str]] = [
    django_pbkdf2,
    django_scrypt,
    django_argon2,
    django_bcrypt_sha256,
    plain_bcrypt,
    firebase,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_others_stored_is_compared_and_outdated(kind: Callable[[], str]) -> None:
    stored = kind()
    assert is_known(stored)
    assert matches(stored, PASSWORD)
    assert not matches(stored, PASSWORD + "x")
    assert not matches(stored, "")
    assert is_outdated(stored)


@pytest.mark.parametrize(
    "stored",
    [
        "pbkdf2_sha256$1000$seasalt$GYPsLisEsszbHrPGSLZAUayJhTbiptdVv+vkyMFr7GY=",
        "scrypt$1024$seasalt$8$5$RTJyVxIXttmeJpKbm5abxNcCT8B1R7LQBiEhtVkx7lTGRYVUFrAneGyq9k7+TnchNC56+5e5OG2al4lkNy6HnQ==",
        "argon2$argon2id$v=19$m=1024,t=2,p=8$c2Vhc2FsdHNlYXNhbHQ$wcnicJG1OElxjp1Y5/nWWlOx6zlPkfjq39lJG6Sa/cQ",
        "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuu7JwkQFnybmaXuUpQXzpcOqvNgk8NAfu",
    ],
)
def test_what_django_stored(stored: str) -> None:
    """Made by Django 5.2 itself: no misreading of ours could agree with it."""
    assert is_known(stored)
    assert matches(stored, "corréct horse")
    assert not matches(stored, "correct horse")


def test_our_own_has_no_end_at_72_bytes() -> None:
    long = "x" * 72
    stored = hashed(long + "a")
    assert matches(stored, long + "a")
    assert not matches(stored, long + "b")
    assert not is_outdated(stored)


def test_bcrypt_was_cut_by_what_made_it() -> None:
    stored = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert matches(stored, "x" * 72 + "tail")


@pytest.mark.parametrize(
    "stored",
    [
        "", "secret", "$1$abc$def", "md5$x$y", "$2b$10$short", "$2b$31$" + "a" * 53, "$argon2id$nonsense",
        "$argon2id$v=19$m=9999999,t=2,p=1$c2Vhc2FsdHNhbHQ$4JCuBGnDHR1aEuKCGQHGqcw+6GFqUOZuVRGKxGNyW5A",
        "pbkdf2_sha256$99999999999$s$aGFzaA==", "pbkdf2_sha256$x$s$aGFzaA==", "pbkdf2_sha256$1$s",
        "scrypt$3$s$8$1$aGFzaA==",
        "scrypt$1073741824$s$8$1$aGFzaA==", "scrypt$a$s$8$1$aGFzaA==",
        "$fbscrypt$v=1,n=30,r=8,p=1,ss=Bw==,sk=eA==$eA==$eA==",
        "$fbscrypt$v=2,n=14,r=8,p=1,ss=Bw==,sk=eA==$eA==$eA==", "$2b$10$" + "é" * 53, "$2b$10$" + "a" * 2000,
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_not_taken(stored: str) -> None:
    assert not is_known(stored)


def test_what_cannot_be_read_matches_nothing() -> None:
    for stored in ("", "secret", "pbkdf2_sha256$x$s$aGFzaA==", "scrypt$a$s$8$1$aGFzaA==", "$fbscrypt$", "$2b$10$short"):
        assert not matches(stored, "secret")
