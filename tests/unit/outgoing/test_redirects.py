"""What a redirect asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from undercroft.outgoing.errors import Final, Refused
from undercroft.outgoing.parts.redirects import Sent, followed
from undercroft.outgoing.parts.urls import read_url

HEADERS = (
    ("authorization", "Bearer x"),
    ("cookie", "a=b"),
    ("x-api-key", "k"),
    ("content-type", "text/plain"),
    ("x-a", "1"),
)


def sent(method: str = "POST", url: str = "https://a.test/x/y") -> Sent:
    return Sent(method, read_url(url), HEADERS, b"body")


@pytest.mark.parametrize(
    ("status", "method", "expected"),
    [
        (301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (303, "PUT", "GET"), (303, "HEAD", "HEAD"),
        (307, "POST", "POST"), (308, "POST", "POST"), (301, "PUT", "PUT"), (302, "DELETE", "DELETE"),
        (301, "GET", "GET"),
    ],
)  # fmt: skip
def test_methods_and_bodies(status: int, method: str, expected: str) -> None:
    after = followed(sent(method), status, "/z")
    assert after.method == expected
    assert after.target.url == "https://a.test/z"
    dropped = method != expected or (status == 303 and method != "HEAD")
    assert (after.body is None) == dropped
    assert ("content-type" in dict(after.headers)) == (not dropped)
    assert dict(after.headers)["authorization"] == "Bearer x"


@pytest.mark.parametrize("location", ["https://b.test/", "//b.test/", "https://a.test:8443/", "https://sub.a.test/"])
def test_credentials_stay_with_their_origin(location: str) -> None:
    after = followed(replace(sent(), resend=True), 307, location)
    assert (dict(after.headers), after.body) == ({"content-type": "text/plain"}, b"body")
    assert dict(followed(sent(), 303, location).headers) == {}


@pytest.mark.parametrize("name", ["x-auth-token", "private-token", "x-goog-api-key", "x-vault-token", "x-whatever"])
def test_no_header_goes_along_of_which_nobody_knows_what_it_holds(name: str) -> None:
    given = Sent("GET", read_url("https://a.test/"), (("accept", "text/csv"), ("traceparent", "t"), (name, "secret")))
    assert dict(followed(given, 302, "https://b.test/").headers) == {"accept": "text/csv", "traceparent": "t"}
    assert dict(followed(given, 302, "/x").headers)[name] == "secret"


@pytest.mark.parametrize("status", [307, 308])
def test_a_body_stays_with_its_origin(status: int) -> None:
    with pytest.raises(Final, match="another origin"):
        followed(sent(), status, "https://b.test/")
    with pytest.raises(Final, match="another origin"):
        followed(sent("PUT"), 302, "https://b.test/")
    assert followed(sent(), status, "https://a.test/z").body == b"body"
    assert followed(Sent("POST", read_url("https://a.test/"), (), b""), status, "https://b.test/").body == b""


@pytest.mark.parametrize(
    "location", ["http://a.test/", "ftp://a.test/", "https://u:p@a.test/", "https://127.1/", "\\\\b"]
)
def test_where_nobody_follows(location: str) -> None:
    with pytest.raises(Refused):
        followed(sent(), 302, location)


def test_from_http_to_https_is_fine() -> None:
    assert followed(sent(url="http://a.test/"), 301, "https://a.test/").target.origin == "https://a.test"
