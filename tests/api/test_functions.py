"""Functions under `/functions/v1` on both engines: their arguments, their answers, and their transaction."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, Field
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from typing_extensions import TypedDict

from tests.api.scenario import ANON, SERVICE, Persona, Place, Request, get, send
from tests.api.scenario import Reply as Answered
from undercroft import App, Context, Event, Fault, Form, Reply, Upload, WebRequest
from undercroft.base.faults import SetupFault

ADA = Persona("u", "authenticated", "0a000000-0000-4000-8000-000000000001")
TEXT = ("content-type", "text/plain")


class Shop(DeclarativeBase):
    """Its own base."""


class Parcel(Shop):
    __tablename__ = "parcels"
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str]
    owner: Mapped[str | None]


class Greeting(BaseModel):
    """Whom to greet."""

    name: str = Field(min_length=1)
    times: int = Field(1, le=1000)


@dataclass
class Picture:
    title: str
    file: Upload
    tags: list[str]
    size: int | None = None


class Point(TypedDict):
    x: float
    y: float


class Shown(BaseModel):
    label: str


class Inside(Shown):
    secret: str


app = App(models=Shop, title="Shop")


@app.policy(Parcel, "select", "insert", to="authenticated")
def own(parcel: Any) -> Any:
    return parcel.owner == "ada"


@app.function()
async def hello(ctx: Context, body: Greeting, shout: bool = False) -> dict[str, Any]:
    text = f"Hello {body.name}" * body.times
    return {"text": text.upper() if shout else text, "role": ctx.auth.role}


@app.function(name="hello-world", methods=("GET", "POST"))
async def hello_world(ctx: Context) -> str:
    return "Hello, wörld"


@app.function()
async def raw(ctx: Context, body: bytes) -> bytes:
    return body[::-1]


@app.function()
async def words(ctx: Context, body: str) -> list[str]:
    return body.split()


@app.function()
async def picture(ctx: Context, body: Picture) -> dict[str, Any]:
    return {"title": body.title, "file": body.file.filename, "bytes": len(body.file.data), "tags": body.tags,
            "kind": body.file.content_type, "size": body.size}  # fmt: skip


@app.function()
async def point(ctx: Context, body: Point | None = None) -> Point | None:
    return body


@app.function()
async def form(ctx: Context, body: Form) -> dict[str, Any]:
    return {"names": [name for name, _ in body], "a": body.texts("a")}


@app.function(methods=("GET",))
async def asked(
    ctx: Context,
    day: date,
    n: int = 3,
    tag: tuple[str, ...] = (),
    key: UUID | None = None,
) -> dict[str, Any]:
    return {"day": day, "n": n, "tag": tag, "key": key}


@app.function(methods=("GET", "PUT", "DELETE"))
async def everything(ctx: Context, request: WebRequest) -> dict[str, Any]:
    return {
        "method": request.method, "path": request.path, "query": request.query, "x": request.header("X-Thing"),
        "cookie": dict(request.cookies), "body": await request.text(),
    }  # fmt: skip


@app.function()
async def nothing(ctx: Context) -> None:
    return None


@app.function()
async def price(ctx: Context) -> Decimal:
    return Decimal("12.30")


@app.function()
async def chosen(ctx: Context) -> Reply:
    return Reply("<b>", 201, {"x-more": "1", "cache-control": "max-age=5"}, "text/html; charset=utf-8")


@app.function()
async def declared(ctx: Context) -> Shown:
    return Inside(label="box", secret="zqx7_s_inside")


@app.function(to="authenticated")
async def members(ctx: Context) -> str:
    return "in"


@app.function(public=True)
async def open_to_all(ctx: Context, request: WebRequest) -> dict[str, Any]:
    return {"role": ctx.auth.role, "given": request.header("authorization")}


@app.function()
async def add_parcel(ctx: Context, body: Greeting) -> int:
    parcel = Parcel(label=body.name, owner="ada")
    ctx.session.add(parcel)
    await ctx.session.flush()
    if body.times == 2:
        raise Fault("changed its mind", code="P0001", hint="Ask again.")
    if body.times == 3:
        raise RuntimeError("its inside")
    return parcel.id


@app.job()
async def store(ctx: Context, label: str) -> None:
    ctx.session.add(Parcel(label=label, owner="job"))


@app.function()
async def store_later(ctx: Context, body: Greeting) -> int:
    number = await ctx.enqueue(store, body.name)
    if body.times > 1:
        raise Fault("changed its mind", code="P0001")
    return number


@app.function()
async def labels(ctx: Context) -> list[str]:
    return list(await ctx.session.scalars(sa.select(Parcel.label).order_by(Parcel.id)))


@app.function(timeout=0.05)
async def slow(ctx: Context) -> None:
    ctx.session.add(Parcel(label="slow", owner="ada"))
    await ctx.session.flush()
    await asyncio.sleep(5)


@app.function()
async def own_timeout(ctx: Context) -> None:
    raise TimeoutError("its own")


@app.function(methods=("GET", "POST"))
async def counting(ctx: Context, to: int = 3) -> AsyncIterator[str]:
    for number in range(to):
        yield f"{number}\n"


@app.function(methods=("GET",))
async def events(ctx: Context) -> AsyncIterator[Event]:
    yield Event({"n": 1}, event="count", id="7", retry=500)
    yield Event("two\nlines")


@app.function()
async def lines(ctx: Context) -> AsyncIterator[dict[str, Any]]:
    yield {"a": 1}
    yield {"a": Decimal("1.10")}


@app.function()
async def read_then_stream(ctx: Context) -> AsyncIterator[str]:
    found = list(await ctx.session.scalars(sa.select(Parcel.label)))
    ctx.session.add(Parcel(label="streamed", owner="ada"))
    await ctx.session.flush()
    yield f"{len(found)}"
    try:
        await ctx.session.scalars(sa.select(Parcel.label))
    except Fault as fault:
        yield fault.code


CLOSED: list[str] = []
"""Which generators have been closed."""


@app.function(methods=("GET", "POST"))
async def closes(ctx: Context, how: str = "") -> AsyncIterator[object]:
    if how == "commit":  # nobody may own it, as is found when it is flushed
        ctx.session.add(Parcel(label="not yours", owner="x"))
    try:
        yield object() if how == "write" else "first"
        yield "second"
    finally:
        CLOSED.append(how)


@app.function()
async def fails_first(ctx: Context) -> AsyncIterator[str]:
    ctx.session.add(Parcel(label="never", owner="ada"))
    await ctx.session.flush()
    if ctx.auth.role == "authenticated":
        raise Fault("before the first piece", code="P0001")
    yield ""


@app.function()
async def bad_header(ctx: Context, body: str) -> Reply:
    return Reply("x", headers={"x-said": body})


@app.function()
async def bad_status(ctx: Context) -> Reply:
    return Reply(status=99)


@app.function(methods=("PUT",))
async def upload(ctx: Context, request: WebRequest) -> int:
    return sum([len(piece) async for piece in request.stream()])


def make_app() -> App:
    """The same app once more: one that is served is served once."""
    fresh = App(models=Shop, title="Shop")
    fresh.policies, fresh.endpoints, fresh.jobs = app.policies, app.endpoints, app.jobs
    return fresh


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, server: str | None) -> Iterator[Place]:
    with Place(make_app(), tmp_path_factory.mktemp("shop"), server=server) as place:
        yield place


@pytest.fixture(autouse=True)
def _nothing_else_changes(shop: Place) -> Iterator[None]:
    """Every test says what it leaves behind, and takes it away again."""
    yield
    left = shop.sql("select label from parcels")
    shop.sql("delete from parcels")
    assert left == [], "a test wrote what it did not speak of"


def written(shop: Place) -> list[str]:
    """The parcels, which are then taken away."""
    found = [label for (label,) in shop.sql("select label from parcels order by id")]
    shop.sql("delete from parcels")
    return found


def call(name: str, value: Any = None, *headers: tuple[str, str], method: str = "POST") -> Request:
    return send(method, f"/functions/v1/{name}", value, *headers)


def body_of(reply: Answered) -> Any:
    assert reply.status == 200, reply
    return reply.json()


def test_a_typed_body(shop: Place) -> None:
    reply = shop.ask(call("hello", {"name": "Ada"}))
    assert body_of(reply) == {"text": "Hello Ada", "role": "anon"}
    assert reply.header("content-type") == "application/json; charset=utf-8"
    assert reply.header("x-content-type-options") == "nosniff"
    assert reply.header("cache-control") == "no-store"
    assert reply.header("access-control-allow-origin") == "*"
    assert body_of(shop.ask(call("hello?shout=true", {"name": "Ada", "times": 2}), ADA))["text"] == "HELLO ADAHELLO ADA"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "invalid argument body.name: Field required"),
        ({"name": ""}, "invalid argument body.name: String should have at least 1 character"),
        ({"name": "x", "times": "many"}, "invalid argument body.times: Input should be a valid integer"),
        ([], "invalid argument body: Input should be an object"),
    ],
)
def test_a_body_of_another_shape(shop: Place, value: Any, message: str) -> None:
    reply = shop.ask(call("hello", value))
    assert (reply.status, reply.code) == (400, "22P02")
    assert reply.json()["message"].startswith(message)
    assert reply.json()["details"][0]["place"].startswith("body")


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ([("content-type", "application/json")], b"{", 400, "PGRST102"),
        ([("content-type", "application/json")], b"", 400, "PGRST102"),
        ([("content-type", "application/json")], b"[" * 100_000, 400, "PGRST102"),
        ([("content-type", "application/json")], b'{"name": "\xff"}', 400, "PGRST102"),
        ([TEXT], b'{"name": "Ada"}', 415, "UC415"),
        ([("content-type", "application/x-www-form-urlencoded")], b"name=Ada&times=2", 200, None),
        ([("content-type", "application/vnd.api+json")], b'{"name": "Ada"}', 200, None),
        ([], b'{"name": "Ada"}', 200, None),
        ([("content-type", "multipart/form-data")], b"x", 400, "PGRST102"),
        ([("content-type", "multipart/form-data; boundary=b")], b"x", 400, "PGRST102"),
    ],
)  # fmt: skip
def test_media_types(shop: Place, headers: list[tuple[str, str]], body: bytes, status: int, code: str | None) -> None:
    reply = shop.ask(Request("POST", "/functions/v1/hello", headers, body))
    assert (reply.status, reply.code) == (status, code), reply


def test_texts_bytes_and_nothing(shop: Place) -> None:
    assert shop.ask(Request("POST", "/functions/v1/raw", [], b"abc\0")).body == b"\0cba"
    assert (
        shop.ask(Request("POST", "/functions/v1/raw", [], b"abc\0")).header("content-type")
        == "application/octet-stream"
    )
    assert body_of(shop.ask(Request("POST", "/functions/v1/words", [TEXT], "a ö".encode()))) == ["a", "ö"]
    assert shop.ask(Request("POST", "/functions/v1/words", [TEXT], b"\xff")).code == "22021"
    nothing = shop.ask(call("nothing"))
    assert (nothing.status, nothing.body, nothing.header("content-length")) == (204, b"", None)
    greeting = shop.ask(get("/functions/v1/hello-world"))
    assert (greeting.body.decode(), greeting.header("content-type")) == ("Hello, wörld", "text/plain; charset=utf-8")
    assert shop.ask(call("price")).body == b"12.30"


def multipart(*parts: tuple[str, str | None, bytes], boundary: str = "edge") -> tuple[tuple[str, str], bytes]:
    body = b""
    for name, filename, data in parts:
        more = f'; filename="{filename}"\r\ncontent-type: image/png' if filename is not None else ""
        body += f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + data + b"\r\n"
    return ("content-type", f"multipart/form-data; boundary={boundary}"), body + f"--{boundary}--\r\n".encode()


def test_a_form_with_a_file(shop: Place) -> None:
    kind, body = multipart(
        ("title", None, "Öl".encode()), ("file", "../../a.png", b"\x89PNG" * 50_000), ("tags", None, b"one"),
        ("tags", None, b"two"), ("size", None, b""),
    )  # fmt: skip
    assert body_of(shop.ask(Request("POST", "/functions/v1/picture", [kind], body))) == {
        "title": "Öl", "file": "../../a.png", "bytes": 200_000, "tags": ["one", "two"], "kind": "image/png",
        "size": None,
    }  # fmt: skip
    kind, body = multipart(("title", None, b"x"), ("tags", None, b"one"))
    reply = shop.ask(Request("POST", "/functions/v1/picture", [kind], body))
    assert (reply.code, reply.json()["details"][0]["place"]) == ("22P02", "body.file")


def test_a_form_as_it_is(shop: Place) -> None:
    kind = ("content-type", "application/x-www-form-urlencoded; charset=utf-8")
    reply = shop.ask(Request("POST", "/functions/v1/form", [kind], b"a=1&b=&a=%C3%B6"))
    assert body_of(reply) == {"names": ["a", "b", "a"], "a": ["1", "ö"]}
    assert shop.ask(Request("POST", "/functions/v1/form", [kind], b"a=%ff")).code == "PGRST102"
    assert shop.ask(call("form", {"a": 1})).code == "UC415"
    assert shop.ask(Request("POST", "/functions/v1/form", [kind], b"a=1&" * 1001)).code == "UC413"
    kind, body = multipart(*[(f"f{n}", "a", b"") for n in range(101)])
    assert shop.ask(Request("POST", "/functions/v1/form", [kind], body)).code == "UC413"


def test_a_body_that_may_be_left_out(shop: Place) -> None:
    assert shop.ask(call("point")).status == 204
    assert body_of(shop.ask(call("point", {"x": 1, "y": 2.5}))) == {"x": 1.0, "y": 2.5}


def test_arguments_of_the_query(shop: Place) -> None:
    key = "0a000000-0000-4000-8000-000000000001"
    reply = shop.ask(get(f"/functions/v1/asked?day=2026-02-03&tag=a&tag=b&n=5&key={key}&utm_source=x"))
    assert body_of(reply) == {"day": "2026-02-03", "n": 5, "tag": ["a", "b"], "key": key}
    assert body_of(shop.ask(get("/functions/v1/asked?day=2026-02-03"))) == {
        "day": "2026-02-03", "n": 3, "tag": [], "key": None,
    }  # fmt: skip
    assert shop.ask(get("/functions/v1/asked")).json()["message"] == "invalid argument day: Field required"
    assert shop.ask(get("/functions/v1/asked?day=x")).code == "22P02"
    assert shop.ask(get("/functions/v1/asked?day=%ff")).code == "PGRST100"


def test_the_whole_request(shop: Place) -> None:
    headers = [("x-thing", "7"), ("cookie", 'a=1; b="two"; a=3')]
    reply = shop.ask(Request("PUT", "/functions/v1/everything/a%20b/c?q=1&q=2", headers, b"text"))
    assert body_of(reply) == {
        "method": "PUT", "path": "/a b/c", "query": [["q", "1"], ["q", "2"]], "x": "7",
        "cookie": {"a": "1", "b": "two"}, "body": "text",
    }  # fmt: skip
    assert body_of(shop.ask(Request("PUT", "/functions/v1/upload", [], b"x" * 100_000))) == 100_000


def test_an_answer_in_full(shop: Place) -> None:
    reply = shop.ask(call("chosen"))
    assert (reply.status, reply.body, reply.header("x-more")) == (201, b"<b>", "1")
    assert (reply.header("content-type"), reply.header("cache-control")) == ("text/html; charset=utf-8", "max-age=5")
    assert body_of(shop.ask(call("declared"))) == {"label": "box"}, "what is not declared is not shown"


@pytest.mark.parametrize("said", ["a\r\nset-cookie: x=1", "a\nb", "a\0", "ж"])
def test_no_header_can_be_forged(shop: Place, said: str) -> None:
    reply = shop.ask(Request("POST", "/functions/v1/bad_header", [TEXT], said.encode()))
    assert reply.status == 500
    assert reply.header("set-cookie") is None
    assert shop.ask(call("bad_status")).status == 500


def test_who_may_call(shop: Place) -> None:
    missing, closed = shop.ask(call("member")), shop.ask(call("members"))
    assert (missing.status, missing.code) == (404, "UC404") == (closed.status, closed.code)
    assert missing.body.replace(b"member", b"") == closed.body.replace(b"members", b"")
    assert shop.ask(call("members"), ADA).body == b"in"
    assert shop.ask(call("members"), SERVICE).body == b"in"
    assert shop.ask(call("member"), ADA).json()["hint"] == "Perhaps you meant members."


@pytest.mark.parametrize("name", ["", "hello/more", "__class__", "hello.world", "HELLO", "hell%C3", "hello%2Fx", ".."])
def test_names_that_are_none(shop: Place, name: str) -> None:
    reply = shop.ask(call(name))
    assert (reply.status, reply.code) == (404, "UC404")


def test_a_name_that_no_function_can_have_is_not_echoed_in_full(shop: Place) -> None:
    for name in ("h" * 50_000, "%ff" * 20_000):
        reply = shop.ask(get(f"/functions/v1/{name}"))
        assert (reply.status, reply.code) == (404, "UC404")
        assert len(reply.body) < 300


def test_other_methods(shop: Place) -> None:
    reply = shop.ask(get("/functions/v1/hello"))
    assert (reply.status, reply.code, reply.header("allow")) == (405, "UC405", "POST")
    head = shop.ask(Request("HEAD", "/functions/v1/hello-world"))
    assert (head.status, head.body) == (200, b"")
    assert shop.ask(Request("HEAD", "/functions/v1/hello")).status == 405
    preflight = shop.ask(
        Request("OPTIONS", "/functions/v1/hello", [
            ("origin", "http://x"), ("access-control-request-method", "POST"),
            ("access-control-request-headers", "x-region,x-client-info,authorization"),
        ])
    )  # fmt: skip
    assert preflight.status == 200
    assert "x-region" in str(preflight.header("access-control-allow-headers"))


def test_a_credential_that_is_none(shop: Place) -> None:
    foreign = ("authorization", "Bearer of.some.body")
    assert shop.ask(call("hello", {"name": "x"}, foreign)).status == 401
    reply = shop.ask(call("open_to_all", None, foreign))
    assert body_of(reply) == {"role": "anon", "given": "Bearer of.some.body"}
    assert body_of(shop.ask(call("open_to_all"), ADA))["role"] == "authenticated"


# ---------------------------------------------------------------- the transaction


def test_policies_hold_in_the_session(shop: Place) -> None:
    assert shop.ask(call("add_parcel", {"name": "box"})).code == "42501"
    assert shop.ask(call("add_parcel", {"name": "box"}), ADA).status == 200
    assert body_of(shop.ask(call("labels"), ADA)) == ["box"]
    assert body_of(shop.ask(call("labels"))) == []
    assert written(shop) == ["box"]


@pytest.mark.parametrize(("times", "status"), [(2, 400), (3, 500)])
def test_a_function_that_fails_leaves_nothing(shop: Place, times: int, status: int) -> None:
    reply = shop.ask(call("add_parcel", {"name": "box", "times": times}), ADA)
    assert reply.status == status
    assert b"its inside" not in reply.body
    assert written(shop) == []


def test_a_function_that_takes_too_long_leaves_nothing(shop: Place) -> None:
    reply = shop.ask(call("slow"), ADA)
    assert (reply.status, reply.code) == (504, "57014")
    assert written(shop) == []
    crash = shop.ask(call("own_timeout"))
    assert (crash.status, crash.code) == (500, "XX000"), "a timeout of its own is not ours"


def test_what_a_function_enqueues_is_done_if_and_only_if_it_succeeds(shop: Place) -> None:
    assert shop.ask(call("store_later", {"name": "never", "times": 2})).code == "P0001"
    assert body_of(shop.ask(call("store_later", {"name": "by the job"}))) > 0
    until = time.monotonic() + 20
    while not (found := shop.sql("select label from parcels")) and time.monotonic() < until:
        shop.run(asyncio.sleep(0.05))
    shop.run(asyncio.sleep(0.2))
    assert found == shop.sql("select label from parcels")
    assert written(shop) == ["by the job"]


def test_one_key_one_effect(shop: Place) -> None:
    key = ("idempotency-key", "0a000000-0000-4000-8000-00000000000a")
    first, again = (shop.ask(call("add_parcel", {"name": "once"}, key), ADA) for _ in range(2))
    assert (first.status, first.body) == (again.status, again.body) == (200, first.body)
    assert (first.header("idempotent-replayed"), again.header("idempotent-replayed")) == (None, "true")
    other = shop.ask(call("add_parcel", {"name": "other"}, key), ADA)
    assert (other.status, other.code) == (422, "UC422")
    assert shop.ask(call("counting", None, key), SERVICE).code == "0A000"
    assert written(shop) == ["once"]


# ---------------------------------------------------------------- streams


def test_streams_say_what_they_are(shop: Place) -> None:
    counted = shop.ask(call("counting?to=4"))
    assert (counted.body, counted.header("content-type")) == (b"0\n1\n2\n3\n", "text/plain; charset=utf-8")
    assert counted.header("content-length") is None
    assert counted.header("access-control-allow-origin") == "*"
    assert shop.ask(call("counting?to=0")).body == b""
    events = shop.ask(get("/functions/v1/events"))
    assert events.header("content-type") == "text/event-stream; charset=utf-8"
    assert events.body == b'event: count\nid: 7\nretry: 500\ndata: {"n":1}\n\ndata: two\ndata: lines\n\n'
    lines = shop.ask(call("lines"))
    assert lines.header("content-type") == "application/jsonl; charset=utf-8"
    assert [json.loads(line) for line in lines.body.splitlines()] == [{"a": 1}, {"a": 1.1}]
    assert shop.ask(Request("HEAD", "/functions/v1/counting")).body == b""


def test_a_stream_s_transaction_ends_with_its_first_piece(shop: Place) -> None:
    reply = shop.ask(call("read_then_stream"), ADA)
    assert reply.body == b"025P02"
    assert written(shop) == ["streamed"]


def test_a_stream_that_fails_before_its_first_piece_is_an_ordinary_fault(shop: Place) -> None:
    reply = shop.ask(call("fails_first"), ADA)
    assert (reply.status, reply.code) == (400, "P0001")
    assert written(shop) == []


@pytest.mark.parametrize(("how", "status"), [("commit", 403), ("write", 500)])
def test_a_stream_that_cannot_begin_is_closed(shop: Place, how: str, status: int) -> None:
    CLOSED.clear()
    assert shop.ask(call(f"closes?how={how}"), ADA).status == status
    assert [how] == CLOSED


def test_a_stream_of_which_nobody_wants_the_body_is_closed(shop: Place) -> None:
    CLOSED.clear()
    assert shop.ask(Request("HEAD", "/functions/v1/closes?how=head")).status == 200
    assert CLOSED == ["head"]


def test_a_stream_too_many_leaves_nothing_behind(tmp_path: Any, server: str | None) -> None:
    crowded = App(models=Shop, title="Crowded")
    crowded.policies = app.policies
    begun, over = asyncio.Event(), asyncio.Event()
    called: list[str] = []

    async def pieces() -> AsyncIterator[str]:
        yield "piece"

    async def write(ctx: Context, label: str) -> None:
        called.append(label)
        ctx.session.add(Parcel(label=label, owner="ada"))
        await ctx.session.flush()

    @crowded.function()
    async def holds(ctx: Context) -> AsyncIterator[str]:
        begun.set()
        await over.wait()
        yield "first"

    @crowded.function()
    async def generates(ctx: Context) -> AsyncIterator[str]:
        await write(ctx, "generated")
        yield "piece"

    @crowded.function()
    async def replies(ctx: Context) -> Reply:
        await write(ctx, "replied")
        return Reply(pieces())

    async def ask(place: Place) -> list[Answered]:
        holding = asyncio.create_task(place.asking(call("holds"), ADA))
        await begun.wait()
        refused = [await place.asking(call(name), ADA) for name in ("generates", "replies")]
        over.set()
        assert (await holding).status == 200
        return [*refused, await place.asking(call("replies"), ADA)]

    with Place(crowded, tmp_path, server=server, UNDERCROFT_SERVER_MAX_STREAMS="1") as place:
        generated, replied, after = place.run(ask(place))
        assert [(each.status, each.code) for each in (generated, replied)] == [(503, "UC503")] * 2
        assert after.body == b"piece", "the place is free again"
        assert written(place) == ["replied"], "of those that were refused, nothing is there"
    assert called == ["replied", "replied"], "a generator is not even begun"


# ---------------------------------------------------------------- declarations


def test_what_is_wrong_is_said_at_once() -> None:
    app = App(models=Shop)
    with pytest.raises(SetupFault, match=r"test_functions.py:\d+: plain must be declared with `async def`"):

        @app.function()
        def plain(ctx: Context) -> None: ...

    with pytest.raises(SetupFault, match="the argument body of untyped needs a type"):

        @app.function()
        async def untyped(ctx, body): ...  # type: ignore[no-untyped-def]

    with pytest.raises(SetupFault, match="letters, digits, _ and -"):

        @app.function(name="a/b")
        async def odd(ctx: Context) -> None: ...

    with pytest.raises(SetupFault, match="methods are among"):

        @app.function(methods=("TRACE",))
        async def trace(ctx: Context) -> None: ...

    with pytest.raises(SetupFault, match="cannot be JSON"):

        @app.function()
        async def rows(ctx: Context) -> Parcel: ...  # type: ignore[empty-body]


def test_two_functions_of_one_name_stop_the_start(tmp_path: Any) -> None:
    app = App(models=Shop)

    @app.function()
    async def twice(ctx: Context) -> None: ...

    app.function(name="twice")(twice)
    with pytest.raises(SetupFault, match="a function twice is already declared"), Place(app, tmp_path):
        pass


def test_an_anonymous_caller_is_refused_where_the_settings_say_so(tmp_path: Any) -> None:
    with Place(make_app(), tmp_path, UNDERCROFT_API_ANON_ROLE="") as place:
        assert place.ask(call("hello", {"name": "x"}), ANON).status == 401
        assert body_of(place.ask(call("open_to_all"), ANON))["role"] == "anon"
