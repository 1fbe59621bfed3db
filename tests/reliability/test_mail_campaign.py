"""A campaign of many mails: its provider fails half-way, each key is sent once, and memory stays flat.

`make soak` sends 100,000 on each engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.mail_house import MailHouse, mail_house
from tests.mailserver import MailServer, mail_server
from undercroft.access.actor import SERVICE

pytestmark = [pytest.mark.anyio, pytest.mark.needs("linux"), pytest.mark.timeout(3 * 3600)]

AT_ONCE = 200
"""Mails that one transaction asks for."""
GROWTH = 48 * 1024
"""Kilobytes by which the process may grow between the first tenth and the end."""


class Ledger:
    """The Message-IDs that a provider took, in a file: a list of them would grow with the campaign."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="ascii")
        self.path = path
        self.count = 0
        self.when: Callable[[int], None] = lambda count: None

    def append(self, message_id: str) -> None:
        self._file.write(f"{message_id}\n")
        self.count += 1
        self.when(self.count)

    def close(self) -> list[str]:
        self._file.close()
        return self.path.read_text(encoding="ascii").split()


def resident() -> int:
    """Kilobytes of memory that this process holds."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0])


@pytest.fixture(
    params=[None, pytest.param("postgres", marks=pytest.mark.needs("postgres"))], ids=["sqlite", "postgres"]
)
def server(request: pytest.FixtureRequest) -> str | None:
    """The URL of a PostgreSQL; None for SQLite."""
    if request.param is None:
        return None
    url: str = request.getfixturevalue("postgres_server")
    return url


async def ask_for(house: MailHouse, count: int) -> None:
    """Ask for every mail, and for every third one twice."""
    for start in range(0, count, AT_ONCE):
        some = range(start, min(start + AT_ONCE, count))
        for numbers in (some, some[::3]):
            async with house.house.pipeline.calling(SERVICE, seconds=60) as calling:
                for number in numbers:
                    name = f"reader {number}"
                    await calling.context.mail("welcome", f"{number}@example.com", name=name, key=f"may:{number}")


async def test_each_key_is_sent_once_though_the_provider_fails_half_way(
    tmp_path: Path, server: str | None, rounds: Callable[[int, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    count = rounds(2_000, 100_000)
    first_ids, second_ids = Ledger(tmp_path / "first"), Ledger(tmp_path / "second")
    memory: list[int] = []

    def on_first(taken: int) -> None:
        if taken == count // 10:
            memory.append(resident())
        if taken == count // 2:
            first.drop_before = "MAIL"  # the next word of every conversation is answered by hanging up

    first_ids.when = on_first
    async with mail_server() as first, mail_server() as second:
        prepare(first, first_ids)
        prepare(second, second_ids)
        servers = ",".join(f"smtp+plain://127.0.0.1:{each.port}" for each in (first, second))
        async with mail_house(tmp_path, server, backend="smtp", servers=servers, rest="1s", recipient_limit=0) as house:
            async with asyncio.timeout(count * 0.1 + 60):
                await ask_for(house, count)
                while first_ids.count + second_ids.count < count:  # noqa: ASYNC110  # two servers
                    await asyncio.sleep(0.05)
            await house.settled()
            memory.append(resident())
            assert await house.rows("mails", "state, count(*)", "GROUP BY state") == [("sent", count)]
            known = {message_id for (message_id,) in await house.rows("mails", "message_id")}
    one, other = first_ids.close(), second_ids.close()
    assert len(one) + len(other) == count
    assert set(one) | set(other) == known
    assert count // 2 <= len(one) < count // 2 + 8, "what was being said when it failed is still taken"
    with capsys.disabled():
        print(f"\n{count} mails, first tenth {memory[0] // 1024} MiB, end {memory[1] // 1024} MiB")
    assert memory[1] - memory[0] < GROWTH


def prepare(server: MailServer, ledger: Ledger) -> None:
    server.keep = False
    server.ids = ledger  # type: ignore[assignment]
