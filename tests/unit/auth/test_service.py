"""From two headers to an actor, and what is remembered between requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from undercroft.access.actor import Actor
from undercroft.auth import Identity, Keys, identity, sign, token_claims
from undercroft.auth.errors import AnonymousFault, ClaimsFault, KeyFault, TokenFault, UnknownRoleFault
from undercroft.auth.parts import tokens
from undercroft.auth.parts.keyring import KeyRing, secret_key
from undercroft.base.clock import ManualClock
from undercroft.base.secret import Secret
from undercroft.base.settings import Settings
from undercroft.web.actor import Identify, bearer, credential

SECRET = Secret("this server's secret, of 36 bytes :-)")
NEXT = Secret("the secret after that, of 35 bytes!!")


def keys(secret: Secret = SECRET) -> Keys:
    return Keys(secret, sign({"role": "anon"}, secret), Secret(sign({"role": "service_role"}, secret)))


def made(clock: ManualClock, auth: Mapping[str, Any] | None = None, api: Mapping[str, Any] | None = None) -> Identity:
    return identity(keys(), Settings.model_validate({"auth": auth or {}, "api": api or {}}), clock)


def user(clock: ManualClock, lifetime: float = 60, secret: Secret = SECRET, **more: Any) -> bytes:
    return sign(
        token_claims("authenticated", now=clock.timestamp(), lifetime=lifetime, issuer="u", sub="7", more=more), secret
    ).encode()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The tokens that were verified in full, in order."""
    seen: list[bytes] = []

    def counted(token: bytes, *rest: Any) -> Any:
        seen.append(token)
        return tokens.verify(token, *rest)

    monkeypatch.setattr("undercroft.auth.service.identity.verify", counted)
    return seen


# ---------------------------------------------------------------- headers


def test_the_headers_of_supabase_js(clock: ManualClock) -> None:
    who: Identify = made(clock)
    anon, service = keys().anon.encode(), keys().service_role.reveal().encode()
    token = user(clock)
    assert who(b"Bearer " + anon, anon) == Actor("anon")
    assert who(b"Bearer " + token, anon) == Actor("authenticated", "7")
    assert who(b"Bearer " + service, service) == Actor("service_role")
    assert who(None, service) == Actor("service_role")
    assert who(None, anon) == Actor("anon")
    assert who(None, None) == Actor("anon")
    # The user's token counts, whatever key came along.
    assert who(b"Bearer " + token, service) == Actor("authenticated", "7")


def test_a_bad_bearer_token_is_not_rescued_by_a_good_key(clock: ManualClock) -> None:
    who = made(clock)
    for bad in (b"Bearer x", b"Bearer", b"Bearer  ", b"bearer null"):
        with pytest.raises(TokenFault):
            who(bad, keys().service_role.reveal().encode())


@pytest.mark.parametrize(
    ("authorization", "token"),
    [
        (None, None), (b"", None), (b"Basic eDp5", None), (b"Bearerx", None), (b"Token x", None),
        (b"Bearer x", b"x"), (b"bearer x", b"x"), (b"BEARER x", b"x"), ("Bearer x", b"x"), (b"Bearer   x ", b"x"),
        (b"Bearer", b""), (b"Bearer ", b""), (b" Bearer x", b"x"), (b"Bearer x y", b"x y"),
        ("Bearer \udcff", b"\xed\xb3\xbf"),
    ],
)  # fmt: skip
def test_bearer(authorization: bytes | str | None, token: bytes | None) -> None:
    assert bearer(authorization) == token


def test_the_key_counts_only_without_a_bearer_token() -> None:
    assert credential(b"Bearer a", b"b") == b"a"
    assert credential(b"Basic a", b"b") == b"b"
    assert credential(None, "b") == b"b"
    assert credential(None, b" ") is None
    assert credential(b"Bearer", b"b") == b""


def test_where_anonymous_access_is_off(clock: ManualClock) -> None:
    who = made(clock, api={"anon_role": ""})
    for authorization in (None, b"Basic eDp5"):
        with pytest.raises(AnonymousFault, match="Anonymous access is disabled") as caught:
            who(authorization, None)
        assert caught.value.code == "PGRST302"
    with pytest.raises(AnonymousFault):
        who(b"Bearer " + sign({"sub": "7"}, SECRET).encode(), None)
    assert who(b"Bearer " + user(clock), None).role == "authenticated"


def test_another_anonymous_role(clock: ManualClock) -> None:
    who = made(clock, api={"anon_role": "web_anon"})
    assert who(None, None).role == "web_anon"
    assert dict(who(None, None).claims) == {"role": "web_anon"}
    assert who(b"Bearer " + sign({"sub": "7"}, SECRET).encode(), None) == Actor("web_anon", "7")


def test_the_claims_reach_the_actor_with_the_role_in_place_and_cannot_be_changed(clock: ManualClock) -> None:
    who = made(clock, {"jwt_role_claim": ".app.role"})
    actor = who(b"Bearer " + sign({"app": {"role": "editor"}, "role": "service_role", "org": 3}, SECRET).encode(), None)
    assert actor.role == "editor"
    assert (actor.claims["role"], actor.claims["org"]) == ("editor", 3)
    with pytest.raises(TypeError):
        actor.claims["role"] = "service_role"  # type: ignore[index]  # that it fails is the point


def test_roles_that_the_app_does_not_know(clock: ManualClock) -> None:
    token = b"Bearer " + sign({"role": "stranger"}, SECRET).encode()
    assert made(clock)(token, None).role == "stranger"
    who = identity(keys(), Settings(), clock, roles=["authenticated", "service_role"])
    for _ in range(2):
        with pytest.raises(UnknownRoleFault, match='role "stranger" does not exist') as caught:
            who(token, None)
        assert caught.value.code == "22023"
    assert who(None, keys().anon.encode()).role == "anon"


def test_opaque_keys(clock: ManualClock) -> None:
    who = made(clock, {"publishable_key": "sb_publishable_abc", "secret_key": "sb_secret_def"})
    assert who(b"Bearer sb_publishable_abc", b"sb_publishable_abc") == Actor("anon")
    assert who(None, b"sb_secret_def") == Actor("service_role")
    for wrong in (b"sb_secret_de", b"sb_secret_deg", b"sb_secret_deff", b""):
        with pytest.raises(TokenFault):
            who(b"Bearer " + wrong, None)


# ---------------------------------------------------------------- memory


def test_a_token_is_verified_once(clock: ManualClock, verifications: list[bytes]) -> None:
    who, token = made(clock), user(clock)
    actors = {id(who(b"Bearer " + token, None)) for _ in range(5)}
    assert len(actors) == 1
    assert who("bearer " + token.decode(), None).uid == "7"
    assert who(None, token).uid == "7"
    assert verifications == [token]


def test_a_remembered_token_dies_when_it_would_have_died(clock: ManualClock) -> None:
    who, token = made(clock), b"Bearer " + user(clock, lifetime=60)
    for seconds in (0, 59, 30, 0.99):  # up to 60 seconds and the leeway of 30
        clock.advance(seconds)
        assert who(token, None).uid == "7"
        clock.advance(0)
    clock.advance(0.02)
    for again in range(3):
        with pytest.raises(ClaimsFault, match="JWT expired"):
            who(token, None)
        clock.advance(again)


def test_the_leeway_is_a_setting(clock: ManualClock) -> None:
    who, token = made(clock, {"jwt_leeway": 0}), b"Bearer " + user(clock, lifetime=60)
    clock.advance(60)
    assert who(token, None).uid == "7"
    clock.advance(0.01)
    with pytest.raises(ClaimsFault, match="JWT expired"):
        who(token, None)


def test_a_token_without_end_stays(clock: ManualClock, verifications: list[bytes]) -> None:
    who, token = made(clock), b"Bearer " + keys().anon.encode()
    who(token, None)
    clock.advance(10**9)
    assert who(token, None).role == "anon"
    assert len(verifications) == 1


def test_refusals_are_not_remembered(clock: ManualClock) -> None:
    who, token = made(clock), b"Bearer " + user(clock, nbf=clock.timestamp() + 40)
    with pytest.raises(ClaimsFault, match="not yet valid"):
        who(token, None)
    clock.advance(11)
    assert who(token, None).uid == "7"


def test_a_new_secret_ends_every_token_of_the_old_one(clock: ManualClock) -> None:
    who, token = made(clock), b"Bearer " + user(clock)
    assert who(token, None).uid == "7"
    who.trust(KeyRing((secret_key(NEXT.reveal_bytes()),)))
    with pytest.raises(TokenFault, match="No suitable key"):
        who(token, None)
    assert who(b"Bearer " + user(clock, secret=NEXT), None).uid == "7"


def test_memory_is_bounded_and_keeps_what_is_asked_for(clock: ManualClock, verifications: list[bytes]) -> None:
    who = made(clock, {"jwt_cache_entries": 10})
    popular = b"Bearer " + user(clock)
    for number in range(200):
        who(popular, None)
        who(b"Bearer " + user(clock, n=number), None)
        assert len(who._young) + len(who._old) <= 10
    assert verifications.count(popular[7:]) == 1


def test_memory_can_be_switched_off(clock: ManualClock, verifications: list[bytes]) -> None:
    who, token = made(clock, {"jwt_cache_entries": 0}), b"Bearer " + user(clock)
    assert who(token, None) == who(token, None)
    assert len(verifications) == 2


# ---------------------------------------------------------------- key sets


def test_a_key_set_from_settings_and_file(clock: ManualClock, tmp_path: Path) -> None:
    from joserfc import jwt

    one, two = (ECKey.generate_key("P-256", {"kid": kid}) for kid in ("one", "two"))
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [two.as_dict(private=False)]}))
    auth = {
        "jwks": json.dumps(one.as_dict(private=False)),
        "jwks_file": tmp_path / "jwks.json",
        "jwks_issuer": "https://id",
    }
    who = made(clock, auth)
    for key, kid in ((one, "one"), (two, "two")):
        token = jwt.encode(
            {"alg": "ES256", "kid": kid}, {"sub": kid, "iss": "https://id", "role": "authenticated"}, key
        )
        assert who(f"Bearer {token}", None) == Actor("authenticated", kid)
    assert who(b"Bearer " + user(clock), None).uid == "7"


def test_a_key_set_that_cannot_be_used_stops_the_start(clock: ManualClock, tmp_path: Path) -> None:
    with pytest.raises(KeyFault, match="cannot be read: No such file"):
        made(clock, {"jwks_file": tmp_path / "none.json"})
    with pytest.raises(KeyFault, match="not JSON"):
        made(clock, {"jwks": "{"})
    with pytest.raises(KeyFault, match="position 1"):
        made(clock, {"jwt_role_claim": "role"})


# ---------------------------------------------------------------- the exam


@pytest.mark.needs("shared")
def test_the_exam_s_tokens(shared: Path, clock: ManualClock) -> None:
    cases = json.loads((shared / "exam/cases.json").read_text())["cases"]
    secret = Secret("reallyreallyreallyreallyverysafe")
    seen = 0
    for case in cases:
        sent = dict(case["headers"]).get("Authorization")
        if not isinstance(sent, str) or case["expected"].get("status") != 401:
            continue
        audience = ["youraudience"] if "jwt-aud" in case["config"] else []
        who = identity(keys(secret), Settings.model_validate({"auth": {"jwt_audience": audience}}), clock)
        with pytest.raises((TokenFault, ClaimsFault)) as caught:
            who(sent, None)
        fault, wanted = caught.value, case["expected"]["json"]
        assert {"code": fault.code, "message": fault.message, "details": fault.details, "hint": fault.hint} == wanted
        seen += 1
    assert seen >= 3
