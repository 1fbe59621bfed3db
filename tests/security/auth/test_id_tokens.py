"""ID tokens of other places: D1 to D6 of the plan, for tokens that others sign."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

from tests.api.auth.places import ME, TENANT, Round, way, who
from undercroft.auth.tables import USERS

OTHER_TENANT = "99999999-2222-3333-4444-555555555555"


@pytest.fixture(scope="module")
def trip(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Round]:
    with way(tmp_path_factory.mktemp("places"), server) as made:
        yield made


def shown(trip: Round, token: str, place: str = "keycloak", **more: Any) -> Any:
    return trip.house.ask("POST", "/token?grant_type=id_token", {"provider": place, "id_token": token, **more})


def refused(trip: Round, token: str, place: str = "keycloak", **more: Any) -> None:
    before = len(trip.house.rows(USERS))
    answer = shown(trip, token, place, **more)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error_code"] == "bad_jwt"
    assert "PGRST" not in answer.text
    assert len(trip.house.rows(USERS)) == before


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(trip: Round) -> dict[str, Any]:
    now = int(trip.house.clock.timestamp())
    return {"iss": trip.places.issuer("keycloak"), "aud": ME, "iat": now, "exp": now + 300, **who("eve", "e@evil.com")}


def hmac_signed(header: dict[str, Any], payload: dict[str, Any], key: bytes) -> str:
    signed = f"{part(header)}.{part(payload)}"
    return f"{signed}.{part(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


def test_d1_no_algorithm_but_that_of_the_key(trip: Round) -> None:
    good = claims(trip)
    assert shown(trip, trip.places.id_token("keycloak", who("zoe", trip.house.fresh_email()))).status_code == 200
    for name in ("none", "NONE", "None", "nOnE"):
        refused(trip, f"{part({'alg': name})}.{part(good)}.")
    public = trip.places.rsa
    forms = [
        public.as_pem(private=False), public.as_pem(private=False).strip(), public.as_der(private=False),
        json.dumps(public.as_dict(private=False)).encode(), public.as_dict(private=False)["n"].encode(), b"",
    ]  # fmt: skip
    for form in forms:
        for header in ({"alg": "HS256"}, {"alg": "HS256", "kid": "rsa-1"}, {"alg": "HS256", "kid": "ec-1"}):
            refused(trip, hmac_signed(header, good, form))
    token = trip.places.id_token("keycloak", who("eve", "e@evil.com"))
    head, body, signature = token.split(".")
    refused(trip, f"{head}.{body}.")
    refused(trip, f"{part({'alg': 'ES256', 'kid': 'ec-1'})}.{body}.{signature}")
    refused(trip, f"{part({'alg': 'RS512', 'kid': 'rsa-1'})}.{body}.{signature}")
    refused(trip, f"{head}.{part({**good, 'sub': 'somebody'})}.{signature}")
    twice = b'{"alg":"RS256","alg":"none"}'
    refused(trip, f"{part(twice)}.{body}.{signature}")
    refused(trip, json.dumps({"payload": body, "signatures": [{"protected": head, "signature": signature}]}))


def test_d2_no_key_from_the_token_and_no_fetch_for_each_unknown_one(trip: Round) -> None:
    rogue = RSAKey.generate_key(2048, {"kid": "rogue"})
    public = rogue.as_dict(private=False)
    for more in ({"jwk": public}, {"jku": f"{trip.places.url}/rogue/jwks"}, {"x5u": f"{trip.places.url}/x"},
                 {"x5c": ["AAAA"]}, {"kid": "../../dev/null"}, {"kid": "' or 1=1 --"}, {"kid": "rsa-1"},
                 {"kid": f"{trip.places.url}/rogue/jwks"}):  # fmt: skip
        refused(trip, trip.places.id_token("keycloak", who("eve", "e@evil.com"), key=rogue, header=more))
    trip.house.clock.advance(61)
    before = trip.places.calls("/certs")
    for number in range(20):
        header: dict[str, Any] = {"kid": f"unknown-{number}"}
        refused(trip, trip.places.id_token("keycloak", who("eve", "e@evil.com"), key=rogue, header=header))
    assert trip.places.calls("/certs") == before + 1
    assert trip.places.calls("/rogue/jwks") == 0


def test_d2_a_new_key_is_found_and_an_old_one_dies(trip: Round) -> None:
    email = trip.house.fresh_email()
    old = trip.places.rsa
    assert shown(trip, trip.places.id_token("keycloak", who("yan", email))).status_code == 200
    trip.places.rsa = RSAKey.generate_key(2048, {"kid": "rsa-2"})
    trip.house.clock.advance(61)
    assert shown(trip, trip.places.id_token("keycloak", who("yan", email))).status_code == 200
    refused(trip, trip.places.id_token("keycloak", who("yan", email), key=old))
    trip.places.rsa = old
    trip.house.clock.advance(601)


def test_d3_nothing_critical_that_is_not_known(trip: Round) -> None:
    headers: tuple[dict[str, Any], ...] = (
        {"crit": ["x"], "x": 1},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"typ": "at+jwt"},
        {"typ": "logout+jwt"},
        {"cty": "JWT"},
        {"zip": "DEF"},
    )
    for header in headers:  # fmt: skip
        token = trip.places.id_token("keycloak", who("eve", "e@evil.com"))
        head, body, _ = token.split(".")
        known = json.loads(base64.urlsafe_b64decode(head + "=="))
        signed = f"{part({**known, **header})}.{body}".encode()
        signature = JWSRegistry.algorithms["RS256"].sign(signed, trip.places.rsa)
        refused(trip, f"{signed.decode()}.{part(signature)}")


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "another-app"}, {"aud": None}, {"aud": []}, {"aud": [5]}, {"aud": f"{ME}x"}, {"aud": f"x{ME}"},
        {"aud": {"0": ME}}, {"aud": ["another-app", ME], "azp": "another-app"}, {"aud": ["another-app", ME]},
        {"iss": None}, {"iss": "https://evil.example.com"}, {"iss": ["x"]}, {"iss": "SLASH"}, {"iss": "UPPER"},
        {"sub": None}, {"sub": ""}, {"sub": 5}, {"sub": "x" * 300},
    ],
)  # fmt: skip
def test_d4_for_us_and_from_there(trip: Round, wrong: dict[str, Any]) -> None:
    issuer = trip.places.issuer("keycloak")
    if wrong.get("iss") in ("SLASH", "UPPER"):
        wrong = {"iss": f"{issuer}/" if wrong["iss"] == "SLASH" else issuer.upper()}
    refused(trip, trip.places.id_token("keycloak", {**who("eve", "e@evil.com"), **wrong}))


def test_d4_a_token_of_another_place_or_of_ours(trip: Round) -> None:
    refused(trip, trip.places.id_token("custom:acme", who("eve", "e@evil.com")))
    refused(trip, trip.places.id_token("keycloak", who("eve", "e@evil.com")), "custom:acme")
    refused(trip, trip.house.service)
    token = trip.places.id_token("keycloak", {**who("eve", "e@evil.com"), "role": "service_role"})
    assert trip.house.ask("GET", "/admin/users", token=token).status_code in (401, 403)
    assert trip.house.ask("GET", "/user", token=token).status_code in (401, 403)


def test_d4_tenants_of_microsoft(trip: Round) -> None:
    base = f"{trip.places.url}/azure"
    good = who("wim", trip.house.fresh_email(), ..., xms_edov=True, tid=TENANT)
    assert shown(trip, trip.places.id_token("azure", good), "azure").status_code == 200
    for wrong in ({"tid": OTHER_TENANT}, {"tid": None}, {"tid": "common"}, {"iss": f"{base}/{{tenantid}}/v2.0"},
                  {"iss": f"{base}/common/v2.0", "tid": "common"}, {"iss": "https://sts.windows.net/" + TENANT},
                  {"tid": f"{TENANT}/v2.0#"}):  # fmt: skip
        refused(trip, trip.places.id_token("azure", {**good, **wrong}), "azure")


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": None}, {"exp": "4102444800"}, {"exp": True}, {"exp": -1}, {"exp": 0}, {"exp": 1e3}, {"exp": [1]},
        {"nbf": 4102444800}, {"iat": 4102444800}, {"nbf": "0"}, {"iat": "0"}, {"exp": {"a": 1}},
    ],
)  # fmt: skip
def test_d5_times_are_numbers_and_now(trip: Round, wrong: dict[str, Any]) -> None:
    refused(trip, trip.places.id_token("keycloak", {**who("eve", "e@evil.com"), **wrong}))


def test_d5_a_token_ends_when_it_says(trip: Round) -> None:
    token = trip.places.id_token("keycloak", who("vic", trip.house.fresh_email()))
    assert shown(trip, token).status_code == 200
    trip.house.clock.advance(331)
    refused(trip, token)
    huge = trip.places.id_token("keycloak", {**who("vic", trip.house.fresh_email()), "exp": 10**400})
    refused(trip, huge)


def test_d6_a_bomb_is_no_token(trip: Round) -> None:
    refused(trip, "a" * 9000)
    refused(trip, trip.places.id_token("keycloak", {**who("eve", "e@evil.com"), "x": "y" * 9000}))
    refused(trip, "a.b.c.d.e")
    refused(trip, "Ω.Ω.Ω")


def test_the_nonce_and_the_hash_of_the_access_token_bind(trip: Round) -> None:
    person = who("una", trip.house.fresh_email())
    half = hashlib.sha256(b"access").digest()[:16]
    token = trip.places.id_token("keycloak", {**person, "at_hash": part(half)})
    assert shown(trip, token, access_token="access").status_code == 200
    refused(trip, token, access_token="another")
    raw = trip.places.id_token("keycloak", {**person, "nonce": "raw"})
    refused(trip, raw, nonce="raw")
    refused(trip, raw)
    refused(trip, trip.places.id_token("keycloak", person), nonce="raw")


def test_a_key_signs_under_its_own_name_alone(trip: Round) -> None:
    refused(
        trip, trip.places.id_token("keycloak", who("eve", "e@evil.com"), key=trip.places.ec, header={"kid": "rsa-1"})
    )
