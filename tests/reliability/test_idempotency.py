"""Requests with a key, and a server that is killed between its commit and its answer: one effect, the same bytes.

The app ends its own process, as `kill -9` does, behind the commit of the first request that finds a file called `die`;
elsewhere the whole server is killed at any moment. The control keeps its answers after the commit, and is noticed.
"""

from __future__ import annotations

import asyncio
import random
import signal
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import postgres
from tests.e2e.processes import Served, app_in, served
from undercroft import auth
from undercroft.base.secret import Secret
from undercroft.engine.sqlite.library import choose

pytestmark = [pytest.mark.needs("linux"), pytest.mark.timeout(3600)]

AT_ONCE = 64
SECRET = "a secret of at least thirty-two bytes"
APP = textwrap.dedent(
    '''
    """Orders: everybody who has signed in may place them."""

    import os
    import signal
    from pathlib import Path
    from uuid import UUID

    from sqlalchemy.orm import Mapped, mapped_column

    from undercroft import App, Context, Model, auth
    from undercroft.pipeline.idempotency import Idempotency

    app = App()


    class Placed(Model):
        __tablename__ = "placed"
        id: Mapped[int] = mapped_column(primary_key=True)
        word: Mapped[str]
        owner: Mapped[UUID] = mapped_column(default=auth.uid)


    @app.policy(Placed, "insert", "select", to="authenticated")
    def own(placed):
        """One's own."""
        return placed.owner == auth.uid


    @app.rpc()
    async def place(ctx: Context, word: str) -> int:
        placed = Placed(word=word)
        ctx.session.add(placed)
        await ctx.session.flush()
        return placed.id


    def perhaps_die():
        if Path("die").exists():
            Path("die").unlink()
            os.kill(os.getpid(), signal.SIGKILL)


    async def answer_and_die(self, claim, work):
        kept = await answer(self, claim, work)
        perhaps_die()
        return kept


    answer = Idempotency.answer
    Idempotency.answer = answer_and_die
    '''
)
KEPT_LATE = textwrap.dedent(
    """

    async def keep_after_the_commit(self, claim, work):
        async with self._in_line(claim):
            kept = await self._known(claim)
            if kept is None:
                once = self._once(claim)
                kept = await work(once)
                perhaps_die()

                def keep(cursor):
                    begin(once, cursor)
                    end(once, cursor, kept)

                await self._pipeline.engine.write(keep)
            return kept


    from undercroft.pipeline.keys import Once

    begin, end = Once.begin, Once.end
    Once.begin = lambda self, cursor: None
    Once.end = lambda self, cursor, kept: None
    Idempotency.answer = keep_after_the_commit
    """
)
KINDS = ["insert", "function", "batch"]


def token(user: int) -> str:
    claims = {"role": "authenticated", "sub": f"00000000-0000-0000-0000-{user:012}", "exp": int(time.time()) + 3600}
    return auth.sign(claims, Secret(SECRET))


@dataclass
class Place:
    """A folder with an app, and the database that it serves."""

    folder: Path
    url: str | None

    @contextmanager
    def serving(self, workers: int = 1) -> Iterator[Served]:
        words = ["--database", self.url] if self.url else []
        words += ["--workers", str(workers)] if workers > 1 else []
        socket = self.folder / "s"
        socket.unlink(missing_ok=True)
        arguments = ("serve", "app.py", "--unix-socket", str(socket), *words)
        settings = {"UNDERCROFT_AUTH_JWT_SECRET": SECRET, "UNDERCROFT_LOG_FORMAT": "json"}
        with served(*arguments, cwd=self.folder, url="http://x", **settings) as process:
            process.until(lambda: process.logged("ready"), "readiness")
            yield process

    def die(self) -> None:
        """Have the server end itself behind the next commit of a request with a key."""
        (self.folder / "die").touch()

    def placed(self, word: str) -> int:
        """How many rows hold this word, asked beside the server."""
        if self.url is not None:
            import psycopg

            with psycopg.connect(self.url) as connection:
                row = connection.execute("SELECT count(*) FROM placed WHERE word = %s", (word,)).fetchone()
                return int(row[0]) if row else 0
        connection = choose("auto").module.connect(str(self.folder / ".undercroft" / "data.db"))
        try:
            return int(connection.execute("SELECT count(*) FROM placed WHERE word = ?", (word,)).fetchone()[0])
        finally:
            connection.close()

    def ask(self, requests: list[dict[str, Any]]) -> list[httpx2.Response | None]:
        """Requests at the same time, each with the bytes of its answer; None where there was none."""

        async def all_of_them() -> list[httpx2.Response | None]:
            transport = httpx2.AsyncHTTPTransport(uds=str(self.folder / "s"))
            async with httpx2.AsyncClient(transport=transport, base_url="http://x", timeout=30) as client:
                return list(await asyncio.gather(*(one(client, request) for request in requests)))

        async def one(client: httpx2.AsyncClient, request: dict[str, Any]) -> httpx2.Response | None:
            try:
                return await client.post(**request)
            except httpx2.TransportError:
                return None

        return asyncio.run(all_of_them())


def request(kind: str, word: str, key: str, user: int = 1) -> dict[str, Any]:
    """A request of a kind that places one row."""
    headers = {"Idempotency-Key": key, "Authorization": f"Bearer {token(user)}", "Prefer": "return=representation"}
    if kind == "function":
        return {"url": "/rest/v1/rpc/place", "json": {"word": word}, "headers": headers}
    if kind == "batch":
        part = {"method": "POST", "path": "/placed", "headers": {"Prefer": "return=representation"}}
        return {"url": "/rest/v1/batch", "json": [{**part, "body": {"word": word}}], "headers": headers}
    return {"url": "/rest/v1/placed", "json": {"word": word}, "headers": headers}


def bytes_of(answers: list[httpx2.Response | None]) -> set[tuple[int, bytes, str]]:
    """What those were told who were told anything."""
    return {(each.status_code, each.content, each.headers["content-type"]) for each in answers if each is not None}


@pytest.fixture(
    params=[None, pytest.param("postgres", marks=pytest.mark.needs("postgres"))], ids=["sqlite", "postgres"]
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param is None:
        yield Place(app_in(tmp_path, APP), None)
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url:
        yield Place(app_in(tmp_path, APP), url)


def killed_behind_the_commit(place: Place, kind: str, key: str) -> list[httpx2.Response | None]:
    """64 requests of one key, and a server that is gone before the first is answered; the 64 once more, of another."""
    asked = [request(kind, key, key)] * AT_ONCE
    with place.serving() as process:
        place.die()
        before = place.ask(asked)
        assert process.ended(10) == -signal.SIGKILL
    assert before == [None] * AT_ONCE
    assert place.placed(key) == 1, "the server was to be killed behind the commit"
    with place.serving():
        return place.ask(asked)


@pytest.mark.parametrize("kind", KINDS)
def test_killed_between_the_commit_and_the_answer(place: Place, kind: str) -> None:
    after = killed_behind_the_commit(place, kind, "key one")
    assert place.placed("key one") == 1
    assert None not in after
    assert len(bytes_of(after)) == 1
    assert {each.status_code for each in after if each} <= {200, 201}
    assert {each.headers.get("idempotent-replayed") for each in after if each} == {"true"}
    with place.serving():
        (other,) = place.ask([request(kind, "another word", "key one")])
        (theirs,) = place.ask([request(kind, "key one of somebody else", "key one", user=2)])
    assert other is not None
    assert other.status_code == 422
    assert theirs is not None
    assert theirs.status_code in (200, 201)
    assert theirs.headers.get("idempotent-replayed") is None
    assert (place.placed("another word"), place.placed("key one of somebody else")) == (0, 1)


def test_killed_at_any_moment(
    place: Place, rounds: Callable[[int, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether the commit was before it or not: repeated, it has one effect, and nobody is told anything else."""
    chance, lives, answered, open_ = random.Random(4), rounds(2, 60), 0, 0
    with place.serving():
        began = time.monotonic()
        place.ask([request("insert", "for the time it takes", "first")] * AT_ONCE)
        usual = time.monotonic() - began
    for life in range(lives):
        kind, key = KINDS[life % len(KINDS)], f"life {life}"
        asked = [request(kind, key, key)] * AT_ONCE
        with place.serving() as process:
            threading.Timer(usual * (0.3 + 1.4 * chance.random()), process.process.kill).start()
            before = place.ask(asked)
            process.ended(10)
        with place.serving():
            after = place.ask(asked)
        assert place.placed(key) == 1, life
        assert None not in after
        assert len(bytes_of(before) | bytes_of(after)) == 1, life
        answered += AT_ONCE - before.count(None)
        open_ += before.count(None)
    with capsys.disabled():
        print(f"\n  {lives} kills: {answered} answers before, {open_} requests left open, one effect each")


@pytest.mark.parametrize("kind", KINDS)
def test_several_processes_agree(place: Place, kind: str) -> None:
    """They do not know of each other's requests: the database decides."""
    with place.serving(workers=3):
        for turn in range(5):
            key = f"turn {turn}"
            answers = place.ask([request(kind, key, key)] * AT_ONCE)
            assert None not in answers
            assert len(bytes_of(answers)) == 1
            told = [each.headers.get("idempotent-replayed") for each in answers if each is not None]
            assert told.count(None) == 1
            assert place.placed(key) == 1


def test_answers_that_are_kept_after_the_commit_are_noticed(place: Place) -> None:
    """The control."""
    app_in(place.folder, APP + KEPT_LATE)
    killed_behind_the_commit(place, "insert", "late")
    assert place.placed("late") == 2
