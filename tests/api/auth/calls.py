"""How each operation of GoTrue's OpenAPI is called: once for each way that matters, in a house that has it all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from tests.api.auth import apps
from tests.api.auth.factoring import Person
from tests.api.auth.idp import Idp, Trip
from tests.api.auth.mailed import Mail
from tests.api.auth.people import SITE, Answer, People
from tests.api.auth.places import ME, Browser, Round, who

Call = Callable[[Round], Answer]
CHALLENGE = {"code_challenge": apps.CHALLENGE, "code_challenge_method": "s256"}
PASSWORD = "correct horse"

SETTINGS: dict[str, Any] = {
    "enable_anonymous_sign_ins": True, "email_enable_confirmations": False, "oauth_server_enabled": True,
    "oauth_server_allow_dynamic_registration": True, "oauth_server_authorization_url_path": "/consent",
    "email_verify_by_get": True, "sms_enable_signup": True, "sms_test_otp": '{"15550001111": "123456"}',
    "saml_enabled": True,
}  # fmt: skip


# --- as whom ---


def anyone(method: str, path: str, body: Any = None, **options: Any) -> Call:
    """By whoever comes. `{email}` in a body is an address that has an account."""
    return lambda trip: trip.house.ask(method, path, filled(trip.house, body), **options)


def filled(house: People, body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    if body.get("email") == "somebody":
        told = house.signed_up()
        return {**body, "email": told["user"]["email"]}
    return {**body, "email": house.fresh_email()} if body.get("email") == "nobody" else body


def user(method: str, path: str, body: Any = None) -> Call:
    """By somebody in a session."""
    return lambda trip: trip.house.ask(method, path, body, token=trip.house.signed_up()["access_token"])


def service(method: str, path: str, body: Any = None) -> Call:
    """By the service. `{user}` in a path is somebody's id."""

    def call(trip: Round) -> Answer:
        at = path.replace("{user}", trip.house.signed_up()["user"]["id"]) if "{user}" in path else path
        return trip.house.ask(method, at, filled(trip.house, body), token=trip.house.service)

    return call


# --- what takes a few steps ---


def by_password(trip: Round) -> Answer:
    email = trip.house.signed_up()["user"]["email"]
    return trip.house.ask("POST", "/token?grant_type=password", {"email": email, "password": PASSWORD})


def by_refresh(trip: Round) -> Answer:
    body = {"refresh_token": trip.house.signed_up()["refresh_token"]}
    return trip.house.ask("POST", "/token?grant_type=refresh_token", body)


def recovered(trip: Round) -> tuple[str, Mail]:
    email = trip.house.signed_up()["user"]["email"]
    trip.house.ask("POST", "/recover", {"email": email})
    return email, Mail(trip.house, email)


def verified_by_code(trip: Round) -> Answer:
    email, mail = recovered(trip)
    return trip.house.ask("POST", "/verify", {"type": "recovery", "email": email, "token": mail.code})


def verified_by_hash(trip: Round) -> Answer:
    _, mail = recovered(trip)
    return trip.house.ask("POST", "/verify", {"type": "recovery", "token_hash": mail.said["token"]})


def enrolled(trip: Round) -> Answer:
    return Person(trip.house).ask("POST", "/factors", {"factor_type": "totp", "friendly_name": "phone"})


def challenged(trip: Round) -> Answer:
    person = Person(trip.house)
    person.enrolled()
    return person.ask("POST", f"/factors/{person.factor}/challenge", {})


def proved(trip: Round) -> Answer:
    person = Person(trip.house)
    person.enrolled()
    return person.verify()


def unenrolled(trip: Round) -> Answer:
    person = Person(trip.house).secured()
    return person.ask("DELETE", f"/factors/{person.factor}")


def of_factors(method: str, body: Any = None, *, one: bool = True) -> Call:
    def call(trip: Round) -> Answer:
        person = Person(trip.house).secured()
        at = f"/admin/users/{person.id}/factors" + (f"/{person.factor}" if one else "")
        return trip.house.ask(method, at, body, token=trip.house.service)

    return call


def came_back(trip: Round) -> Answer:
    return trip.go("keycloak", who(str(uuid4()), trip.house.fresh_email()))


def came_back_by_form(trip: Round) -> Answer:
    return trip.house.ask("POST", "/callback", "state=x&code=y", headers=apps.FORM)


def unlinked(trip: Round) -> Answer:
    house = trip.house
    email = house.fresh_email()
    told = house.signed_up(email)
    path = f"/user/identities/authorize?provider=keycloak&redirect_to={SITE}&skip_http_redirect=true"
    url = house.ask("GET", path, token=told["access_token"]).json()["url"]
    browser = Browser(house)
    left = browser.go(url)
    house.run(trip.back(browser, trip.places.visit(left.headers["location"], who(str(uuid4()), email))))
    held = house.ask("GET", "/user", token=told["access_token"]).json()["identities"]
    its_id = next(each["identity_id"] for each in held if each["provider"] == "keycloak")
    return house.ask("DELETE", f"/user/identities/{its_id}", token=told["access_token"])


# --- other apps, and other places ---


def of_client(method: str, body: Any = None, more: str = "") -> Call:
    def call(trip: Round) -> Answer:
        client = apps.registered(trip.house)
        at = f"/admin/oauth/clients/{client['client_id']}{more}"
        return trip.house.ask(method, at, body, token=trip.house.service)

    return call


def app_exchanged(trip: Round) -> Answer:
    client = apps.registered(trip.house)
    return apps.exchanged(trip.house, client, apps.coded(trip.house, client, trip.house.signed_up()["access_token"]))


def app_refreshed(trip: Round) -> Answer:
    client = apps.registered(trip.house)
    return apps.refreshed(trip.house, client, apps.let_in(trip.house, client)["refresh_token"])


def app_shown(trip: Round) -> Answer:
    its_id = apps.begun(trip.house, apps.registered(trip.house))
    token = trip.house.signed_up()["access_token"]
    return trip.house.ask("GET", f"/oauth/authorizations/{its_id}", token=token)


def app_decided(action: str) -> Call:
    def call(trip: Round) -> Answer:
        its_id = apps.begun(trip.house, apps.registered(trip.house))
        return apps.decided(trip.house, its_id, trip.house.signed_up()["access_token"], action)

    return call


def of_grants(method: str) -> Call:
    def call(trip: Round) -> Answer:
        client, token = apps.registered(trip.house), trip.house.signed_up()["access_token"]
        apps.let_in(trip.house, client, token)
        query = f"?client_id={client['client_id']}" if method == "DELETE" else ""
        return trip.house.ask(method, f"/user/oauth/grants{query}", token=token)

    return call


def place_added(trip: Round) -> Answer:
    trip.house.count += 1
    body = {
        "provider_type": "oidc", "identifier": f"place{trip.house.count}", "name": "Place", "client_id": ME,
        "client_secret": "a-secret-of-the-app", "issuer": f"{trip.places.url}/custom:own", "scopes": ["email"],
    }  # fmt: skip
    return trip.house.ask("POST", "/admin/custom-providers", body, token=trip.house.service)


def of_place(method: str, body: Any = None) -> Call:
    def call(trip: Round) -> Answer:
        at = f"/admin/custom-providers/{place_added(trip).json()['identifier']}"
        return trip.house.ask(method, at, body, token=trip.house.service)

    return call


# --- organisations ---


def organisation(house: People) -> Idp:
    house.count += 1
    return Idp(f"idp{house.count}", house)


def org_added(trip: Round) -> Answer:
    house, idp = trip.house, organisation(trip.house)
    mapping = {"keys": {"name": {"name": "displayName"}}}
    body = {"type": "saml", "metadata_xml": idp.metadata(), "domains": [f"{idp.name}.example.com"],
            "attribute_mapping": mapping}  # fmt: skip
    return house.ask("POST", "/admin/sso/providers", body, token=house.service)


def org_added_and_listed(trip: Round) -> Answer:
    org_added(trip)
    return trip.house.ask("GET", "/admin/sso/providers", token=trip.house.service)


def of_org(method: str, body: Any = None) -> Call:
    def call(trip: Round) -> Answer:
        at = f"/admin/sso/providers/{org_added(trip).json()['id']}"
        return trip.house.ask(method, at, body, token=trip.house.service)

    return call


def to_org(*, skips: bool) -> Call:
    def call(trip: Round) -> Answer:
        idp = organisation(trip.house).added()
        return trip.house.ask("POST", "/sso", {"provider_id": idp.id, "skip_http_redirect": skips, **CHALLENGE})

    return call


def from_org(trip: Round) -> Answer:
    return Trip(trip.house, organisation(trip.house).added()).back(str(uuid4()))


CALLS: dict[str, list[Call]] = {
    "POST /sso": [
        to_org(skips=True),
        to_org(skips=False),
        anyone("POST", "/sso", {"domain": "nobody.example"}),
        anyone("POST", "/sso", {}),
    ],
    "GET /saml/metadata": [anyone("GET", "/saml/metadata?download=true")],
    "POST /saml/acs": [from_org, anyone("POST", "/saml/acs", "SAMLResponse=x&RelayState=y", headers=apps.FORM)],
    "GET /admin/sso/providers": [org_added_and_listed],
    "POST /admin/sso/providers": [org_added, service("POST", "/admin/sso/providers", {"type": "x"})],
    "GET /admin/sso/providers/{ssoProviderId}": [
        of_org("GET"),
        service("GET", f"/admin/sso/providers/{uuid4()}"),
    ],
    "PUT /admin/sso/providers/{ssoProviderId}": [of_org("PUT", {"domains": ["changed.example.com"]})],
    "DELETE /admin/sso/providers/{ssoProviderId}": [of_org("DELETE")],
    "POST /token": [
        by_password,
        by_refresh,
        anyone("POST", "/token?grant_type=web3", {"chain": "bitcoin"}),
        anyone("POST", "/token?grant_type=refresh_token", {"refresh_token": "x"}),
        anyone("POST", "/token?grant_type=password", {"email": "nobody", "password": PASSWORD}),
    ],
    "POST /logout": [user("POST", "/logout"), anyone("POST", "/logout")],
    "GET /verify": [anyone("GET", "/verify?type=signup&token=x&redirect_to=")],
    "POST /verify": [
        verified_by_code,
        verified_by_hash,
    ],
    "GET /authorize": [anyone("GET", "/authorize?provider=keycloak")],
    "POST /signup": [
        anyone("POST", "/signup", {"email": "nobody", "password": PASSWORD}),
        anyone("POST", "/signup", {}),
    ],
    "POST /recover": [
        anyone("POST", "/recover", {"email": "somebody", **CHALLENGE}),
        anyone("POST", "/recover", {"email": "nobody"}),
        anyone("POST", "/recover", {"email": "no address"}),
    ],
    "POST /resend": [
        anyone("POST", "/resend", {"type": "signup", "email": "somebody"}),
        anyone("POST", "/resend", {"type": "signup", "email": "nobody"}),
        anyone("POST", "/resend", {"type": "x", "email": "nobody"}),
    ],
    "POST /magiclink": [anyone("POST", "/magiclink", {"email": "somebody"})],
    "POST /otp": [
        anyone("POST", "/otp", {"email": "somebody"}),
        anyone("POST", "/otp", {"email": "nobody"}),
        anyone("POST", "/otp", {"phone": "15550001111"}),
        anyone("POST", "/otp", {}),
    ],
    "GET /user": [user("GET", "/user")],
    "PUT /user": [user("PUT", "/user", {"data": {"nick": "ada"}}), user("PUT", "/user", {"email": "no address"})],
    "GET /user/identities/authorize": [
        user("GET", f"/user/identities/authorize?provider=keycloak&redirect_to={SITE}"),
    ],
    "DELETE /user/identities/{identityId}": [unlinked],
    "GET /user/oauth/grants": [of_grants("GET")],
    "DELETE /user/oauth/grants": [of_grants("DELETE")],
    "POST /reauthenticate": [user("POST", "/reauthenticate")],
    "POST /factors": [enrolled],
    "POST /factors/{factorId}/challenge": [challenged],
    "POST /factors/{factorId}/verify": [proved],
    "DELETE /factors/{factorId}": [unenrolled],
    "GET /callback": [came_back],
    "POST /callback": [came_back_by_form],
    "POST /invite": [service("POST", "/invite", {"email": "nobody"}), service("POST", "/invite", {"email": "x"})],
    "POST /admin/generate_link": [
        service("POST", "/admin/generate_link", {"type": "magiclink", "email": "somebody"}),
        service("POST", "/admin/generate_link", {"type": "signup", "email": "nobody", "password": PASSWORD}),
        service("POST", "/admin/generate_link", {"type": "invite", "email": "nobody"}),
    ],
    "GET /admin/audit": [service("GET", "/admin/audit"), user("GET", "/admin/audit")],
    "GET /admin/users": [service("GET", "/admin/users?page=1&per_page=5"), user("GET", "/admin/users")],
    "GET /admin/users/{userId}": [service("GET", "/admin/users/{user}")],
    "PUT /admin/users/{userId}": [service("PUT", "/admin/users/{user}", {"user_metadata": {"a": 1}})],
    "DELETE /admin/users/{userId}": [service("DELETE", "/admin/users/{user}")],
    "GET /admin/users/{userId}/factors": [of_factors("GET", one=False)],
    "PUT /admin/users/{userId}/factors/{factorId}": [of_factors("PUT", {"friendly_name": "other"})],
    "DELETE /admin/users/{userId}/factors/{factorId}": [of_factors("DELETE")],
    "GET /admin/oauth/clients": [service("GET", "/admin/oauth/clients")],
    "POST /admin/oauth/clients": [
        service("POST", "/admin/oauth/clients", {"client_name": "Reader", "redirect_uris": [apps.BACK]}),
    ],
    "GET /admin/oauth/clients/{client_id}": [of_client("GET")],
    "PUT /admin/oauth/clients/{client_id}": [of_client("PUT", {"client_name": "Other"})],
    "DELETE /admin/oauth/clients/{client_id}": [of_client("DELETE")],
    "POST /admin/oauth/clients/{client_id}/regenerate_secret": [of_client("POST", {}, "/regenerate_secret")],
    "GET /admin/custom-providers": [service("GET", "/admin/custom-providers")],
    "POST /admin/custom-providers": [place_added],
    "GET /admin/custom-providers/{identifier}": [of_place("GET")],
    "PUT /admin/custom-providers/{identifier}": [of_place("PUT", {"name": "Other"})],
    "DELETE /admin/custom-providers/{identifier}": [of_place("DELETE")],
    "POST /oauth/clients/register": [
        anyone("POST", "/oauth/clients/register", {"client_name": "Own", "redirect_uris": [apps.BACK]}),
    ],
    "POST /oauth/token": [app_exchanged, app_refreshed],
    "GET /oauth/authorize": [lambda trip: apps.asked(trip.house, apps.registered(trip.house))],
    "GET /oauth/authorizations/{authorization_id}": [app_shown],
    "POST /oauth/authorizations/{authorization_id}/consent": [app_decided("approve"), app_decided("deny")],
    "GET /health": [anyone("GET", "/health")],
    "GET /settings": [anyone("GET", "/settings")],
}
"""By its name."""
