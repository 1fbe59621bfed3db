"""Forms that did not come from a page of this server (SECURITY-PLAN D24, 75), and pages that callers try to steer."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.api.scenario import Persona, Place, Reply, Request, get
from tests.api.site.app import another
from undercroft.access.actor import ANONYMOUS, Actor
from undercroft.base.clock import ManualClock
from undercroft.web.forgery import ForgedFault, Stamps, check_origin, new_visitor

ADA = Persona("u", "authenticated", "0a000000-0000-4000-8000-000000000001")
EVE = Persona("v", "authenticated", "0a000000-0000-4000-8000-000000000002")
FORM = ("content-type", "application/x-www-form-urlencoded")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(another(), tmp_path_factory.mktemp("forged")) as place:
        yield place


def shown(site: Place) -> tuple[str, str]:
    """The visitor's cookie and the token of a form."""
    reply = site.ask(get("/notes/new"))
    token = re.search(r'name="_csrf" value="([^"]+)"', reply.body.decode())
    assert token is not None
    return str(reply.header("set-cookie")).partition(";")[0], token[1]


def signed_in(site: Place, who: Persona) -> str:
    return f"undercroft-access-token={site.token(who)}"


def sent(site: Place, cookies: str, token: str | None, *headers: tuple[str, str]) -> Reply:
    """A form, and whether anything was written by it."""
    fields = {"text": "forged", **({} if token is None else {"_csrf": token})}
    given = [*headers, FORM, *([("cookie", cookies)] if cookies else [])]
    reply = site.ask(Request("POST", "/notes/new", given, urlencode(fields).encode()))
    wrote = site.sql("delete from site_notes returning text")
    assert bool(wrote) == (reply.status == 303), "a form that is refused writes nothing"
    return reply


GENUINE: list[list[tuple[str, str]]] = [
    [],
    [("sec-fetch-site", "same-origin")],
    [("sec-fetch-site", "same-origin"), ("origin", "http://localhost")],
    [("origin", "https://LOCALHOST")],
    [("sec-fetch-site", "none")],
]
FOREIGN: list[list[tuple[str, str]]] = [
    [("sec-fetch-site", "cross-site")],
    [("sec-fetch-site", "same-site")],
    [("sec-fetch-site", "Same-Origin, cross-site")],
    [("origin", "null")],
    [("origin", "https://evil.example")],
    [("origin", "https://localhost.evil")],
    [("origin", "https://evillocalhost")],
    [("origin", "https://localhost:8443")],
    [("origin", "localhost")],
    [("origin", "")],
    [("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
]


@pytest.mark.parametrize("headers", GENUINE, ids=str)
def test_a_genuine_form_is_taken(site: Place, headers: list[tuple[str, str]]) -> None:
    cookie, token = shown(site)
    assert sent(site, cookie, token, *headers).status == 303


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_form_from_elsewhere_is_refused_even_with_a_good_token(site: Place, headers: list[tuple[str, str]]) -> None:
    cookie, token = shown(site)
    reply = sent(site, cookie, token, *headers)
    assert reply.status == 403
    assert b"UC403" in reply.body


def test_tokens_that_are_not_good(site: Place) -> None:
    cookie, token = shown(site)
    other_cookie, other_token = shown(site)
    raw = bytearray(urlsafe_b64decode(token))
    flipped = []
    for place in range(0, len(raw), 7):
        changed = bytearray(raw)
        changed[place] ^= 1
        flipped.append(urlsafe_b64encode(changed).decode())
    for bad in (
        None,
        "",
        "x",
        "é",
        token[:-4],
        token + "AAAA",
        other_token,
        token.swapcase(),
        "A" * len(token),
        *flipped,
    ):
        assert sent(site, cookie, bad).status == 403, bad
    for cookies in ("", other_cookie, "undercroft-visitor=", "undercroft-visitor=short", f"x{cookie}"):
        assert sent(site, cookies, token).status == 403, cookies
    assert sent(site, cookie, token).status == 303


def test_a_token_belongs_to_whoever_was_signed_in(site: Place) -> None:
    """Neither an attacker's own token in a victim's browser, nor one from before signing in."""
    ada, eve = signed_in(site, ADA), signed_in(site, EVE)
    cookie, anonymous = shown(site)
    hers = shown_again(site, f"{cookie}; {ada}")
    assert sent(site, f"{cookie}; {ada}", hers).status == 303
    assert sent(site, f"{cookie}; {ada}", anonymous).status == 403
    assert sent(site, f"{cookie}; {eve}", hers).status == 403
    assert sent(site, cookie, hers).status == 403


def shown_again(site: Place, cookies: str) -> str:
    """The token of a form that somebody with cookies is shown."""
    reply = site.ask(get("/notes/new", ("cookie", cookies)))
    token = re.search(r'name="_csrf" value="([^"]+)"', reply.body.decode())
    assert token is not None
    return token[1]


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data; boundary=x", ""])
def test_other_media_types_are_no_way_round(site: Place, kind: str) -> None:
    cookie, token = shown(site)
    body = urlencode({"_csrf": token, "text": "forged"}).encode()
    headers = [("cookie", cookie), *([("content-type", kind)] if kind else [])]
    reply = site.ask(Request("POST", "/notes/new", headers, body))
    assert reply.status in (400, 403)
    assert site.sql("select * from site_notes") == []


def test_a_token_in_the_address_counts_for_nothing(site: Place) -> None:
    cookie, token = shown(site)
    reply = site.ask(Request("POST", f"/notes/new?_csrf={token}", [("cookie", cookie), FORM], b"text=forged"))
    assert reply.status == 403


def test_every_token_is_another_one_and_holds_for_a_time() -> None:
    stamps, clock, visitor = Stamps(b"s" * 32, 60), ManualClock(), new_visitor()
    tokens = {stamps.token(visitor, ANONYMOUS, clock.timestamp()) for _ in range(20)}
    assert len(tokens) == 20
    token = tokens.pop()
    stamps.check(token, visitor, ANONYMOUS, clock.timestamp() + 59)
    for moment in (61, 1e9, -100):
        with pytest.raises(ForgedFault):
            stamps.check(token, visitor, ANONYMOUS, clock.timestamp() + moment)
    for other in (Stamps(b"t" * 32, 60), stamps):
        with pytest.raises(ForgedFault):
            other.check(token, visitor if other is not stamps else new_visitor(), ANONYMOUS, clock.timestamp())
    with pytest.raises(ForgedFault):
        stamps.check(token, visitor, Actor("anon", "somebody"), clock.timestamp())


def test_with_an_address_of_its_own_no_host_header_counts() -> None:
    check_origin(None, "https://localhost", "inside:8000", "https://localhost")
    for origin in ("https://inside:8000", "http://localhost", "null", "https://localhost:444"):
        with pytest.raises(ForgedFault):
            check_origin(None, origin, "inside:8000", "https://localhost")


# ---------------------------------------------------------------- steering


@pytest.mark.parametrize(
    "to",
    ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil", "javascript:alert(1)", "http:evil",
     "/a\r\nset-cookie: x=1", "/a\tb", "/%0d%0a\n", "", " /a", "evil.example"],
)  # fmt: skip
def test_no_caller_sends_people_elsewhere(site: Place, to: str) -> None:
    reply = site.ask(get(f"/go?to={quote(to, safe='')}"))
    assert reply.status == 500
    assert reply.header("location") is None
    assert reply.header("set-cookie") is None


def test_a_place_on_this_server_may_be_named(site: Place) -> None:
    assert site.ask(get("/go?to=/notes/7%3Fmore=%25C3%25B6")).header("location") == "/notes/7?more=%C3%B6"


@pytest.mark.parametrize("value", ["a\r\nset-cookie: x=1", "a\nb", "a\0b", "ж"])
def test_no_header_is_forged(site: Place, value: str) -> None:
    reply = site.ask(get(f"/header?value={quote(value, safe='')}"))
    assert reply.status == 500
    assert (reply.header("set-cookie"), reply.header("x-said")) == (None, None)


@pytest.mark.parametrize(
    "text",
    ["{{ 7 * 7 }}", "{% for x in range(9) %}z{% endfor %}", "{{ ''.__class__.__mro__ }}", "${7*7}", "<script>alert(1)</script>",
     "\"'><img src=x onerror=alert(1)>", "{{ csrf_token() }}"],
)  # fmt: skip
def test_what_a_caller_writes_is_text(site: Place, text: str) -> None:
    page = site.ask(get(f"/notes/7?more={quote(text, safe='')}")).body.decode()
    heading = re.search(r"<h1>Note 7 (.*)</h1>", page)
    assert heading is not None
    assert not {"<", ">", '"'} & set(heading[1])
    assert "49" not in heading[1]
    wrong = site.ask(get(f"/notes/{quote(text, safe='')}"))
    assert wrong.status in (400, 404)
    assert text.encode() not in wrong.body or "<" not in text


def test_error_pages_have_the_same_headers(site: Place) -> None:
    for reply in (
        site.ask(get("/nothing")),
        site.ask(get("/broken")),
        site.ask(Request("POST", "/plain", [FORM], b"")),
    ):
        site.logs.clear()
        assert reply.status in (404, 500, 403)
        assert "frame-ancestors 'none'" in str(reply.header("content-security-policy"))
        assert reply.header("x-content-type-options") == "nosniff"
        assert reply.header("cache-control") == "private, no-store"
        assert reply.header("access-control-allow-origin") is None


def test_a_preflight_from_elsewhere_opens_nothing(tmp_path: Any) -> None:
    asked = [("origin", "https://friend.example"), ("access-control-request-method", "POST"),
             ("access-control-request-headers", "x-csrf-token")]  # fmt: skip
    with Place(another(), tmp_path, UNDERCROFT_SERVER_CORS_ALLOWED_ORIGINS="https://friend.example") as place:
        api = place.ask(Request("OPTIONS", "/rest/v1/site_notes", asked))
        assert api.header("access-control-allow-origin") == "https://friend.example"
        for path in ("/notes/new", "/nothing"):
            reply = place.ask(Request("OPTIONS", path, asked))
            assert reply.header("access-control-allow-origin") is None
            assert reply.header("access-control-allow-headers") is None
