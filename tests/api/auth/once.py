"""Everything of people that is good once, each ready to be used up by many: a row for a kind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, partial
from typing import Any, TypeVar
from urllib.parse import urlencode

import sqlalchemy as sa

from tests.api.auth import apps, wallets
from tests.api.auth.authenticator import Authenticator
from tests.api.auth.factoring import Person
from tests.api.auth.idp import Idp, Trip, form_of
from tests.api.auth.idp import signed_in as idp_signed_in
from tests.api.auth.mailed import FORM, Mail
from tests.api.auth.people import SITE, Answer, People
from tests.api.auth.places import Browser, Round, fragment, query, who
from undercroft.auth.store import Rows
from undercroft.auth.tables import (
    AUDIT,
    CHALLENGES,
    FLOWS,
    IDENTITIES,
    ONE_TIME_TOKENS,
    SAML_RELAY_STATES,
    SESSIONS,
    USERS,
)

SMS, PHONE_CHANGE, FACTOR = "15550001", "15550002", "15550003"
CODE = "123456"
SETTINGS: dict[str, Any] = {
    "email_enable_confirmations": True, "email_secure_password_change": True, "sms_enable_signup": True,
    "sms_enable_confirmations": True, "sms_otp_expiry": 3600, "sms_max_frequency": 0, "mfa_phone_max_frequency": 0,
    "sms_test_otp": f'{{"{SMS}": "{CODE}", "{PHONE_CHANGE}": "{CODE}", "{FACTOR}": "{CODE}"}}',
    "mfa_phone_enroll_enabled": True, "mfa_phone_verify_enabled": True, "mfa_web_authn_enroll_enabled": True,
    "mfa_web_authn_verify_enabled": True, "oauth_server_enabled": True, "enable_manual_linking": True,
    "refresh_token_reuse_interval": 3600, "web3_solana_enabled": True, "saml_enabled": True,
}  # fmt: skip
HOW = ("code", "token_hash", "button")


def is_ok(answer: Answer) -> bool:
    return answer.status_code == 200


@dataclass
class Once:
    """A secret that is good once."""

    attempt: Callable[[int], Awaitable[Answer]]
    """Use it up, for the so-manieth time."""
    effects: Callable[[], int]
    """How often that had its effect, as the database has it."""
    won: Callable[[Answer], bool] = is_ok
    whole: bool = True
    """Whether it is used up and has its effect in one unit: else a server that dies between leaves neither."""


class Child:
    """Of the answers to one refresh token, only the first of each child is counted."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def __call__(self, answer: Answer) -> bool:
        if answer.status_code != 200:
            return False
        child = answer.json()["refresh_token"]
        is_new = child not in self.seen
        self.seen.add(child)
        return is_new


Begin = Callable[[Round, int], Once]
B = TypeVar("B", bound=Begin)


@dataclass
class Kind:
    """One of them, the verifications of GoTrue that it is of, and which lines of the code use it up."""

    begin: Begin
    by: frozenset[str]
    types: frozenset[str] = field(default_factory=frozenset)


KINDS: dict[str, Kind] = {}


def kind(name: str, *by: str, types: tuple[str, ...] = ()) -> Callable[[B], B]:
    """Add a row."""

    def add(begin: B) -> B:
        KINDS[name] = Kind(begin, frozenset(by), frozenset(types))
        return begin

    return add


# --- somebody ---


def member(trip: Round) -> Person:
    """Somebody with a confirmed address and no password, in a session."""
    house, email = trip.house, trip.house.fresh_email()
    made = house.ask("POST", "/admin/users", {"email": email, "email_confirm": True}, token=house.service)
    assert made.status_code == 200, made.text
    return signed_in(trip, email)


def signed_in(trip: Round, email: str) -> Person:
    house = trip.house
    link = house.ask("POST", "/admin/generate_link", {"type": "magiclink", "email": email}, token=house.service).json()
    answer = house.ask("POST", "/verify", {"type": "magiclink", "token_hash": link["hashed_token"]})
    assert answer.status_code == 200, answer.text
    return Person(house, answer.json())


def secured(trip: Round) -> Person:
    """With a second factor, whose code of now is used."""
    person = member(trip)
    person.enrolled()
    assert person.verify().status_code == 200
    return person


_OF = sa.select(AUDIT).where(sa.cast(AUDIT.c.payload, sa.Text).contains(sa.bindparam("who")))


def counting(house: People, user_id: str, action: str) -> Callable[[], int]:
    """How often something was noted of somebody from now on."""

    dialect = house.house.engine.dialect

    def look(cursor: Any) -> list[dict[str, Any]]:
        rows = Rows(cursor, dialect)
        return rows.asked(rows.prepared(_OF), AUDIT, {"who": user_id})

    def count() -> int:
        payloads = [row["payload"] for row in house.run(house.house.engine.write(look))]
        return sum(each["action"] == action and each.get("actor_id") == user_id for each in payloads)

    before = count()
    return lambda: count() - before


def of(house: People, email: str) -> str:
    (user,) = house.rows(USERS, email=email)
    found: str = user["id"]
    return found


def posting(house: People, path: str, body: Any, **options: Any) -> Callable[[int], Awaitable[Answer]]:
    """The same request each time, each from another address."""
    return lambda number: house.asking("POST", path, body, ip=f"192.0.2.{number % 200 + 1}", **options)


def alike(house: People, path: str, body: Any, **options: Any) -> Callable[[int], Awaitable[Answer]]:
    """The same request each time, from one address: challenges are for the one that asked."""
    return lambda number: house.asking("POST", path, body, **options)


def no_longer(house: People, number: str) -> None:
    """Have a number be nobody's."""
    for user in house.rows(USERS, phone=number):
        house.ask("DELETE", f"/admin/users/{user['id']}", token=house.service)


# --- codes and links by mail ---


def of_signup(trip: Round) -> str:
    email = trip.house.fresh_email()
    trip.house.ask("POST", "/signup", {"email": email, "password": "correct horse"})
    return email


def of_invite(trip: Round) -> str:
    email = trip.house.fresh_email()
    trip.house.ask("POST", "/invite", {"email": email}, token=trip.house.service)
    return email


def asked_for(path: str, trip: Round) -> str:
    email: str = member(trip).told["user"]["email"]
    trip.house.ask("POST", path, {"email": email})
    return email


def of_change(trip: Round) -> tuple[str, str]:
    person, new = member(trip), trip.house.fresh_email()
    assert person.ask("PUT", "/user", {"email": new}).status_code == 200
    return person.told["user"]["email"], new


def of_email_change(trip: Round) -> str:
    """The second of both: the first one was confirmed."""
    old, new = of_change(trip)
    body = {"type": "email_change", "email": old, "token": Mail(trip.house, old).code}
    trip.house.ask("POST", "/verify", body)
    return new


def came_in(answer: Answer) -> bool:
    """With a session, in the answer or behind the # of where a browser is sent."""
    if answer.status_code in (302, 303):
        return "access_token" in fragment(answer)
    return answer.status_code == 200 and "access_token" in answer.json()


def mailed(begin: Callable[[Round], str], verified: str, how: str, trip: Round, many: int) -> Once:
    house, email = trip.house, begin(trip)
    mail, logins = Mail(house, email), counting(house, of_mail(house, email), "login")
    if how == "button":
        body = urlencode({"token": mail.said["token"], "type": mail.said["type"]})
        return Once(posting(house, "/verify", body, headers=FORM), logins, came_in)
    said = {"email": email, "token": mail.code} if how == "code" else {"token_hash": mail.said["token"]}
    return Once(posting(house, "/verify", {**said, "type": verified}), logins, came_in)


def of_mail(house: People, email: str) -> str:
    """Whose address it is, or will be."""
    found = house.rows(USERS, email=email) or house.rows(USERS, email_change=email)
    user_id: str = found[0]["id"]
    return user_id


MAILS: dict[str, Callable[[Round], str]] = {
    "signup": of_signup, "invite": of_invite, "recovery": partial(asked_for, "/recover"),
    "magiclink": partial(asked_for, "/magiclink"), "email": partial(asked_for, "/otp"), "email_change": of_email_change,
}  # fmt: skip
for _verified, _begin in MAILS.items():
    for _how in HOW:
        _by = "one_time.tried" if _how == "code" else "one_time.taken"
        KINDS[f"{_verified} by {_how}"] = Kind(
            partial(mailed, _begin, _verified, _how), frozenset({_by}), frozenset({_verified})
        )


@kind("the first half of a change of address", "one_time.tried", types=("email_change",))
def first_half(trip: Round, many: int) -> Once:
    old, _ = of_change(trip)
    user_id = of(trip.house, old)
    body = {"type": "email_change", "email": old, "token": Mail(trip.house, old).code}
    tokens = {"user_id": user_id, "token_type": "email_change_token_current"}
    return Once(posting(trip.house, "/verify", body), lambda: 1 - len(trip.house.rows(ONE_TIME_TOKENS, **tokens)))


@kind("a link of PKCE", "one_time.taken", "flows.with_code")
def pkce_link(trip: Round, many: int) -> Once:
    house, email = trip.house, member(trip).told["user"]["email"]
    challenge = {"code_challenge": apps.CHALLENGE, "code_challenge_method": "s256"}
    house.ask("POST", "/otp", {"email": email, **challenge})
    said, user_id = Mail(house, email).said, of(house, email)
    body = urlencode({"token": said["token"], "type": said["type"]})
    return Once(
        posting(house, "/verify", body, headers=FORM),
        lambda: sum(flow["auth_code"] is not None for flow in house.rows(FLOWS, user_id=user_id)),
        lambda answer: answer.status_code == 303 and "code" in query(answer),
    )


@kind("a code of PKCE", "flows.exchange")
def pkce_code(trip: Round, many: int) -> Once:
    house, before = trip.house, {row["id"] for row in trip.house.rows(FLOWS)}
    code = query(house.run(pkce_link(trip, 1).attempt(0)))["code"]
    (flow,) = [row for row in house.rows(FLOWS) if row["id"] not in before]
    body = {"auth_code": code, "code_verifier": apps.VERIFIER}
    return Once(posting(house, "/token?grant_type=pkce", body), counting(house, flow["user_id"], "login"))


# --- codes by message ---


@kind("a code by message", "one_time.tried", types=("sms",))
def by_message(trip: Round, many: int) -> Once:
    assert trip.house.ask("POST", "/otp", {"phone": SMS}).status_code == 200
    (user,) = trip.house.rows(USERS, phone=SMS)
    body = {"type": "sms", "phone": SMS, "token": CODE}
    return Once(posting(trip.house, "/verify", body), counting(trip.house, user["id"], "login"))


@kind("a change of number", "one_time.tried", types=("phone_change",))
def phone_change(trip: Round, many: int) -> Once:
    no_longer(trip.house, PHONE_CHANGE)
    person = member(trip)
    assert person.ask("PUT", "/user", {"phone": PHONE_CHANGE}).status_code == 200
    body = {"type": "phone_change", "phone": PHONE_CHANGE, "token": CODE}
    return Once(posting(trip.house, "/verify", body), counting(trip.house, person.id, "login"))


@kind("a code of reauthentication", "one_time.tried")
def reauthentication(trip: Round, many: int) -> Once:
    house, person = trip.house, member(trip)
    dialect = house.house.engine.dialect

    def older(cursor: Any) -> int:
        rows = Rows(cursor, dialect)
        (held,) = rows.all(SESSIONS, user_id=person.id)
        return rows.change(SESSIONS, {"id": held["id"]}, created_at=held["created_at"] - timedelta(days=2))

    house.run(house.house.engine.write(older))
    person.ask("POST", "/reauthenticate")
    nonce = Mail(house, person.told["user"]["email"], "reauthentication").code
    passwords = [f"battery staple {number}" for number in range(many)]
    return Once(
        lambda number: house.asking(
            "PUT", "/user", {"password": passwords[number % many], "nonce": nonce}, token=person.token
        ),
        counting(house, person.id, "user_updated_password"),
        whole=False,
    )


# --- second factors and passkeys ---


@kind("a time step of TOTP", "challenges._is_right", "challenges.verify")
def totp_step(trip: Round, many: int) -> Once:
    person = secured(trip)
    path, asked = f"/factors/{person.factor}/verify", [person.challenged()["id"] for _ in range(many)]
    code = cache(lambda: person.code(1))  # of when they begin

    def attempt(number: int) -> Awaitable[Answer]:
        body = {"challenge_id": asked[number % many], "code": code()}
        return trip.house.asking("POST", path, body, token=person.token)

    return Once(attempt, counting(trip.house, person.id, "verification_attempted"))


@kind("a challenge of TOTP", "challenges.verify")
def totp_challenge(trip: Round, many: int) -> Once:
    """With codes of two steps, so that it is the challenge that is used up."""
    person = member(trip)
    person.enrolled()
    # Again, where just then a step began.
    assert any(person.verify(person.code(-1)).status_code == 200 for _ in range(3))
    asked, path = person.challenged()["id"], f"/factors/{person.factor}/verify"
    codes = cache(lambda: (person.code(), person.code(1)))

    def attempt(number: int) -> Awaitable[Answer]:
        body = {"challenge_id": asked, "code": codes()[number % 2]}
        return trip.house.asking("POST", path, body, token=person.token)

    return Once(attempt, counting(trip.house, person.id, "verification_attempted"))


@kind("a code of a factor by message", "challenges.verify")
def phone_factor(trip: Round, many: int) -> Once:
    person = member(trip)
    factor = person.ask("POST", "/factors", {"factor_type": "phone", "phone": FACTOR}).json()["id"]
    body = {"challenge_id": person.challenged(factor)["id"], "code": CODE}
    path = f"/factors/{factor}/verify"
    noted = counting(trip.house, person.id, "verification_attempted")
    return Once(alike(trip.house, path, body, token=person.token), noted)


@kind("a recovery code", "recovery_codes.verify")
def recovery_code(trip: Round, many: int) -> Once:
    person = secured(trip)
    code = person.ask("POST", "/factors/recovery-codes").json()["codes"][0]
    attempt = alike(trip.house, "/factors/recovery-codes/verify", {"code": code}, token=person.token)
    return Once(attempt, counting(trip.house, person.id, "recovery_code_used"))


@kind("a challenge of a security key", "challenges._take")
def security_key(trip: Round, many: int) -> Once:
    person, key = member(trip), Authenticator(counts=False)
    factor = person.keyed(key)
    asked = person.challenged(factor)
    body = person.proof(asked, "request", key.get(asked["webauthn"]["credential_options"]["publicKey"]))
    attempt = alike(trip.house, f"/factors/{factor}/verify", body, token=person.token)
    return Once(attempt, counting(trip.house, person.id, "verification_attempted"), whole=False)


@kind("a count of a security key", "challenges._key_verified", "challenges._take")
def key_count(trip: Round, many: int) -> Once:
    """One signature of a key, shown to as many challenges: its count goes on once."""
    person, key = member(trip), Authenticator()
    factor = person.keyed(key)
    before, bodies = key.count, []
    for _ in range(many):
        key.count = before
        asked = person.challenged(factor)
        bodies.append(person.proof(asked, "request", key.get(asked["webauthn"]["credential_options"]["publicKey"])))
    path = f"/factors/{factor}/verify"
    return Once(
        lambda number: trip.house.asking("POST", path, bodies[number % many], token=person.token),
        counting(trip.house, person.id, "verification_attempted"),
        whole=False,
    )


@kind("the making of a security key", "challenges._take")
def made_key(trip: Round, many: int) -> Once:
    person, key = member(trip), Authenticator()
    factor = person.ask("POST", "/factors", {"factor_type": "webauthn", "friendly_name": "key"}).json()["id"]
    asked = person.challenged(factor)
    body = person.proof(asked, "create", key.create(asked["webauthn"]["credential_options"]["publicKey"]))
    attempt = alike(trip.house, f"/factors/{factor}/verify", body, token=person.token)
    return Once(attempt, lambda: sum(bool(each["verified_at"]) for each in trip.house.rows(CHALLENGES, id=asked["id"])))


@kind("the making of a passkey", "passkeys._taken")
def made_passkey(trip: Round, many: int) -> Once:
    person = member(trip)
    asked = person.ask("POST", "/passkeys/registration/options", {}).json()
    bodies = [
        {"challenge_id": asked["challenge_id"], "credential": Authenticator().create(asked["options"])} for _ in "ab"
    ]
    path = "/passkeys/registration/verify"
    return Once(
        lambda number: trip.house.asking("POST", path, bodies[number % 2], token=person.token),
        counting(trip.house, person.id, "passkey_created"),
        whole=False,
    )


@kind("a challenge of a passkey", "passkeys._taken")
def passkey(trip: Round, many: int) -> Once:
    person, key = member(trip), Authenticator(counts=False)
    person.passkey(key)
    asked = trip.house.ask("POST", "/passkeys/authentication/options", {}).json()
    body = {"challenge_id": asked["challenge_id"], "credential": key.get(asked["options"])}
    attempt = posting(trip.house, "/passkeys/authentication/verify", body)
    return Once(attempt, counting(trip.house, person.id, "login"), whole=False)


@kind("a count of a passkey", "passkeys.signed_in", "passkeys._taken")
def passkey_count(trip: Round, many: int) -> Once:
    person, key = member(trip), Authenticator()
    person.passkey(key)
    before, bodies = key.count, []
    for _ in range(many):
        key.count = before
        asked = trip.house.ask("POST", "/passkeys/authentication/options", {}).json()
        bodies.append({"challenge_id": asked["challenge_id"], "credential": key.get(asked["options"])})
    path = "/passkeys/authentication/verify"
    return Once(
        lambda number: trip.house.asking("POST", path, bodies[number % many]),
        counting(trip.house, person.id, "login"),
        whole=False,
    )


# --- ways over other places ---


class Unused(dict[str, Any]):
    """Codes of a place that is careless, and takes each as often as it comes."""

    def pop(self, name: str, default: Any = None) -> Any:
        return self.get(name, default)


@kind("the state of a way over another place", "providers._used")
def state(trip: Round, many: int) -> Once:
    email, browser = trip.house.fresh_email(), Browser(trip.house)
    trip.signed_in("keycloak", who(f"once-{email}", email))
    trip.places.visits = Unused(trip.places.visits)
    left = browser.go(f"/authorize?provider=keycloak&redirect_to={SITE}")
    values = trip.places.visit(left.headers["location"], who(f"once-{email}", email))
    kept = dict(browser.cookies)
    return Once(
        lambda number: trip.back(Browser(trip.house, dict(kept)), values),
        counting(trip.house, of(trip.house, email), "login"),
        came_in,
        whole=False,
    )


@kind("a ticket to another place", "providers._used")
def ticket(trip: Round, many: int) -> Once:
    person = member(trip)
    path = "/user/identities/authorize?provider=keycloak&skip_http_redirect=true"
    url = person.ask("GET", path).json()["url"]
    return Once(
        lambda number: Browser(trip.house).going(url),
        lambda: len(trip.house.rows(FLOWS, user_id=person.id, authentication_method="oauth")),
        lambda answer: answer.status_code == 302 and answer.headers["location"].startswith(trip.places.url),
        whole=False,
    )


@kind("an invitation that is taken at another place", "linking._invited", types=("invite",))
def invitation(trip: Round, many: int) -> Once:
    house, email = trip.house, of_invite(trip)
    token, ways = Mail(house, email).said["token"], []
    for number in range(many):
        browser = Browser(house)
        left = browser.go(f"/authorize?provider=keycloak&redirect_to={SITE}&invite_token={token}")
        claims = who(f"guest-{number}-{email}", email)
        ways.append((browser, trip.places.visit(left.headers["location"], claims)))
    return Once(
        lambda number: trip.back(*ways[number % many]), counting(house, of(house, email), "invite_accepted"), came_in
    )


@kind("a message that a wallet signed", "web3._entered")
def wallet_message(trip: Round, many: int) -> Once:
    wallet = wallets.SolanaWallet()
    user = wallets.shown(trip.house, wallet, Nonce="whoever1").json()["user"]
    attempt = posting(trip.house, wallets.PATH, wallets.signed(trip.house, wallet))
    return Once(attempt, counting(trip.house, user["id"], "login"))


# --- organisations ---


@kind("a ticket to an organisation's identity provider", "sso.leave")
def sso_ticket(trip: Round, many: int) -> Once:
    idp = organisation(trip.house)
    url = trip.house.ask("POST", "/sso", {"provider_id": idp.id, "skip_http_redirect": True}).json()["url"]
    return Once(
        lambda number: Browser(trip.house).going(url),
        lambda: len(trip.house.rows(SAML_RELAY_STATES, sso_provider_id=idp.id)),
        lambda answer: answer.status_code == 302,
        whole=False,
    )


def organisation(house: People) -> Idp:
    house.count += 1
    idp = Idp(f"once{house.count}", house).added()
    idp_signed_in(Trip(house, idp).back("somebody"))
    return idp


def member_of(house: People, idp: Idp) -> str:
    (identity,) = house.rows(IDENTITIES, provider=f"sso:{idp.id}")
    found: str = identity["user_id"]
    return found


@kind("the answer of an identity provider to a request", "sso._relayed", "flows.with_code")
def sso_answer(trip: Round, many: int) -> Once:
    house, idp = trip.house, organisation(trip.house)
    way = Trip(house, idp)
    way.begin(code_challenge=apps.CHALLENGE, code_challenge_method="s256")
    form, kept = form_of(idp.answered("somebody", request_id=way.request_id), way.state), dict(way.browser.cookies)
    user_id = member_of(house, idp)
    return Once(
        lambda number: Browser(house, dict(kept)).going("/saml/acs", "POST", form, **FORM),
        lambda: len([row for row in house.rows(FLOWS, user_id=user_id) if row["auth_code"]]),
        lambda answer: answer.status_code == 302 and "code" in query(answer),
        whole=False,
    )


@kind("an assertion that an identity provider sent by itself", "sso._arrived")
def sso_assertion(trip: Round, many: int) -> Once:
    house, idp = trip.house, organisation(trip.house)
    form = form_of(idp.answered("somebody"), "")
    attempt = posting(house, "/saml/acs", form, headers=FORM)
    return Once(attempt, counting(house, member_of(house, idp), "login"), came_in)


# --- other apps ---


@kind("the decision on an app", "authorizing._settle")
def decision(trip: Round, many: int) -> Once:
    person = member(trip)
    path = f"/oauth/authorizations/{apps.begun(trip.house, apps.registered(trip.house))}"
    assert person.ask("GET", path).status_code == 200
    attempt = alike(trip.house, f"{path}/consent", {"action": "approve"}, token=person.token)
    return Once(attempt, counting(trip.house, person.id, "oauth_consent_granted"))


@kind("the code of an app", "granting.exchange")
def app_code(trip: Round, many: int) -> Once:
    person, client = member(trip), apps.registered(trip.house)
    form = apps.code_form(client, apps.coded(trip.house, client, person.token))
    attempt = posting(trip.house, "/oauth/token", form, headers=FORM)
    return Once(attempt, counting(trip.house, person.id, "login"))


# --- sessions ---


@kind("the parent of a refresh", "sessions.refreshed")
def refresh(trip: Round, many: int) -> Once:
    person = member(trip)
    attempt = posting(trip.house, "/token?grant_type=refresh_token", {"refresh_token": person.told["refresh_token"]})
    (held,) = trip.house.rows(SESSIONS, user_id=person.id)
    return Once(attempt, lambda: int(trip.house.rows(SESSIONS, id=held["id"])[0]["refresh_token_counter"]), Child())
