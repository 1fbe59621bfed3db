"""DKIM signatures: the domain's own word that a mail is from it and unchanged.

Source: RFC 6376 with `relaxed/relaxed` canonicalization, RFC 8463 for Ed25519. Made with `cryptography`, which is here
anyway and signs in the fraction of a millisecond.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from typing import TYPE_CHECKING

from undercroft.base.faults import SetupFault

if TYPE_CHECKING:
    from undercroft.base.secret import Secret

SIGNED = (
    "from", "to", "reply-to", "subject", "date", "message-id", "mime-version", "content-type",
    "content-transfer-encoding", "auto-submitted", "list-unsubscribe", "list-unsubscribe-post",
)  # fmt: skip
"""Headers that a signature covers, where they are there. RFC 8058 wants both of the last."""
_OVERSIGNED = ("from", "to", "subject", "date", "reply-to")
"""Named once more than they are there: a second one, added on the way, breaks the signature."""
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")

Sign = Callable[[bytes], bytes]


class Signer:
    """Signs messages for one domain and selector."""

    def __init__(self, domain: str, selector: str, key: Secret) -> None:
        """`key` is a private key: PEM of RSA (1024 bits or more) or Ed25519, or 32 bytes of Ed25519 in base64.

        Raises `SetupFault`.
        """
        if not _NAME.fullmatch(domain) or not _NAME.fullmatch(selector):
            raise SetupFault("[mail.dkim] domain and selector must be names of the DNS")
        self._domain, self._selector = domain, selector
        self._algorithm, self._sign = _signing(key)

    def signed(self, message: bytes, at: int) -> bytes:
        """The message with its signature in front; `at` is the moment, in seconds since 1970."""
        head, _, body = message.partition(b"\r\n\r\n")
        headers = _headers(head)
        names = [name for name in SIGNED if any(one == name for one, _ in headers)]
        listed = ":".join([*names, *(name for name in _OVERSIGNED if name in names or name == "reply-to")])
        digest = b64encode(hashlib.sha256(_relaxed_body(body)).digest()).decode()
        value = (
            f"v=1; a={self._algorithm}; c=relaxed/relaxed; d={self._domain}; s={self._selector};\r\n"
            f" t={at}; h={_folded(listed)};\r\n bh={digest};\r\n b="
        )
        covered = [_relaxed(name, text) for name in names for one, text in _last(headers, name) if one == name]
        covered.append(_relaxed("dkim-signature", " " + value).removesuffix(b"\r\n"))
        signature = b64encode(self._sign(b"".join(covered))).decode()
        chunks = "\r\n  ".join(signature[start : start + 72] for start in range(0, len(signature), 72))
        return f"DKIM-Signature: {value}{chunks}\r\n".encode() + message


def _signing(key: Secret) -> tuple[str, Sign]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    raw = key.reveal_bytes().strip()
    try:
        if not raw.startswith(b"-----"):
            edwards = Ed25519PrivateKey.from_private_bytes(b64decode(raw, validate=True))
            return "ed25519-sha256", lambda data: edwards.sign(hashlib.sha256(data).digest())
        loaded = load_pem_private_key(raw, None)
    except (ValueError, TypeError, Base64Error, UnsupportedAlgorithm):
        raise SetupFault("[mail.dkim] key is no private key: PEM without a password, or Ed25519 in base64") from None
    if isinstance(loaded, Ed25519PrivateKey):
        return "ed25519-sha256", lambda data: loaded.sign(hashlib.sha256(data).digest())
    if isinstance(loaded, RSAPrivateKey) and loaded.key_size >= 1024:
        return "rsa-sha256", lambda data: loaded.sign(data, PKCS1v15(), SHA256())
    raise SetupFault("[mail.dkim] key must be RSA with 1024 bits or more, or Ed25519")


def _headers(head: bytes) -> list[tuple[str, str]]:
    """Every header, its name in small letters, its value with its folds."""
    lines = re.split(r"\r\n(?![ \t])", head.decode("utf-8", "surrogateescape"))
    pairs = (line.partition(":") for line in lines)
    return [(name.strip().lower(), value) for name, _, value in pairs]


def _last(headers: list[tuple[str, str]], name: str) -> list[tuple[str, str]]:
    return [pair for pair in headers if pair[0] == name][-1:]


def _relaxed(name: str, value: str) -> bytes:
    """A header in relaxed form (RFC 6376, 3.4.2)."""
    unfolded = re.sub(r"[ \t]+", " ", value.replace("\r\n", "")).strip(" ")
    return f"{name}:{unfolded}\r\n".encode("utf-8", "surrogateescape")


def _relaxed_body(body: bytes) -> bytes:
    """A body in relaxed form (RFC 6376, 3.4.4)."""
    spaced = re.sub(rb"[ \t]+", b" ", body)
    trimmed = re.sub(rb" (?=\r\n)", b"", spaced)
    # CR and LF stand together in a mail, so that no end of a line is broken by this; an expression would look for the
    # end anew from each empty line.
    ended = trimmed.rstrip(b" \r\n")
    return ended + b"\r\n" if ended else b""


def _folded(names: str) -> str:
    """The list of header names, in lines of a length that nobody breaks."""
    lines, line = [], ""
    for name in names.split(":"):
        if len(line) + len(name) > 64:
            lines.append(line)
            line = ""
        line += f"{name}:"
    return "\r\n  ".join([*lines, line]).removesuffix(":")
