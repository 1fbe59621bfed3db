"""The statements of mail, written once for both engines and compiled once for the one that is served.

A claim writes a lease of its own into the row; whatever ends a try names that lease, and finds nothing where somebody
has claimed the mail since.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from undercroft.engine.types import Cursor
from undercroft.mail.tables import FAILED, MAILS, SENDING, SENT, SUPPRESSED, SUPPRESSIONS, WAITING
from undercroft.sql.prepared import Prepared, prepare

NEW = ("key", "template", "message_id", "sender", "recipient", "address", "reply_to", "unsubscribe", "subject", "html",
       "text", "attachments", "created")  # fmt: skip
"""What is given of a new mail."""
WORDS = ("id", "message_id", "sender", "recipient", "address", "reply_to", "unsubscribe", "subject", "html", "text",
         "attachments", "attempts", "created", "tried")  # fmt: skip
"""What a try needs of a mail."""
TOLD = (*WORDS, "template", "state", "server", "answer", "finished")
LISTED = ("id", "recipient", "subject", "template", "state", "attempts", "server", "answer", "created")
"""What a list of mails needs: without the words, which may be megabytes of each."""
UNLIMITED = 2**31 - 1


class Claim(NamedTuple):
    """What came of asking for a mail: its words, or why there is nothing to do, or in how many microseconds there
    is."""

    words: dict[str, Any] | None
    wait: int | None = None


@dataclass(frozen=True, slots=True)
class Claiming:
    """One try: by which lease, when, and what it must keep to. Microseconds."""

    mail: int
    lease: str
    now: int
    until: int
    limit: int
    period: int


@dataclass(frozen=True, slots=True)
class Ending:
    """How a try came out."""

    mail: int
    lease: str
    state: str
    now: int
    server: str | None
    answer: str
    forget: bool = False
    """The words are not kept."""
    suppress: str | None = None
    """The address that bounced."""


@dataclass(frozen=True, slots=True, eq=False)
class Statements:
    """Every statement, ready for one engine."""

    add: Prepared
    by_key: Prepared
    claim: Prepared
    standing: Prepared
    counted: Prepared
    set_suppressed: Prepared
    end: Prepared
    end_and_forget: Prepared
    release: Prepared
    suppress: Prepared
    unsuppress: Prepared
    suppressions: Prepared
    latest: Prepared
    one: Prepared
    purge: Prepared


@cache
def statements(dialect: Dialect) -> Statements:
    """The statements as this engine reads them."""
    elements = _elements(postgresql.insert if dialect.name == "postgresql" else sqlite.insert)
    return Statements(**{each.name: prepare(elements[each.name], dialect) for each in fields(Statements)})


def claim_in(cursor: Cursor, prepared: Statements, ask: Claiming) -> Claim:
    """Take a mail for one try, within the limit of its recipient; a suppressed one ends here."""
    found = cursor.all(
        prepared.claim.text,
        prepared.claim.args(
            id=ask.mail, lease=ask.lease, now=ask.now, until=ask.until, since=ask.now - ask.period, limit=ask.limit
        ),
    )
    if found:
        return Claim(dict(zip(WORDS, found[0], strict=True)))
    standing = cursor.all(prepared.standing.text, prepared.standing.args(id=ask.mail))
    if not standing or standing[0][0] not in (WAITING, SENDING):
        return Claim(None)
    state, leased_until, address, suppressed = standing[0]
    if state == SENDING and leased_until is not None and leased_until >= ask.now:
        return Claim(None, leased_until - ask.now + 1)
    if suppressed:
        cursor.all(prepared.set_suppressed.text, prepared.set_suppressed.args(id=ask.mail, now=ask.now))
        return Claim(None)
    counted = cursor.all(
        prepared.counted.text,
        prepared.counted.args(address=address, since=ask.now - ask.period, place=ask.limit - 1, id=ask.mail),
    )
    return Claim(None, max(counted[0][0] + ask.period - ask.now, 1) if counted else 1)


def end_in(cursor: Cursor, prepared: Statements, ask: Ending) -> bool:
    """Write down how a try came out; False where the lease is somebody else's by now."""
    end = prepared.end_and_forget if ask.forget else prepared.end
    found = cursor.all(
        end.text,
        end.args(id=ask.mail, lease=ask.lease, state=ask.state, now=ask.now, server=ask.server, answer=ask.answer),
    )
    if found and ask.suppress is not None:
        suppress = prepared.suppress
        given = suppress.args(address=ask.suppress, reason="bounce", detail=ask.answer, created=ask.now)
        cursor.all(suppress.text, given)
    return bool(found)


def _given(name: str, type_: Any = None) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=type_ or sa.BigInteger())


def _word(name: str) -> sa.BindParameter[Any]:
    return _given(name, sa.Text())


def _elements(insert: Any) -> dict[str, sa.ClauseElement]:
    return {**_adding(insert), **_trying(), **_ending(), **_suppressing(insert), **_looking()}


def _adding(insert: Any) -> dict[str, sa.ClauseElement]:
    values = {name: _given(name, MAILS.c[name].type) for name in NEW}
    added = insert(MAILS).values(values).on_conflict_do_nothing(index_elements=[MAILS.c.key])
    return {
        "add": added.returning(MAILS.c.id),
        "by_key": sa.select(MAILS.c.id).where(MAILS.c.key == _word("key")),
    }


def _trying() -> dict[str, sa.ClauseElement]:
    other = MAILS.alias("other")
    is_open = sa.or_(MAILS.c.state == WAITING, sa.and_(MAILS.c.state == SENDING, MAILS.c.leased_until < _given("now")))
    suppressed = sa.exists().where(SUPPRESSIONS.c.address == MAILS.c.address)
    counted = sa.and_(other.c.claimed > _given("since"), other.c.state.in_([SENDING, SENT]), other.c.id != MAILS.c.id)
    count = (
        sa.select(sa.func.count())
        .select_from(other)
        .where(other.c.address == MAILS.c.address, counted)
        .correlate(MAILS)
        .scalar_subquery()
    )
    claim = (
        sa.update(MAILS)
        .where(MAILS.c.id == _given("id"), is_open, ~suppressed, count < _given("limit"))
        .values(
            state=SENDING,
            attempts=MAILS.c.attempts + 1,
            lease=_word("lease"),
            leased_until=_given("until"),
            claimed=_given("now"),
            tried=sa.func.coalesce(MAILS.c.tried, _given("now")),
        )
        .returning(*(MAILS.c[name] for name in WORDS))
    )
    within = (
        sa.select(MAILS.c.claimed)
        .where(
            MAILS.c.address == _word("address"),
            MAILS.c.claimed > _given("since"),
            MAILS.c.state.in_([SENDING, SENT]),
            MAILS.c.id != _given("id"),
        )
        .order_by(MAILS.c.claimed.desc())
        .limit(1)
        .offset(_given("place"))
    )
    standing = sa.select(MAILS.c.state, MAILS.c.leased_until, MAILS.c.address, suppressed.correlate(MAILS))
    return {"claim": claim, "counted": within, "standing": standing.where(MAILS.c.id == _given("id"))}


def _ending() -> dict[str, sa.ClauseElement]:
    mine = sa.and_(MAILS.c.id == _given("id"), MAILS.c.state == SENDING, MAILS.c.lease == _word("lease"))
    said = {"server": _word("server"), "answer": _word("answer"), "lease": sa.null(), "leased_until": sa.null()}
    ended = sa.update(MAILS).where(mine).values(state=_word("state"), finished=_given("now"), **said)
    return {
        "end": ended.returning(MAILS.c.id),
        "end_and_forget": ended.values(html="", text="", attachments="[]").returning(MAILS.c.id),
        "release": sa.update(MAILS).where(mine).values(state=WAITING, **said).returning(MAILS.c.id),
        "set_suppressed": sa.update(MAILS)
        .where(MAILS.c.id == _given("id"))
        .values(
            state=SUPPRESSED, finished=_given("now"), html="", text="", attachments="[]", lease=sa.null(),
            leased_until=sa.null(),
        )
        .returning(MAILS.c.id),
    }  # fmt: skip


def _suppressing(insert: Any) -> dict[str, sa.ClauseElement]:
    values = {column.name: _given(column.name, column.type) for column in SUPPRESSIONS.c}
    listed = sa.select(*SUPPRESSIONS.c).order_by(SUPPRESSIONS.c.created.desc(), SUPPRESSIONS.c.address)
    return {
        "suppress": insert(SUPPRESSIONS).values(values).on_conflict_do_nothing().returning(SUPPRESSIONS.c.address),
        "unsuppress": sa.delete(SUPPRESSIONS)
        .where(SUPPRESSIONS.c.address == _word("address"))
        .returning(SUPPRESSIONS.c.address),
        "suppressions": listed.limit(_given("most")),
    }


def _looking() -> dict[str, sa.ClauseElement]:
    listed = sa.select(*(MAILS.c[name] for name in LISTED))
    told = sa.select(*(MAILS.c[name] for name in TOLD))
    old = sa.select(MAILS.c.id).where(
        MAILS.c.finished < _given("before"), MAILS.c.state.in_([SENT, SUPPRESSED, FAILED])
    )
    purged = sa.delete(MAILS).where(
        MAILS.c.id.in_(old.order_by(MAILS.c.finished).limit(500).with_for_update(skip_locked=True))
    )
    return {
        "latest": listed.order_by(MAILS.c.id.desc()).limit(_given("most")),
        "one": told.where(MAILS.c.id == _given("id")),
        "purge": purged.returning(MAILS.c.id),
    }
