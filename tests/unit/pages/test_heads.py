"""Headers of pages, types of files, and the origin that is our own."""

from __future__ import annotations

import pytest

from undercroft.base.faults import Fault
from undercroft.pages.parts.heads import heads, plain_fault, with_nonce
from undercroft.pages.parts.media import encodings_of, media_type
from undercroft.pages.settings import PageSettings
from undercroft.pages.types import Page, Redirect
from undercroft.web.cookies import Cookies
from undercroft.web.headers import header


def test_its_own_headers_come_before_ours() -> None:
    found = heads([("Content-Security-Policy", "default-src *"), ("x-a", "1")], "default-src 'self'", private=True)
    named = dict(found)
    assert len(named) == len(found)
    assert (named[b"content-security-policy"], named[b"x-a"]) == (b"default-src *", b"1")
    assert named[b"cache-control"] == b"private, no-store"
    for name, value in (("a b", "x"), ("a", "x\ny"), ("content-length", "1")):
        with pytest.raises(ValueError, match="header"):
            heads([(name, value)], "", private=False)


@pytest.mark.parametrize(
    ("policy", "with_it"),
    [
        ("default-src 'self'", "default-src 'self'; script-src 'self' 'nonce-n'; style-src 'self' 'nonce-n'"),
        (
            "default-src 'none'; script-src https://cdn",
            "default-src 'none'; script-src https://cdn 'nonce-n'; style-src 'none' 'nonce-n'",
        ),
        ("", "script-src 'self' 'nonce-n'; style-src 'self' 'nonce-n'"),
    ],
)
def test_nonces(policy: str, with_it: str) -> None:
    assert with_nonce(policy, None) == policy
    assert with_nonce(policy, "n") == with_it


def test_cookies() -> None:
    assert Cookies(secure=False).set("a", "b") == (b"set-cookie", b"a=b; Path=/; HttpOnly; SameSite=Lax")
    _, kept = Cookies(secure=True).set("a", "b", 60)
    assert kept == b"__Host-a=b; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
    assert Cookies(secure=True).taken("a")[1].startswith(b"__Host-a=; Path=/; Max-Age=0;")


def test_the_page_of_a_fault_is_text() -> None:
    page = plain_fault(Fault("<script>", code="<b>", hint='"><img>'), 418)
    assert "<script>" not in page
    assert "<img>" not in page
    assert "&lt;script&gt;" in page
    assert "<title>404 Not Found</title>" in plain_fault(Fault("x", code="UC404"), 404)
    assert "<title>599 Error</title>" in plain_fault(Fault("x"), 599)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.HTML", "text/html; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.png", "image/png"),
        ("a.svg", "image/svg+xml; charset=utf-8"),
        ("a.woff2", "font/woff2"),
        ("a.wasm", "application/wasm"),
        ("a.webmanifest", "application/manifest+json; charset=utf-8"),
        ("a.pdf", "application/pdf"),
        ("a", "application/octet-stream"),
        ("a.unknown", "application/octet-stream"),
        ("a.tar.gz", "application/gzip"),
        ("a.css.br", "application/octet-stream"),
        ("a.py", "text/x-python; charset=utf-8"),
    ],
)
def test_types_of_files(name: str, kind: str) -> None:
    assert media_type(name) == kind


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [
        (None, []),
        ("", []),
        ("gzip, deflate, br", ["br", "gzip"]),
        ("GZIP", ["gzip"]),
        ("br;q=0, gzip;q=0.5", ["gzip"]),
        ("br; q=0.000", []),
        ("identity", []),
        ("*", []),
        ("brotli", []),
    ],
)
def test_encodings(accepted: str | None, taken: list[str]) -> None:
    assert [name for name, _ in encodings_of(accepted)] == taken


@pytest.mark.parametrize(
    ("url", "origin", "secure"),
    [
        (None, None, False),
        ("http://a", "http://a", False),
        ("https://A.example/x", "https://a.example", True),
        ("https://a:443", "https://a", True),
        ("https://a:8443/", "https://a:8443", True),
        ("http://[::1]:80", "http://[::1]", False),
        ("http://a:443", "http://a:443", False),
    ],
)
def test_the_origin_of_an_address(url: str | None, origin: str | None, secure: bool) -> None:
    settings = PageSettings(external_url=url)
    assert (settings.origin, settings.secure) == (origin, secure)


def test_redirects_stay_here_unless_they_say_otherwise() -> None:
    assert Redirect("/a?b=c#d").status == 303
    assert Redirect("https://elsewhere.example/x", external=True, status=302).to == "https://elsewhere.example/x"
    for to in ("", "a", "//a", "/\\a", "\\a", "https://a", "/a\nb", "/a b", "/a\x7f", "javascript:x"):
        with pytest.raises(ValueError, match=r"place|address"):
            Redirect(to)
    for to in ("/a", "javascript:x", "ftp://a", "//a"):
        with pytest.raises(ValueError, match="no place"):
            Redirect(to, external=True)
    with pytest.raises(ValueError, match="200"):
        Redirect("/", status=200)


def test_what_a_page_is_told() -> None:
    page = Page("a.html", status=422, headers={"x": "y"}, template="mine", title="T")
    assert (page.template, page.status, page.headers) == ("a.html", 422, [("x", "y")])
    assert page.data == {"template": "mine", "title": "T"}


@pytest.mark.parametrize(
    ("to", "external", "sent"),
    [
        ("/käse/日本?q=ö%20x#ü", False, "/k%C3%A4se/%E6%97%A5%E6%9C%AC?q=%C3%B6%20x#%C3%BC"),
        ("/\u2028/\xa0", False, "/%E2%80%A8/%C2%A0"),
        ("https://bücher.example/ö?a=b", True, "https://xn--bcher-kva.example/%C3%B6?a=b"),
        ("https://x.example:8443/ö", True, "https://x.example:8443/%C3%B6"),
        ("/a%2Fb?x=%zz", False, "/a%2Fb?x=%zz"),
    ],
)
def test_an_address_is_sent_as_browsers_send_it(to: str, external: bool, sent: str) -> None:
    assert header("location", Redirect(to, external=external).to) == (b"location", sent.encode())


@pytest.mark.parametrize(("to", "external"), [("/\ud800", False), ("https://" + "ö" * 300 + "/", True)])
def test_an_address_that_nothing_can_send_is_none(to: str, external: bool) -> None:
    with pytest.raises(ValueError, match="is no address"):
        Redirect(to, external=external)
