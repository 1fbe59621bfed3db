"""The verbs of mail: ask for one in a transaction, hand one over, keep one from being sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from undercroft.base.faults import Fault
from undercroft.mail.backends.local import MemoryBackend
from undercroft.mail.errors import NoMailFault, NotNow, Refused, TooLargeFault
from undercroft.mail.parts.addresses import address_of, check_header
from undercroft.mail.parts.answers import told
from undercroft.mail.parts.letters import attachments_as_text, letter_of
from undercroft.mail.parts.messages import check_unsubscribe, message_of
from undercroft.mail.store import LISTED, NEW, TOLD, UNLIMITED, Claim, Claiming, Ending, claim_in, end_in, statements
from undercroft.mail.tables import FAILED, SENT, SUPPRESSIONS
from undercroft.mail.types import Address, Letter, MailSettings, Message, Taken
from undercroft.models.jobs import Job
from undercroft.models.mail import MailRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import EmailMessage

    from undercroft.access.actor import Actor
    from undercroft.base.clock import Clock
    from undercroft.engine.types import Engine, Transaction
    from undercroft.mail.parts.signatures import Signer
    from undercroft.mail.parts.templates import Templates
    from undercroft.mail.types import Backend
    from undercroft.pipeline.ports import Enqueue

MICROSECONDS = 1_000_000
LIST_PRIORITY = -10
"""Mails of a list let those pass that somebody waits for."""
FIRST_WAIT, LONGEST_WAIT = 15.0, 3600.0
"""Seconds between tries: the first wait, twice as long each time, and the longest."""


@dataclass(slots=True, eq=False)
class Mailer:
    """Implements `pipeline.ports.SendMail`, and sends what was asked for."""

    engine: Engine
    clock: Clock
    settings: MailSettings
    backend: Backend | None
    """None: nothing to send with, and whoever asks is told so."""
    templates: Callable[[], Templates]
    enqueue: Enqueue
    log: Any
    signer: Signer | None = None
    job: Job[..., Any] = field(init=False)
    """Sends one mail by its id; see `tasks`, which sets it."""

    async def start(self) -> None:
        """Open what mails leave by."""
        if self.backend is not None:
            await self.backend.start()

    async def stop(self) -> None:
        """Close it."""
        if self.backend is not None:
            await self.backend.stop()

    @property
    def outbox(self) -> list[EmailMessage]:
        """In tests, with `[mail] backend = "memory"`: what was sent, oldest first. Raises `NoMailFault` elsewhere."""
        if not isinstance(self.backend, MemoryBackend):
            raise NoMailFault('sent mails are kept by the backend "memory" only')
        return self.backend.mails

    # --- asking, in the transaction of the data ---

    async def __call__(self, transaction: Transaction, actor: Actor, asked: MailRequest) -> int:
        """Render a mail and store it with the job that sends it; its id, of a known `key` that of the one there is.

        Raises `AddressFault`, `TemplateFault`, `TooLargeFault` and `NoMailFault`.
        """
        _, sender = self._ready()
        priority = None if asked.unsubscribe is None else LIST_PRIORITY
        job = self.job.options(delay=asked.delay, at=asked.at, priority=priority)
        meant = self.clock.timestamp() + asked.delay if asked.at is None else asked.at.timestamp()
        recipient = address_of(asked.to)
        rendered = self.templates().render(asked.template, asked.data, language=asked.language, subject=asked.subject)
        row = {
            "key": None if asked.key is None else check_header("a mail's key", asked.key),
            "template": asked.template,
            "message_id": f"<{uuid4().hex}@{sender.domain}>",
            "sender": str(sender),
            "recipient": str(recipient),
            "address": recipient.same,
            "reply_to": None if asked.reply_to is None else str(address_of(asked.reply_to)),
            "unsubscribe": None if asked.unsubscribe is None else check_unsubscribe(asked.unsubscribe),
            "subject": rendered.subject,
            "html": rendered.html,
            "text": rendered.text,
            "attachments": attachments_as_text(asked.attachments),
            "created": round(meant * MICROSECONDS),
        }
        self._check_size(row)
        return await self._store(transaction, actor, row, job)

    def _ready(self) -> tuple[Backend, Address]:
        """What mails leave by, and who they come from. Raises `NoMailFault`."""
        if self.backend is None or self.settings.sender is None:
            lacking = "mail server is set: [mail] servers" if self.backend is None else "sender is set: [mail] sender"
            raise NoMailFault(f"no {lacking}", hint='Set [mail] sender and servers, or [mail] backend = "console".')
        return self.backend, self.settings.sender

    async def _store(self, transaction: Transaction, actor: Actor, row: dict[str, Any], job: Job[..., Any]) -> int:
        prepared = statements(self.engine.dialect)
        added = await transaction.fetch(prepared.add.text, prepared.add.args(**{name: row[name] for name in NEW}))
        if not added:  # a mail of this key is there already: that is the one
            ((known,),) = await transaction.fetch(prepared.by_key.text, prepared.by_key.args(key=row["key"]))
            return int(known)
        mail = int(added[0][0])
        await self.enqueue(transaction, actor, [job.call(mail)])
        return mail

    def _check_size(self, row: Mapping[str, Any]) -> None:
        size = sum(len(row[name].encode()) for name in ("html", "text", "attachments"))
        if size > self.settings.size_limit:
            raise TooLargeFault(
                f"the mail has {size} bytes", details=f"[mail] size_limit is {self.settings.size_limit}"
            )

    # --- who is not written to ---

    async def suppress(self, transaction: Transaction, address: str, reason: str) -> None:
        """From now on nothing is sent to this address. Raises `AddressFault`."""
        prepared = statements(self.engine.dialect).suppress
        why = check_header("a reason", reason)
        given = prepared.args(address=address_of(address).same, reason=why, detail="", created=self._now())
        await transaction.fetch(prepared.text, given)

    async def unsuppress(self, transaction: Transaction, address: str) -> bool:
        """Write to this address again; whether it was suppressed. Raises `AddressFault`."""
        prepared = statements(self.engine.dialect).unsuppress
        return bool(await transaction.fetch(prepared.text, prepared.args(address=address_of(address).same)))

    async def suppressed(self, most: int) -> list[dict[str, Any]]:
        """Who is not written to, the latest first: `address`, `reason`, `detail`, `created`."""
        listed = statements(self.engine.dialect).suppressions
        return await self._looked_up(listed.text, listed.args(most=most), [column.name for column in SUPPRESSIONS.c])

    async def probe(self, to: str) -> Taken:
        """Send a mail of a fixed text at once, past the outbox, to see whether that can be done.

        Raises `AddressFault`, `NoMailFault`, and `Refused` or `NotNow` as servers say.
        """
        backend, sender = self._ready()
        letter = Letter(
            message_id=f"<{uuid4().hex}@{sender.domain}>",
            sender=sender,
            recipient=address_of(to),
            subject="A mail to try it out",
            html="",
            text="This mail was sent to see whether mails can be sent. They can.\n",
            date=self.clock.now(),
        )
        return await backend.send(self._signed(letter, round(self.clock.timestamp())))

    # --- looking ---

    async def latest(self, most: int) -> list[dict[str, Any]]:
        """The newest mails, without their words."""
        latest = statements(self.engine.dialect).latest
        return await self._looked_up(latest.text, latest.args(most=most), LISTED)

    async def one(self, mail: int) -> dict[str, Any] | None:
        """One mail by its id, with its words as far as they are kept."""
        one = statements(self.engine.dialect).one
        return next(iter(await self._looked_up(one.text, one.args(id=mail), TOLD)), None)

    async def _looked_up(self, text: str, args: list[object], names: Sequence[str]) -> list[dict[str, Any]]:
        async with self.engine.transaction(read_only=True) as transaction:
            return [dict(zip(names, row, strict=True)) for row in await transaction.fetch(text, args)]

    # --- sending, when the transaction has committed ---

    async def deliver(self, mail: int) -> float | None:
        """One try to hand a mail over; None when there is nothing left to do, else in how many seconds there is."""
        lease = uuid4().hex
        claim = await self._claim(mail, lease)
        if claim.words is None:
            return None if claim.wait is None else claim.wait / MICROSECONDS
        words = claim.words
        if self.backend is None:
            return await self._again(mail, lease, words, _not_now("no mail server is set"))
        try:
            async with asyncio.timeout(self.settings.lease * 0.9):
                taken = await self.backend.send(self.message(words))
        except TimeoutError:
            return await self._again(mail, lease, words, _not_now("the hand-over took too long"))
        except Fault as fault:
            await self._end(Ending(mail, lease, FAILED, self._now(), None, fault.message))
            raise
        except Refused as refused:
            bounced = words["address"] if refused.bounce else None
            self.log.warning("mail refused", mail=mail, answer=refused.brief, bounced=refused.bounce)
            await self._end(Ending(mail, lease, FAILED, self._now(), None, told(refused.answer), suppress=bounced))
            return None
        except NotNow as later:
            return await self._again(mail, lease, words, later)
        await self._end(
            Ending(mail, lease, SENT, self._now(), taken.server, told(taken.answer), forget=not self.backend.keeps)
        )
        return None

    async def tidy(self) -> None:
        """Forget mails that were over long ago, some at a time. Raises `DatabaseFault`, `Overloaded`."""
        purge = statements(self.engine.dialect).purge
        given = purge.args(before=self._now() - round(self.settings.keep * MICROSECONDS))
        while await self.engine.write(lambda cursor: cursor.all(purge.text, given)):
            pass

    async def _claim(self, mail: int, lease: str) -> Claim:
        settings, now = self.settings, self._now()
        ask = Claiming(
            mail,
            lease,
            now,
            now + round(settings.lease * MICROSECONDS),
            settings.recipient_limit or UNLIMITED,
            round(settings.recipient_period * MICROSECONDS),
        )
        prepared = statements(self.engine.dialect)
        return await self.engine.write(lambda cursor: claim_in(cursor, prepared, ask))

    async def _end(self, ending: Ending) -> None:
        prepared = statements(self.engine.dialect)
        mine = await self.engine.write(lambda cursor: end_in(cursor, prepared, ending))
        if not mine:
            self.log.error("mail was tried twice at once", mail=ending.mail, state=ending.state)

    async def _again(self, mail: int, lease: str, words: Mapping[str, Any], later: NotNow) -> float | None:
        """Let go of a mail until later; one that was tried for too long has failed."""
        now = self._now()
        if now - words["tried"] > self.settings.give_up * MICROSECONDS:
            self.log.error("mail given up", mail=mail, answer=later.brief, attempts=words["attempts"])
            await self._end(Ending(mail, lease, FAILED, now, None, told(later.answer)))
            return None
        release = statements(self.engine.dialect).release
        given = release.args(id=mail, lease=lease, server=None, answer=told(later.answer))
        await self.engine.write(lambda cursor: cursor.all(release.text, given))
        wait: float = min(FIRST_WAIT * 2.0 ** min(words["attempts"] - 1, 20), LONGEST_WAIT)
        self.log.info("mail not taken", mail=mail, answer=later.brief, attempts=words["attempts"])
        # Those that failed together do not return together: each id has a moment of its own.
        return max(wait, later.after or 0.0) * (1 + mail % 16 / 64)

    def message(self, words: Mapping[str, Any]) -> Message:
        """A stored mail as it is handed over. Raises `AddressFault` where somebody changed the row."""
        # Signed as of when it was asked for: what is sent again is the same to the byte.
        return self._signed(letter_of(words), words["created"] // MICROSECONDS)

    def _signed(self, letter: Letter, at: int) -> Message:
        message = message_of(letter, envelope_from=self.settings.bounces)
        if self.signer is None:
            return message
        return replace(message, content=self.signer.signed(message.content, at))

    def _now(self) -> int:
        return round(self.clock.timestamp() * MICROSECONDS)


def _not_now(reason: str) -> NotNow:
    """For a reason of our own, in which there is no address."""
    return NotNow(reason, brief=reason)
