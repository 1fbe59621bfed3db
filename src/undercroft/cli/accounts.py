"""`undercroft users …`: accounts of an app, by the same verbs as the admin API, beside a server or without one."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from undercroft.base.faults import SetupFault
from undercroft.base.harmless import harmless
from undercroft.cli.opening import opened_house
from undercroft.cli.options import Common
from undercroft.cli.telling import columns, say, say_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from undercroft.auth.service.room import Room
    from undercroft.auth.types.asks import AdminUser

T = TypeVar("T")
Shape = dict[str, Any]
_FROM_INPUT = "-"


def tell_users(options: Common, search: str, page: int, most: int, *, as_json: bool) -> None:
    """A page of accounts. Raises `SetupFault`."""
    from undercroft.auth.service import admin

    found = with_room(options, lambda room: admin.listed(room, page, most, search))
    if as_json:
        say_json({"users": found.entries, "total": found.total})
        return
    if not found.entries:
        say("There are no such accounts." if search else "There are no accounts.")
        return
    rows = [
        (each["id"], each["email"] or each["phone"] or "", each["role"], each.get("last_sign_in_at", "never")[:16])
        for each in found.entries
    ]
    for line in columns([("ID", "ADDRESS", "ROLE", "LAST SIGN-IN"), *_harmless(rows)], indent=""):
        say(line)
    if found.total > len(found.entries):
        say(f"{len(found.entries)} of {found.total}; --page shows more.")


def tell_user(options: Common, who: str, *, as_json: bool) -> None:
    """One account, whole. Raises `SetupFault`, `AuthFault`."""
    _tell(with_room(options, lambda room: _found(room, who)), as_json=as_json)


def create(
    options: Common, *, email: str | None, phone: str | None, password: str | None, password_hash: str | None,
    role: str | None, user_metadata: Sequence[str], app_metadata: Sequence[str], as_json: bool,
) -> None:  # fmt: skip
    """A new account. Raises `SetupFault`, `AuthFault`."""
    from undercroft.auth.service import admin
    from undercroft.auth.types import Caller
    from undercroft.auth.types.asks import AdminUser
    from undercroft.cli.credentials import read_claims

    if password == _FROM_INPUT:
        password = sys.stdin.readline().rstrip("\n")
    ask = AdminUser(
        email=email, phone=phone, password=password,
        password_hash=password_hash, role=role, email_confirm=True if email else None,
        phone_confirm=True if phone else None, user_metadata=read_claims(user_metadata),
        app_metadata=read_claims(app_metadata),
    )  # fmt: skip
    _tell(with_room(options, lambda room: admin.create(room, ask, Caller())), as_json=as_json)


def ban(options: Common, who: str, duration: str, *, as_json: bool) -> None:
    """Keep somebody out for a time. Raises `SetupFault`, `AuthFault`."""
    from undercroft.auth.types.asks import AdminUser

    _tell(with_room(options, lambda room: _changed(room, who, AdminUser(ban_duration=duration))), as_json=as_json)


def delete(options: Common, who: str, *, softly: bool, as_json: bool) -> None:
    """An account that is no more. Raises `SetupFault`, `AuthFault`."""
    from undercroft.auth.service import admin
    from undercroft.auth.types import Caller

    async def work(room: Room) -> Shape:
        user = await _found(room, who)
        return await admin.delete(room, user["id"], softly=softly, caller=Caller())

    gone = with_room(options, work)
    if as_json:
        say_json(gone)
    else:
        say(f"{gone['id']} is deleted.")


def sign_out(options: Common, who: str, *, as_json: bool) -> None:
    """The sessions of an account, ended. Raises `SetupFault`, `AuthFault`."""
    from undercroft.auth.service import admin
    from undercroft.auth.types import Caller

    async def work(room: Room) -> tuple[str, int]:
        user = await _found(room, who)
        return user["id"], await admin.sign_out(room, user["id"], Caller())

    user_id, count = with_room(options, work)
    if as_json:
        say_json({"id": user_id, "sessions": count})
    else:
        say(f"{count} session{'' if count == 1 else 's'} of {user_id} ended.")


async def _changed(room: Room, who: str, ask: AdminUser) -> Shape:
    from undercroft.auth.service import admin
    from undercroft.auth.types import Caller

    user = await _found(room, who)
    return await admin.change(room, user["id"], ask, Caller())


async def _found(room: Room, who: str) -> Shape:
    """The account of an id or an address. Raises `AuthFault`."""
    from undercroft.auth.errors import user_missing
    from undercroft.auth.service import admin

    wanted = who.lower()
    for each in (await admin.listed(room, 1, admin.MOST, wanted)).entries:
        if wanted in (each["id"], each["email"]) or (each["phone"] and wanted.removeprefix("+") == each["phone"]):
            return each
    raise user_missing(f"There is no account {who}")


def _tell(user: Shape, *, as_json: bool) -> None:
    if as_json:
        say_json(user)
        return
    rows = [(name.replace("_", " "), str(value)) for name, value in user.items() if value not in ("", None, [], {})]
    for line in columns(_harmless(rows), indent=""):
        say(line)


def _harmless(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [tuple(harmless(text) for text in row) for row in rows]


def with_room(options: Common, work: Callable[[Room], Awaitable[T]]) -> T:
    """Do something with the people of an app, whose database is brought up to date. Raises `SetupFault`."""

    async def run() -> T:
        async with opened_house(options, "accounts") as house:
            if house.people is None:
                raise SetupFault("there are no accounts here", hint="Set [auth] enabled = true.")
            try:
                return await work(house.people)
            finally:
                await house.people.hasher.stop()

    return asyncio.run(run())
