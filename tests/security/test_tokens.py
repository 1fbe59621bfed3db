"""Forged, broken and borrowed tokens: none of them may become an actor (rows D1 to D7 of the threat list).

The forgeries are made here by hand with hmac and cryptography, not with the library that reads them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from undercroft.access.actor import Actor
from undercroft.auth.errors import ClaimsFault, NoKeyFault, TokenFault
from undercroft.auth.parts.keyring import KeyRing, key_set, secret_key
from undercroft.auth.parts.role_path import role_path
from undercroft.auth.parts.tokens import Rules, verify
from undercroft.base.faults import Fault

NOW = 1_767_225_600.0
SECRET = b"an honest secret of this server, 40 bytes"
OTHER = b"another server's secret, also long enough"
RULES = Rules(role_path(".role"))
CLAIMS = {"role": "service_role", "sub": "u1", "exp": int(NOW) + 3600}

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
STRANGER_RSA = rsa.generate_private_key(65537, 2048)
STRANGER_EC = ec.generate_private_key(ec.SECP256R1())


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int, size: int | None = None) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def rsa_jwk(key: rsa.RSAPrivateKey, **more: Any) -> dict[str, Any]:
    public = key.public_key().public_numbers()
    return {"kty": "RSA", "n": number(public.n), "e": number(public.e), **more}


def ec_jwk(key: ec.EllipticCurvePrivateKey, **more: Any) -> dict[str, Any]:
    public = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": number(public.x, 32), "y": number(public.y, 32), **more}


def ed_jwk(key: ed25519.Ed25519PrivateKey, **more: Any) -> dict[str, Any]:
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw), **more}


JWKS = {"keys": [rsa_jwk(RSA, kid="r1", alg="RS256"), ec_jwk(EC, kid="e1"), ed_jwk(ED, kid="d1", use="sig")]}
RING = KeyRing((secret_key(SECRET), *key_set(json.dumps(JWKS))))

Signer = Callable[[bytes], bytes]


def hs(secret: bytes, digest: Any = hashlib.sha256) -> Signer:
    return lambda signed: hmac.new(secret, signed, digest).digest()


def rs(key: rsa.RSAPrivateKey) -> Signer:
    return lambda signed: key.sign(signed, padding.PKCS1v15(), hashes.SHA256())


def es(key: ec.EllipticCurvePrivateKey) -> Signer:
    def sign(signed: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign


def token(header: dict[str, Any] | str, claims: dict[str, Any] | str | bytes, signer: Signer) -> str:
    head = header if isinstance(header, str) else json.dumps(header)
    body = claims if isinstance(claims, bytes) else (claims if isinstance(claims, str) else json.dumps(claims)).encode()
    signed = f"{b64(head.encode())}.{b64(body)}"
    return f"{signed}.{b64(signer(signed.encode()))}"


def pem(
    key: Any, form: serialization.PublicFormat, encoding: serialization.Encoding = serialization.Encoding.PEM
) -> bytes:
    return bytes(key.public_key().public_bytes(encoding, form))


HS = {"alg": "HS256", "typ": "JWT"}
GOOD = token(HS, CLAIMS, hs(SECRET))
SPKI, PKCS1 = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1
DER = serialization.Encoding.DER


def forgeries() -> Iterator[tuple[str, str]]:
    head, body, signature = GOOD.split(".")
    # No signature, or none that was made with a key.
    for name in ("none", "NONE", "None", "nOnE"):
        yield f"alg {name}, no signature", token({"alg": name}, CLAIMS, lambda _: b"")
        yield f"alg {name}, old signature", f"{b64(json.dumps({'alg': name}).encode())}.{body}.{signature}"
    yield "empty signature", f"{head}.{body}."
    yield "one bit of the signature", token(HS, CLAIMS, lambda m: bytes([hs(SECRET)(m)[0] ^ 1]) + hs(SECRET)(m)[1:])
    yield "half a signature", token(HS, CLAIMS, lambda m: hs(SECRET)(m)[:16])
    yield "signature of another token", f"{head}.{b64(json.dumps({**CLAIMS, 'sub': 'u2'}).encode())}.{signature}"
    yield "another server's secret", token(HS, CLAIMS, hs(OTHER))
    yield "empty secret", token(HS, CLAIMS, hs(b""))
    # The public key as an HMAC secret, in every spelling somebody might have stored.
    for form, name in ((SPKI, "SPKI"), (PKCS1, "PKCS1")):
        yield f"HS256 with the RSA public key, {name}", token(HS, CLAIMS, hs(pem(RSA, form)))
        yield f"the same without the last newline, {name}", token(HS, CLAIMS, hs(pem(RSA, form).strip()))
        yield f"the same as DER, {name}", token(HS, CLAIMS, hs(pem(RSA, form, DER)))
    yield "HS256 with the EC public key", token(HS, CLAIMS, hs(pem(EC, SPKI)))
    yield "HS256 with the RSA key's kid", token({**HS, "kid": "r1"}, CLAIMS, hs(pem(RSA, SPKI)))
    yield "HS256 with the key set's text", token(HS, CLAIMS, hs(json.dumps(JWKS).encode()))
    yield "HS256 with the modulus", token(HS, CLAIMS, hs(rsa_jwk(RSA)["n"].encode()))
    # Algorithms that do not belong to the key.
    for name, digest in (("HS384", hashlib.sha384), ("HS512", hashlib.sha512)):
        yield f"our secret by {name}", token({"alg": name}, CLAIMS, hs(SECRET, digest))
    yield "hs256 in small letters", token({"alg": "hs256"}, CLAIMS, hs(SECRET))
    yield "RS256 named, HMAC made", token({"alg": "RS256"}, CLAIMS, hs(SECRET))
    yield "ES256 named, RSA made", token({"alg": "ES256", "kid": "r1"}, CLAIMS, rs(RSA))
    yield "RS256 named, EC key's kid", token({"alg": "RS256", "kid": "e1"}, CLAIMS, rs(RSA))
    yield "PS256", token({"alg": "PS256", "kid": "r1"}, CLAIMS, rs(RSA))
    yield "ES256 with r = s = 0", token({"alg": "ES256"}, CLAIMS, lambda _: bytes(64))
    yield "ES256 in DER", token({"alg": "ES256"}, CLAIMS, lambda m: EC.sign(m, ec.ECDSA(hashes.SHA256())))
    yield "EdDSA of zeros", token({"alg": "EdDSA"}, CLAIMS, lambda _: bytes(64))
    yield "alg missing", token({"typ": "JWT"}, CLAIMS, hs(SECRET))
    yield "alg a list", token({"alg": ["HS256"]}, CLAIMS, hs(SECRET))
    yield "alg null", token({"alg": None}, CLAIMS, hs(SECRET))
    # Strangers, and keys that the token brings along.
    yield "a stranger's RSA key", token({"alg": "RS256"}, CLAIMS, rs(STRANGER_RSA))
    yield "a stranger's RSA key under our kid", token({"alg": "RS256", "kid": "r1"}, CLAIMS, rs(STRANGER_RSA))
    yield "a stranger's EC key", token({"alg": "ES256"}, CLAIMS, es(STRANGER_EC))
    yield "jwk inside", token({"alg": "RS256", "jwk": rsa_jwk(STRANGER_RSA)}, CLAIMS, rs(STRANGER_RSA))
    yield (
        "jwk inside, properly signed by us",
        token({**HS, "jwk": {"kty": "oct", "k": b64(SECRET)}}, CLAIMS, hs(SECRET)),
    )
    yield "jku", token({"alg": "RS256", "jku": "https://evil.test/jwks.json"}, CLAIMS, rs(STRANGER_RSA))
    yield "x5u", token({"alg": "RS256", "x5u": "https://evil.test/c.pem"}, CLAIMS, rs(STRANGER_RSA))
    yield "x5c", token({"alg": "RS256", "x5c": ["MIIB"]}, CLAIMS, rs(STRANGER_RSA))
    for kid in ("../../../../dev/null", "' or 1=1 --", "unknown", "", "/proc/self/environ\x00", "https://evil.test/"):
        yield f"kid {kid!r}", token({**HS, "kid": kid}, CLAIMS, hs(SECRET))
        yield f"kid {kid!r}, empty key", token({**HS, "kid": kid}, CLAIMS, hs(b""))
    yield "kid a number", token({**HS, "kid": 1}, CLAIMS, hs(SECRET))
    # Extensions, and other things than signed tokens.
    yield "crit", token({**HS, "crit": ["x"], "x": 1}, CLAIMS, hs(SECRET))
    yield "crit empty", token({**HS, "crit": []}, CLAIMS, hs(SECRET))
    yield "crit exp", token({**HS, "crit": ["exp"], "exp": 1}, CLAIMS, hs(SECRET))
    yield "b64 false", token({**HS, "b64": False, "crit": ["b64"]}, CLAIMS, hs(SECRET))
    yield "b64 false, not critical", token({**HS, "b64": False}, CLAIMS, hs(SECRET))
    plain = b64(json.dumps({**HS, "b64": False}).encode())
    yield "b64 false, raw payload", f"{plain}.{{}}.{b64(hs(SECRET)(f'{plain}.{{}}'.encode()))}"
    yield "zip", token({**HS, "zip": "DEF"}, CLAIMS, hs(SECRET))
    yield "enc", token({"alg": "dir", "enc": "A256GCM"}, CLAIMS, hs(SECRET))
    yield (
        "five parts",
        f"{b64(json.dumps({'alg': 'dir', 'enc': 'A256GCM'}).encode())}..{b64(bytes(12))}.{body}.{b64(bytes(16))}",
    )
    yield "nested", token({**HS, "cty": "JWT"}, GOOD, hs(SECRET))
    for kind in ("secevent+jwt", "dpop+jwt", "logout+jwt", "JOSE", "", 1, None):
        yield f"typ {kind!r}", token({**HS, "typ": kind}, CLAIMS, hs(SECRET))
    yield (
        "JSON serialization",
        json.dumps({"payload": body, "signatures": [{"protected": head, "signature": signature}] * 2}),
    )
    yield "two signatures", f"{GOOD}.{signature}"
    # Headers that two readers read differently.
    yield "alg twice", token('{"alg":"none","alg":"HS256"}', CLAIMS, hs(SECRET))
    yield "alg twice, other order", token('{"alg":"HS256","alg":"none"}', CLAIMS, hs(SECRET))
    yield "kid twice", token('{"alg":"HS256","kid":"r1","kid":null}', CLAIMS, hs(SECRET))
    yield "header not an object", token('["HS256"]', CLAIMS, hs(SECRET))
    yield "header NaN", token('{"alg":"HS256","x":NaN}', CLAIMS, hs(SECRET))
    yield "header nested deep", token('{"alg":"HS256","x":' + "[" * 2000 + "]" * 2000 + "}", CLAIMS, hs(SECRET))
    yield "header in UTF-16", f"{b64(json.dumps(HS).encode('utf-16'))}.{body}.{signature}"
    yield "header with a BOM", token("\ufeff" + json.dumps(HS), CLAIMS, hs(SECRET))
    # Spellings of base64 that decode to the same bytes.
    yield "padded", f"{head}==.{body}.{signature}"
    yield "padded signature", f"{GOOD}="
    yield "newline in the signature", f"{head}.{body}.{signature[:5]}\n{signature[5:]}"
    yield "space before", f" {GOOD}"
    yield "standard alphabet", f"{head}.{body}.{signature.replace('-', '+').replace('_', '/')}+"
    yield "other trailing bits", f"{head}.{body}.{signature[:-1]}{chr(ord(signature[-1]) + 1)}"
    yield "signature of one letter", f"{head}.{body}.A"
    yield "quoted", f'"{GOOD}"'
    yield "NUL", f"{GOOD}\x00"
    # Not tokens at all.
    for text in (".", "..", "...", "a.b", "a.b.c", "null", "undefined", "Bearer", "[object Object]", "é.é.é"):
        yield f"the text {text!r}", text
    yield "too long", token(HS, {**CLAIMS, "x": "y" * 9000}, hs(SECRET))
    yield "too long and empty", "." * 9000


FORGERIES = list(forgeries())


@pytest.mark.parametrize("forged", [f for _, f in FORGERIES], ids=[name for name, _ in FORGERIES])
def test_a_forgery_is_refused_as_one(forged: str) -> None:
    with pytest.raises(TokenFault) as caught:
        verify(forged.encode(), RING, RULES, NOW)
    assert caught.value.code == "PGRST301"
    told = f"{caught.value.message} {caught.value.details}"
    assert forged not in told
    assert "evil" not in told


def test_the_corpus_is_not_empty_and_the_honest_token_passes() -> None:
    assert len(FORGERIES) > 90
    assert verify(GOOD.encode(), RING, RULES, NOW).actor == Actor("service_role", "u1")


@pytest.mark.parametrize(
    ("header", "signer"),
    [
        ({"alg": "RS256", "kid": "r1", "typ": "JWT"}, rs(RSA)),
        ({"alg": "RS256"}, rs(RSA)),
        ({"alg": "ES256", "kid": "e1", "typ": "at+jwt"}, es(EC)),
        ({"alg": "EdDSA", "kid": "d1", "typ": "application/jwt"}, ED.sign),
        ({"alg": "Ed25519"}, ED.sign),
        ({"alg": "HS256", "custom": {"ours": 1}}, hs(SECRET)),
    ],
)
def test_every_trusted_key_is_believed(header: dict[str, Any], signer: Signer) -> None:
    assert verify(token(header, CLAIMS, signer).encode(), RING, RULES, NOW).actor.uid == "u1"


@pytest.mark.parametrize(
    ("sent", "message", "details"),
    [
        ("", "Empty JWT is sent in Authorization header", None),
        ("one", "Expected 3 parts in JWT; got 1", None),
        ("one.two", "Expected 3 parts in JWT; got 2", None),
        ("1.2.3.4.5", "Expected 3 parts in JWT; got 5", None),
        ("abc.def.ghi", "JWT cryptographic operation failed", None),
        (token({"alg": "none"}, {}, lambda _: b"x"), "Wrong or unsupported encoding algorithm",
         "JWT is unsecured but expected 'alg' was not 'none'"),
        (token(HS, {}, hs(OTHER)), "No suitable key or wrong key type", "None of the keys was able to decode the JWT"),
    ],
)  # fmt: skip
def test_what_postgrest_says(sent: str, message: str, details: str | None) -> None:
    with pytest.raises(TokenFault) as caught:
        verify(sent.encode(), RING, RULES, NOW)
    assert (caught.value.message, caught.value.details, caught.value.hint) == (message, details, None)


def test_a_server_without_a_key_says_so() -> None:
    with pytest.raises(NoKeyFault, match="Server lacks JWT secret") as caught:
        verify(GOOD.encode(), KeyRing(), RULES, NOW)
    assert caught.value.code == "PGRST300"


# ---------------------------------------------------------------- claims


def judged(claims: dict[str, Any] | str | bytes, rules: Rules = RULES, now: float = NOW) -> str:
    """The fault's text, or the role of the actor."""
    try:
        return verify(token(HS, claims, hs(SECRET)).encode(), RING, rules, now).actor.role
    except ClaimsFault as fault:
        return fault.message if (fault.code, fault.details) == ("PGRST303", None) else f"{fault.code} {fault.details}"


T = int(NOW)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"exp": T + 1}, "anon"),
        ({"exp": T - 30}, "anon"),
        ({"exp": T - 31}, "JWT expired"),
        ({"exp": T - 35}, "JWT expired"),
        ({"exp": T + 0.5}, "anon"),
        ({"exp": T - 30.5}, "JWT expired"),
        ({"exp": 0}, "JWT expired"),
        ({"exp": -1}, "JWT expired"),
        ({"exp": -(10**30)}, "JWT expired"),
        ({"exp": 10**30}, "anon"),
        ({"exp": None}, "anon"),
        ({}, "anon"),
        ({"exp": str(T + 1)}, "The JWT 'exp' claim must be a number"),
        ({"exp": True}, "The JWT 'exp' claim must be a number"),
        ({"exp": [T + 1]}, "The JWT 'exp' claim must be a number"),
        ({"exp": {}}, "The JWT 'exp' claim must be a number"),
        ({"exp": 10**400}, "The JWT 'exp' claim must be a number"),
        ('{"exp":1e999}', "Parsing claims failed"),
        ('{"exp":NaN}', "Parsing claims failed"),
        ('{"exp":Infinity}', "Parsing claims failed"),
        ({"nbf": T + 30}, "anon"),
        ({"nbf": T + 31}, "JWT not yet valid"),
        ({"nbf": 10**30}, "JWT not yet valid"),
        ({"nbf": "now"}, "The JWT 'nbf' claim must be a number"),
        ({"iat": T + 30}, "anon"),
        ({"iat": T + 31}, "JWT issued at future"),
        ({"iat": "now"}, "The JWT 'iat' claim must be a number"),
        ({"exp": T - 60, "nbf": T + 60}, "JWT expired"),
        ({"aud": 1}, "The JWT 'aud' claim must be a string or an array of strings"),
        ({"aud": ["a", 1]}, "The JWT 'aud' claim must be a string or an array of strings"),
        ({"aud": "anybody"}, "anon"),
        ("[]", "Parsing claims failed"),
        ("{}{}", "Parsing claims failed"),
        ("", "Parsing claims failed"),
        ('{"role":"anon","role":"service_role"}', "Parsing claims failed"),
        ('{"a":{"b":1,"b":2}}', "Parsing claims failed"),
        ('{"sub":"\\ud800"}', "Parsing claims failed"),
        ('{"sub":"a\\u0000b"}', "Parsing claims failed"),
        (b'{"sub":"\xff"}', "Parsing claims failed"),
        ('{"a":' + "[" * 2500 + "]" * 2500 + "}", "Parsing claims failed"),
        ('{"a":1' + "0" * 5000 + "}", "Parsing claims failed"),
        ({"role": "editor"}, "editor"),
        ({"role": None}, "anon"),
        ({"role": ""}, "The JWT role claim must be a string"),
        ({"role": 1}, "The JWT role claim must be a string"),
        ({"role": ["service_role"]}, "The JWT role claim must be a string"),
        ({"role": {"": "service_role"}}, "The JWT role claim must be a string"),
    ],
)  # fmt: skip
def test_claims(claims: dict[str, Any] | str | bytes, said: str) -> None:
    assert judged(claims) == said


@pytest.mark.parametrize(
    ("aud", "said"),
    [
        ("shop", "anon"), (["x", "shop"], "anon"), (None, "anon"), ([], "anon"),
        ("sho", "JWT not in audience"), ("shops", "JWT not in audience"), ("SHOP", "JWT not in audience"),
        ("s.op", "JWT not in audience"), ("", "JWT not in audience"), (["shopping", "x"], "JWT not in audience"),
        ("shop ", "JWT not in audience"), ("shop\n", "JWT not in audience"), ("shop,till", "JWT not in audience"),
    ],
)  # fmt: skip
def test_an_audience_matches_as_a_whole(aud: object, said: str) -> None:
    rules = Rules(role_path(".role"), audience=("shop", "till"))
    assert judged({"aud": aud}, rules) == said


def test_a_key_speaks_only_for_its_issuer() -> None:
    ring = KeyRing((secret_key(SECRET), *key_set(json.dumps(JWKS), "https://id.test/")))
    sent = {"alg": "RS256", "kid": "r1"}
    good = token(sent, {**CLAIMS, "iss": "https://id.test/"}, rs(RSA))
    assert verify(good.encode(), ring, RULES, NOW).actor.uid == "u1"
    for iss in ("https://id.test", "https://id.test/x", "https://ID.test/", ["https://id.test/"], None, 1):
        with pytest.raises(ClaimsFault, match="issuer"):
            verify(token(sent, {**CLAIMS, "iss": iss}, rs(RSA)).encode(), ring, RULES, NOW)
    # Our own secret is not bound to that issuer.
    assert verify(GOOD.encode(), ring, RULES, NOW).actor.uid == "u1"


@pytest.mark.parametrize(
    ("sub", "uid"), [("u", "u"), (7, "7"), ("", None), (None, None), (True, None), ([], None), (1.5, None)]
)
def test_the_user_id_is_a_text(sub: object, uid: str | None) -> None:
    assert verify(token(HS, {"sub": sub}, hs(SECRET)).encode(), RING, RULES, NOW).actor.uid == uid


def test_every_truncation_and_every_flipped_letter_is_refused() -> None:
    raw = GOOD.encode()
    for at in range(len(raw)):
        for broken in (raw[:at], raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]):
            with pytest.raises(Fault):
                verify(broken, RING, RULES, NOW)


PIECES = st.one_of(
    st.binary(max_size=40),
    st.builds(lambda raw: b64(raw).encode(), st.binary(max_size=40)),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["alg", "kid", "typ", "x"]), inner),
        max_leaves=6,
    ).map(lambda value: b64(json.dumps(value).encode()).encode()),
)


@given(st.lists(PIECES, min_size=1, max_size=5), st.booleans())
def test_whatever_is_sent_is_refused_by_a_fault_and_nothing_else(pieces: list[bytes], sign: bool) -> None:
    sent = b".".join(pieces)
    if sign:
        sent += b"." + b64(hs(OTHER)(sent)).encode()
    with pytest.raises(Fault):
        verify(sent, RING, RULES, NOW)


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda text: json.dumps({"sub": text}).encode())))
def test_whatever_we_signed_is_an_actor_or_a_fault(payload: bytes) -> None:
    try:
        actor = verify(token(HS, payload, hs(SECRET)).encode(), RING, RULES, NOW).actor
    except ClaimsFault:
        return
    json.dumps(dict(actor.claims)).encode()
    assert actor.role == "anon"
