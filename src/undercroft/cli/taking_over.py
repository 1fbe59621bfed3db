"""`undercroft users import`: accounts of elsewhere, told while it goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from undercroft.base.faults import SetupFault
from undercroft.base.harmless import harmless
from undercroft.base.postgres_url import SCHEMES, shown
from undercroft.cli.accounts import with_room
from undercroft.cli.options import Common
from undercroft.cli.telling import say, say_json, warn

if TYPE_CHECKING:
    from datetime import datetime

    from undercroft.auth.parts.from_files import FirebaseHash
    from undercroft.auth.parts.taken import Taken
    from undercroft.auth.service.room import Room
    from undercroft.auth.service.taking_over import Report
    from undercroft.engine.foreign import Foreign

_TOLD = 20
"""Accounts that are left out, of which each is told on a terminal."""
Found = Iterator["Taken | tuple[str, str]"]


def import_users(options: Common, source: str, firebase_hash: Path | None, *, confirmed: bool, as_json: bool) -> None:
    """Take over accounts. Raises `SetupFault`."""
    config = _hash_config(firebase_hash) if firebase_hash is not None else None
    is_database = source.startswith(SCHEMES)
    behind: list[str] = []

    async def work(room: Room) -> Report:
        from undercroft.auth.service.taking_over import take_over

        with _watched(as_json=as_json) as tell:
            if not is_database:
                found = of_file(Path(source), room.now(), config, confirmed=confirmed)
                return await take_over(room, found, tell, source=Path(source).name)
            from undercroft.engine.foreign import snapshot

            with snapshot(source) as foreign:
                behind.extend(_left_behind(foreign))
                return await take_over(room, of_supabase(foreign), tell, source=shown(source))

    report = with_room(options, work)
    _tell(report, behind, shown(source) if is_database else source, as_json=as_json)


def _hash_config(path: Path) -> FirebaseHash:
    from undercroft.auth.parts.from_files import read_hash_config

    try:
        found = read_hash_config(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupFault(f"{path} cannot be read: {error.strerror}") from error
    if found is None:
        raise SetupFault(
            f"{path} is no hash_config of Firebase",
            hint="It names base64_signer_key, base64_salt_separator, rounds and mem_cost.",
        )
    return found


# --- reading ---


def of_supabase(foreign: Foreign) -> Found:
    """The accounts of a Supabase project. Raises `SetupFault`."""
    from undercroft.auth.parts.from_supabase import TABLES, from_supabase, statement
    from undercroft.auth.parts.taken import LeftOut

    for table in TABLES[:2]:
        if not foreign.has(table):
            raise SetupFault(f"there is no table {table}: this is no database of a Supabase project")
    for user, identities, factors in foreign.rows(statement(factors=foreign.has(TABLES[2]))):
        try:
            yield from_supabase(user, identities, factors)
        except LeftOut as why:
            yield str(user.get("id")), str(why)


def _left_behind(foreign: Foreign) -> list[str]:
    from undercroft.auth.parts.from_supabase import LEFT

    counts = [
        (next(foreign.rows(f"SELECT count(*) FROM {table}"))[0], told)  # noqa: S608  # names of our own
        for table, told in LEFT.items()
        if foreign.has(table)
    ]
    return [f"{count} {told}" for count, told in counts if count]


def of_file(path: Path, now: datetime, config: FirebaseHash | None, *, confirmed: bool) -> Found:
    """The accounts of a file, whichever kind it is. Raises `SetupFault`."""
    from undercroft.auth.backends.account_files import entries
    from undercroft.auth.parts.taken import LeftOut

    for place, entry in enumerate(entries(path), start=1):
        try:
            yield _taken(entry, now, config, confirmed=confirmed)
        except LeftOut as why:
            yield str(entry.get("id") or entry.get("localId") or entry.get("pk") or f"entry {place}"), str(why)
        except (TypeError, AttributeError, KeyError):
            yield f"entry {place}", "it is spelled in another way than the rest"


def _taken(entry: dict[str, Any], now: datetime, config: FirebaseHash | None, *, confirmed: bool) -> Taken:
    from undercroft.auth.parts import from_files

    if from_files.is_firebase(entry):
        return from_files.from_firebase(entry, config, now)
    if from_files.is_django(entry):
        return from_files.from_django(entry, now, confirmed=confirmed)
    return from_files.from_plain(entry, now, confirmed=confirmed)


# --- telling ---


@contextmanager
def _watched(*, as_json: bool) -> Iterator[Callable[[Report], None]]:
    """A count on a terminal; elsewhere, nothing."""
    if as_json or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("accounts") as status:
        yield lambda report: status.update(f"{report.new + report.there + len(report.left_out):,} accounts")


def _tell(report: Report, behind: list[str], source: str, *, as_json: bool) -> None:
    notes = [f"{count} times {what}" for what, count in sorted(report.notes.items())]
    if as_json:
        counts = {name: getattr(report, name) for name in ("new", "there", "identities", "factors")}
        left = [{"account": name, "why": why} for name, why in report.left_out]
        say_json({"from": source, **counts, "left_out": left, "not_taken": notes, "left_behind": behind})
        return
    for name, why in report.left_out[:_TOLD]:
        warn(f"{harmless(name)} is left out: {harmless(why)}")
    if len(report.left_out) > _TOLD:
        warn(f"{len(report.left_out) - _TOLD} more are left out; --json names them")
    for note in notes:
        warn(f"not taken: {harmless(note)}")
    for each in behind:
        warn(f"left behind: {each}")
    say(
        f"{report.new:,} accounts taken over, with {report.identities:,} identities and {report.factors:,} second "
        f"factors; {report.there:,} were there."
    )


__all__ = ["import_users", "of_file", "of_supabase"]
