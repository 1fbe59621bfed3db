"""Clients of a served app who write and read without a pause, and remember what they were told."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.reliability.test_kill_server import APP

CLIENTS = 12
SLOW = 6.0
"""Seconds: nobody waits in vain for as long as one may wait for a connection."""
UNKNOWN = "08007"
"""The one code that says: nobody can tell whether it was written."""
__all__ = ["APP", "Load", "loaded"]


@dataclass
class Load:
    """What was asked and told."""

    client: httpx2.AsyncClient
    first: int = 0
    acked: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    """Told in certain words that nothing was written."""
    unknown: set[int] = field(default_factory=set)
    told: Counter[tuple[int, str]] = field(default_factory=Counter)
    """(status, code) → how often."""
    without_retry: list[str] = field(default_factory=list)
    reads: int = 0
    slowest: float = 0.0
    """Seconds until the last to be told was told."""
    over: bool = False

    async def write(self, key: int) -> bool:
        """Leave a mark; whether it was acknowledged."""
        answer = await self.client.post("/rest/v1/marks", json={"id": key, "word": "x" * 50})
        if answer.status_code == 201:
            self.acked.add(key)
            return True
        code = self._note(answer)
        (self.unknown if code == UNKNOWN else self.refused).add(key)
        return False

    async def read(self) -> bool:
        answer = await self.client.get("/rest/v1/marks?select=id&limit=3&order=id")
        if answer.status_code == 200:
            self.reads += 1
            return True
        self._note(answer)
        return False

    def _note(self, answer: httpx2.Response) -> str:
        code = str(answer.json().get("code"))
        self.told[answer.status_code, code] += 1
        if "retry-after" not in answer.headers:
            self.without_retry.append(answer.text)
        return code

    async def until_served(self) -> float:
        """Seconds until the server is ready, a write is acknowledged and a read is answered."""
        began = time.monotonic()
        while time.monotonic() - began < 30:
            if (await self.client.get("/readyz")).status_code == 200:
                self.first += 1
                if await self.write(1_000_000_000 + self.first) and await self.read():
                    break
            await asyncio.sleep(0.01)
        return time.monotonic() - began

    async def work(self, number: int) -> None:
        """One client, until it is over."""
        key = 100_000_000 + number
        while not self.over:
            key += CLIENTS
            began = time.monotonic()
            fine = await (self.write(key) if number % 3 else self.read())
            self.slowest = max(self.slowest, time.monotonic() - began)
            if not fine:
                await asyncio.sleep(0.01)

    def check(self, kept: set[int]) -> None:
        """Nothing acknowledged is lost, nothing refused is there, and nobody was told anything but to come again."""
        assert not self.acked - kept, f"lost: {len(self.acked - kept)}"
        assert not self.refused & kept, f"there although refused: {len(self.refused & kept)}"
        assert kept <= self.acked | self.unknown
        assert {status for status, _ in self.told} <= {503}, self.told
        assert self.without_retry == []
        assert self.slowest < SLOW, f"somebody was kept waiting for {self.slowest:.1f} s"

    def __str__(self) -> str:
        told = ", ".join(f"{status} {code}: {number}" for (status, code), number in sorted(self.told.items()))
        return (
            f"{len(self.acked)} acknowledged, {self.reads} read, {len(self.unknown)} unknown, "
            f"{self.slowest:.1f} s at the longest; {told or 'no refusal'}"
        )


@asynccontextmanager
async def loaded(socket: Path) -> AsyncIterator[Load]:
    """Clients at work on a server that listens there."""
    transport = httpx2.AsyncHTTPTransport(uds=str(socket))
    async with httpx2.AsyncClient(transport=transport, base_url="http://x", timeout=20) as client:
        load = Load(client)
        workers = [asyncio.ensure_future(load.work(number)) for number in range(CLIENTS)]
        try:
            yield load
        finally:
            load.over = True
            await asyncio.gather(*workers)
