"""Random requests to functions, pages and files: refused by a code of ours or answered, and never a fault of the
program (SECURITY-PLAN C3, C6, G1, G5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.api.scenario import ANON, Persona, Place, Request
from tests.api.site.app import app as site_app
from tests.api.test_functions import app as function_app
from undercroft import App

ADA = Persona("u", "authenticated", "0a000000-0000-4000-8000-000000000001")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    both = App(models=site_app.models)
    both.policies, both.pages, both.files = site_app.policies, site_app.pages, site_app.files
    both.endpoints = [each for each in function_app.endpoints if each.name in NAMES]
    with Place(both, tmp_path_factory.mktemp("fuzz")) as running:
        yield running


NAMES = ("hello", "hello-world", "raw", "words", "picture", "point", "form", "asked", "everything", "members", "counting",
         "events", "open_to_all", "upload")  # fmt: skip
PATHS = [
    *(f"/functions/v1/{name}" for name in NAMES), "/functions/v1", "/functions/v1/", "/", "/notes/new", "/notes/", "/plain",
    "/files", "/members", "/assets/", "/assets/css/site.css", "/app/", "/assets/css/site.0123456789abcdef.css",
]  # fmt: skip
ODD = st.sampled_from([b"", b"/", b"..", b"%2e%2e/", b"%00", b"%ff", b"\xff", b"\\", b"%5c", b"?", b"#", b";", b"a" * 300, b"%",
                       b"%zz", b"7", b"{{7*7}}", b"\r\n", b"\x1b[31m", b"=", b"&", b"n=", b"day=2026-02-03", b"tag=", b"more="])  # fmt: skip
PIECES = st.lists(st.one_of(ODD, st.binary(max_size=8)), max_size=5).map(b"".join)
TAILS = st.one_of(st.just(b""), st.just(b""), st.just(b""), PIECES)
QUERIES = st.one_of(st.just(b""), PIECES.map(lambda query: b"?" + query))
TARGETS = st.builds(lambda path, tail, query: path.encode() + tail + query, st.sampled_from(PATHS), TAILS, QUERIES)
VALUES = st.one_of(
    st.sampled_from([
        b"application/json", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b"text/plain", b"*/*",
        b"multipart/form-data; boundary=\xff", b"application/json; charset=utf-16", b"a=b; c=d", b'undercroft-visitor="', b"bytes=0-",
        b"bytes=9-1,-1,,", b'W/"a"', b"*", b"br;q=0, gzip", b"null", b"same-origin", b"http://localhost", b"key", b"Basic x",
    ]),
    st.binary(max_size=40),
)  # fmt: skip
HEADERS = st.lists(
    st.tuples(
        st.sampled_from([
            "content-type", "cookie", "accept", "accept-encoding", "range", "if-range", "if-none-match", "origin", "sec-fetch-site",
            "x-csrf-token", "idempotency-key", "x-region", "authorization", "apikey", "x-request-id", "content-encoding",
        ]),
        VALUES,
    ),
    max_size=6, unique_by=lambda pair: pair[0],
)  # fmt: skip
BODIES = st.one_of(
    st.binary(max_size=100),
    st.sampled_from([
        b'{"name": "x"}', b'{"name": null}', b"[" * 5000, b'{"x": 1e999, "y": NaN}', b'{"name": "\\ud800"}', b"_csrf=x&text=y",
        b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n', b"--x\r\n\r\n--x--", b"a=%ff", b"9" * 5000,
        b'{"name": "\\u0000"}', b'{"times": ' + b"9" * 400 + b', "name": "x"}',
    ]),
)  # fmt: skip
REQUESTS = st.builds(
    lambda method, target, headers, body: Request(method, target, headers, body),
    st.sampled_from(["GET", "POST", "POST", "POST", "PUT", "HEAD", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"]),
    TARGETS,
    HEADERS,
    BODIES,
)

UNREADABLE = Request("POST", b"/functions/v1/hello", [("content-type", "text/plain")], b"{}")
"""Drawn alone, bodies of a kind that a function does not read seldom reach one that is there."""


def test_no_request_is_a_fault_of_the_program(place: Place, rounds: Callable[[int, int], int]) -> None:
    seen: set[int] = set()

    @settings(max_examples=rounds(500, 5_000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(request=REQUESTS, signed_in=st.booleans())
    @example(request=UNREADABLE, signed_in=False)
    def ask(request: Request, signed_in: bool) -> None:
        if signed_in:
            request = request._replace(headers=[pair for pair in request.headers if pair[0] != "authorization"])
        reply = place.ask(request, ADA if signed_in else ANON)
        assert reply.status < 500, (request, reply)
        assert all(not {13, 10, 0} & {*name, *value} for name, value in reply.headers)
        assert place.sql("select text from site_notes") == [], "no form is genuine"
        seen.add(reply.status)

    ask()
    assert {200, 400, 401, 403, 404, 405, 415} <= seen, "they did not reach far"
