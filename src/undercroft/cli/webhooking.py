"""`undercroft webhooks`: the endpoints of an app, beside a server that runs or without one. Deliveries are made by the
server's workers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from undercroft.base.harmless import harmless
from undercroft.cli.opening import opened_house
from undercroft.cli.options import Common
from undercroft.cli.telling import columns, say, say_json

if TYPE_CHECKING:
    from undercroft.webhooks import Endpoint
    from undercroft.webhooks.service.endpoints import Endpoints

T = TypeVar("T")


def tell_endpoints(options: Common, *, as_json: bool) -> None:
    """Every endpoint. Raises `SetupFault`."""
    found = _with(options, lambda endpoints: endpoints.list())
    if as_json:
        say_json([asdict(each) for each in found])
        return
    rows = [(str(each.id), _standing(each), each.url, " ".join(each.events), each.description) for each in found]
    for line in columns([("ENDPOINT", "STATE", "URL", "EVENTS", "DESCRIPTION"), *rows], indent=""):
        say(line)


def add_endpoint(options: Common, url: str, events: list[str], description: str, *, as_json: bool) -> None:
    """Add one, and show its secret. Raises `Fault` for a URL or a name that is none."""

    async def add(endpoints: Endpoints) -> tuple[Endpoint, str]:
        made = await endpoints.add(url, events, description=description)
        return made, (await endpoints.secret(made.id)).reveal()

    made, secret = _with(options, add)
    if as_json:
        say_json(asdict(made) | {"secret": secret})
        return
    say(f"endpoint {made.id}")
    say(f"secret   {secret}")


def change_endpoint(options: Common, endpoint: int, changes: Mapping[str, Any], *, as_json: bool) -> None:
    """Change what is given. Raises `Fault`."""
    made = _with(options, lambda endpoints: endpoints.change(endpoint, **changes))
    if as_json:
        say_json(asdict(made))
    else:
        say(f"endpoint {made.id} is {_standing(made)}: {made.url} {' '.join(made.events)}")


def remove_endpoint(options: Common, endpoint: int) -> None:
    """Forget one. Raises `Fault` where there is none."""
    _with(options, lambda endpoints: endpoints.remove(endpoint))
    say(f"endpoint {endpoint} is gone")


def tell_secret(options: Common, endpoint: int, *, as_json: bool) -> None:
    """The secret in force. Raises `Fault`."""
    secret = _with(options, lambda endpoints: endpoints.secret(endpoint)).reveal()
    _tell_secret(endpoint, secret, as_json=as_json)


def rotate_secret(options: Common, endpoint: int, overlap: str | None, *, as_json: bool) -> None:
    """A new secret. Raises `Fault`, 22023 for a length of time that is none."""
    from undercroft.models.jobs import span

    seconds = None if overlap is None else span(overlap)
    secret = _with(options, lambda endpoints: endpoints.rotate(endpoint, overlap=seconds)).reveal()
    _tell_secret(endpoint, secret, as_json=as_json)


def tell_deliveries(options: Common, endpoint: int | None, state: str | None, most: int, *, as_json: bool) -> None:
    """The latest deliveries, the newest first. Raises `SetupFault`."""
    found = _with(options, lambda endpoints: endpoints.deliveries(endpoint=endpoint, state=state, most=most))
    if as_json:
        say_json([asdict(each) for each in found])
        return
    head = ("DELIVERY", "EVENT", "ENDPOINT", "STATE", "ATTEMPTS", "STATUS", "NEXT", "ID")
    rows = [
        (str(each.id), each.event, str(each.endpoint_id), each.state, str(each.attempts), str(each.status or "-"),
         each.due.isoformat(timespec="seconds") if each.due else "-", each.message_id)
        for each in found
    ]  # fmt: skip
    for line in columns([head, *rows], indent=""):
        say(line)


def tell_attempts(options: Common, delivery: int, *, as_json: bool) -> None:
    """The log of a delivery. Raises `SetupFault`."""
    found = _with(options, lambda endpoints: endpoints.attempts(delivery))
    if as_json:
        say_json([asdict(each) for each in found])
        return
    for each in found:
        error = harmless(each.error or "")
        say(f"{each.at.isoformat(timespec='seconds')}  {each.status or '-'}  {each.ms} ms  {error}".rstrip())
        for line in each.answer.splitlines():
            say(f"    {harmless(line)}")


def replay_delivery(options: Common, delivery: int) -> None:
    """Ask for a delivery once more. Raises `Fault` where there is none."""
    _with(options, lambda endpoints: endpoints.replay(delivery), announce=True)
    say(f"delivery {delivery} will be made again")


def _with(options: Common, work: Callable[[Endpoints], Awaitable[T]], *, announce: bool = False) -> T:
    """Do something with the endpoints of an app, in one transaction; `announce` tells workers that there is work."""
    return asyncio.run(_worked(options, work, announce=announce))


async def _worked(options: Common, work: Callable[[Endpoints], Awaitable[T]], *, announce: bool) -> T:
    from undercroft.access.actor import SERVICE

    async with opened_house(options, "webhooks", dev=False) as house:
        async with house.pipeline.calling(SERVICE) as calling:
            done = await work(calling.context.webhooks)
        if announce and house.background is not None:
            await house.background.announcer.say()
        return done


def _standing(endpoint: Endpoint) -> str:
    return "on" if endpoint.enabled else f"off ({endpoint.disabled})" if endpoint.disabled else "off"


def _tell_secret(endpoint: int, secret: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"endpoint": endpoint, "secret": secret})
    else:
        say(secret)
