"""D4, D9, D10, D11, D21 for a provider: what an app holds is good once, for that app, and for no more than it is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.api.auth.apps import (
    BACK,
    FORM,
    asked,
    begun,
    claims_of,
    code_form,
    coded,
    decided,
    exchanged,
    form_of,
    let_in,
    refreshed,
    registered,
    said,
)
from tests.api.auth.people import People, people
from undercroft import App, auth
from undercroft.auth.routes import ROUTES
from undercroft.auth.routes.asked import ADMIN, USER, Route
from undercroft.auth.store import Rows
from undercroft.auth.tables import FACTORS, OAUTH_AUTHORIZATIONS
from undercroft.models.base import NAMES

MANY = 64
PROVIDER: dict[str, Any] = {"oauth_server_enabled": True, "oauth_server_allow_dynamic_registration": True}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)


class Letter(Base):
    __tablename__ = "letters"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(default=auth.uid)
    text: Mapped[str]


app = App(Base, title="Letters")


@app.policy(Letter, "select", to="authenticated")
def own(letter: Any) -> Any:
    """Owners and their apps read them."""
    return letter.owner_id == auth.uid


@app.policy(Letter, "insert", to="authenticated")
def by_hand(letter: Any) -> Any:
    """Only owners themselves write them: no app does."""
    return (letter.owner_id == auth.uid) & auth.claim("client_id").is_(None)


@pytest.fixture(scope="module")
def house(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """A provider with letters in it."""
    more: dict[str, Any] = {"sessions_single_per_user": True}
    with people(tmp_path_factory.mktemp("letters"), server, app, **PROVIDER, **more) as made:
        yield made


@pytest.fixture(scope="module")
def client(house: People) -> dict[str, Any]:
    return registered(house)


# --- once ---


def test_one_of_many_gets_tokens_for_a_code(house: People, client: dict[str, Any]) -> None:
    """D9: and as the others show that it is in more hands than one, what came of it ends."""
    code = coded(house, client, house.signed_up()["access_token"])
    form = code_form(client, code)
    answers = house.together(*(house.asking("POST", "/oauth/token", form, headers=FORM) for _ in range(MANY)))
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert {answer.json()["error"] for answer in answers if answer not in won} == {"invalid_grant"}
    assert house.ask("GET", "/user", token=won[0].json()["access_token"]).status_code == 403


def test_a_code_that_is_shown_again_ends_the_session(house: People, client: dict[str, Any]) -> None:
    """Row 42: whoever shows it, and however late."""
    for again in (client, registered(house)):
        code = coded(house, client, house.signed_up()["access_token"])
        told = exchanged(house, client, code).json()
        house.clock.advance(1200)
        assert house.ask("GET", "/user", token=told["access_token"]).status_code == 200
        assert exchanged(house, again, code).json()["error"] == "invalid_grant"
        assert house.ask("GET", "/user", token=told["access_token"]).status_code == 403
        assert house.ask("GET", "/rest/v1/letters", token=told["access_token"]).status_code == 401
        assert refreshed(house, client, told["refresh_token"]).json()["error"] == "invalid_grant"


def test_one_of_many_answers_is_taken(house: People, client: dict[str, Any]) -> None:
    """D9: of somebody's yes and no at once, one leads to the app."""
    token, its_id = house.signed_up()["access_token"], begun(house, client)
    # Looked at before: so none of them waits for another to become the one who is asked.
    assert house.ask("GET", f"/oauth/authorizations/{its_id}", token=token).is_success
    path = f"/oauth/authorizations/{its_id}/consent"
    asks = [house.asking("POST", path, {"action": ("approve", "deny")[turn % 2]}, token=token) for turn in range(16)]
    answers = house.together(*asks)
    assert sorted(answer.status_code for answer in answers) == [200] + [404] * 15


def test_an_ancestor_of_an_apps_token_ends_its_session(house: People, client: dict[str, Any]) -> None:
    """D8, row 44."""
    first = let_in(house, client)
    second = refreshed(house, client, first["refresh_token"]).json()
    refreshed(house, client, second["refresh_token"])
    assert refreshed(house, client, first["refresh_token"]).json()["error"] == "invalid_grant"
    assert house.ask("GET", "/user", token=second["access_token"]).status_code == 403


def test_the_database_holds_no_code_and_no_secret(house: People, client: dict[str, Any]) -> None:
    code = coded(house, client, house.signed_up()["access_token"])
    assert code not in str(house.rows(OAUTH_AUTHORIZATIONS))
    assert len(code) == 43


# --- no more than it is told ---

_FOR_PEOPLE = [route for route in ROUTES if route.needs == USER and not route.apps]
_FOR_ADMINS = [route for route in ROUTES if route.needs == ADMIN]


def _called(house: People, route: Route, token: str) -> Any:
    path = re.sub(r"\{\w+\}", str(uuid4()), route.path)
    return house.ask(route.method, path, None if route.method in ("GET", "DELETE") else {}, token=token)


def test_an_app_does_nothing_to_an_account(house: People, client: dict[str, Any]) -> None:
    """D11: of everything that asks for a person, but for the few operations that name apps."""
    token = let_in(house, client)["access_token"]
    assert {route.path for route in _FOR_PEOPLE} >= {"/user", "/factors", "/oauth/authorizations/{authorization_id}"}
    for route in _FOR_PEOPLE:
        answer = _called(house, route, token)
        assert (answer.status_code, answer.json().get("error_code")) == (403, "insufficient_scope"), route
    for route in _FOR_ADMINS:
        assert _called(house, route, token).json().get("error_code") == "not_admin", route
    assert {route.path for route in ROUTES if route.apps} == {"/user", "/logout", "/oauth/userinfo"}


def test_an_app_reads_no_more_of_an_account_than_its_token_tells(house: People, client: dict[str, Any]) -> None:
    session = house.signed_up()
    told = house.ask("GET", "/user", token=let_in(house, client, session["access_token"])["access_token"]).json()
    assert told["id"] == session["user"]["id"]
    assert not {"identities", "factors", "new_email", "recovery_sent_at"} & set(told)


def test_an_app_signs_out_itself_alone(house: People, client: dict[str, Any]) -> None:
    session = house.signed_up()
    one = let_in(house, client, session["access_token"])
    other = let_in(house, registered(house), session["access_token"])
    assert house.ask("POST", "/logout?scope=global", token=one["access_token"]).status_code == 204
    assert house.ask("GET", "/user", token=one["access_token"]).status_code == 403
    for token in (other["access_token"], session["access_token"]):
        assert house.ask("GET", "/user", token=token).status_code == 200


def test_an_app_ends_nobodys_session_by_coming_in(house: People, client: dict[str, Any]) -> None:
    """`single_per_user` is of the person's own devices; apps are none."""
    email = house.fresh_email()
    first = house.signed_up(email)
    told = let_in(house, client, first["access_token"])
    assert house.ask("GET", "/user", token=first["access_token"]).status_code == 200
    assert house.ask("POST", "/token?grant_type=password", {"email": email, "password": "correct horse"}).is_success
    assert house.ask("GET", "/user", token=first["access_token"]).status_code == 403
    assert house.ask("GET", "/user", token=told["access_token"]).status_code == 200


def test_an_id_token_opens_nothing(house: People, client: dict[str, Any]) -> None:
    """D4: it is signed with the same key, and for the app alone."""
    told = let_in(house, client)
    identity = told["id_token"]
    assert claims_of(identity)["sub"] == claims_of(told["access_token"])["sub"]
    assert house.ask("GET", "/rest/v1/letters", token=identity).status_code == 401
    for path in ("/user", "/oauth/userinfo", "/user/oauth/grants"):
        assert house.ask("GET", path, token=identity).json()["error_code"] == "bad_jwt"
    assert house.ask("PUT", "/user", {"password": "another horse"}, token=identity).json()["error_code"] == "bad_jwt"
    assert refreshed(house, client, identity).json()["error"] == "invalid_grant"
    assert refreshed(house, client, told["access_token"]).json()["error"] == "invalid_grant"


def test_policies_know_an_app(house: People, client: dict[str, Any]) -> None:
    """`auth.claim("client_id")`, in the database."""
    session = house.signed_up()
    app_token = let_in(house, client, session["access_token"])["access_token"]
    letter = {"text": "Dear app"}
    assert house.ask("POST", "/rest/v1/letters", letter, token=session["access_token"]).status_code == 201
    assert house.ask("POST", "/rest/v1/letters", letter, token=app_token).status_code == 403
    told = house.ask("GET", "/rest/v1/letters?select=text", token=app_token).json()
    assert told == [letter]


# --- who lets it in ---


def test_who_has_a_second_factor_lets_nobody_in_with_one(house: People, client: dict[str, Any]) -> None:
    """D21: neither by saying so, nor by having said so before."""
    session = house.signed_up()
    let_in(house, client, session["access_token"], scope="email")
    factor = {"id": str(uuid4()), "user_id": session["user"]["id"], "factor_type": "totp", "status": "verified"}
    dialect = house.house.engine.dialect
    house.run(house.house.engine.write(lambda cursor: Rows(cursor, dialect).add(FACTORS, **factor)))
    its_id = begun(house, client, scope="email")
    for answer in (
        decided(house, its_id, session["access_token"]),
        house.ask("GET", f"/oauth/authorizations/{its_id}", token=session["access_token"]),
    ):
        assert (answer.status_code, answer.json()["error_code"]) == (403, "insufficient_aal")


def test_with_the_session_that_agreed_its_code_goes(house: People, client: dict[str, Any]) -> None:
    """D11: who signs out, or is made to, has not let anybody in behind it."""
    token = house.signed_up()["access_token"]
    code = coded(house, client, token)
    assert house.ask("POST", "/logout", token=token).status_code == 204
    assert exchanged(house, client, code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("event", ["logout", "others", "password", "deleted"])
def test_what_ends_other_sessions_ends_those_of_apps(house: People, client: dict[str, Any], event: str) -> None:
    """D11."""
    session = house.signed_up()
    token, told = session["access_token"], let_in(house, client, session["access_token"])
    if event == "password":
        answer = house.ask("PUT", "/user", {"password": "another horse"}, token=token)
    elif event == "deleted":
        answer = house.ask("DELETE", f"/admin/users/{session['user']['id']}", token=house.service)
    else:
        answer = house.ask("POST", f"/logout?scope={'global' if event == 'logout' else event}", token=token)
    assert answer.is_success, answer.text
    assert house.ask("GET", "/user", token=told["access_token"]).status_code == 403
    assert house.ask("GET", "/rest/v1/letters", token=told["access_token"]).status_code == 401
    assert refreshed(house, client, told["refresh_token"]).json()["error"] == "invalid_grant"


def test_an_app_lets_no_other_in(house: People, client: dict[str, Any]) -> None:
    token = let_in(house, client)["access_token"]
    answer = decided(house, begun(house, registered(house)), token)
    assert answer.json()["error_code"] == "insufficient_scope"


def test_somebody_banned_lets_nobody_in(house: People, client: dict[str, Any]) -> None:
    session = house.signed_up()
    code = coded(house, client, session["access_token"])
    path = f"/admin/users/{session['user']['id']}"
    assert house.ask("PUT", path, {"ban_duration": "24h"}, token=house.service).status_code == 200
    assert exchanged(house, client, code).json()["error"] == "invalid_grant"


# --- how often ---


@pytest.fixture(scope="module")
def strict(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """A provider with limits."""
    limits: dict[str, Any] = {"rate_limit_oauth_requests": 4, "rate_limit_oauth_registrations": 2}
    with people(tmp_path_factory.mktemp("strict"), server, **PROVIDER, **limits) as made:
        yield made


def test_apps_that_ask_too_often_wait(strict: People) -> None:
    """D10: at the token endpoint, and in registering."""
    body = {"client_name": "Agent", "redirect_uris": [BACK]}
    asks = [strict.asking("POST", "/oauth/clients/register", body) for _ in range(8)]
    assert sorted(answer.status_code for answer in strict.together(*asks)) == [201] * 2 + [429] * 6
    form = form_of({"client_id": "x", "client_secret": "y"}, grant_type="authorization_code")
    asks = [strict.asking("POST", "/oauth/token", form, headers=FORM, ip="192.0.2.9") for _ in range(8)]
    answers = strict.together(*asks)
    assert sorted(answer.status_code for answer in answers) == [401] * 4 + [429] * 4
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 429)


# --- off ---


@pytest.fixture(scope="module")
def plain(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """No provider, as a house is by default."""
    with people(tmp_path_factory.mktemp("plain"), server) as made:
        yield made


def test_by_default_nobody_is_a_provider(plain: People) -> None:
    for route in ROUTES:
        if "oauth" in route.path and ("/oauth/" in route.path or "well-known" in route.path):
            token = plain.service if route.needs == ADMIN else plain.signed_up()["access_token"]
            answer = _called(plain, route, token)
            assert answer.status_code == 404, route
    assert plain.ask("GET", "/.well-known/openid-configuration").json()["error_code"] == "feature_disabled"


def test_an_app_registers_itself_only_where_it_may(server: str | None, tmp_path: Path) -> None:
    with people(tmp_path, server, oauth_server_enabled=True) as made:
        answer = made.ask("POST", "/oauth/clients/register", {"client_name": "Agent", "redirect_uris": [BACK]})
        assert (answer.status_code, answer.json()["error_code"]) == (403, "feature_disabled")
        assert "registration_endpoint" not in made.ask("GET", "/.well-known/openid-configuration").json()
        answer = asked(made, registered(made))
        assert set(said(answer)) == {"authorization_id"}


def test_what_a_caller_says_of_the_host_is_told_to_nobody(house: People, client: dict[str, Any]) -> None:
    """D15."""
    headers = {"host": "evil.example", "x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    for path in ("/.well-known/openid-configuration", f"/oauth/authorize?client_id={client['client_id']}"):
        answer = house.ask("GET", path, headers=headers)
        assert "evil.example" not in answer.text + str(answer.headers)
