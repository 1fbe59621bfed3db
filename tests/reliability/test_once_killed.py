"""D9: of two servers one is killed while many use up all kinds of secrets: none has its effect twice, none is lost."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import postgres
from tests.api.auth.once import KINDS, SETTINGS, Once
from tests.api.auth.people import Answer, People, environment
from tests.api.auth.people import people as house_of
from tests.api.auth.places import Places, Round
from tests.api.conftest import server
from tests.reliability.test_kill_server import Server
from undercroft.base.clock import SystemClock

__all__ = ["server"]
APP = '"""Nothing but people."""\n\nfrom undercroft import App\n\napp = App()\n'
DIED = 599


class Now(SystemClock):
    """The clock of the servers, which no test moves."""

    def advance(self, seconds: float) -> None:
        """It goes by itself."""


class Pair(People):
    """People of two servers, which are asked by turns; what is in the database is read by a house of our own."""

    def __init__(self, people: People, folders: list[Path]) -> None:
        super().__init__(people.house, Now(), people._runner)  # type: ignore[arg-type]  # a clock that is not moved
        self.folders, self.turn = folders, 0
        self.servers: list[Server | None] = [None for _ in folders]
        self.clients: dict[int, httpx2.AsyncClient] = {}

    async def start(self, place: int) -> None:
        """Start one of them, once more or for the first time."""
        made = Server(self.folders[place])
        self.servers[place] = made
        transport = httpx2.AsyncHTTPTransport(uds=str(made.socket), limits=httpx2.Limits(max_connections=200))
        self.clients[place] = httpx2.AsyncClient(transport=transport, base_url="http://x", timeout=60)
        await made.ready(self.clients[place])

    def kill(self, place: int) -> None:
        made, self.servers[place] = self.servers[place], None
        if made is not None:
            made.kill()

    async def close(self, place: int) -> None:
        self.kill(place)
        client = self.clients.pop(place, None)
        if client is not None:
            await client.aclose()

    async def asking(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, ip: str = "",
        headers: dict[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        sent = dict(headers or {}) | ({"authorization": f"Bearer {token}"} if token else {})
        given: dict[str, Any] = {"content": body} if isinstance(body, bytes | str) else {}
        if body is not None and not given:
            given["json"] = body
        self.turn += 1
        alive = [place for place, made in enumerate(self.servers) if made is not None]
        client = self.clients[alive[self.turn % len(alive)]]
        with suppress(httpx2.TransportError):
            return await client.request(method, f"/auth/v1{path}", headers=sent, **given)
        return Answer(DIED)


@contextmanager
def pair(folder: Path, database: str | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Round]:
    """Two servers over one database, and the places that people come by."""
    places = Places()
    given: dict[str, Any] = {
        **SETTINGS, "external": json.dumps(places.settings()),
        "UNDERCROFT_OUTGOING_ALLOW": places.url.removeprefix("http://"),
    }  # fmt: skip
    if database:
        given["UNDERCROFT_DATABASE_URL"] = database
    for name, value in environment(folder, **given).items():
        monkeypatch.setenv(name, value)
    folders = [folder / "a", folder / "b"]
    for each in folders:
        each.mkdir()
        (each / "app.py").write_text(APP)
    with house_of(folder, None, **given) as people:
        both = Pair(people, folders)
        both.run(places.start(both.clock))
        try:
            for place in range(2):
                both.run(both.start(place))
            yield Round(both, places)
        finally:
            for place in range(2):
                both.run(both.close(place))
            both.run(places.stop())


async def raced(both: Pair, ready: dict[str, Once], many: int, wait: float) -> dict[str, list[Answer]]:
    """The answers to all who try at once, while one server dies and is started again; a few come after that."""
    tasks = {
        name: [asyncio.ensure_future(once.attempt(number)) for number in range(many)] for name, once in ready.items()
    }
    await asyncio.sleep(wait)
    both.kill(0)
    answers = {name: list(await asyncio.gather(*each)) for name, each in tasks.items()}
    await both.close(0)
    await both.start(0)
    for name, once in ready.items():
        answers[name] += await asyncio.gather(*(once.attempt(number) for number in range(4)))
    return answers


@pytest.mark.timeout(600)
@pytest.mark.needs("shared-sqlite")
def test_d9_nothing_is_used_twice_though_a_server_is_killed(
    server: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rounds: Callable[[int, int], int],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    chance, many, died = random.Random(5), rounds(4, 64), 0
    # Usually one for each place of the code that uses something up.
    apart = {kind.by: name for name, kind in KINDS.items()}
    kinds = KINDS if rounds(0, 1) else {name: KINDS[name] for name in apart.values()}
    with (
        postgres.database(server) if server else nullcontext() as database,
        pair(tmp_path, database, monkeypatch) as trip,
    ):
        both = trip.house
        assert isinstance(both, Pair)
        for turn in range(rounds(1, 5)):
            ready = {name: kind.begin(trip, many) for name, kind in kinds.items()}
            answers = both.run(raced(both, ready, many, 0.02 + chance.random() * 0.07 * many))
            for name, once in ready.items():
                won = [once.won(answer) for answer in answers[name]].count(True)
                assert won <= 1, (turn, name)
                effects = once.effects()
                assert effects <= 1, (turn, name)
                assert effects == 1 or (not won and not once.whole), (turn, name)
                died += sum(answer.status_code == DIED for answer in answers[name])
                assert {answer.status_code for answer in answers[name]} <= {200, 302, 303, 400, 403, 404, 422, DIED}, (
                    turn,
                    name,
                )
    with capsys.disabled():
        print(f"\n  kill -9 of one of two servers among {many} who have each of {len(kinds)} secrets: {died} cut off")
