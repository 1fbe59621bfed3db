"""Cookies of people who sign in on pages (SECURITY-PLAN D24): what they are, where they count, and who can set them.

Fixation, forged and foreign forms, signing somebody in as somebody else, and many tabs that renew at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.api.auth.browser import Browser
from tests.api.auth.paged import paged
from tests.api.auth.people import People
from undercroft.auth.tables import SESSIONS

ACCESS, REFRESH = "__Host-undercroft-access-token", "__Host-undercroft-refresh-token"
VISITOR = "__Host-undercroft-visitor"
HOUR = 3600.0


@pytest.fixture(scope="module")
def house(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with paged(tmp_path_factory.mktemp("paged"), server) as made:
        yield made


@pytest.fixture
def ada(house: People) -> Browser:
    """Somebody who is signed in, in a browser."""
    browser = Browser(house)
    email = house.fresh_email()
    house.signed_up(email)
    assert browser.sign_in(email, to="/who").status_code == 200
    assert f"role=authenticated email={email}" in browser.answer.text
    return browser


def sessions_of(house: People, browser: Browser) -> int:
    actor = house.ask("GET", "/user", token=browser.cookies[ACCESS]).json()
    return len(house.rows(SESSIONS, user_id=actor["id"]))


def test_d24_cookies_are_out_of_reach(house: People) -> None:
    browser, email = Browser(house), house.fresh_email()
    house.signed_up(email)
    browser.open("/auth/ui/sign-in")
    browser.send("sign-in", identifier=email, password="correct horse")
    assert {each.partition("=")[0] for each in browser.set} >= {ACCESS, REFRESH, VISITOR}
    for each in browser.set:
        name, *traits = each.split("; ")
        assert name.startswith("__Host-")
        assert {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"} <= set(traits)
        assert not any(trait.lower().startswith("domain") for trait in traits)


def test_over_http_they_have_plain_names(tmp_path: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    plain = {"UNDERCROFT_API_EXTERNAL_URL": "http://localhost:8000", "external_url": "http://localhost:8000/auth/v1"}
    with paged(tmp_path_factory.mktemp("plain"), None, **plain) as house:
        browser, email = Browser(house, "http://localhost:8000"), house.fresh_email()
        house.signed_up(email)
        browser.sign_in(email, to="/who")
        assert f"email={email}" in browser.answer.text
        assert set(browser.cookies) == {name.removeprefix("__Host-") for name in (ACCESS, REFRESH, VISITOR)}


def test_d24_they_count_for_pages_alone(house: People, ada: Browser) -> None:
    assert ada.open("/functions/v1/whoami").text == "anon"
    assert ada.open("/auth/v1/user").status_code == 401
    assert ada.open("/auth/v1/sessions").status_code == 401
    plain = dict(ada.cookies)
    ada.cookies = {name.removeprefix("__Host-"): value for name, value in plain.items()}
    assert "role=anon" in ada.open("/who").text, "over https, a name that a neighbouring host could set is no name"


def test_d24_signing_in_makes_every_cookie_anew(house: People) -> None:
    mallory, victim = Browser(house), Browser(house)
    email, own = house.fresh_email(), house.fresh_email()
    house.signed_up(email)
    house.signed_up(own)
    mallory.sign_in(own)
    planted = dict(mallory.cookies)
    victim.cookies = {VISITOR: planted[VISITOR]}
    victim.sign_in(email, to="/who")
    assert f"email={email}" in victim.answer.text
    assert not {victim.cookies[name] for name in (ACCESS, REFRESH, VISITOR)} & set(planted.values())
    # Also over cookies of somebody else's, which somebody planted whole.
    victim.cookies = dict(planted)
    victim.open("/auth/ui/sign-out")
    victim.send("sign-out")
    victim.sign_in(email, to="/who")
    assert f"email={email}" in victim.answer.text
    assert not set(victim.cookies.values()) & set(planted.values())


FOREIGN = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://api.example.com"},
    {"origin": "https://app.example.com"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_d24_a_form_of_another_origin_signs_nobody_in_or_out(
    house: People, ada: Browser, headers: dict[str, str]
) -> None:
    ada.open("/auth/ui/sign-out")
    assert ada.send("sign-out", headers=headers).status_code == 403
    assert sessions_of(house, ada) == 2, "one of signing up, one of the page"
    other, email = Browser(house), house.fresh_email()
    house.signed_up(email)
    other.open("/auth/ui/sign-in")
    assert other.send("sign-in", headers=headers, identifier=email, password="correct horse").status_code == 403
    assert ACCESS not in other.cookies


def test_d24_nobody_is_signed_in_as_somebody_else(house: People) -> None:
    """Login CSRF: a form that somebody else was shown, with or without their cookies, is none of this visitor's."""
    email = house.fresh_email()
    house.signed_up(email)
    mallory, victim = Browser(house), Browser(house)
    shown = mallory.open("/auth/ui/sign-in")
    for visitor in ("", "w" * 32):
        victim.cookies = {VISITOR: visitor} if visitor else {}
        victim.answer = shown
        assert victim.send("sign-in", identifier=email, password="correct horse").status_code == 403
        assert ACCESS not in victim.cookies
    # A form from before signing in is not good after it.
    mallory.send("sign-in", identifier=email, password="correct horse")
    kept = dict(mallory.cookies)
    mallory.answer = shown
    assert mallory.send("sign-in", identifier=email, password="correct horse").status_code == 403
    assert mallory.cookies == kept


def test_d24_opening_a_page_signs_nobody_out(house: People, ada: Browser) -> None:
    for site in ("cross-site", "same-origin", "none"):
        assert ada.open("/auth/ui/sign-out", headers={"sec-fetch-site": site}).status_code == 200
    assert "role=authenticated" in ada.open("/who").text


def test_signing_out_ends_the_session_and_takes_the_cookies(house: People, ada: Browser) -> None:
    held = dict(ada.cookies)
    ada.open("/who")
    ada.send("/auth/ui/sign-out")
    assert ada.answer.status_code == 303
    assert ada.answer.headers["location"] == "/who"
    assert set(ada.cookies) == {VISITOR}
    assert ada.cookies[VISITOR] != held[VISITOR]
    ada.cookies = dict(held)
    assert "role=anon" in ada.open("/who").text
    assert set(ada.cookies) == {VISITOR}, "what is good for nothing is taken"
    assert house.ask("GET", "/user", token=held[ACCESS]).status_code == 403


# --- renewing ---


def test_somebody_stays_signed_in(house: People, ada: Browser) -> None:
    before = dict(ada.cookies)
    house.clock.advance(HOUR + 60)
    # A link on another site leads here: the browser sends its cookies along, and the page is shown to who it is.
    ada.open("/who", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})
    assert "role=authenticated" in ada.answer.text
    assert "no-store" in ada.answer.headers["cache-control"]
    assert ada.cookies[ACCESS] != before[ACCESS]
    assert ada.cookies[REFRESH] != before[REFRESH]
    # A form that was shown before is still theirs, and the page of a fault keeps what was renewed.
    house.clock.advance(HOUR + 60)
    assert ada.send("/who").status_code == 200
    assert "role=authenticated" in ada.answer.text
    house.clock.advance(HOUR + 60)
    held = dict(ada.cookies)
    assert ada.open("/broken").status_code == 500
    assert ada.cookies[REFRESH] != held[REFRESH]
    del ada.cookies[ACCESS]  # browsers drop it when it is over
    assert "role=authenticated" in ada.open("/members").text
    # And on our own pages.
    house.clock.advance(HOUR + 60)
    assert "You are signed in as" in ada.open("/auth/ui/sign-out").text
    assert len({each.partition("=")[0] for each in ada.set}) == 2


def test_many_tabs_renew_at_once(house: People, ada: Browser) -> None:
    house.clock.advance(HOUR + 60)
    before = dict(ada.cookies)

    async def tabs() -> list[object]:
        return list(await asyncio.gather(*(ada.asking("GET", "/who") for _ in range(40))))

    answers = house.run(tabs())
    assert all("role=authenticated" in answer.text for answer in answers)
    renewed = set()
    for answer in answers:
        ada.cookies = dict(before)
        ada.kept(answer)
        renewed.add(ada.cookies[REFRESH])
    assert len(renewed) == 1, "the same parent has the same child"
    house.clock.advance(HOUR + 60)
    assert "role=authenticated" in ada.open("/who").text, "nobody was logged out"


def test_a_refresh_token_of_long_ago_ends_the_session(house: People, ada: Browser) -> None:
    stolen = dict(ada.cookies)
    for _ in range(3):
        house.clock.advance(HOUR + 60)
        ada.open("/who")
    thief = Browser(house)
    thief.cookies = stolen
    assert "role=anon" in thief.open("/who").text
    assert set(thief.cookies) == {VISITOR}
    assert "role=anon" in ada.open("/who").text


def test_a_session_that_cannot_be_renewed_now_is_kept(tmp_path_factory: pytest.TempPathFactory) -> None:
    with paged(tmp_path_factory.mktemp("few"), None, rate_limit_token_refresh=1) as house:
        browser, email = Browser(house), house.fresh_email()
        house.signed_up(email)
        browser.sign_in(email)
        for status in (200, 503):
            browser.cookies.pop(ACCESS)
            held = dict(browser.cookies)
            assert browser.open("/who").status_code == status
        assert browser.cookies == held
        assert int(browser.answer.headers["retry-after"]) > 0


def test_a_page_for_members_is_there_for_nobody_else(house: People) -> None:
    browser = Browser(house)
    assert browser.open("/members").status_code == 404
    browser.cookies = {ACCESS: "none", REFRESH: "none"}
    assert browser.open("/members").status_code == 404
    assert not set(browser.cookies) & {ACCESS, REFRESH}
    browser.cookies = {ACCESS: house.service}
    assert "You are signed out" in browser.open("/auth/ui/sign-out").text, "a key is nobody who has an account"


# --- where they are sent ---


@pytest.mark.parametrize(
    "asked",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "https:evil.example", "javascript:alert(1)",
     "/%0d%0aset-cookie:a=b", "/a/../..//evil", "http://app.example.com.evil.example/", "/\tevil"],
)  # fmt: skip
def test_nobody_is_sent_elsewhere(house: People, asked: str) -> None:
    email = house.fresh_email()
    house.signed_up(email)
    browser = Browser(house)
    browser.sign_in(email, password="wrong", to=asked)
    assert "evil" not in browser.answer.text
    browser.send("sign-in", identifier=email, password="correct horse", redirect_to=asked)
    to = browser.answer.headers["location"]
    assert to == "/auth/ui/account" or (asked.startswith("/%0d") and to == asked)
    assert "\n" not in to
    allowed = Browser(house)
    allowed.open("/auth/ui/sign-in?redirect_to=https://app.example.com/done")
    allowed.send("sign-in", identifier=email, password="correct horse")
    assert allowed.answer.headers["location"] == "https://app.example.com/done"
