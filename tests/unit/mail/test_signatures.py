"""Signatures are what other people's programs believe, and what breaks when a word is changed."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace
from time import perf_counter
from types import ModuleType
from typing import Any

import dkim  # type: ignore[import-untyped]
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.unit.mail.test_messages import LETTER
from undercroft.base.faults import SetupFault
from undercroft.base.secret import Secret
from undercroft.mail.parts.messages import message_of
from undercroft.mail.parts.signatures import Signer, _relaxed_body
from undercroft.models.mail import Attachment

RSA = generate_private_key(65537, 2048)
EDWARDS = Ed25519PrivateKey.generate()
SEED = b64encode(EDWARDS.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))


def pem(key: Any) -> bytes:
    found: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return found


def record(key: Any) -> bytes:
    """What stands in the DNS."""
    if isinstance(key, Ed25519PrivateKey):
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return b"v=DKIM1; k=ed25519; p=" + b64encode(raw)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + b64encode(public)


class _VerifyKey:
    """The one thing of PyNaCl that dkimpy asks for, on the library that is here."""

    def __init__(self, key: bytes, encoder: Any) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(b64decode(key))

    def verify(self, message: bytes, signature: bytes) -> bytes:
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            raise _BadSignature from None
        return message


class _BadSignature(Exception):
    pass


@pytest.fixture
def nacl(monkeypatch: pytest.MonkeyPatch) -> None:
    root: Any = ModuleType("nacl")
    root.signing, root.encoding, root.exceptions = (
        ModuleType(f"nacl.{name}") for name in ("signing", "encoding", "ex")
    )
    root.signing.VerifyKey, root.encoding.Base64Encoder = _VerifyKey, None
    root.exceptions.BadSignatureError, root.exceptions.ValueError = _BadSignature, ValueError
    monkeypatch.setattr(dkim, "nacl", root, raising=False)
    monkeypatch.setattr(dkim, "HAVE_NACL", True, raising=False)


def verifies(message: bytes, key: Any) -> bool:
    asked: list[bytes] = []

    def dns(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return record(key)

    found: bool = dkim.verify(message, dnsfunc=dns)
    assert asked == [b"mail._domainkey.example.com."]
    return found


@pytest.mark.usefixtures("nacl")
@pytest.mark.parametrize(
    ("key", "secret"), [(RSA, pem(RSA)), (EDWARDS, pem(EDWARDS)), (EDWARDS, SEED)], ids=["rsa", "ed25519", "seed"]
)
@pytest.mark.parametrize("kind", ["plain", "attachments", "list"])
def test_others_believe_it(key: Any, secret: bytes, kind: str) -> None:
    files = (Attachment("a  b.bin", "application/octet-stream", bytes(range(256))),)
    letter = {
        "plain": LETTER,
        "attachments": replace(LETTER, attachments=files, text="trailing  \n\n space \t\n\n\n\n"),
        "list": replace(LETTER, unsubscribe="https://example.com/leave?" + "x" * 300),
    }[kind]
    content = message_of(letter).content
    signed = Signer("example.com", "mail", Secret(secret)).signed(content, 1_700_000_000)
    assert signed.endswith(content)
    assert verifies(signed, key)
    assert not verifies(signed.replace(b"ada@example.com", b"eve@example.com", 1), key)
    assert not verifies(
        signed.replace(b"Gr=C3=BC=C3=9Fe", b"Gr=C3=BC=C3=9Fen", 1).replace(b"Subject: ", b"Subject: x", 1), key
    )
    assert not verifies(signed.replace(b"\r\nTo: ", b"\r\nTo: eve@example.com\r\nTo: ", 1), key), "a header was added"
    other = generate_private_key(65537, 1024) if key is RSA else Ed25519PrivateKey.generate()
    assert not verifies(signed, other)


@pytest.mark.parametrize("blank", ["\n", " \t\n"])
def test_blank_lines_are_signed_in_a_time_that_grows_with_their_number(blank: str) -> None:
    """Anybody who fills in a form sends them; a minute's work for each would keep everybody else waiting."""
    content = message_of(replace(LETTER, html="", text="first" + blank * 100_000 + "last" + blank * 100_000)).content
    begin = perf_counter()
    signed = Signer("example.com", "mail", Secret(pem(RSA))).signed(content, 1)
    assert perf_counter() - begin < 2
    assert verifies(signed, RSA)


@pytest.mark.parametrize("body", [b"", b"\r\n", b"\r\n \r\n\t\r\n", b" C \r\nD \t E\r\n\r\n\r\n"])
def test_the_end_of_a_body(body: bytes) -> None:
    """RFC 6376, 3.4.4 and the example of 3.4.5."""
    assert _relaxed_body(body) == (b" C\r\nD E\r\n" if body.strip() else b"")


def test_the_headers_of_a_list_are_covered() -> None:
    """RFC 8058, 4: the signature must cover both."""
    letter = replace(LETTER, unsubscribe="https://example.com/leave")
    signed = Signer("example.com", "mail", Secret(pem(RSA))).signed(message_of(letter).content, 1)
    head = signed.partition(b"\r\nFrom:")[0].replace(b"\r\n", b"").replace(b" ", b"")
    assert b"list-unsubscribe:list-unsubscribe-post" in head


def test_what_is_sent_again_is_signed_alike() -> None:
    signer = Signer("example.com", "mail", Secret(pem(RSA)))
    content = message_of(LETTER).content
    assert signer.signed(content, 1) == signer.signed(content, 1)


@pytest.mark.parametrize(
    "key",
    ["", "nonsense", "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----", b64encode(b"short").decode()],
)
def test_a_key_that_is_none_is_refused_and_never_shown(key: str) -> None:
    with pytest.raises(SetupFault) as caught:
        Signer("example.com", "mail", Secret(key))
    assert not key or key not in str(caught.value)


def test_names_are_names() -> None:
    for domain, selector in (("exa mple.com", "mail"), ("example.com", "ma;il"), ("", "mail"), ("x\r\ny", "a")):
        with pytest.raises(SetupFault):
            Signer(domain, selector, Secret(pem(RSA)))
