"""The door: one answer for each request, whatever happens; admission in order; ids and logs that none can forge."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from undercroft.access.actor import ANONYMOUS, Actor
from undercroft.base.faults import Fault, Overloaded
from undercroft.web.door import Door, DoorSettings, raw_path
from undercroft.web.faults import body_of, status_of
from undercroft.web.types import Answer, Header, Request

pytestmark = pytest.mark.anyio
FINE = Answer(200, ((b"content-type", b"text/plain"),), b"fine")


class Log:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def __getattr__(self, level: str) -> Callable[..., None]:
        return lambda event, **told: self.lines.append((level, event, told))


class Entrance:
    """A door with one room behind it."""

    def __init__(self, room: Any, *, identify: Any = lambda authorization, apikey: ANONYMOUS, **settings: Any) -> None:
        self.log = Log()
        self.door = Door({b"/r": room}, identify, DoorSettings(**settings), self.log, fault_headers=lambda fault: ())

    async def ask(
        self, method: str = "GET", path: bytes = b"/r/x", headers: tuple[Header, ...] = (), body: bytes = b""
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"method": method, "query_string": b"", "headers": list(headers), "path": path.decode()}
        found = self.door.room_of(path)
        assert found is not None
        await self.door(scope, receive, send, *found)
        assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
        names = [name for name, _ in sent[0]["headers"]]
        assert len(names) == len(set(names)), names
        return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def answers(answer: Answer | BaseException) -> Any:
    async def room(request: Request) -> Answer:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return room


async def test_an_answer_passes_with_its_length() -> None:
    status, headers, body = await Entrance(answers(FINE)).ask()
    assert (status, body, headers[b"content-length"], headers[b"content-type"]) == (200, b"fine", b"4", b"text/plain")


async def test_the_answer_to_head_has_the_length_and_no_body() -> None:
    status, headers, body = await Entrance(answers(FINE)).ask("HEAD")
    assert (status, body, headers[b"content-length"]) == (200, b"", b"4")


async def test_the_answer_to_head_claims_no_length_where_no_body_was_made() -> None:
    headed, asked = [await Entrance(answers(Answer(200, ()))).ask(method) for method in ("HEAD", "GET")]
    assert b"content-length" not in headed[1]
    assert asked[1][b"content-length"] == b"0"


@pytest.mark.parametrize("body", [b"", b"what a function gave that chose this status"])
async def test_no_content_has_no_length(body: bytes) -> None:
    for status in (204, 304):
        _, headers, sent = await Entrance(answers(Answer(status, (), body))).ask()
        assert b"content-length" not in headers
        assert sent == b""


@pytest.mark.parametrize(
    ("path", "rest"),
    [(b"/r", b""), (b"/r/", b"/"), (b"/r/a%2Fb", b"/a%2Fb"), (b"/rest", None), (b"/", None), (b"/R/a", None)],
)
def test_a_room_begins_at_its_prefix_and_not_within_a_word(path: bytes, rest: bytes | None) -> None:
    found = Entrance(answers(FINE)).door.room_of(path)
    assert (found[1] if found else None) == rest


def test_what_an_outer_application_took_is_left_out() -> None:
    assert raw_path({"raw_path": b"/b/r/a%2Fb", "path": "/b/r/a/b", "root_path": "/b"}) == b"/r/a%2Fb"
    assert raw_path({"raw_path": None, "path": "/r/ä", "root_path": ""}) == b"/r/%C3%A4"
    assert raw_path({"raw_path": b"/c/r", "path": "/c/r", "root_path": "/b"}) == b"/c/r"


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("fault", "who", "status", "more"),
    [
        (Fault("no", code="42501"), "anon", 401, {b"www-authenticate": b"Bearer"}),
        (Fault("no", code="42501"), "user", 403, {}),
        (Fault("JWT \"expired\"", code="PGRST303"), "user", 401,
         {b"www-authenticate": b"Bearer error=\"invalid_token\", error_description=\"JWT 'expired'\""}),
        (Fault("what", code="22P02"), "user", 400, {}),
        (Fault("full", code="53100", retry_after=5), "user", 507, {b"retry-after": b"5"}),
        (Overloaded("busy"), "user", 503, {b"retry-after": b"1"}),
        (Fault("twice", code="23505"), "user", 409, {}),
        (Fault("odd", code="ZZ999"), "user", 500, {}),
    ],
)  # fmt: skip
async def test_faults_have_one_status_each(fault: Fault, who: str, status: int, more: dict[bytes, bytes]) -> None:
    actor = Actor("authenticated", "u") if who == "user" else ANONYMOUS
    entrance = Entrance(answers(fault), identify=lambda *_: actor)
    credentials = ((b"authorization", b"Bearer x"),) if who == "user" else ()
    found, headers, body = await entrance.ask(headers=credentials)
    assert found == status
    assert {name: headers[name] for name in more} == more
    told = json.loads(body)
    assert set(told) == {"code", "details", "hint", "message"}
    assert told["code"] == fault.code


async def test_a_fault_of_the_program_is_told_to_the_log_alone() -> None:
    fault = Fault("secret text", code="XX000", details="secret details")
    fault.__cause__ = ValueError("secret cause")
    entrance = Entrance(answers(fault))
    status, _, body = await entrance.ask()
    assert status == 500
    assert b"secret" not in body
    assert json.loads(body)["code"] == "XX000"
    ((level, _, told), _) = entrance.log.lines
    assert level == "error"
    assert told["id"] in json.loads(body)["hint"]
    assert "secret cause" in told["cause"]


async def test_a_crash_is_500_without_its_text() -> None:
    entrance = Entrance(answers(ZeroDivisionError("secret")))
    status, _, body = await entrance.ask()
    assert status == 500
    assert b"secret" not in body
    assert b"ZeroDivision" not in body
    assert entrance.log.lines[0][1] == "crash"
    assert entrance.log.lines[0][2]["id"] in json.loads(body)["hint"]


async def test_a_body_that_breaks_off_is_a_fault_of_its_caller() -> None:
    """Servers tell of a body without an end as they tell of a caller who is gone: who is still there gets to know."""

    async def room(request: Request) -> Answer:
        async def receive() -> dict[str, str]:
            return {"type": "http.disconnect"}

        request._receive = receive
        return Answer(200, (), await request.body())

    entrance = Entrance(room)
    status, _, body = await entrance.ask("POST")
    assert (status, json.loads(body)["code"]) == (400, "UC400")
    assert entrance.log.lines == []
    assert entrance.door._active == 0


async def test_a_body_over_the_limit_is_refused_while_it_comes() -> None:
    async def room(request: Request) -> Answer:
        return Answer(200, (), await request.body())

    assert (await Entrance(room, body_limit=4).ask("POST", body=b"1234"))[0] == 200
    assert (await Entrance(room, body_limit=3).ask("POST", body=b"1234"))[0] == 413


async def test_a_body_that_does_not_come_gives_its_place_back() -> None:
    async def room(request: Request) -> Answer:
        return Answer(200, (), await request.body())

    async def never() -> Any:
        await asyncio.Event().wait()

    entrance = Entrance(room, body_seconds=0.05)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async with asyncio.timeout(10):
        scope = {"method": "POST", "path": "/r/x", "query_string": b"", "headers": []}
        await entrance.door(scope, never, send, room, b"/x")
    assert (sent[0]["status"], json.loads(sent[1]["body"])["code"]) == (408, "UC408")
    assert entrance.door._active == 0


# ---------------------------------------------------------------- ids, timing, logs


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (b"abc-123_x.y:z/=+", True),
        (b"x" * 128, True),
        (b"x" * 129, False),
        (b"a b", False),
        (b"a\r\nb: c", False),
        (b"\x1b[31m", False),
        (b"\xff", False),
        (b'"', False),
    ],
)
async def test_only_a_harmless_id_is_taken_over(given: bytes, kept: bool) -> None:
    entrance = Entrance(answers(FINE), log_all=True)
    await entrance.ask(headers=((b"x-request-id", given),))
    told = entrance.log.lines[0][2]["id"]
    assert (told == given.decode("latin-1")) is kept
    assert told.isprintable()


async def test_an_id_is_told_once_for_all_lines_of_a_request() -> None:
    entrance = Entrance(answers(Fault("x", code="XX000")))
    await entrance.ask()
    assert len({told["id"] for _, _, told in entrance.log.lines}) == 1


async def test_a_path_cannot_fill_the_log() -> None:
    entrance = Entrance(answers(FINE), log_all=True)
    await entrance.ask(path=b"/r/" + b"%1b" * 1000)
    assert len(entrance.log.lines[0][2]["path"]) == 300


async def test_the_log_tells_the_room_and_the_path_within_it() -> None:
    entrance = Entrance(answers(FINE), log_all=True)
    for path in (b"/r/notes", b"/r"):
        await entrance.ask(path=path)
    assert [(line["mount"], line["path"]) for _, _, line in entrance.log.lines] == [("/r", "/notes"), ("/r", "")]


async def test_quiet_requests_are_not_told_and_failures_are() -> None:
    entrance = Entrance(answers(FINE))
    await entrance.ask()
    assert entrance.log.lines == []
    entrance = Entrance(answers(Answer(502, ())))
    await entrance.ask()
    assert [(level, event) for level, event, _ in entrance.log.lines] == [("warning", "request")]


async def test_a_trace_header_comes_back() -> None:
    entrance = Entrance(answers(FINE), trace_header=b"x-trace")
    assert (await entrance.ask(headers=((b"x-trace", b"abc"),)))[1][b"x-trace"] == b"abc"
    assert b"x-trace" not in (await entrance.ask())[1]


async def test_timing_is_told_where_it_is_wanted() -> None:
    _, headers, _ = await Entrance(answers(FINE), timing=True).ask()
    stages = [part.split(b";")[0].strip() for part in headers[b"server-timing"].split(b",")]
    assert stages == [b"jwt", b"response"]
    assert b"server-timing" not in (await Entrance(answers(FINE)).ask())[1]


async def test_origins() -> None:
    entrance = Entrance(answers(FINE))
    assert (await entrance.ask())[1][b"access-control-allow-origin"] == b"*"
    named = Entrance(answers(FINE), cors_origins=frozenset({b"https://a"}))
    assert b"access-control-allow-origin" not in (await named.ask())[1]
    shown = (await named.ask(headers=((b"origin", b"https://a"),)))[1]
    assert shown[b"access-control-allow-origin"] == b"https://a"


async def test_a_preflight_asks_no_room_and_nobodys_name() -> None:
    def nobody(authorization: Any, apikey: Any) -> Actor:
        raise Fault("no", code="PGRST301")

    entrance = Entrance(answers(Fault("not reached")), identify=nobody)
    asked = ((b"origin", b"https://a"), (b"access-control-request-method", b"GET"))
    status, headers, _ = await entrance.ask("OPTIONS", headers=asked)
    assert (status, headers[b"access-control-allow-origin"]) == (200, b"*")
    assert (await entrance.ask("OPTIONS"))[0] == 401
    assert (await entrance.ask("GET", headers=asked))[0] == 401


# ---------------------------------------------------------------- admission


class Slow:
    """A room whose guests stay until they are let go; it knows who came, and how many were in at once."""

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.inside = self.most = 0
        self.go = asyncio.Event()

    async def __call__(self, request: Request) -> Answer:
        self.came.append(request.path)
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.go.wait()
        finally:
            self.inside -= 1
        return FINE


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_more_requests_than_places_wait_in_order() -> None:
    room = Slow()
    entrance = Entrance(room, max_requests=2, max_queue=3)
    tasks = [asyncio.create_task(entrance.ask(path=b"/r/%d" % number)) for number in range(5)]
    await settled()
    assert room.came == [b"/0", b"/1"]
    room.go.set()
    assert {status for status, _, _ in await asyncio.gather(*tasks)} == {200}
    assert room.came == [b"/%d" % number for number in range(5)]
    assert room.most == 2
    assert entrance.door._active == 0


async def test_past_the_queue_there_is_503_with_a_time_to_come_back() -> None:
    room = Slow()
    entrance = Entrance(room, max_requests=1, max_queue=1)
    tasks = [asyncio.create_task(entrance.ask()) for _ in range(2)]
    await settled()
    status, headers, body = await entrance.ask()
    assert (status, headers[b"retry-after"], json.loads(body)["code"]) == (503, b"1", "UC503")
    room.go.set()
    assert {status for status, _, _ in await asyncio.gather(*tasks)} == {200}
    assert (await entrance.ask())[0] == 200
    assert entrance.door._active == 0


async def test_who_gives_up_waiting_leaves_no_empty_place() -> None:
    room = Slow()
    entrance = Entrance(room, max_requests=1, max_queue=5)
    first, second, third = (asyncio.create_task(entrance.ask(path=b"/r/%d" % n)) for n in range(3))
    await settled()
    second.cancel()
    await settled()
    room.go.set()
    assert [(await task)[0] for task in (first, third)] == [200, 200]
    assert room.came == [b"/0", b"/2"]
    assert entrance.door._active == 0


async def test_who_gives_up_in_the_moment_of_admission_hands_the_place_on() -> None:
    room = Slow()
    entrance = Entrance(room, max_requests=1, max_queue=5)
    first, second, third = (asyncio.create_task(entrance.ask(path=b"/r/%d" % n)) for n in range(3))
    await settled()
    first.cancel()
    await asyncio.sleep(0)  # the place is the second's now, who has not yet run
    second.cancel()
    await settled()
    room.go.set()
    assert (await third)[0] == 200
    assert entrance.door._active == 0


@pytest.mark.parametrize("answer", [Fault("x", code="22P02"), ValueError("x")])
async def test_a_place_is_given_back_whatever_happens(answer: Exception) -> None:
    entrance = Entrance(answers(answer), max_requests=1)
    for _ in range(3):
        assert (await entrance.ask())[0] >= 400
    assert entrance.door._active == 0


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("PGRST100", 400), ("PGRST101", 405), ("PGRST102", 400), ("PGRST103", 416), ("PGRST106", 406),
        ("PGRST116", 406), ("PGRST201", 300), ("PGRST202", 404), ("PGRST204", 400), ("PGRST205", 404),
        ("PGRST301", 401), ("08006", 503), ("21000", 400), ("22003", 400), ("22P02", 400), ("23502", 400),
        ("23503", 409), ("23505", 409), ("23514", 400), ("25006", 405), ("40001", 503), ("42703", 400), ("42883", 404),
        ("42P01", 404), ("42P10", 400), ("42P17", 500), ("53100", 507), ("54000", 413), ("55000", 500), ("57014", 504),
        ("P0001", 400), ("XX000", 500), ("", 500), ("what", 500),
    ],
)  # fmt: skip
def test_statuses(code: str, status: int) -> None:
    fault = Fault("x")
    fault.code = code
    assert status_of(fault, anonymous=False) == status
    assert status_of(fault, anonymous=True) == status


def test_a_body_is_json_whatever_it_holds() -> None:
    fault = Fault(
        'a "quoted"\n\x1b text \ud83d\ude00'.encode("utf-16", "surrogatepass").decode("utf-16"), details=[{"a": 1}]
    )
    assert json.loads(body_of(fault))["details"] == [{"a": 1}]
