"""Callers of a served database who hang up at any moment: what the others read is theirs, and nothing stays behind."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.api.scenario import Reply
from tests.reliability.test_mixed_users import GUESTS, SECRET, SERVED, Person, ask_served, fill, people_of

with suppress(ImportError):  # the driver is an extra
    from tests.e2e import existing

pytestmark = [pytest.mark.needs("postgres", "linux"), pytest.mark.timeout(3600)]

CALLERS = 16
BUSY = """
    SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'undercroft' AND datname = current_database() AND state <> 'idle'
"""


class Line:
    """One connection to the server, opened anew after each hanging up."""

    def __init__(self, socket: Path, who: Person) -> None:
        self._socket = socket
        self._who = who
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None

    async def ask(self, chance: random.Random, word: str) -> bool:
        """One request; whether it was answered, which must be with what is its caller's own."""
        asked = ask_served(chance.choice((0, 1, 2, 3, 5, 6, 7)), self._who, word)
        request, body = asked.request, asked.request.body
        head = [f"{request.method} {request.target!s} HTTP/1.1", "host: x", f"content-length: {len(body)}"]
        head += [f"{name!s}: {value!s}" for name, value in request.headers]
        head += [f"authorization: Bearer {self._who.token}"] if self._who.token else []
        sent = "\r\n".join([*head, "", ""]).encode() + body
        if self._writer is None or self._reader is None:
            self._reader, self._writer = await asyncio.open_unix_connection(str(self._socket))
        if chance.random() < 0.25:
            if chance.random() < 0.3:
                sent = sent[: chance.randrange(len(sent))]
            self._writer.write(sent)
            await asyncio.sleep(0.01 * chance.random() ** 2)
            self.hang_up()
            return False
        self._writer.write(sent)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        status = int(answer.split(b" ", 2)[1])
        length = next(int(line[15:]) for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        text = await self._reader.readexactly(length)
        assert status == 200, text
        if asked.request.method != "PATCH" and b"mine" in text:
            assert json.loads(text)["mine"] == word
        assert asked.check(Reply(status, [], text)), (asked.request, self._who[:2], text)
        return True

    def hang_up(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        self._writer = self._reader = None


def test_nobody_gets_what_was_meant_for_one_who_hung_up(
    postgres_url: str, tmp_path: Path, rounds: Callable[[int, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    requests = rounds(1_000, 200_000)
    existing.make_roles(postgres_url)
    existing.run(postgres_url, SERVED)
    fill(postgres_url)

    async def run(socket: Path) -> tuple[int, int]:
        chance = random.Random(13)
        people = people_of(GUESTS[1:], GUESTS[0], SECRET)
        left, answered = requests, 0

        async def caller(number: int) -> None:
            nonlocal left, answered
            line = Line(socket, people[number % len(people)])
            while left > 0:
                left -= 1
                fine = await line.ask(chance, f"{number}.{left}")
                answered += fine
            line.hang_up()

        await asyncio.gather(*(caller(number) for number in range(CALLERS)))
        for _ in range(100):
            if await asyncio.to_thread(existing.value, postgres_url, BUSY) == 0:
                break
            await asyncio.sleep(0.05)
        return answered, await asyncio.to_thread(existing.value, postgres_url, BUSY)

    secret = SECRET.reveal()
    with existing.stand_in(postgres_url, tmp_path, jwt_secret=secret, db_pool=4) as (process, _):
        answered, busy = asyncio.run(run(tmp_path / "s"))
        assert process.logged("crash") == []
    assert busy == 0, "statements, or transactions, that nobody waits for"
    assert answered > requests // 2
    with capsys.disabled():
        print(f"\n  callers who hang up: {requests} asked, {answered} answered with their own")
