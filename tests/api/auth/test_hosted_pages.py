"""Pages at `/auth/ui` in a browser without scripts: up, in, back in, two proofs, and one's own account."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import urlencode, urlsplit

import pyotp
import pytest

from tests.api.auth.authenticator import Authenticator
from tests.api.auth.browser import HERE, Browser, unlabelled
from tests.api.auth.paged import paged
from tests.api.auth.people import People
from undercroft.auth.tables import FACTORS, SESSIONS

SETTINGS = {
    "email_enable_confirmations": "true",
    "mfa_web_authn_enroll_enabled": "true",
    "mfa_web_authn_verify_enabled": "true",
    "mfa_phone_enroll_enabled": "true",
    "mfa_phone_verify_enabled": "true",
    "sms_test_otp": json.dumps({"15550001": "424242"}),
    "ui_redirect_to": "/who",
    "ui_privacy_url": "/privacy",
    "oauth_server_enabled": "true",
    "oauth_server_authorization_url_path": "",
}
IN = "role=authenticated email="


@pytest.fixture(scope="module")
def house(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with paged(tmp_path_factory.mktemp("hosted"), server, **SETTINGS) as made:
        yield made


@pytest.fixture
def browser(house: People) -> Browser:
    return Browser(house)


def member(house: People, browser: Browser, password: str = "correct horse") -> str:
    """Somebody who has just signed up on the pages, by the code of the mail."""
    email = house.fresh_email()
    browser.open("/auth/ui/sign-up")
    browser.send("sign-up", identifier=email, password=password)
    browser.send("code", code=browser.mailed_code(email))
    assert browser.answer.headers["location"] == "/who"
    return email


def problem(browser: Browser) -> str:
    found = re.search(r'role="alert"[^>]*><p>([^<]+)', browser.answer.text)
    return unescape(found[1]) if found else ""


# --- up and in ---


def test_up_by_a_code_and_in_by_a_password(house: People, browser: Browser) -> None:
    email = house.fresh_email()
    browser.open("/auth/ui/sign-up?redirect_to=/who?a=1")
    assert browser.send("sign-up", identifier=email, password="short").status_code == 422
    assert f'value="{email}"' in browser.answer.text
    assert "short" not in browser.answer.text.split("<h1>")[1].replace("shorter", "")
    browser.send("sign-up", identifier=email, password="correct horse")
    assert "<title>Look at your mail" in browser.answer.text
    assert browser.send("code", code="000000").status_code == 403
    assert "wrong" in problem(browser)
    browser.send("code", do="again")
    browser.send("code", code=browser.mailed_code(email))
    assert browser.answer.headers["location"] == "/who?a=1"
    assert IN + email in browser.follow().text
    # Out, and in by the password; unknown and wrong in the same words.
    browser.send("/auth/ui/sign-out")
    told = []
    for who, password in ((email, "wrong"), ("nobody@example.com", "correct horse")):
        browser.open("/auth/ui/sign-in")
        browser.send("sign-in", identifier=who, password=password)
        told.append((browser.answer.status_code, problem(browser), len(browser.answer.text) - 2 * len(who)))
    assert told[0][:2] == told[1][:2] == (400, "The address or the password is wrong.")
    browser.send("sign-in", identifier=email, password="correct horse")
    assert IN + email in browser.follow().text


def test_who_has_an_account_and_who_has_none_see_the_same(house: People) -> None:
    known = house.fresh_email()
    pages: dict[str, set[tuple[int, str]]] = {}
    first = Browser(house)
    first.open("/auth/ui/sign-up")
    first.send("sign-up", identifier=known, password="correct horse")
    first.send("code", code=first.mailed_code(known))
    asks: list[tuple[str, dict[str, Any]]] = [
        ("sign-up", {"password": "other horse"}), ("forgot", {}), ("sign-in", {"do": "code"}),
    ]  # fmt: skip
    for page, typed in asks:
        for who in (known, house.fresh_email()):
            browser = Browser(house)
            browser.open(f"/auth/ui/{page}")
            answer = browser.send(page, identifier=who, **typed)
            plain = re.sub(r'name="_csrf" value="[^"]+"', "", answer.text).replace(who, "@")
            pages.setdefault(page, set()).add((answer.status_code, plain))
    assert {page: len(found) for page, found in pages.items()} == dict.fromkeys(pages, 1)


def test_by_the_link_of_a_mail(house: People, browser: Browser) -> None:
    email = member(house, browser)
    fresh, other = Browser(house), Browser(house)
    fresh.open("/auth/ui/sign-in?redirect_to=/who?from=mail")
    fresh.send("sign-in", identifier=email, do="code")
    link = urlsplit(fresh.mailed_link(email))
    # In another browser nobody is signed in by it, and it is not used up by being opened.
    for each in (other, fresh):
        each.open(f"{link.path}?{link.query}")
    fresh.send("/auth/v1/verify")
    assert fresh.answer.headers["location"].startswith(f"{HERE}/auth/ui/callback?redirect_to=")
    stolen = fresh.answer.headers["location"].removeprefix(HERE)
    fresh.follow()
    assert str(fresh.answer.url).endswith("/who?from=mail")
    assert IN + email in fresh.answer.text
    assert other.open(stolen).status_code == 400
    assert "another browser" in other.answer.text
    assert not any("access" in name for name in other.cookies)
    # What an address says of itself is not repeated.
    other.open("/auth/ui/callback?error_code=evil&error_description=call+555&error=x")
    assert "555" not in other.answer.text


def test_back_in_and_a_new_password(house: People, browser: Browser) -> None:
    email = member(house, browser)
    elsewhere = Browser(house)
    elsewhere.sign_in(email)
    back = Browser(house)
    back.open("/auth/ui/forgot")
    back.send("forgot", identifier=email)
    back.send("code", code=back.mailed_code(email))
    assert urlsplit(back.answer.headers["location"]).path == "/auth/ui/password"
    back.follow()
    assert "current_password" not in back.answer.text
    assert back.send("password", password="correct horse").status_code == 422
    assert "the password that you have" in problem(back)
    assert back.send("password", password="another horse").status_code == 303
    assert "You were signed out everywhere else" in back.follow().text or IN + email in back.answer.text
    assert "role=anon" in elsewhere.open("/who").text
    house.clock.advance(1000)
    # Later, the old one is asked for.
    assert "current_password" in back.open("/auth/ui/password").text
    assert back.send("password", current_password="wrong", password="third horse!").status_code == 400
    assert back.send("password", current_password="another horse", password="third horse!").status_code == 303


def test_a_confirmation_that_is_still_due(house: People, browser: Browser) -> None:
    email = house.fresh_email()
    browser.open("/auth/ui/sign-up")
    browser.send("sign-up", identifier=email, password="correct horse")
    later = Browser(house)
    later.open("/auth/ui/sign-in")
    later.send("sign-in", identifier=email, password="correct horse")
    assert "Confirm your address" in problem(later)
    later.send("code")
    later.send("code", code=later.mailed_code(email))
    assert IN + email in later.follow().text


# --- two proofs ---


def with_totp(house: People, browser: Browser) -> tuple[str, pyotp.TOTP, list[str]]:
    """Somebody with an app for codes, and their recovery codes."""
    email = member(house, browser)
    browser.open("/auth/ui/account")
    browser.send("account/totp")
    assert 'src="data:image/svg+xml;base64,' in browser.answer.text
    found = re.search(r'name="secret" value="(\w+)"', browser.answer.text)
    assert found is not None
    app = pyotp.TOTP(found[1])
    assert browser.send("account/totp", code="000000").status_code == 422
    assert 'src="data:image/svg+xml;base64,' in browser.answer.text, "the picture is there for another try"
    browser.send("account/totp", code=app.at(house.clock.now()))
    codes = re.findall(r"<li>([\w-]{19})</li>", browser.answer.text)
    assert len(codes) == 10
    house.clock.advance(30)
    return email, app, codes


def test_the_second_proof_comes_before_anything_else(house: People, browser: Browser) -> None:
    email, app, codes = with_totp(house, browser)
    assert '"aal2"' in json.dumps(house.rows(SESSIONS), default=str)
    assert codes[0] not in browser.open("/auth/ui/account").text, "they are shown once"
    back = Browser(house)
    back.sign_in(email, to="/who?two=1")
    assert "<title>One more step" in back.answer.text
    assert not any(name.endswith(("access-token", "refresh-token")) for name in back.cookies)
    assert "role=anon" in back.open("/who").text, "the app's pages know nobody yet"
    for page in ("account", "password", "account/totp", "consent"):
        assert urlsplit(back.open(f"/auth/ui/{page}").headers["location"]).path == "/auth/ui/mfa"
    back.sign_in(email, to="/who?two=1")
    assert back.send("mfa", code="000000").status_code == 422
    back.send("mfa", code=app.at(house.clock.now()))
    assert back.answer.headers["location"] == "/who?two=1"
    assert IN + email in back.follow().text
    assert "__Host-undercroft-first-proof" not in back.cookies
    # A recovery code, which is good once.
    for status in (303, 422):
        third = Browser(house)
        third.sign_in(email)
        form = next(each for each in third.forms if "recovery" in each["fields"])
        assert form["buttons"] == [("do", "recovery")]
        third.answer = third.house.run(
            third.asking(
                "POST", form["action"], body=f"_csrf={form['fields']['_csrf']}&do=recovery&recovery={codes[3]}"
            )
        )
        assert third.answer.status_code == status
    # A way back in by mail does not stand for it.
    lost = Browser(house)
    lost.open("/auth/ui/forgot")
    lost.send("forgot", identifier=email)
    lost.send("code", code=lost.mailed_code(email))
    assert urlsplit(lost.answer.headers["location"]).path == "/auth/ui/mfa"
    house.clock.advance(30)
    lost.follow()
    lost.send("mfa", code=app.at(house.clock.now()))
    assert lost.answer.headers["location"].startswith("/auth/ui/password")


def test_a_phone_and_a_key_as_second_proofs(house: People, browser: Browser) -> None:
    email = member(house, browser)
    browser.open("/auth/ui/account")
    browser.send("account/phone", phone="+15550001")
    browser.send("account/phone", code="000000")
    assert "wrong" in problem(browser)
    house.clock.advance(10)
    browser.send("account/phone", code="424242")
    assert "Your recovery codes" in browser.answer.text
    key = Authenticator("https://api.example.com", "app.example.com")
    browser.open("/auth/ui/account")
    browser.send("account/key")
    options = asked(browser)
    key = Authenticator()
    browser.send("account/key", credential=json.dumps(key.create(options)))
    assert browser.answer.headers["location"] == "/auth/ui/account?done=factor"
    house.clock.advance(10)
    back = Browser(house)
    back.sign_in(email)
    factors = {each["factor_type"]: each["id"] for each in house.rows(FACTORS) if each["status"] == "verified"}
    back.open(f"/auth/ui/mfa?factor={factors['phone']}")
    back.send("mfa", do="send")
    back.send("mfa", code="424242")
    assert IN + email in back.follow().text
    third = Browser(house)
    third.sign_in(email)
    third.open(f"/auth/ui/mfa?factor={factors['webauthn']}")
    third.send("mfa")
    third.send("mfa", credential=json.dumps(key.get(asked(third))))
    assert IN + email in third.follow().text


def asked(browser: Browser) -> Any:
    """What a page would have the browser ask a key."""
    found = re.search(r'data-options="([^"]+)"', browser.answer.text)
    assert found is not None, browser.answer.text
    return json.loads(unescape(found[1]))


def test_a_passkey(house: People, browser: Browser) -> None:
    email = member(house, browser)
    browser.open("/auth/ui/account")
    browser.send("account/passkey")
    key = Authenticator()
    browser.send("account/passkey", credential=json.dumps(key.create(asked(browser))))
    assert "Your passkey is there" in browser.follow().text
    back = Browser(house)
    back.open("/auth/ui/sign-in?redirect_to=/who?key=1")
    back.send("passkey")
    made = json.dumps(key.get(asked(back)))
    back.send("passkey", credential=made)
    assert back.answer.headers["location"] == "/who?key=1"
    assert IN + email in back.follow().text
    again = Browser(house)
    again.open("/auth/ui/sign-in")
    again.send("passkey")
    for wrong in (made, "[]", "{", '{"id": 1}'):
        assert again.send("passkey", credential=wrong).status_code in (400, 404)
        assert problem(again)
        again.open("/auth/ui/sign-in")
        again.send("passkey")
    assert "Take away: Passkey" in browser.open("/auth/ui/account").text
    browser.send("account/passkey-gone")
    assert "That passkey is gone" in browser.follow().text


# --- one's own account ---


def test_devices_are_seen_and_signed_out(house: People, browser: Browser) -> None:
    email = member(house, browser)
    other, third = Browser(house), Browser(house)
    for each in (other, third):
        each.sign_in(email)
    browser.open("/auth/ui/account")
    assert browser.answer.text.count(">Sign out</button>") == 2
    browser.send("account/session")
    assert "That device is signed out" in browser.follow().text
    assert sorted("role=anon" in each.open("/who").text for each in (other, third)) == [False, True]
    browser.send("account/session", do="others")
    assert all("role=anon" in each.open("/who").text for each in (other, third))
    assert IN + email in browser.open("/who").text
    # Of somebody else's there is nothing to be ended.
    stranger = Browser(house)
    member(house, stranger)
    stranger.open("/auth/ui/account")
    before = house.rows(SESSIONS)
    token = stranger.forms[-1]["fields"]["_csrf"]
    for session in before:
        stranger.ask("POST", "/auth/ui/account/session", body=f"_csrf={token}&id={session['id']}")
        if stranger.answer.status_code == 303:  # their own
            break
    assert len(house.rows(SESSIONS)) >= len(before) - 1


def test_another_address(house: People, browser: Browser) -> None:
    email, new = member(house, browser), house.fresh_email()
    browser.open("/auth/ui/account")
    assert browser.send("account/email", email=new, current_password="wrong").status_code == 400
    assert not house.mails(new)
    browser.send("account/email", email=new, current_password="correct horse")
    assert "Look at your mail" in browser.follow().text
    for each in (email, new):
        link = urlsplit(browser.mailed_link(each))
        browser.open(f"{link.path}?{link.query}")
        browser.send("/auth/v1/verify")
        browser.follow()
    assert "Your address is changed" in browser.answer.text
    assert f'<span class="hint">{new}</span>' in browser.answer.text


# --- being a provider ---


def test_an_app_is_let_in(house: People, browser: Browser) -> None:
    email = member(house, browser)
    back = "https://reader.example.net/callback"
    body = {"client_name": "<b>Reader</b>", "redirect_uris": [back]}
    client = house.ask("POST", "/admin/oauth/clients", body, token=house.service).json()
    query = (
        f"response_type=code&client_id={client['client_id']}&redirect_uri={back}&scope=openid+email&state=s"
        f"&code_challenge={'a' * 43}&code_challenge_method=S256&prompt=consent"
    )
    for action, found in (("deny", "error=access_denied"), ("approve", "code=")):
        other = Browser(house)
        other.open(f"/auth/v1/oauth/authorize?{query}")
        other.follow()
        assert "<title>Sign in" in other.answer.text
        other.send("sign-in", identifier=email, password="correct horse")
        other.follow()
        assert "&lt;b&gt;Reader&lt;/b&gt;" in other.answer.text
        assert "reader.example.net" in other.answer.text
        assert "form-action 'self' https:;" in other.answer.headers["content-security-policy"]
        shown = other.answer
        other.send("consent", do=action)
        assert other.answer.headers["location"].startswith(f"{back}?")
        assert found in other.answer.headers["location"]
        other.answer = shown
        assert other.send("consent", do=action).status_code == 404, "one answer is taken"
    # An app that wants a new sign-in has one, and people come back to what it asks.
    other = Browser(house)
    other.sign_in(email)
    house.clock.advance(60)
    other.open(f"/auth/v1/oauth/authorize?{query.replace('prompt=consent', 'prompt=login+consent')}")
    other.follow()
    assert "<title>Sign in again" in other.answer.text
    other.send("sign-out")
    other.follow()
    other.send("sign-in", identifier=email, password="correct horse")
    other.follow()
    assert "&lt;b&gt;Reader&lt;/b&gt;" in other.answer.text
    assert "Shut out" in browser.open("/auth/ui/account").text
    browser.send("account/app")
    assert "let in no more" in browser.follow().text


# --- what every page has ---


def test_every_page_is_strict_and_named(house: People, browser: Browser) -> None:
    paths = ("sign-in", "sign-up", "forgot", "code", "sign-out", "callback", "none")
    seen = [browser.open(f"/auth/ui/{path}") for path in paths]
    member(house, browser)
    seen += [browser.open(f"/auth/ui/{path}") for path in ("account", "password", "sign-out")]
    browser.open("/auth/ui/account")
    seen.append(browser.send("account/totp"))
    for answer in seen:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] == "DENY"
        page = answer.text
        assert unlabelled(page) == []
        assert not re.search(r"<[^>]+\s(style|on\w+)=", page)
        assert not re.search(r"<style|<script(?![^>]*\ssrc=)", page)
        assert '<html lang="en">' in page
        assert page.count("<h1>") == page.count("<main") == 1
        for form in re.findall(r"<form[^>]*>.*?</form>", page, re.DOTALL):
            assert 'name="_csrf"' in form
    style = browser.open(re.search(r'href="(/auth/ui/style[^"]+)"', seen[0].text)[1])  # type: ignore[index]
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert "--accent:#1f5c4d" in style.text
    etag = style.headers["etag"]
    assert browser.open("/auth/ui/style.css", headers={"if-none-match": etag}).status_code == 304
    assert browser.ask("PUT", "/auth/ui/sign-in").status_code == 405
    assert browser.ask("HEAD", "/auth/ui/sign-out").status_code == 200


def test_what_is_sent_may_be_anything(house: People, browser: Browser) -> None:
    """Bad input is refused in words, and never a fault of ours."""
    member(house, browser)
    odd = ["", "\x00", "é" * 3000, "'\"><script>", "-1", "[]", "{}", "\ud800".encode("utf-8", "surrogatepass").hex()]
    paths = [
        "sign-in", "sign-up", "forgot", "code", "passkey", "mfa", "password", "consent", "account/email",
        "account/totp", "account/key", "account/phone", "account/passkey", "account/passkey-gone",
        "account/session", "account/place", "account/app", "account/factor-gone",
    ]  # fmt: skip
    queries = ["&".join(["a=b"] * 50), "redirect_to=%ff%00", "a=%", "redirect_to=" + "/" * 9000, "authorization_id=%00"]
    for query in queries:
        for path in (*paths, "callback", "provider", "nothing", "style.css", "%ff", "..%2f"):
            assert browser.open(f"/auth/ui/{path}?{query}").status_code < 500, (path, query)
    for path in paths:
        for text in odd:
            browser.open("/auth/ui/sign-out")
            token = browser.forms[0]["fields"]["_csrf"]
            names = ("identifier", "password", "code", "kind", "do", "id", "name", "email", "phone", "factor", "uri",
                     "challenge_id", "credential", "authorization_id", "redirect_to", "secret", "type")  # fmt: skip
            body = urlencode({"_csrf": token, **dict.fromkeys(names, text)})
            answer = browser.house.run(browser.asking("POST", f"/auth/ui/{path}", body=body))
            assert answer.status_code < 500, (path, text, answer.text)
            assert "<script>" not in answer.text


def test_by_default_there_are_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    with paged(tmp_path_factory.mktemp("none"), None, ui_enabled="false") as none:
        browser = Browser(none)
        for path in ("", "/sign-in", "/style.css"):
            assert browser.open(f"/auth/ui{path}").status_code == 404
        # And no cookie is renewed, which nobody could have been given.
        told = none.signed_up()
        browser.cookies = {"__Host-undercroft-refresh-token": told["refresh_token"]}
        assert "role=anon" in browser.open("/who").text
        assert browser.set == ["__Host-undercroft-visitor=" + browser.set[0].partition("=")[2]]


def test_limits_hold_on_pages_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    with paged(tmp_path_factory.mktemp("few"), None, rate_limit_sign_in_sign_ups=3, **SETTINGS) as few:
        browser = Browser(few)
        for status in (400, 400, 400, 429):
            browser.open("/auth/ui/sign-in")
            browser.send("sign-in", identifier="ada@example.com", password="guess")
            assert browser.answer.status_code == status
        assert "Too many tries" in problem(browser)
        assert int(browser.answer.headers["retry-after"]) > 0
