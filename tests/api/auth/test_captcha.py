"""Proof that a person asks, where the settings want one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.api.auth.browser import Browser
from tests.api.auth.people import Answer, People, people
from tests.receiver import Answered, Got, Receiver, listening
from undercroft.auth.backends import captcha
from undercroft.auth.tables import USERS
from undercroft.base.faults import SetupFault


def verdict(got: Got) -> Answered:
    """As a provider answers: the token "good" is a person's, and some break it."""
    token = parse_qs(got.body.decode())["response"][0]
    answers: dict[str, Answered] = {
        "good": (200, {}, b'{"success": true}'),
        "down": (500, {}, b"canary: down"),
        "odd": (200, {}, b"canary: <html>"),
        "text": (200, {}, b'{"success": "true"}'),
    }
    return answers.get(token, (200, {}, b'{"success": false, "error-codes": ["invalid-input-response"]}'))


@pytest.fixture(scope="module", params=["hcaptcha", "turnstile"])
def guarded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[People, Receiver]]:
    """A house with a captcha, and its provider: nothing of it depends on the engine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "captcha_enabled": True, "captcha_provider": request.param, "captcha_secret": "of the site",
        "enable_anonymous_sign_ins": True, "ui_enabled": True, "ui_captcha_site_key": "of-the-page",
        "UNDERCROFT_OUTGOING_ALLOW": f"127.0.0.1:{port}",
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("guarded")
    with pytest.MonkeyPatch.context() as patch, people(folder, None, **settings) as house:
        receiver, stack = Receiver(port, handler=verdict), AsyncExitStack()
        house.run(stack.enter_async_context(listening(receiver.serve, port=port)))
        patch.setitem(captcha.ADDRESSES, request.param, f"{receiver.url}/siteverify")
        yield house, receiver
        house.run(stack.aclose())


GUARDED = [
    ("/signup", {"email": "new@example.com", "password": "correct horse"}),
    ("/signup", {}),
    ("/token?grant_type=password", {"email": "new@example.com", "password": "correct horse"}),
    ("/otp", {"email": "otp@example.com"}),
    ("/magiclink", {"email": "otp@example.com"}),
    ("/recover", {"email": "new@example.com"}),
    ("/token?grant_type=web3", {"chain": "solana"}),
    ("/resend", {"type": "signup", "email": "new@example.com"}),
]


def with_token(body: dict[str, Any], token: str | None) -> dict[str, Any]:
    return body if token is None else {**body, "gotrue_meta_security": {"captcha_token": token}}


def code_of(answer: Answer) -> Any:
    return answer.json().get("error_code")


@pytest.mark.parametrize(("path", "body"), GUARDED)
@pytest.mark.parametrize("token", [None, "", "bad", "text", "x" * 9000])
def test_without_a_persons_answer_nothing_is_done(
    guarded: tuple[People, Receiver], path: str, body: dict[str, Any], token: str | None
) -> None:
    house, _ = guarded
    before = len(house.rows(USERS))
    answer = house.ask("POST", path, with_token(body, token))
    assert (answer.status_code, code_of(answer)) == (400, "captcha_failed"), answer.text
    assert len(house.rows(USERS)) == before


@pytest.mark.parametrize("token", ["down", "odd"])
def test_a_provider_that_does_not_answer_lets_nobody_in(guarded: tuple[People, Receiver], token: str) -> None:
    house, _ = guarded
    path, body = GUARDED[0]
    answer = house.ask("POST", path, with_token(body, token))
    assert answer.status_code == 503
    assert "canary" not in answer.text


def test_with_one_it_goes_on(guarded: tuple[People, Receiver]) -> None:
    house, receiver = guarded
    email = house.fresh_email()
    body = with_token({"email": email, "password": "correct horse"}, "good")
    session = house.ask("POST", "/signup", body, ip="192.0.2.77")
    assert session.status_code == 200, session.text
    shown = parse_qs(receiver.got[-1].body.decode())
    assert shown == {"secret": ["of the site"], "response": ["good"], "remoteip": ["192.0.2.77"]}
    assert house.ask("POST", "/token?grant_type=password", body).status_code == 200
    asked = len(receiver.got)
    refresh = {"refresh_token": session.json()["refresh_token"]}
    assert house.ask("POST", "/token?grant_type=refresh_token", refresh).status_code == 200
    assert len(receiver.got) == asked


def test_the_service_needs_none_and_whoever_says_so_does(guarded: tuple[People, Receiver]) -> None:
    house, _ = guarded
    body = {"email": house.fresh_email(), "password": "correct horse"}
    assert code_of(house.ask("POST", "/signup", body, token=house.house.keys.anon)) == "captcha_failed"
    assert code_of(house.ask("POST", "/signup", body, token=f"{house.service}x")) == "captcha_failed"
    assert house.ask("POST", "/signup", body, token=house.service).status_code == 200


def test_a_captcha_without_its_secret_is_found_at_start(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(SetupFault, match="secret"), people(tmp_path_factory.mktemp("x"), None, captcha_enabled=True):
        pass


def test_our_pages_show_the_widget_and_load_it_from_its_maker(guarded: tuple[People, Receiver]) -> None:
    house, _ = guarded
    browser = Browser(house)
    asks = [("sign-in", {"password": "guess"}), ("sign-in", {"do": "code"}), ("sign-up", {"password": "correct horse"}),
            ("forgot", {})]  # fmt: skip
    for page, typed in asks:
        policy = browser.open(f"/auth/ui/{page}").headers["content-security-policy"]
        assert 'data-sitekey="of-the-page"' in browser.answer.text
        assert ("cloudflare" in policy) != ("hcaptcha" in policy)
        assert "unsafe" not in policy
        browser.send(page, identifier="ada@example.com", headers=None, **typed)
        assert browser.answer.status_code == 400, page
        assert "that you are a person" in browser.answer.text
    field = "cf-turnstile-response" if "cloudflare" in policy else "h-captcha-response"
    given: dict[str, str] = {"password": "guess", field: "good"}
    browser.open("/auth/ui/sign-in")
    browser.send("sign-in", identifier="ada@example.com", headers=None, **given)
    assert "address or the password is wrong" in browser.answer.text
    assert "cloudflare" not in (other := browser.open("/auth/ui/sign-out").headers["content-security-policy"])
    assert "hcaptcha" not in other


def test_pages_need_the_key_of_the_site(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"captcha_enabled": True, "captcha_secret": "of the site", "ui_enabled": True}
    with pytest.raises(SetupFault, match="captcha_site_key"), people(tmp_path, None, **settings):
        pass
