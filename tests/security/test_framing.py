"""Requests that are framed wrongly, and hosts that are not ours, over a real socket (rows C9 and C10)."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.e2e.processes import Served, app_in, served

SERVERS = ("granian", "uvicorn")
PATH = b"/rest/v1/notes"
BODY = b'{"text":"smuggled"}'
SMUGGLED = (
    b"POST /rest/v1/notes HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 19\r\n\r\n" + BODY
)


def post(*headers: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    lines = [b"POST " + PATH + b" " + version, b"Host: a", b"Content-Type: application/json", *headers, b"", b""]
    return b"\r\n".join(lines) + body


CHUNKED = b"Transfer-Encoding: chunked"
MALFORMED = {
    "length and chunks": post(b"Content-Length: 6", CHUNKED, body=b"0\r\n\r\n" + SMUGGLED),
    "chunks and length": post(CHUNKED, b"Content-Length: 6", body=b"0\r\n\r\n" + SMUGGLED),
    "two lengths": post(b"Content-Length: 0", b"Content-Length: 19", body=BODY + SMUGGLED),
    "a list of lengths": post(b"Content-Length: 0, 19", body=BODY),
    "a length with a plus": post(b"Content-Length: +19", body=BODY),
    "a length below zero": post(b"Content-Length: -1", body=BODY),
    "a length in hex": post(b"Content-Length: 0x13", body=BODY),
    "a length with an underscore": post(b"Content-Length: 1_9", body=BODY),
    "a length with a space in it": post(b"Content-Length: 1 9", body=BODY),
    "a length that is a word": post(b"Content-Length: many", body=BODY),
    "a length beyond all numbers": post(b"Content-Length: 99999999999999999999999", body=BODY),
    "an empty length": post(b"Content-Length:", body=BODY),
    "a space before the colon": post(b"Content-Length : 19", body=BODY),
    "a folded header": post(b"Content-Length: 19\r\n X: y", body=BODY),
    "chunks under another name": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + SMUGGLED),
    "chunks not last": post(b"Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n" + SMUGGLED),
    "a chunk with a plus": post(CHUNKED, body=b"+13\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk below zero": post(CHUNKED, body=b"-1\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk with 0x": post(CHUNKED, body=b"0x13\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk that is a word": post(CHUNKED, body=b"size\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk beyond all numbers": post(CHUNKED, body=b"fffffffffffffffffff\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk longer than it says": post(CHUNKED, body=b"2\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk without a size": post(CHUNKED, body=b"\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "no method": b" " + PATH + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "no path": b"GET HTTP/1.1\r\nHost: a\r\n\r\n",
    "a path with a space": b"GET /rest/v1/notes x HTTP/1.1\r\nHost: a\r\n\r\n",
    "a version of its own": b"GET " + PATH + b" HTTP/9.9\r\nHost: a\r\n\r\n",
    "a NUL in a header": post(b"X-A: b\0c", b"Content-Length: 19", body=BODY),
    "a control character in a name": post(b"X\x01A: b", b"Content-Length: 19", body=BODY),
    "a header without a colon": post(b"X-A b", b"Content-Length: 19", body=BODY),
    "a header without a name": post(b": b", b"Content-Length: 19", body=BODY),
    "a carriage return in a header": post(b"X-A: b\rc", b"Content-Length: 19", body=BODY),
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    words = ("serve", "--port", str(number), "--server", str(request.param))
    with served(*words, cwd=app_in(tmp_path_factory.mktemp("framing")), url=f"http://127.0.0.1:{number}") as process:
        yield process.ready()


@pytest.fixture
def port(server: Served) -> int:
    return int(server.url.rpartition(":")[2])


def said(port: int, sent: bytes) -> bytes:
    """All that a server says to these bytes until it closes, or until it has nothing more to say."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(sent)
        connection.settimeout(1.0)
        parts = []
        try:
            while part := connection.recv(65536):
                parts.append(part)
        except (TimeoutError, ConnectionResetError):
            pass
        return b"".join(parts)


def count(port: int) -> int:
    found = httpx2.get(f"http://127.0.0.1:{port}/rest/v1/notes?select=id").json()
    return len(found)


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ?[^\r]*\r\n", answer)]


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_framed_wrongly_writes_nothing(port: int, name: str) -> None:
    before = count(port)
    answer = said(port, MALFORMED[name])
    assert all(status >= 400 for status in statuses(answer)), answer
    assert all(status < 500 or status == 505 for status in statuses(answer)), answer
    assert count(port) == before


def test_what_is_framed_well_is_written(port: int) -> None:
    before = count(port)
    assert statuses(said(port, post(b"Content-Length: 19", b"Connection: close", body=BODY))) == [201]
    chunks = b"13\r\n" + BODY + b"\r\n0\r\n\r\n"
    assert statuses(said(port, post(CHUNKED, b"Connection: close", body=chunks))) == [201]
    assert count(port) == before + 2


HOSTS = ["evil.example", "x/admin?", "a@evil.example", "localhost:1/../x", "127.0.0.1:99999", "[::1", "é.example", ""]


@pytest.mark.parametrize("host", HOSTS)
def test_no_host_reaches_an_answer(port: int, host: str) -> None:
    """Neither a link, nor a redirect, nor the description of the API is made from it."""
    for path in ("/rest/v1/", "/rest/v1/notes", "/docs", "/nowhere", "/rest/v1", "/docs/"):
        sent = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n"
        answer = said(port, sent.encode())
        assert statuses(answer), "no answer"
        assert statuses(answer)[0] < 500
        assert b"evil" not in answer, answer
        assert not host or host.encode() not in answer, answer


def test_a_request_line_with_another_host_is_one_for_us(port: int) -> None:
    """RFC 9112, 3.2.2: the absolute form. Its host is not ours, and is of no account."""
    answer = said(port, b"GET http://evil.example/rest/v1/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert statuses(answer)[0] < 500
    assert b"evil" not in answer


def test_a_caller_who_goes_away_in_the_middle_is_no_crash(server: Served, port: int) -> None:
    before = count(port)
    for part in (b"", BODY[:7]):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(post(b"Content-Length: 19", body=part))
    time.sleep(0.3)
    assert count(port) == before
    assert [line for line in server.logs if line["level"] in ("error", "critical")] == []
    assert "Traceback" not in server.text


def test_the_server_is_well_afterwards(port: int) -> None:
    assert json.loads(httpx2.get(f"http://127.0.0.1:{port}/rest/v1/notes?select=id&limit=1").text) is not None


@pytest.mark.parametrize("before", ["/healthz", "/rest/v1/notes"])
def test_two_requests_on_one_connection_are_two(port: int, before: str, tmp_path: Path) -> None:
    twice = f"GET {before} HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert statuses(said(port, twice.encode())) == [200, 200]
