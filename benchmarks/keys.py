"""What does an `Idempotency-Key` add to an insert, and what does a batch save? Inside one process, without a network.

The figures are processor time: of an insert without a key, with a new key, repeated, and as one of ten in a batch.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from benchmarks.bench import Bench
from benchmarks.figures import Bar, Figure, middle
from undercroft import App
from undercroft.base.settings import Settings
from undercroft.web.log import configure_log

REQUESTS = 1_500
"""Of one round."""
AT_ONCE = 32
IN_A_BATCH = 10
INSERT = b'{"word":"a word of some length"}'
BATCH = json.dumps([{"method": "POST", "path": "/keyed_words", "body": json.loads(INSERT)}] * IN_A_BATCH).encode()
HEADERS = [
    (b"host", b"x"),
    (b"user-agent", b"bench"),
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip"),
    (b"connection", b"keep-alive"),
    (b"content-type", b"application/json"),
    (b"prefer", b"return=minimal"),
    (b"x-client-info", b"bench"),
]
KINDS = ("plain", "keyed", "repeated", "batch")


class WordsBase(DeclarativeBase):
    pass


class KeyedWord(WordsBase):
    __tablename__ = "keyed_words"
    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str]


def measure(bench: Bench) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="undercroft-keys-") as folder:
        found = asyncio.run(_rounds(folder, bench.rounds))
    command = (f"python -m benchmarks keys --rounds {bench.rounds}",)
    told = ", ".join(f"{kind} {min(times):.0f} µs" for kind, times in found.items())
    yield Figure(
        "an insert with a new key, against one without", Bar(4, least=False), _against(found, "keyed"), told, command
    )
    yield Figure("the same repeated", None, _against(found, "repeated"), told, command)
    yield Figure(f"an insert in a batch of {IN_A_BATCH}", None, _against(found, "batch"), told, command)


def _against(found: dict[str, list[float]], kind: str) -> Any:
    return middle([one / other for one, other in zip(found[kind], found["plain"], strict=True)])


async def _rounds(folder: str, rounds: int) -> dict[str, list[float]]:
    app = App(WordsBase)
    app.policy(KeyedWord, "select", "insert", name="open")(lambda row: True)
    app.settings = Settings.load(None, {"UNDERCROFT_DATABASE_DATA": folder, "UNDERCROFT_LOG_LEVEL": "error"})
    configure_log(app.settings.log, sys.stderr)
    await app.start()
    numbers, found = count(), {kind: list[float]() for kind in KINDS}
    for _ in range(rounds):
        for kind in KINDS:
            found[kind].append(await _round(app, kind, numbers))
    await app.stop()
    return found


async def _round(app: App, kind: str, numbers: Iterator[int]) -> float:
    """Microseconds of processor time for one insert."""

    async def worker(number: int) -> None:
        for _ in range(REQUESTS // AT_ONCE // (IN_A_BATCH if kind == "batch" else 1)):
            key = b"repeated %d" % number if kind == "repeated" else b"key %d" % next(numbers)
            headers = [*HEADERS, (b"idempotency-key", key)] if kind in ("keyed", "repeated") else HEADERS
            await _ask(
                app, "batch" if kind == "batch" else "keyed_words", BATCH if kind == "batch" else INSERT, headers
            )

    began = time.process_time()
    await asyncio.gather(*(worker(number) for number in range(AT_ONCE)))
    return (time.process_time() - began) / REQUESTS * 1e6


async def _ask(app: App, path: str, body: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
    told: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        told.append(message)

    target = f"/rest/v1/{path}"
    scope = {"type": "http", "method": "POST", "path": target, "raw_path": target.encode(), "query_string": b""}
    await app({**scope, "headers": headers}, receive, send)
    if told[0]["status"] not in (200, 201):
        raise RuntimeError(f"{path}: {told}")
