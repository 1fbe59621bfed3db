"""Rows D1 to D7 over HTTP: forged, borrowed and outlived tokens against `/auth/v1/user` and the data API.

The house signs with an ES256 key of its own and still believes its secret, so that both kinds can be confused. The
forgeries are made by hand, as in `tests/security/test_tokens.py`, where the reader itself is tried.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from tests.api.auth.people import People, people
from tests.security.test_tokens import (
    DER,
    OTHER,
    SPKI,
    STRANGER_EC,
    STRANGER_RSA,
    b64,
    ec_jwk,
    es,
    hs,
    pem,
    rs,
    rsa_jwk,
    token,
)
from undercroft.auth.backends import signing_file
from undercroft.auth.parts.signing_keys import IN_USE, SigningKey, new_key
from undercroft.base.clock import SystemClock
from undercroft.base.faults import SetupFault

Forged = Iterator[tuple[str, str]]


class Ground:
    """A house, its keys, and the claims of somebody who is signed in."""

    def __init__(self, house: People, key: SigningKey) -> None:
        self.house = house
        self.kid = key.kid
        self.secret = house.house.keys.signing.reveal_bytes()
        found = ECKey.import_key({name: key.jwk[name] for name in ("kty", "crv", "x", "y", "d")}).private_key
        assert isinstance(found, ec.EllipticCurvePrivateKey)
        self.key = found
        self.told = house.signed_up()
        now = int(house.clock.timestamp())
        session = json.loads(_decoded(self.told["access_token"].split(".")[1]))["session_id"]
        self.claims: dict[str, Any] = {
            "sub": self.told["user"]["id"], "role": "authenticated", "aud": "authenticated", "exp": now + 3600,
            "iat": now, "session_id": session,
        }  # fmt: skip
        self.es = {"alg": "ES256", "typ": "JWT", "kid": self.kid}
        self.hs = {"alg": "HS256", "typ": "JWT"}

    def ours(self, **claims: Any) -> str:
        """A token that our own key signed."""
        return token(self.es, {**self.claims, **claims}, es(self.key))

    def answers(self, sent: str) -> tuple[int, int]:
        """What the two say to a token."""
        user = self.house.ask("GET", "/user", token=sent)
        data = self.house.ask("GET", "/rest/v1/", token=sent)
        return user.status_code, data.status_code

    def refuses(self, forged: Forged) -> None:
        count = 0
        for name, sent in forged:
            count += 1
            assert self.answers(sent) == (403, 401), name
        assert count


def _decoded(part: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.fixture(scope="module")
def ground(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder: Path = tmp_path_factory.mktemp("people")
    made = new_key("ES256", 0.0)
    key = SigningKey(made.jwk, IN_USE)
    signing_file.store(folder / "data", [key])
    with people(folder, server) as house:
        yield Ground(house, key)


def test_what_is_honest_passes(ground: Ground) -> None:
    assert ground.answers(ground.told["access_token"]) == (200, 200)
    assert ground.answers(ground.ours()) == (200, 200)
    assert ground.answers(token(ground.hs, ground.claims, hs(ground.secret))) == (200, 200)
    told = ground.house.ask("GET", "/.well-known/jwks.json").json()["keys"]
    assert [(key["kid"], key["alg"], "d" in key) for key in told] == [(ground.kid, "ES256", False)]


def test_d1_no_algorithm_stands_in_for_another(ground: Ground) -> None:
    claims, head, body = ground.claims, *ground.ours().split(".")[:2]
    signature = ground.ours().split(".")[2]
    public = ground.key.public_key()
    jwk = json.dumps(ec_jwk(ground.key))
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

    def forged() -> Forged:
        for name in ("none", "NONE", "None", "nOnE", ""):
            yield f"alg {name!r}", token({"alg": name}, claims, lambda _: b"")
            yield f"alg {name!r}, with a kid", token({"alg": name, "kid": ground.kid}, claims, lambda _: b"")
        yield "no signature", f"{head}.{body}."
        yield "two signatures", f"{head}.{body}.{signature}.{signature}"
        yield "no third part", f"{head}.{body}"
        for name, secret in (
            ("PEM", pem(ground.key, SPKI)), ("PEM, stripped", pem(ground.key, SPKI).strip()),
            ("DER", pem(ground.key, SPKI, DER)), ("the point", point), ("x", ec_jwk(ground.key)["x"].encode()),
            ("the JWK", jwk.encode()), ("nothing", b""), ("its name", ground.kid.encode()), ("a stranger's", OTHER),
        ):  # fmt: skip
            yield f"HS256 with {name}", token(ground.hs, claims, hs(secret))
            yield f"HS256 with {name}, and the kid", token({**ground.hs, "kid": ground.kid}, claims, hs(secret))
        yield "our secret under the kid of the key", token({**ground.hs, "kid": ground.kid}, claims, hs(ground.secret))
        yield "ES256 named, HMAC made", token(ground.es, claims, hs(ground.secret))
        yield "HS256 named, ECDSA made", token(ground.hs, claims, es(ground.key))
        yield "ES384 named", token({**ground.es, "alg": "ES384"}, claims, es(ground.key))
        yield "RS256 named", token({**ground.es, "alg": "RS256"}, claims, rs(STRANGER_RSA))
        yield "zeros", token(ground.es, claims, lambda _: bytes(64))
        yield (
            "JSON serialization",
            json.dumps({"payload": body, "signatures": [{"protected": head, "signature": signature}]}),
        )
        yield "a name twice in the head", token('{"alg":"none","alg":"ES256","typ":"JWT"}', claims, es(ground.key))
        yield "b64 off", token({**ground.es, "b64": False}, claims, es(ground.key))

    ground.refuses(forged())


def test_d2_a_token_brings_no_key_of_its_own(ground: Ground) -> None:
    stranger = es(STRANGER_EC)

    def forged() -> Forged:
        for name, value in (
            ("jwk", ec_jwk(STRANGER_EC)), ("jku", "https://evil.example/jwks.json"),
            ("x5u", "https://evil.example/cert.pem"), ("x5c", ["MIIB"]), ("jwk", rsa_jwk(STRANGER_RSA)),
        ):  # fmt: skip
            yield name, token({**ground.es, name: value}, ground.claims, stranger)
            yield f"{name}, signed by us", token({**ground.es, name: value}, ground.claims, es(ground.key))
        for kid in ("../../dev/null", "/dev/null", "' or 1=1 --", "https://evil.example/key", "", "\x00", "x" * 4000):
            yield f"kid {kid[:20]!r}", token({**ground.es, "kid": kid}, ground.claims, stranger)
            yield f"kid {kid[:20]!r}, empty secret", token({**ground.hs, "kid": kid}, ground.claims, hs(b""))
        yield "our kid", token(ground.es, ground.claims, stranger)
        yield "a kid that is a list", token({**ground.es, "kid": [ground.kid]}, ground.claims, es(ground.key))

    ground.refuses(forged())


def test_d3_what_is_critical_is_understood_or_refused(ground: Ground) -> None:
    def forged() -> Forged:
        critical: list[Any] = [["x"], ["b64"], ["exp"], [], "x", None]
        for value in critical:
            yield f"crit {value!r}", token({**ground.es, "crit": value, "x": 1}, ground.claims, es(ground.key))

    ground.refuses(forged())


def test_d4_a_token_for_something_else_is_no_access_token(ground: Ground) -> None:
    def forged() -> Forged:
        for kind in ("at", "logout+jwt", "dpop+jwt", "JWE", 5, ""):
            yield f"typ {kind!r}", token({**ground.es, "typ": kind}, ground.claims, es(ground.key))
        yield "nested", token({**ground.es, "cty": "JWT"}, ground.claims, es(ground.key))
        yield "a refresh token", ground.told["refresh_token"]
        yield "audience a number", ground.ours(aud=5)
        yield "another server's", token(ground.hs, {**ground.claims, "iss": "other"}, hs(OTHER))

    ground.refuses(forged())
    # Signed by us, and for nobody who is here: no account, no session, no person.
    for claims, status in (
        ({"sub": "11111111-1111-4111-8111-111111111111"}, 403), ({"sub": ""}, 403), ({"sub": "x"}, 403),
        ({"session_id": "11111111-1111-4111-8111-111111111111"}, 403), ({"session_id": "x"}, 403),
    ):  # fmt: skip
        assert ground.house.ask("GET", "/user", token=ground.ours(**claims)).status_code == status, claims


def test_d5_times_are_numbers_and_are_kept(ground: Ground) -> None:
    now = int(ground.house.clock.timestamp())
    values: list[Any] = ["1", str(now + 3600), True, [now], {}, "never"]

    def forged() -> Forged:
        for name in ("exp", "nbf", "iat"):
            for value in values:
                yield f"{name} {value!r}", ground.ours(**{name: value})
        yield "long over", ground.ours(exp=now - 3600)
        yield "just over", ground.ours(exp=now - 31)
        yield "negative", ground.ours(exp=-1)
        yield "not yet", ground.ours(nbf=now + 31)
        yield "made in the future", ground.ours(iat=now + 31)
        yield (
            "exp beyond a float",
            token(
                ground.es, json.dumps({**ground.claims, "exp": 0}).replace('"exp": 0', '"exp": 1e999'), es(ground.key)
            ),
        )

    ground.refuses(forged())


def test_d5_a_token_that_is_remembered_dies_in_time(ground: Ground) -> None:
    now = int(ground.house.clock.timestamp())
    sent = ground.ours(exp=now + 60)
    assert ground.answers(sent) == (200, 200)
    ground.house.clock.advance(89)
    assert ground.answers(sent) == (200, 200)
    ground.house.clock.advance(2)
    assert ground.answers(sent) == (403, 401)


def test_d6_what_is_long_or_sealed_is_refused_unread(ground: Ground) -> None:
    def forged() -> Forged:
        yield "long claims", ground.ours(user_metadata={"x": "y" * 9000})
        yield "a long head", token({**ground.es, "x": "y" * 9000}, ground.claims, es(ground.key))
        yield (
            "JWE",
            ".".join([b64(b'{"alg":"dir","enc":"A256GCM"}'), "", b64(bytes(12)), b64(bytes(64)), b64(bytes(16))]),
        )
        yield "zipped", token({**ground.es, "zip": "DEF"}, ground.claims, es(ground.key))
        yield "dots", "." * 5000
        yield "deep", token(ground.es, '{"a":' * 2000 + "1" + "}" * 2000, es(ground.key))

    ground.refuses(forged())


@pytest.mark.parametrize(
    "secret",
    [
        "short",
        "x" * 31,
        "a" * 64,
        "super-secret-jwt-token-with-at-least-32-characters-long",
        "-----BEGIN PUBLIC KEY-----" + "x" * 40,
    ],
)
def test_d7_a_weak_secret_starts_no_server(tmp_path: Path, secret: str) -> None:
    with pytest.raises(SetupFault, match="jwt_secret") as raised, people(tmp_path, None, jwt_secret=secret):
        pass
    assert secret not in str(raised.value)


@pytest.mark.parametrize(
    "content", ["", "x", "{}", "[1]", '[{"kty":"RSA","n":"AQAB","e":"AQAB"}]', '[{"kty":"oct","k":"c2hvcnQ"}]']
)
def test_d7_weak_or_broken_signing_keys_start_no_server(tmp_path: Path, content: str) -> None:
    file = tmp_path / "keys.json"
    file.write_text(content)
    with pytest.raises(SetupFault), people(tmp_path, None, signing_keys_path=file):
        pass


def test_d7_a_signing_key_that_others_can_open_starts_no_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    signing_file.store(data, [new_key("ES256", SystemClock().timestamp())])
    (data / signing_file.FILE).chmod(0o644)
    with pytest.raises(SetupFault, match="other users"), people(tmp_path, None):
        pass
