"""Planted texts: every hidden column, forbidden row, key and token holds one, and none may come out (T1).

The search itself is in `tests/api/scenario.py`: every answer and every line of the log in the rings `api` and `security`
passes it. Here it is tested, and sent over whatever else a server says: pages of errors, the description, crashes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from tests.api.scenario import ANON, SERVICE, Leak, Persona, Place, Reply, Request, get, send
from tests.security.asking import Asker
from tests.security.world import BEA, PERSONAS, Note, Token, fill, make_app, mark, rows
from undercroft import Context, Fault


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The world, and functions that fail in every way, each with a secret at hand."""
    app = make_app()

    @app.rpc()
    async def raises(ctx: Context) -> int:
        with ctx.as_service():
            secret = await ctx.session.scalar(sa.select(Token.token))
        assert secret is not None
        raise RuntimeError("a fault of the program")

    @app.rpc()
    async def breaks_a_rule(ctx: Context) -> int:
        with ctx.as_service():
            note = await ctx.session.get_one(Note, 10)
            note.slug = "note-20"
            note.secret = mark("s", "changed")
            await ctx.session.flush()
        return 1

    @app.rpc()
    async def breaks_a_type(ctx: Context) -> int:
        with ctx.as_service():
            note = await ctx.session.get_one(Note, 10)
            note.rating = mark("s", "rating")  # type: ignore[assignment]  # the mistake itself
            await ctx.session.flush()
        return 1

    @app.rpc()
    async def divides(ctx: Context) -> int:
        with ctx.as_service():
            secrets = list(await ctx.session.scalars(sa.select(Note.secret)))
        return len(secrets) // 0

    @app.rpc()
    async def refuses(ctx: Context) -> int:
        raise Fault("the app's own words", code="P0001", hint="its own hint")

    @app.rpc()
    async def writes_wrong_sql(ctx: Context) -> int:
        with ctx.as_service():
            await ctx.session.execute(sa.text("select :secret from nowhere"), {"secret": mark("s", "bound")})
        return 1

    with Place(app, tmp_path_factory.mktemp("canaries"), UNDERCROFT_API_TX_END="commit-allow-override") as place:
        fill(place)
        yield place


@pytest.mark.parametrize("who", list(PERSONAS.values()), ids=lambda who: who.letter)
def test_t1_no_answer_holds_what_its_caller_may_not_see(
    place: Place, who: Persona, rounds: Callable[[int, int], int]
) -> None:
    asker = Asker(random.Random(f"canaries {who.letter}"), ["x", "zqx7", "a"], odd=0.05)
    for reply in place.ask_all([asker.request() for _ in range(rounds(150, 5_000))], who):
        assert reply.status < 500, reply


@pytest.mark.parametrize("name", ["raises", "breaks_a_rule", "breaks_a_type", "divides", "refuses", "writes_wrong_sql"])
@pytest.mark.parametrize("who", [ANON, BEA, SERVICE], ids=lambda who: who.letter)
def test_t1_a_crash_tells_nobody_anything(place: Place, who: Persona, name: str) -> None:
    before = place.contents()
    reply = place.ask(send("POST", f"/rest/v1/rpc/{name}", {}), who)
    assert reply.status >= 400
    for word in (b"Traceback", b".py", b"line ", b"RuntimeError", b"sqlalchemy", b"SELECT", b"zqx7", b"ZeroDivision"):
        assert word not in reply.body, reply
    assert place.contents() == before


def test_t1_pages_outside_the_api(place: Place) -> None:
    for path in (
        "/",
        "/healthz",
        "/readyz",
        "/docs",
        "/docs/",
        "/nope",
        "/rest",
        "/rest/v1",
        "/rest/v1/",
        "/%00",
        "//",
        "/rest/v1/../..",
    ):
        for method in ("GET", "HEAD", "POST", "OPTIONS", "TRACE", "NOPE"):
            for who in (ANON, SERVICE):
                assert place.ask(Request(method, path), who).status < 500


def test_t1_keys_and_tokens_are_not_repeated(place: Place) -> None:
    """A token that is refused is not part of the refusal."""
    keys = place.house.keys
    for token in (
        keys.service_role.reveal() + "x",
        keys.anon[:-3],
        "eyJhbGciOiJIUzI1NiJ9.e30.x",
        "sb_secret_nope",
        "x" * 9000,
    ):
        for headers in ((("authorization", f"Bearer {token}"),), (("apikey", token),)):
            reply = place.ask(Request("GET", "/rest/v1/notes", headers))
            assert reply.status == 401
            assert token.encode()[:40] not in reply.body + b"".join(value for _, value in reply.headers)
    for path in (
        "/data",
        "/data/keys.json",
        "/.undercroft",
        "/data.db",
        "/rest/v1/keys",
        "/docs/../data/data.db",
        "/docs/%2e%2e/%2e%2e/pyproject.toml",
    ):
        assert place.ask(get(path)).status in (404, 307), path


# ---------------------------------------------------------------- the search itself


def found(place: Place, *, body: bytes = b"", header: bytes = b"", log: str = "", who: Persona = ANON) -> bool:
    if log:
        place.logs.append('{"event": "' + log + '"}')
    try:
        place.sweep(get("/rest/v1/notes?title=eq.zqx7_s_asked"), Reply(200, [(b"x", header)], body), who)
    except Leak:
        return True
    finally:
        place.logs.clear()
    return False


def test_t1_the_search_finds_what_is_planted(place: Place) -> None:
    assert found(place, body=b'[{"x":"zqx7_s_secret10"}]')
    assert found(place, body=b'[{"x":"zqx7_bs_title20"}]')
    assert not found(place, body=b'[{"x":"zqx7_bs_title20"}]', who=BEA)
    assert not found(place, body=b'{"message":"zqx7_s_asked"}'), "what the caller said may be repeated"
    assert found(place, header=b"zqx7_s_secret10")
    assert found(place, body=b'"\\\\x' + mark("s", "blob10").encode().hex().encode() + b'"')
    assert found(place, body=b"ZQX7_S_SECRET10")
    assert found(place, log="zqx7_abcnrxs_title10", who=SERVICE), "a log is nobody's"
    assert found(place, log=place.house.keys.service_role.reveal())
    assert found(place, log="..." + (place.token(BEA) or "").rpartition(".")[2])
    assert not found(place, log="nothing", body=b"nothing")


def test_t1_the_search_has_something_to_find(place: Place) -> None:
    """Every persona can see some canaries, and there are others that it cannot."""
    planted = {
        str(value) for rows_ in place.contents().values() for row in rows_ for value in row if "zqx7_" in str(value)
    }
    assert len(planted) > 40
    for who in PERSONAS.values():
        text = b"".join(place.ask(get(f"/rest/v1/{table}"), who).body for table in rows())
        assert (b"zqx7_" in text) or who is ANON
