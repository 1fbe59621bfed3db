"""What does it cost to publish an event, how many deliveries are made in a second, and how many events are taken in?

One process publishes, delivers, and is its own receiver on loopback; deliveries go to ten endpoints. Events come in
through the room, twenty at a time, signed by Stripe's scheme.
"""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import structlog

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Middle, middle
from tests.api.test_webhooks_in import paid, stripe_header
from tests.api.webhook_house import STRIPE, WebhookHouse, webhook_house
from tests.receiver import Receiver, receiving
from undercroft.web.types import Answer, Request

ENDPOINTS = 10
EVENTS = 100
ROUNDS = 5


def measure(bench: Bench) -> Iterator[Figure]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield from _figures("SQLite", None)
    with bench.server() as server:
        yield from _figures("PostgreSQL", server)


def _figures(engine: str, server: str | None) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="undercroft-webhooks-") as folder:
        published, delivered, received = asyncio.run(_rounds(Path(folder), server))
    note = f"{ROUNDS} rounds of {EVENTS} events"
    yield Figure(
        f"what an event for {ENDPOINTS} endpoints adds to its transaction, {engine}, ms", None, published, note
    )
    yield Figure(f"deliveries made, {engine}, /s", None, delivered, f"{note} to {ENDPOINTS} endpoints")
    yield Figure(f"events taken in, {engine}, /s", None, received, note)


async def _rounds(folder: Path, server: str | None) -> tuple[Middle, Middle, Middle]:
    published: list[float] = []
    delivered: list[float] = []
    received: list[float] = []
    async with receiving() as receiver, webhook_house(folder, server) as house:
        for _ in range(ENDPOINTS):
            await house.add(receiver.url, "invoice.*")
        for number in range(ROUNDS):
            cost, rate = await _sent(house, receiver)
            published.append(cost)
            delivered.append(rate)
            received.append(await _taken(house, number * EVENTS))
    return middle(published), middle(delivered), middle(received)


async def _sent(house: WebhookHouse, receiver: Receiver) -> tuple[float, float]:
    before, started = len(receiver.got), time.perf_counter()
    async with house.calling() as ctx:
        for number in range(EVENTS):
            await ctx.publish("invoice.paid", {"number": number})
        took = time.perf_counter() - started

    async def all_came() -> bool:
        return len(receiver.got) >= before + EVENTS * ENDPOINTS

    started = time.perf_counter()
    await house.until(all_came, 600)
    rate = EVENTS * ENDPOINTS / (time.perf_counter() - started)
    await house.settled()
    return took / EVENTS * 1000, rate


async def _taken(house: WebhookHouse, first: int) -> float:
    room = house.house.door.room_of(b"/webhooks/v1/stripe")
    if room is None:
        raise AssertionError("the app has a webhook")

    async def one(number: int) -> None:
        body = json.dumps(paid(number)).encode()
        signature = stripe_header(body, datetime.now(UTC).timestamp(), STRIPE).encode()

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": body, "more_body": False}

        found = room[0](Request("POST", room[1], b"", [(b"stripe-signature", signature)], receive, 2**20))
        answer = found if isinstance(found, Answer) else await found
        if not isinstance(answer, Answer) or answer.status != 200:
            raise AssertionError(answer)

    started = time.perf_counter()
    for start in range(first, first + EVENTS, 20):
        await asyncio.gather(*(one(number) for number in range(start, start + 20)))
    rate = EVENTS / (time.perf_counter() - started)
    await house.settled()
    return rate
