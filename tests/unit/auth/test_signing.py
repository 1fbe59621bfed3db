"""Which secrets are refused, and what our own tokens look like."""

from __future__ import annotations

import base64

import pytest

from undercroft.auth.errors import KeyFault
from undercroft.auth.parts import compact
from undercroft.auth.parts.signing import configured_secret, read_claim, sign, signed_with, token_claims, weakness
from undercroft.base.secret import Secret

GOOD = "J8fQ2mZ0s7Lr5kTxYw1VbN4cPd9EhGau"  # 32 bytes


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it has 0 bytes"),
        ("hunter2", "it has 7 bytes"),
        (GOOD[:-1], "it has 31 bytes"),
        ("a" * 64, "fewer than 8 different"),
        ("changeme" * 8, "fewer than 8 different"),
        ("0123456" * 8, "fewer than 8 different"),
        ("reallyreallyreallyreallyverysafe", "public documentation"),
        ("super-secret-jwt-token-with-at-least-32-characters-long", "public documentation"),
        ("super-secret-jwt-token-with-at-least-32-characters-long\n", "public documentation"),
        ("-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQ\n", "key file"),
        ('{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQ","e":"AQAB"}', "key file"),
    ],
)
def test_a_weak_secret_is_refused_with_its_reason_and_not_repeated(text: str, reason: str) -> None:
    assert reason in (weakness(Secret(text)) or "")
    with pytest.raises(KeyFault) as caught:
        configured_secret(Secret(text))
    assert reason in str(caught.value)
    assert not text or text not in str(caught.value)


def test_development_lets_examples_pass_and_short_ones_not() -> None:
    example = Secret("reallyreallyreallyreallyverysafe")
    assert configured_secret(example, dev=True) == example
    with pytest.raises(KeyFault, match="at least 32"):
        configured_secret(Secret("secret"), dev=True)


def test_a_good_secret_is_taken_as_it_is() -> None:
    assert configured_secret(Secret(GOOD)) == Secret(GOOD)
    assert configured_secret(None) is None


def test_a_binary_secret_comes_in_base64() -> None:
    raw = bytes(range(200, 240))
    for text in (base64.b64encode(raw), base64.urlsafe_b64encode(raw).rstrip(b"=")):
        assert configured_secret(Secret(text), is_base64=True) == Secret(raw)
    with pytest.raises(KeyFault, match="not base64"):
        configured_secret(Secret("(" * 40), is_base64=True)
    with pytest.raises(KeyFault, match="it has 24 bytes"):
        configured_secret(Secret(GOOD), is_base64=True)


def test_a_token_holds_what_was_asked_for() -> None:
    claims = token_claims("editor", now=1000.7, lifetime=60, issuer="u", sub="é", more={"org": [1]})
    token = sign(claims, Secret(GOOD))
    assert token.startswith(compact.encode(b'{"alg":"HS256","typ":"JWT"}').decode() + ".")
    assert compact.claims(compact.read(token.encode()).payload) == {
        "iss": "u", "role": "editor", "sub": "é", "iat": 1000, "exp": 1060, "org": [1]
    }  # fmt: skip
    assert signed_with(Secret(GOOD), token)
    assert not signed_with(Secret(GOOD + "x"), token)
    assert not signed_with(Secret(GOOD), "é.b.c")
    assert "sub" not in token_claims("anon", now=0, lifetime=1, issuer="u")


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("org=acme", ("org", "acme")), ("n=3", ("n", 3)), ('a={"b":[1]}', ("a", {"b": [1]})), ("t=true", ("t", True)),
        ("q=a=b", ("q", "a=b")), ("e=", ("e", "")), ('s="3"', ("s", "3")),
    ],
)  # fmt: skip
def test_claims_of_a_command_line(text: str, pair: tuple[str, object]) -> None:
    assert read_claim(text) == pair


@pytest.mark.parametrize("text", ["org", "=x", ""])
def test_claims_of_a_command_line_need_a_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not name=value"):
        read_claim(text)
