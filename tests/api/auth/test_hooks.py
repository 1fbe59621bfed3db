"""Hooks of signing in: an app's functions that change tokens, refuse accounts and tries, and send what is sent."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pyotp
import pytest
import sqlalchemy as sa
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.api.auth.people import Answer, People, people
from undercroft import App, Context, Fault, Model
from undercroft.auth import AccessTokenEvent, EmailEvent, FactorEvent, PasswordEvent, SmsEvent, UserEvent
from undercroft.auth.tables import SESSIONS, USERS
from undercroft.base.faults import SetupFault
from undercroft.models.base import NAMES


class Guests(DeclarativeBase):
    """Its own base: other tests have tables of the same names."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = Model.type_annotation_map


class Guest(Guests):
    """Made with the account."""

    __tablename__ = "guests"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID]
    table_number: Mapped[int] = mapped_column(default=7)


Told = list[Any]
"""What the hooks of a house were told."""


async def answered(wish: str, claims: dict[str, Any]) -> Any:
    """A hook's answer, good or bad."""
    if wish == "refuse":
        raise Fault("Come back in the morning")
    if wish == "crash":
        raise RuntimeError("canary: the inside")
    if wish == "sleep":
        await asyncio.sleep(2)
    answers: dict[str, Any] = {
        "error": {"error": {"http_code": 429, "message": "Too many"}},
        "drop": {name: value for name, value in claims.items() if name != "role"},
        "steal": {**claims, "sub": str(uuid4())},
        "nothing": 5,
        "large": {**claims, "large": "x" * 9000},
        "envelope": {"claims": {**claims, "wrapped": True}},
    }
    return answers[wish]


def hooked(told: Told) -> App:
    """An app whose hooks do as the address, or the data, of an account says."""
    app = App(models=Guests, title="Guests")

    @app.auth_hook("custom_access_token", read_only=True)
    async def claims(ctx: Context, event: AccessTokenEvent) -> Any:
        told.append(event)
        wish = event.claims["user_metadata"].get("token")
        if wish is not None:
            return await answered(wish, event.claims)
        number = await ctx.session.scalar(sa.select(Guest.table_number).where(Guest.user_id == event.user_id))
        event.claims["table_number"] = number
        event.claims["since"] = UUID(int=1)
        return None

    @app.auth_hook("before_user_created")
    async def before(ctx: Context, event: UserEvent) -> Any:
        told.append(event)
        if "spam" in (event.user["email"] or ""):
            return {"error": {"http_code": 422, "message": "No spam here"}}
        return None

    @app.auth_hook("after_user_created")
    async def after(ctx: Context, event: UserEvent) -> None:
        told.append(event)
        ctx.session.add(Guest(user_id=UUID(event.user["id"])))
        if "late" in (event.user["email"] or ""):
            await ctx.session.flush()
            raise RuntimeError("canary: after")

    @app.auth_hook("password_verification_attempt")
    async def password(ctx: Context, event: PasswordEvent) -> Any:
        told.append(event)
        wrong = [each for each in told if isinstance(each, PasswordEvent) and not each.valid]
        if sum(each.user_id == event.user_id for each in wrong) > 2:
            return {"decision": "reject", "message": "Call us", "should_logout_user": True}
        return {"decision": "continue"}

    @app.auth_hook("mfa_verification_attempt")
    async def factor(ctx: Context, event: FactorEvent) -> Any:
        told.append(event)
        return {"decision": "continue"} if event.valid else {"decision": "reject"}

    @app.auth_hook("send_email")
    async def email(ctx: Context, event: EmailEvent) -> None:
        told.append(event)

    @app.auth_hook("send_sms")
    async def sms(ctx: Context, event: SmsEvent) -> None:
        told.append(event)

    return app


@pytest.fixture(scope="module")
def guests(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[People, Told]]:
    told: Told = []
    settings = {
        "enable_anonymous_sign_ins": True, "sms_enable_signup": True, "sms_template": "Use {{ .Code }} now",
        "UNDERCROFT_DATABASE_HOOK_TIMEOUT": 1,
    }  # fmt: skip
    with people(tmp_path_factory.mktemp("guests"), server, hooked(told), **settings) as house:
        yield house, told


def signed_up(house: People, **data: Any) -> Answer:
    body = {"email": house.fresh_email(), "password": "correct horse", "data": data}
    return house.ask("POST", "/signup", body)


def kept(told: Told, kind: type[Any]) -> list[Any]:
    return [each for each in told if isinstance(each, kind)]


def test_a_token_says_what_the_hook_says(guests: tuple[People, Told]) -> None:
    house, told = guests
    answer = signed_up(house).json()
    claims = payload(answer["access_token"])
    assert (claims["table_number"], claims["since"]) == (7, str(UUID(int=1)))
    assert {"aud", "exp", "iat", "sub", "role", "aal", "session_id", "email", "phone", "is_anonymous"} <= set(claims)
    event = kept(told, AccessTokenEvent)[-1]
    assert (str(event.user_id), event.authentication_method) == (answer["user"]["id"], "password")
    again = house.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": answer["refresh_token"]}).json()
    assert payload(again["access_token"])["table_number"] == 7
    assert kept(told, AccessTokenEvent)[-1].authentication_method == "token_refresh"
    assert house.ask("GET", "/user", token=again["access_token"]).status_code == 200


def payload(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def test_claims_may_come_as_supabase_wraps_them(guests: tuple[People, Told]) -> None:
    house, _ = guests
    assert payload(signed_up(house, token="envelope").json()["access_token"])["wrapped"] is True


@pytest.mark.parametrize(
    ("wish", "status", "code", "message"),
    [
        ("refuse", 403, "unknown", "Come back in the morning"),
        ("error", 429, "unknown", "Too many"),
        ("crash", 500, "unexpected_failure", "Error running hook: custom_access_token"),
        ("drop", 500, "unexpected_failure", "Error running hook: custom_access_token"),
        ("steal", 500, "unexpected_failure", "Error running hook: custom_access_token"),
        ("nothing", 500, "unexpected_failure", "Error running hook: custom_access_token"),
        ("sleep", 422, "hook_timeout", None),
        ("large", 422, "hook_payload_over_size_limit", None),
    ],
)
def test_a_hook_that_fails_refuses_and_leaves_no_session(
    guests: tuple[People, Told], wish: str, status: int, code: str, message: str | None
) -> None:
    house, _ = guests
    before = len(house.rows(SESSIONS))
    answer = signed_up(house, token=wish)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code), answer.text
    assert message is None or answer.json()["msg"] == message
    assert "canary" not in answer.text
    assert len(house.rows(SESSIONS)) == before


def test_an_account_is_refused_and_was_never_there(guests: tuple[People, Told]) -> None:
    house, told = guests
    body = {"email": "spam@example.com", "password": "correct horse"}
    answer = house.ask("POST", "/signup", body)
    assert (answer.status_code, answer.json()["msg"]) == (422, "No spam here")
    assert house.rows(USERS, email="spam@example.com") == []
    event = kept(told, UserEvent)[-1]
    assert (event.metadata.name, event.metadata.ip_address) == ("before-user-created", "192.0.2.1")
    assert event.user["email"] == "spam@example.com"


def test_what_comes_with_an_account_is_there_with_it_or_neither(guests: tuple[People, Told]) -> None:
    house, _ = guests
    body = {"email": "late@example.com", "password": "correct horse"}
    answer = house.ask("POST", "/signup", body)
    assert (answer.status_code, answer.json()["error_code"]) == (500, "unexpected_failure")
    assert "canary" not in answer.text
    assert house.rows(USERS, email="late@example.com") == []
    counted = house.run(house.house.engine.write(lambda cursor: cursor.one("SELECT count(*) FROM guests")))[0]
    assert counted == len(house.rows(USERS))
    assert counted > 0


def anonymous(house: People) -> Answer:
    return house.ask("POST", "/signup", {})


def by_admin(house: People) -> Answer:
    body = {"email": house.fresh_email(), "password": "correct horse", "email_confirm": True}
    return house.ask("POST", "/admin/users", body, token=house.service)


def invited(house: People) -> Answer:
    return house.ask("POST", "/invite", {"email": house.fresh_email()}, token=house.service)


@pytest.mark.parametrize("way", [anonymous, by_admin, invited])
def test_each_way_to_an_account_is_seen(guests: tuple[People, Told], way: Callable[[People], Answer]) -> None:
    house, told = guests
    before = len(kept(told, UserEvent))
    answer = way(house)
    assert answer.status_code == 200, answer.text
    names = [each.metadata.name for each in kept(told, UserEvent)[before:]]
    assert names == ["before-user-created", "after-user-created"]


def test_passwords_that_are_tried(guests: tuple[People, Told]) -> None:
    house, told = guests
    email = house.fresh_email()
    session = house.signed_up(email)

    def tried(password: str) -> Answer:
        return house.ask("POST", "/token?grant_type=password", {"email": email, "password": password})

    assert tried("correct horse").status_code == 200
    messages = [tried("wrong horse").json()["msg"] for _ in range(3)]
    assert messages == ["Invalid login credentials", "Invalid login credentials", "Call us"]
    mine = [each for each in kept(told, PasswordEvent) if str(each.user_id) == session["user"]["id"]]
    assert [each.valid for each in mine] == [True, False, False, False]
    assert tried("correct horse").json()["msg"] == "Call us"
    assert house.ask("GET", "/user", token=session["access_token"]).status_code == 403


def test_factors_that_are_tried(guests: tuple[People, Told]) -> None:
    house, told = guests
    session = house.signed_up()
    token = session["access_token"]
    made = house.ask("POST", "/factors", {"factor_type": "totp"}, token=token).json()

    def tried(code: str) -> Answer:
        asked = house.ask("POST", f"/factors/{made['id']}/challenge", {}, token=token).json()
        body = {"challenge_id": asked["id"], "code": code}
        return house.ask("POST", f"/factors/{made['id']}/verify", body, token=token)

    good = pyotp.TOTP(made["totp"]["secret"]).at(int(house.clock.timestamp()))
    answer = tried(good)
    assert answer.status_code == 200, answer.text
    token = answer.json()["access_token"]
    answer = tried(good)  # used up
    assert (answer.status_code, answer.json()["error_code"]) == (403, "mfa_verification_rejected")
    assert [(each.factor_type, each.valid) for each in kept(told, FactorEvent)] == [("totp", True), ("totp", False)]
    assert house.rows(SESSIONS, user_id=session["user"]["id"]) == []


def test_a_mail_that_the_app_sends(guests: tuple[People, Told]) -> None:
    house, told = guests
    email = house.fresh_email()
    house.signed_up(email)
    assert house.ask("POST", "/recover", {"email": email}).status_code == 200
    event = kept(told, EmailEvent)[-1]
    assert (event.to, event.email_data.email_action_type, event.user["email"]) == (email, "recovery", email)
    assert house.mails(email) == []
    body = {"type": "recovery", "email": email, "token": event.email_data.token}
    assert house.ask("POST", "/verify", body).status_code == 200


def test_a_message_that_the_app_sends(guests: tuple[People, Told]) -> None:
    house, told = guests
    phone = "15551230042"
    assert house.ask("POST", "/otp", {"phone": phone}).status_code == 200
    event = kept(told, SmsEvent)[-1]
    assert event.user["phone"] == phone
    assert event.sms.text == f"Use {event.sms.otp} now"
    body = {"type": "sms", "phone": phone, "token": event.sms.otp}
    assert house.ask("POST", "/verify", body).status_code == 200


async def _coroutine(ctx: Context, event: Any) -> None: ...


def _plain(ctx: Context, event: Any) -> None: ...


@pytest.mark.parametrize(
    ("name", "function", "said"),
    [
        ("custom_acess_token", _coroutine, "custom_access_token"),
        ("send_email", _plain, "async def"),
        ("send_sms", _coroutine, "already declared"),
    ],
)
def test_a_hook_that_is_none_is_refused_at_start(name: Any, function: Any, said: str) -> None:
    app = App(models=Guests, title="Guests")
    app.auth_hook("send_sms")(_coroutine)
    with pytest.raises(SetupFault, match=said):
        app.auth_hook(name)(function)
