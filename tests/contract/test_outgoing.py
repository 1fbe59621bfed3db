"""Calls to a real HTTP server: limits, repetitions, redirects, the breaker, and what goes along."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

from tests.receiver import Answered, Got, Receiver, listening, receiving
from undercroft.base.clock import ManualClock, SystemClock
from undercroft.base.faults import Fault
from undercroft.base.trace import Trace
from undercroft.outgoing import Client, Http, OutgoingFault, OutgoingSettings, read_inside
from undercroft.outgoing.backends import resolver

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def calling(
    *, clock: Any = None, waits: list[float] | None = None, log: Any = None, resolve: Any = None, **settings: Any
) -> AsyncIterator[Http]:
    """`ctx.http`, allowed to call loopback."""
    kept = waits if waits is not None else []

    async def sleep(seconds: float) -> None:
        kept.append(seconds)

    client = Client(
        OutgoingSettings(allow=read_inside(["127.0.0.1:*"]), **settings),
        clock or SystemClock(),
        log or structlog.get_logger(),
        sleep=sleep,
        uniform=lambda low, high: high,
        **({} if resolve is None else {"resolve": resolve}),
    )
    await client.start()
    try:
        yield Http(client)
    finally:
        await client.stop()


async def refused(call: Any) -> Fault:
    with pytest.raises(OutgoingFault) as caught:
        await call
    return caught.value


async def test_verbs_bodies_and_headers() -> None:
    async with receiving(lambda got: (201, {"x-a": "1"}, got.body)) as receiver, calling() as http:
        reply = await http.post(receiver.url + "/a%20b?x=1", json={"é": 1}, params={"y": "ü"}, headers={"X-Key": "k"})
        assert (reply.status, reply.ok, reply.json(), reply.headers["X-A"]) == (201, True, {"é": 1}, "1")
        await http.put(receiver.url, data={"a": "1 2", "b": ["3", "4"]})
        await http.patch(receiver.url, content="ü")
        await http.delete(receiver.url)
        assert (await http.get(receiver.url)).text == ""
    post, put, patch, delete, get = receiver.got
    assert (post.method, post.target) == ("POST", "/a%20b?x=1&y=%C3%BC")
    assert post.headers["content-type"] == "application/json"
    assert post.headers["x-key"] == "k"
    assert post.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert put.body == b"a=1+2&b=3&b=4"
    assert patch.body == "ü".encode()
    assert (delete.method, get.method, get.body) == ("DELETE", "GET", b"")
    assert receiver.connections == 1


async def test_nothing_is_carried_from_one_call_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with receiving(lambda got: (200, {"set-cookie": "a=b"}, b"")) as receiver, calling() as http:
        await http.get(receiver.url, headers={"authorization": "Bearer x"})
        await http.get(receiver.url)
    assert "cookie" not in receiver.got[1].headers
    assert "authorization" not in receiver.got[1].headers


async def test_a_trace_goes_along() -> None:
    parent = f"00-{'ab' * 16}-{'cd' * 8}-01"
    async with receiving() as receiver, calling() as http:
        await http.tracing(Trace(parent, "r-7")).get(receiver.url)
        await http.get(receiver.url)
    first, second = (got.headers for got in receiver.got)
    assert first["traceparent"].startswith(f"00-{'ab' * 16}-")
    assert first["traceparent"].endswith("-01")
    assert first["x-request-id"] == "r-7"
    assert "x-request-id" not in second
    assert second["traceparent"][3:35] != first["traceparent"][3:35]


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "connection"])
async def test_headers_that_frame_a_request_are_ours(name: str) -> None:
    async with calling() as http:
        with pytest.raises(Fault, match="cannot be set"):
            await http.get("http://127.0.0.1:1/", headers={name: "x"})
        with pytest.raises(Fault, match="line break"):
            await http.get("http://127.0.0.1:1/", headers={"x": "a\r\nb: c"})


@pytest.mark.parametrize("value", [" lead", "trail ", "\ta", "a\x0bb", "a\x7f", "\x01", "ž"])
async def test_a_header_that_is_none_is_nobody_s_failure(value: str) -> None:
    async with receiving() as receiver, calling(breaker_failures=1) as http:
        for headers in ({"x-name": value}, {"x name": "a"}, {"": "a"}, {"x:": "a"}):
            with pytest.raises(Fault) as caught:
                await http.get(receiver.url, headers=headers)
            assert caught.value.code == "22023"
        assert (await http.get(receiver.url, headers={"x-name": "a\tb c", "x_~1": ""})).ok
    assert len(receiver.got) == 1


# --- repetitions ---


def failing(times: int, status: int = 503, **headers: str) -> Any:
    left = [times]

    def handler(got: Got) -> Answered:
        left[0] -= 1
        return (status, headers, b"") if left[0] >= 0 else (200, {}, b"fine")

    return handler


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_passing_failure_is_tried_again(status: int) -> None:
    waits: list[float] = []
    async with receiving(failing(2, status)) as receiver, calling(waits=waits) as http:
        reply = await http.get(receiver.url)
    assert (reply.status, reply.attempts, len(receiver.got)) == (200, 3, 3)
    assert waits == [0.2, 0.4]


async def test_what_is_not_repeated() -> None:
    async with receiving(failing(99)) as receiver, calling(breaker_failures=99) as http:
        assert (await http.post(receiver.url, json=1)).status == 503
        assert (await http.patch(receiver.url, json=1)).status == 503
        assert len(receiver.got) == 2
        assert (await http.post(receiver.url, json=1, headers={"Idempotency-Key": "k"})).attempts == 3
        assert len(receiver.got) == 5
        assert (await http.get(receiver.url, attempts=1)).attempts == 1
    async with receiving(failing(99, 500)) as receiver, calling() as http:
        assert (await http.get(receiver.url)).attempts == 1


async def test_retry_after_is_heeded_within_the_time_that_is_left() -> None:
    waits: list[float] = []
    async with receiving(failing(1, 503, **{"retry-after": "7"})) as receiver, calling(waits=waits) as http:
        assert (await http.get(receiver.url)).status == 200
        assert waits == [7.0]
    async with receiving(failing(1, 503, **{"retry-after": "7"})) as receiver, calling(waits=waits) as http:
        assert (await http.get(receiver.url, timeout=5)).status == 503
        assert len(receiver.got) == 1


async def test_a_broken_connection_is_tried_again() -> None:
    left = [2]

    def handler(got: Got) -> Answered:
        left[0] -= 1
        if left[0] >= 0:
            raise ConnectionResetError
        return 200, {}, b"fine"

    async with receiving(handler) as receiver, calling() as http:
        assert (await http.get(receiver.url)).body == b"fine"
        left[0] = 1
        assert (await refused(http.post(receiver.url))).code == "UC502"


# --- limits ---


async def test_an_answer_that_never_comes() -> None:
    async def hang(got: Got) -> Answered:
        await asyncio.sleep(60)
        raise AssertionError

    async with receiving(hang) as receiver, calling(read_timeout=30) as http:
        started = time.monotonic()
        fault = await refused(http.get(receiver.url + "/secret?token=secret", timeout=0.3))
        assert time.monotonic() - started < 5
    assert fault.code == "UC504"
    assert "secret" not in f"{fault.message}{fault.details}{fault.hint}"


async def test_an_answer_that_stops_halfway() -> None:
    half: Answered = (200, {"content-length": "100"}, b"half")
    async with receiving(lambda got: half) as receiver, calling(read_timeout=0.2, attempts=1) as http:
        assert (await refused(http.get(receiver.url))).code == "UC504"


async def test_an_answer_that_drips_meets_the_limit_of_the_whole() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with listening(drip) as port, calling() as http:
        url = f"http://127.0.0.1:{port}"
        assert (await refused(http.get(url, timeout=0.5))).code == "UC504"


async def test_long_answers() -> None:
    body = b"x" * 100_000
    async with receiving(lambda got: (200, {}, body)) as receiver, calling(answer_limit=100_000) as http:
        assert len((await http.get(receiver.url)).body) == 100_000
        fault = await refused(http.get(receiver.url, limit=99_999))
        assert (fault.code, "99999" in fault.message) == ("UC502", True)
        assert len(receiver.got) == 2


async def test_packed_answers() -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    async with receiving(lambda got: (200, {"content-encoding": "gzip"}, bomb)) as receiver, calling() as http:
        assert (await http.get(receiver.url)).body == b"0" * 10_000_000
        assert (await refused(http.get(receiver.url, limit=1_000_000))).code == "UC502"
    async with receiving(lambda got: (200, {"content-encoding": "br"}, b"x")) as receiver, calling() as http:
        assert (await refused(http.post(receiver.url))).code == "UC502"


async def test_a_name_that_is_never_resolved_holds_up_no_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver has threads of its own: those of the loop are for long reads."""
    released = threading.Event()
    resolve = resolver.resolve

    def slow(host: str, port: int) -> list[str]:
        if host == "slow.example.com":
            released.wait(30)
        return resolve(host, port)

    monkeypatch.setattr(resolver, "resolve", slow)
    try:
        async with calling(connect_timeout=0.2, attempts=1) as http:
            await refused(http.get("http://127.0.0.1:1/"))  # all that is loaded has been loaded
            calls = [http.get("http://slow.example.com/") for _ in range(resolver.THREADS * 2)]
            started = time.monotonic()
            waiting = asyncio.gather(*calls, return_exceptions=True)
            await asyncio.sleep(0.05)
            await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0)
            faults = await waiting
            assert time.monotonic() - started < 5
            assert {getattr(fault, "code", fault) for fault in faults} == {"UC504"}
    finally:
        released.set()


async def test_what_is_no_http() -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\x01 what?\r\n\r\n")

    async with listening(garbage) as port, calling() as http:
        url = f"http://127.0.0.1:{port}"
        assert (await refused(http.get(url))).code == "UC502"


async def test_headers_without_end() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"x: " + b"y" * 1000 + b"\r\n")
            await writer.drain()

    async with listening(endless) as port, calling() as http:
        url = f"http://127.0.0.1:{port}"
        assert (await refused(http.post(url))).code == "UC502"


# --- redirects ---


async def test_redirects_are_followed_and_counted() -> None:
    def handler(got: Got) -> Answered:
        step = int(got.target.strip("/"))
        return (302, {"location": f"/{step - 1}"}, b"") if step else (200, {}, got.method.encode())

    async with receiving(handler) as receiver, calling() as http:
        reply = await http.post(receiver.url + "/5", json=1)
        assert (reply.body, reply.url) == (b"GET", receiver.url + "/0")
        assert "redirects" in (await refused(http.get(receiver.url + "/6"))).message
        assert len(receiver.got) == 6 + 6
        assert (await http.get(receiver.url + "/1", redirects=0)).status == 302


async def test_credentials_do_not_follow_to_another_origin() -> None:
    async with receiving() as other, receiving() as receiver, calling() as http:
        receiver.handler = lambda got: (307, {"location": other.url}, b"")
        given = {"Authorization": "Bearer x", "X-Auth-Token": "y", "User-Agent": "me"}
        fault = await refused(http.post(receiver.url, json=1, headers=given))
        assert (fault.code, other.got) == ("UC502", [])
        await http.post(receiver.url, json=1, headers=given, resend=True)
    (got,) = other.got
    assert (got.method, got.body) == ("POST", b"1")
    assert not {"authorization", "x-auth-token"} & set(got.headers)
    assert (got.headers["user-agent"], got.headers["content-type"]) == ("me", "application/json")


# --- the breaker ---


async def test_the_breaker_opens_and_closes() -> None:
    clock = ManualClock()
    async with receiving(failing(3)) as receiver, calling(clock=clock, breaker_failures=3) as http:
        assert (await http.get(receiver.url, attempts=3)).status == 503
        fault = await refused(http.get(receiver.url))
        assert (fault.code, fault.retry_after, len(receiver.got)) == ("UC503", 30, 3)
        async with receiving() as other:
            assert (await http.get(other.url)).ok
        clock.advance(30)
        assert (await http.get(receiver.url)).ok
        assert (await http.get(receiver.url)).ok


async def test_a_time_limit_is_the_failure_of_who_was_waited_for() -> None:
    never = asyncio.Event()

    async def hang(got: Got) -> Answered:
        await never.wait()
        return 200, {}, b""

    async with receiving(hang) as slow, receiving() as first, calling(breaker_failures=1) as http:
        first.handler = lambda got: (302, {"location": slow.url}, b"") if got.target == "/away" else (200, {}, b"")
        assert (await refused(http.get(first.url + "/away", timeout=0.3))).code == "UC504"
        assert (await http.get(first.url)).ok
        assert (await refused(http.get(slow.url, timeout=0.3))).code == "UC503"
        never.set()


async def test_what_no_machine_failed_at_is_not_counted() -> None:
    def handler(got: Got) -> Answered:
        return (200, {"content-encoding": "gzip"}, b"not gzip") if got.target == "/packed" else (200, {}, b"x" * 20)

    async with receiving(handler) as receiver, calling(breaker_failures=1, attempts=1) as http:
        assert (await refused(http.get(receiver.url + "/packed"))).code == "UC502"
        assert (await refused(http.get(receiver.url, limit=10))).code == "UC502"
        with pytest.raises(OutgoingFault):
            async with http.stream("GET", receiver.url):
                await http.get("http://127.0.0.1:1/")
        assert (await http.get(receiver.url)).ok
        assert (await refused(http.get("http://127.0.0.1:1/"))).code == "UC503"


async def test_a_machine_that_is_not_there() -> None:
    async with receiving() as receiver:
        pass
    async with calling() as http:
        fault = await refused(http.get(receiver.url + "/secret"))
        assert fault.code == "UC502"
        assert fault.message == f"no connection to {receiver.url}"


# --- streams ---


async def test_an_answer_in_pieces() -> None:
    body = bytes(range(256)) * 1000
    async with receiving(lambda got: (200, {}, body)) as receiver, calling(answer_limit=len(body)) as http:
        async with http.stream("GET", receiver.url) as answer:
            assert answer.ok
            assert b"".join([piece async for piece in answer.pieces()]) == body
        with pytest.raises(OutgoingFault) as caught:
            async with http.stream("GET", receiver.url, limit=1000) as answer:
                _ = [piece async for piece in answer.pieces()]
        assert caught.value.code == "UC502"
        async with http.stream("GET", receiver.url) as answer:
            pass  # nobody has to read it
        assert (await http.get(receiver.url)).ok


# --- what is told ---


async def test_no_secret_is_logged() -> None:
    with structlog.testing.capture_logs() as lines:
        async with receiving(failing(1)) as receiver, calling() as http:
            secret = {"authorization": "Bearer s3cret"}
            await http.get(receiver.url + "/s3cret?key=s3cret", headers=secret)
            await refused(http.get("http://169.254.169.254/s3cret?key=s3cret", headers=secret))
            await refused(http.get("http://127.0.0.1:1/s3cret", headers=secret))
    told = json.dumps(lines)
    assert [line["event"] for line in lines] == ["call", "call refused", "call failed"]
    assert "s3cret" not in told
    assert "169.254.169.254 is inside" in told


async def test_one_that_hangs_does_not_stop_the_others() -> None:
    hanging = asyncio.Event()

    async def hang(got: Got) -> Answered:
        await hanging.wait()
        return 200, {}, b""

    async with receiving(hang) as slow, receiving() as quick, calling(read_timeout=60) as http:
        waiting = [asyncio.create_task(http.get(slow.url)) for _ in range(20)]
        started = time.monotonic()
        for _ in range(20):
            assert (await http.get(quick.url)).ok
        assert time.monotonic() - started < 5
        hanging.set()
        assert all(reply.ok for reply in await asyncio.gather(*waiting))


def test_a_receiver_keeps_what_it_got() -> None:
    assert Receiver(port=1).url == "http://127.0.0.1:1"
