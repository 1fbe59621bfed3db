"""D8, D9: servers that are killed while many use up one code, or refresh one token; and two that serve at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.api.auth.people import LIMITS
from tests.reliability.test_kill_server import APP, Server

MANY = 64
PHONE, CODE = "15550001111", "123456"
VERIFY = {"phone": PHONE, "token": CODE, "type": "sms"}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def places(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two folders that servers run in, on one database, where a code is known beforehand."""
    settings = {f"RATE_LIMIT_{name.upper()}": "0" for name in LIMITS} | {
        "SMS_ENABLE_SIGNUP": "true", "SMS_MAX_FREQUENCY": "0", "SMS_TEST_OTP": f'{{"{PHONE}": "{CODE}"}}',
        "REFRESH_TOKEN_REUSE_INTERVAL": "60",
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(f"UNDERCROFT_AUTH_{name}", value)
    monkeypatch.setenv("UNDERCROFT_DATABASE_DATA", str(tmp_path / "data"))
    if request.param == "postgres":
        monkeypatch.setenv("UNDERCROFT_DATABASE_URL", request.getfixturevalue("postgres_url"))
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        (folder / "app.py").write_text(APP)
    return folders


class Client:
    """Asks one server, and knows what became of it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        limits = httpx2.Limits(max_connections=MANY)
        transport = httpx2.AsyncHTTPTransport(uds=str(server.socket), limits=limits)
        self.http = httpx2.AsyncClient(transport=transport, base_url="http://x", timeout=60)

    async def ask(self, path: str, body: dict[str, Any]) -> httpx2.Response | None:
        """An answer; None where the server died before it."""
        with suppress(httpx2.TransportError):
            return await self.http.post(f"/auth/v1{path}", json=body)
        return None

    async def refresh(self, token: str) -> httpx2.Response | None:
        return await self.ask("/token?grant_type=refresh_token", {"refresh_token": token})


async def started(stack: AsyncExitStack, folder: Path) -> Client:
    server = Server(folder)
    stack.callback(lambda: server.kill() if server.process.poll() is None else None)
    client = Client(server)
    await stack.enter_async_context(client.http)
    await client.server.ready(client.http)
    return client


def granted(answers: list[httpx2.Response | None]) -> list[dict[str, Any]]:
    """The sessions among answers; whatever was refused was refused for a reason."""
    found = [answer for answer in answers if answer is not None]
    assert {answer.status_code for answer in found} <= {200, 400, 403}, [answer.text for answer in found]
    return [answer.json() for answer in found if answer.status_code == 200]


async def cut_short(client: Client, asks: list[Any], wait: float) -> list[httpx2.Response | None]:
    """The answers to asks that are made at once, of a server that is killed meanwhile."""
    tasks = [asyncio.ensure_future(each) for each in asks]
    await asyncio.sleep(wait)
    client.server.kill()
    return list(await asyncio.gather(*tasks))


async def codes(folder: Path, kills: int) -> tuple[int, int]:
    """How many codes were used, of how many; each was tried by many, on both sides of a kill."""
    chance, used, pending = random.Random(2), 0, list[dict[str, Any]]()
    for _ in range(kills):
        async with AsyncExitStack() as stack:
            client = await started(stack, folder)
            pending += granted([await client.ask("/verify", VERIFY) for _ in range(3)])
            assert len(pending) <= 1
            used += len(pending)
            answer = await client.ask("/otp", {"phone": PHONE})
            assert answer is not None
            assert answer.status_code == 200, answer.text
            asks = [client.ask("/verify", VERIFY) for _ in range(MANY)]
            pending = granted(await cut_short(client, asks, 0.005 + chance.random() * 0.15))
    return used + len(pending), kills


@pytest.mark.timeout(300)
def test_d9_a_code_is_good_once_though_the_server_is_killed(
    places: list[Path], rounds: Callable[[int, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    used, sent = asyncio.run(codes(places[0], rounds(2, 60)))
    assert used <= sent
    with capsys.disabled():
        print(f"\n  kill -9 among {MANY} who have one code: {sent} codes, {used} used, none twice")


async def signed_in(client: Client) -> str:
    assert await client.ask("/otp", {"phone": PHONE}) is not None
    answer = await client.ask("/verify", VERIFY)
    assert answer is not None
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["refresh_token"]
    return token


@pytest.mark.timeout(300)
def test_d8_nobody_is_logged_out_by_a_kill(places: list[Path], rounds: Callable[[int, int], int]) -> None:
    """All who refresh one token, before the kill and after it, get the same child, and it is good."""

    async def lives() -> None:
        chance, token = random.Random(3), ""
        children: set[str] = set()
        for _ in range(rounds(2, 60)):
            async with AsyncExitStack() as stack:
                client = await started(stack, places[0])
                if not token:
                    token = await signed_in(client)
                else:
                    children |= {each["refresh_token"] for each in granted([await client.refresh(token)])}
                    assert len(children) == 1
                    token, children = children.pop(), set()
                asks = [client.refresh(token) for _ in range(MANY)]
                answers = granted(await cut_short(client, asks, 0.005 + chance.random() * 0.15))
                children = {each["refresh_token"] for each in answers}
                assert len(children) <= 1

    asyncio.run(lives())


@pytest.mark.timeout(120)
@pytest.mark.needs("shared-sqlite")
def test_d8_two_servers_give_one_child(places: list[Path]) -> None:
    """A hundred refreshes of one token over two processes."""

    async def both() -> None:
        async with AsyncExitStack() as stack:
            one = await started(stack, places[0])
            other = await started(stack, places[1])
            token = await signed_in(one)
            answers = await asyncio.gather(*[(one, other)[number % 2].refresh(token) for number in range(100)])
            assert [answer.status_code for answer in answers if answer is not None] == [200] * 100
            children = {answer.json()["refresh_token"] for answer in answers if answer is not None}
            assert len(children) == 1
            last = await other.refresh(children.pop())
            assert last is not None
            assert last.status_code == 200

    asyncio.run(both())
