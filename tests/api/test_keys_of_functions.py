"""Keys of functions: whose they are where the house does not know the caller, and answers that are not kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.api.scenario import Persona, Place, Request, send
from undercroft import App, Context, WebRequest
from undercroft import Reply as Answered
from undercroft.access.actor import ANONYMOUS
from undercroft.base.clock import SystemClock
from undercroft.base.faults import Fault
from undercroft.pipeline.idempotency import Idempotency
from undercroft.pipeline.keys import MOST_KEPT, Kept, claim_of

ADA = Persona("u", "authenticated", "0a000000-0000-4000-8000-000000000001")
REPLAYED = "idempotent-replayed"
numbers = count()


class Tills(DeclarativeBase):
    """Its own base."""


class TillEntry(Tills):
    __tablename__ = "till_entries"
    id: Mapped[int] = mapped_column(primary_key=True)
    said: Mapped[str]


app = App(models=Tills, title="Till")


@app.policy(TillEntry, "select", "insert")
def anything(entry: TillEntry) -> bool:
    return True


@app.function(public=True)
async def partner(ctx: Context, request: WebRequest) -> str:
    """It looks at credentials that are none of the house's."""
    told = [request.header("authorization"), request.header("apikey"), request.cookies.get("session")]
    return " ".join(each or "-" for each in told)


@app.function()
async def shaky(ctx: Context, status: int, said: str, flush: bool = False) -> Answered:
    ctx.session.add(TillEntry(said=said))
    if flush:
        await ctx.session.flush()
    return Answered({"n": next(numbers)}, status=status)


@app.function()
async def talkative(ctx: Context, size: int, said: str) -> str:
    ctx.session.add(TillEntry(said=said))
    return "x" * size


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory, server: str | None) -> Iterator[Place]:
    with Place(app, tmp_path_factory.mktemp("till"), server=server) as place:
        yield place


def fresh() -> str:
    return f"till-{next(numbers)}"


def keyed(path: str, key: str, *headers: tuple[str, str]) -> Request:
    return send("POST", f"/functions/v1/{path}", {}, ("idempotency-key", key), *headers)


def entries(till: Place, said: str) -> int:
    return int(till.sql("select count(*) from till_entries where said = ?", said)[0][0])


OTHERS = {
    "authorization": (("authorization", "Bearer A"), ("authorization", "Bearer B")),
    "basic": (("authorization", "Basic YTph"), ("authorization", "Basic Yjpi")),
    "apikey": (("apikey", "a"), ("apikey", "b")),
    "cookie": (("cookie", "session=a"), ("cookie", "session=b")),
}


@pytest.mark.parametrize("how", OTHERS)
def test_callers_whom_only_the_function_knows_share_no_keys(till: Place, how: str) -> None:
    one, other = OTHERS[how]
    key = fresh()
    first = till.ask(keyed("partner", key, one))
    assert (first.status, first.header(REPLAYED)) == (200, None)
    assert till.ask(keyed("partner", key, one)).header(REPLAYED) == "true"
    for headers in ((other,), ()):
        reply = till.ask(keyed("partner", key, *headers))
        assert (reply.status, reply.header(REPLAYED)) == (200, None)
        assert reply.body != first.body


@pytest.mark.parametrize("header", ["accept", "prefer"])
def test_what_is_asked_for_in_headers_is_part_of_the_request(till: Place, header: str) -> None:
    key = fresh()
    assert till.ask(keyed("partner", key, (header, "a/a"))).status == 200
    reply = till.ask(keyed("partner", key, (header, "b/b")))
    assert (reply.status, reply.code) == (422, "UC422")


@pytest.mark.parametrize("flush", ["true", "false"])
@pytest.mark.parametrize("status", [400, 503])
def test_an_answer_that_says_no_is_not_kept(till: Place, status: int, flush: str) -> None:
    """What the function wrote stays, as it would without a key, and the next request is carried out."""
    key, said = fresh(), fresh()
    path = f"shaky?said={said}&status={status}&flush={flush}"
    replies = [till.ask(keyed(path, key), ADA) for _ in range(2)]
    assert [reply.status for reply in replies] == [status, status]
    assert replies[0].body != replies[1].body
    assert [reply.header(REPLAYED) for reply in replies] == [None, None]
    assert entries(till, said) == 2
    good = f"shaky?said={said}&status=201"
    assert [till.ask(keyed(good, key), ADA).header(REPLAYED) for _ in range(2)] == [None, "true"]
    assert entries(till, said) == 3


def test_an_answer_that_is_too_long_is_not_kept_and_undone(till: Place) -> None:
    key, said = fresh(), fresh()
    reply = till.ask(keyed(f"talkative?said={said}&size={MOST_KEPT + 1}", key), ADA)
    assert (reply.status, reply.code) == (413, "54000")
    assert entries(till, said) == 0
    replies = [till.ask(keyed(f"talkative?said={said}&size={MOST_KEPT}", key), ADA) for _ in range(2)]
    assert [reply.header(REPLAYED) for reply in replies] == [None, "true"]
    assert entries(till, said) == 1


def test_nobody_waits_in_line_for_ever(till: Place) -> None:
    house = Idempotency(till.house.pipeline, SystemClock(), 60, wait=0.2)
    claim = claim_of([(b"idempotency-key", fresh().encode())], ANONYMOUS, b"call")
    assert claim is not None
    released = asyncio.Event()

    async def slow(ctx: Context) -> Kept:
        await released.wait()
        return Kept(200, (), b"done")

    async def run() -> list[object]:
        first = asyncio.create_task(house.calling(claim, ANONYMOUS, slow))
        await asyncio.sleep(0)
        others = await asyncio.gather(
            *(house.calling(claim, ANONYMOUS, slow) for _ in range(3)), return_exceptions=True
        )
        released.set()
        return [*others, await first, await house.calling(claim, ANONYMOUS, slow)]

    *refused, first, again = till.run(run())
    assert [getattr(each, "code", None) for each in refused] == ["UC409"] * 3
    assert isinstance(first, Kept)
    assert (first.body, first.replayed) == (b"done", False)
    assert isinstance(again, Kept)
    assert again.replayed


def test_a_line_holds_only_so_many(till: Place) -> None:
    house = Idempotency(till.house.pipeline, SystemClock(), 60, line=4)
    claim = claim_of([(b"idempotency-key", fresh().encode())], ANONYMOUS, b"call")
    assert claim is not None

    async def work(ctx: Context) -> Kept:
        await asyncio.sleep(0.05)
        return Kept(200, (), b"done")

    async def run() -> list[object]:
        return await asyncio.gather(*(house.calling(claim, ANONYMOUS, work) for _ in range(10)), return_exceptions=True)

    replies = till.run(run())
    assert len([each for each in replies if isinstance(each, Kept)]) == 4
    assert [each.code for each in replies if isinstance(each, Fault)] == ["UC409"] * 6
