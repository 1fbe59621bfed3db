"""`undercroft mail`: a mail to try it out, what became of mails, and who is not written to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from undercroft.base.faults import SetupFault
from undercroft.base.harmless import harmless
from undercroft.cli.opening import opened_house
from undercroft.cli.options import Common
from undercroft.cli.telling import columns, say, say_json

if TYPE_CHECKING:
    from undercroft.mail.service import Mailer
    from undercroft.mail.types import Taken
    from undercroft.pipeline.context import Context

T = TypeVar("T")
_TOLD = ("id", "state", "recipient", "subject", "template", "attempts", "server", "answer")


def send_test(options: Common, to: str, *, as_json: bool) -> None:
    """Send one mail past the outbox. Raises `SetupFault` with what the servers said, `Fault` for no address."""
    from undercroft.mail.errors import NotNow, Refused

    async def send(mailer: Mailer, _: Context) -> Taken:
        try:
            return await mailer.probe(to)
        except (NotNow, Refused) as error:
            raise SetupFault(f"the mail was not taken: {error.answer}") from None
        finally:
            await mailer.stop()

    taken = _with(options, send)
    if as_json:
        say_json({"server": taken.server, "answer": taken.answer})
    else:
        say(f"{taken.server} took it: {harmless(taken.answer)}")


def tell_mails(options: Common, most: int, *, as_json: bool) -> None:
    """The latest mails without their words, which are nobody's business here."""
    found = _with(options, lambda mailer, _: mailer.latest(most))
    if as_json:
        say_json([{name: mail[name] for name in _TOLD} for mail in found])
        return
    head = ("MAIL", "STATE", "TO", "SUBJECT", "ATTEMPTS", "ANSWER")
    rows = [
        (
            str(mail["id"]),
            mail["state"],
            mail["recipient"],
            mail["subject"],
            str(mail["attempts"]),
            mail["answer"] or "-",
        )
        for mail in found
    ]
    for line in columns([head, *rows], indent=""):
        say(line)


def tell_suppressions(options: Common, most: int, *, as_json: bool) -> None:
    """Who is not written to."""
    found = _with(options, lambda mailer, _: mailer.suppressed(most))
    if as_json:
        say_json(found)
        return
    rows = [(each["address"], each["reason"], each["detail"]) for each in found]
    for line in columns([("ADDRESS", "REASON", "DETAIL"), *rows], indent=""):
        say(line)


def suppress_address(options: Common, address: str, reason: str) -> None:
    """Send nothing there any more. Raises `Fault` for what is no address."""
    _with(options, lambda _, ctx: ctx.suppress(address, reason))
    say(f"nothing is sent to {address} any more")


def unsuppress_address(options: Common, address: str) -> None:
    """Write there again. Raises `Fault` for what is no address."""
    was = _with(options, lambda _, ctx: ctx.unsuppress(address))
    say(f"{address} is written to again" if was else f"{address} was not suppressed")


def _with(options: Common, work: Callable[[Mailer, Context], Awaitable[T]]) -> T:
    """Do something with the mail of an app, in one transaction, beside a server that runs or without one."""
    return asyncio.run(_worked(options, work))


async def _worked(options: Common, work: Callable[[Mailer, Context], Awaitable[T]]) -> T:
    from undercroft.access.actor import SERVICE

    # Not as while developing: there, mails are caught.
    async with opened_house(options, "mails", dev=False) as house, house.pipeline.calling(SERVICE) as calling:
        if house.mailer is None:
            raise AssertionError("an app's own house has a mailer")
        return await work(house.mailer, calling.context)
