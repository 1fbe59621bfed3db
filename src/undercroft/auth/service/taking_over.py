"""Accounts of elsewhere, taken over: some in each unit of work. What is there stays as it is, so it can be done again.

The app's hooks are not asked: these people are here already, in another place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from undercroft.auth.parts.sealing import FACTOR_SECRET
from undercroft.auth.parts.taken import Taken
from undercroft.auth.service.accounts import account_at
from undercroft.auth.service.again import again
from undercroft.auth.service.room import Room, noted
from undercroft.auth.store import Rows
from undercroft.auth.tables import FACTORS, IDENTITIES, USERS
from undercroft.auth.types import Caller

_AT_ONCE = 200


@dataclass(slots=True)
class Report:
    """What came of it."""

    new: int = 0
    there: int = 0
    """Accounts that were taken over before."""
    identities: int = 0
    factors: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)
    """Accounts that were not, by id or address, and why."""
    notes: Counter[str] = field(default_factory=Counter)
    """What stayed behind of others, and how often."""

    def add(self, other: Report) -> None:
        """Count together."""
        for name in ("new", "there", "identities", "factors"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.left_out += other.left_out
        self.notes += other.notes


async def take_over(
    room: Room, accounts: Iterable[Taken | tuple[str, str]], tell: Callable[[Report], None], *, source: str
) -> Report:
    """Take over all of them; one that could not be read is its name, and why. Raises `DatabaseFault`."""
    report = Report()
    for batch in _batches(accounts):
        report.left_out += [each for each in batch if not isinstance(each, Taken)]
        report.add(await _taken(room, [each for each in batch if isinstance(each, Taken)]))
        tell(report)
    traits = {"source": source, "new": report.new, "there": report.there, "left_out": len(report.left_out)}
    await room.write(lambda rows: noted(rows, room, "users_imported", None, Caller(), kind="team", traits=traits))
    return report


def _batches(accounts: Iterable[Taken | tuple[str, str]]) -> Iterator[list[Taken | tuple[str, str]]]:
    left = iter(accounts)
    while batch := list(islice(left, _AT_ONCE)):
        yield batch


async def _taken(room: Room, accounts: list[Taken]) -> Report:
    dialect = room.engine.dialect

    def work(rows: Rows) -> Report:
        report = Report()
        for each in accounts:
            _take(rows, room, each, report)
        return report

    # Somebody may sign up meanwhile with an address of these.
    return await again(lambda: room.engine.write(lambda cursor: work(Rows(cursor, dialect))))


def _take(rows: Rows, room: Room, account: Taken, report: Report) -> None:
    if rows.one(USERS, id=account.id) is not None:
        report.there += 1
        return
    if why := _conflict(rows, account):
        report.left_out.append((account.id, why))
        return
    now = room.now()
    given = {**account.columns, "created_at": account.columns["created_at"] or now}
    rows.add(USERS, id=account.id, **given, email_change="", phone_change="", email_change_confirm_status=0)
    for each in account.identities:
        rows.add(IDENTITIES, user_id=account.id, **_dated(each, now))
    for each in account.factors:
        secret = each["secret"] and FACTOR_SECRET.seal(room.sealing(), each["id"], each["secret"])
        rows.add(FACTORS, user_id=account.id, last_step=0, **{**_dated(each, now), "secret": secret})
    report.new += 1
    report.identities += len(account.identities)
    report.factors += len(account.factors)
    report.notes.update(account.notes)


def _dated(row: dict[str, Any], now: Any) -> dict[str, Any]:
    return {**row, "created_at": row["created_at"] or now, "updated_at": row["updated_at"] or now}


def _conflict(rows: Rows, account: Taken) -> str | None:
    """Whose it would be besides."""
    columns = account.columns
    if columns["email"] and not columns["is_sso_user"] and account_at(rows, "email", columns["email"]) is not None:
        return "its e-mail address is another account's"
    if columns["phone"] and rows.one(USERS, phone=columns["phone"]) is not None:
        return "its phone number is another account's"
    for each in account.identities:
        if rows.one(IDENTITIES, provider=each["provider"], provider_id=each["provider_id"]) is not None:
            return f"its identity of {each['provider']} is another account's"
        if rows.one(IDENTITIES, id=each["id"]) is not None:
            return "the id of its identity is another's"
    for each in account.factors:
        if rows.one(FACTORS, id=each["id"]) is not None:
            return "the id of its second factor is another's"
    return None
