"""C3 and C6 for the pages at `/auth/ui`: whatever a query or a form holds, a page answers, and nothing becomes markup."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode, urljoin

import pytest

from tests.api.auth.browser import Browser
from tests.api.auth.people import People, people
from undercroft.auth.routes.hosted import PAGES
from undercroft.web.forgery import FIELD

SETTINGS: dict[str, Any] = {
    "ui_enabled": True, "UNDERCROFT_API_EXTERNAL_URL": "https://api.example.com", "oauth_server_enabled": True,
    "mfa_web_authn_enroll_enabled": True, "mfa_web_authn_verify_enabled": True, "saml_enabled": True,
    "enable_anonymous_sign_ins": True, "hashing_queue": 500,
}  # fmt: skip
CANARY = '"><script>canary()</script>'
ODD = [
    "", "\0", CANARY, "x" * 30_000, "𝕏é\u202e" * 30, "../../etc", "' OR 1=1 --", "\r\nset-cookie: a=b", "{{7*7}}{% for x in y %}",
    "[" * 10_000, '{"id":{"a":[]}}', "-1", "javascript:canary()", "//evil.example", "a\0b@example.com", "%00%ff",
]  # fmt: skip
NAMES = [
    "redirect_to", "identifier", "password", "email", "phone", "token", "type", "do", "code", "id", "name", "credential",
    "challenge_id", "factor_id", "authorization_id", "friendly_name", "error", "error_description", "state", "for",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Of somebody who is in."""
    with people(tmp_path_factory.mktemp("pages"), server, **SETTINGS) as house:
        yield signed_in(house)


def signed_in(house: People) -> Browser:
    made = Browser(house)
    made.sign_in(house.signed_up()["user"]["email"])
    return made


def judged(browser: Browser, shown: object) -> None:
    answer = browser.answer
    assert answer.status_code < 500, (shown, answer.text[:300])
    assert "<script>canary" not in answer.text, shown
    if answer.status_code in (302, 303):
        to = urljoin(browser.here, answer.headers["location"])
        assert to.startswith((browser.here, "https://app.example.com")), (shown, to)
    else:
        assert answer.headers["content-type"].startswith("text/html"), (shown, answer.headers)


@pytest.mark.parametrize("path", [page.path for page in PAGES])
def test_whatever_is_typed_is_answered(browser: Browser, path: str, rounds: Callable[[int, int], int]) -> None:
    chance, at = random.Random(path), f"/auth/ui{path}"
    for turn in range(rounds(1, 60)):
        asked = {name: chance.choice(ODD)[:1500] for name in chance.sample(NAMES, 4)}
        guest = Browser(browser.house)
        for who in (browser, guest):
            who.open(f"{at}?{urlencode(asked)}&%ff=%00")
            judged(who, (path, asked))
            forms = [form for form in who.forms if FIELD in form["fields"] and "sign-out" not in form["action"]]
            for form in forms if turn % 3 == 0 else forms[:1]:
                typed = {name: value if name == FIELD else chance.choice(ODD) for name, value in form["fields"].items()}
                for name, value in form["buttons"]:
                    typed.setdefault(name, chance.choice([value, *ODD]))
                typed |= {name: chance.choice(ODD) for name in chance.sample(NAMES, 2) if name not in typed}
                to = urljoin(str(who.answer.url), form["action"]).removeprefix(who.here)
                who.ask("POST", to, body=urlencode(typed))
                judged(who, (to, {name: value[:80] for name, value in typed.items()}))
                who.open(f"{at}?{urlencode(asked)}")
        if "/auth/ui/sign-in" in browser.ask("GET", "/auth/ui/account").headers.get("location", ""):
            browser.cookies = signed_in(browser.house).cookies
