"""The same app on both engines, and everything in which two answers may differ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tests.api.scenario import SERVICE, Place, Reply, Request, get
from tests.sameness.asking import KEYS, Asked
from tests.sameness.market import NUMBERED, TABLES, fill, make_app

BY_ENGINE = frozenset({b"server-timing", b"x-request-id", b"date"})
"""Headers that differ from one request to the next."""

REFUSALS = (
    r"the cast from \w+ to (date|time|timestamp|timestamptz|interval|bytea)( without time zone| with time zone)? is not supported on SQLite",
    r"(sum|avg)\(\) of an interval is not supported on SQLite",
    r"the operator (fts|plfts|phfts|wfts) on jsonb? is not supported on SQLite",
    r'the text search configuration "\w+" is not supported on SQLite',
    r"the operator (ov|sl|sr|nxr|nxl|adj|cs|cd) is not supported on SQLite",
    r"such a number alone in a JSON column is not supported on SQLite",
)
"""What one engine alone refuses by name: `docs/differences.md` has each of them, and `test_refusals.py` holds it to that."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One request that was answered in two ways."""

    asked: Asked
    sqlite: Reply
    postgres: Reply

    def __str__(self) -> str:
        request = self.asked.request
        return (
            f"{request.method} {request.target!r} {dict(request.headers)} {request.body!r} by {self.asked.who.letter}\n"
            f"    SQLite     {self.sqlite.status} {told(self.sqlite)}\n    PostgreSQL {self.postgres.status} {told(self.postgres)}"
        )


def told(reply: Reply) -> str:
    kept = {name.decode(): value.decode("latin-1") for name, value in reply.headers if name not in BY_ENGINE}
    for usual in ("vary", "access-control-allow-origin", "content-length", "cache-control", "content-location"):
        kept.pop(usual, None)
    return f"{reply.body.decode('utf-8', 'backslashreplace')[:1500]} {kept}"


class Pair:
    """Two places with the same app in them."""

    def __init__(self, sqlite: Place, postgres: Place) -> None:
        self.sqlite = sqlite
        self.postgres = postgres
        self.refused = 0
        """How many requests one engine alone refused by name."""
        self.statuses: dict[int, int] = {}

    def ask(self, asked: Asked) -> Difference | None:
        """Ask both. None where the answers are the same, or one of them is a named refusal."""
        if asked.counts in NUMBERED:
            self._number_on(asked.counts)
        ours = self.sqlite.ask(asked.request, asked.who)
        refused = is_named_refusal(ours)
        # What one of them did not write, the other must not keep.
        theirs = self.postgres.ask(undone(asked.request) if refused else asked.request, asked.who)
        self.statuses[ours.status] = self.statuses.get(ours.status, 0) + 1
        if same(ours, theirs, ordered=asked.ordered):
            return None
        if refused and self._is_listed(asked):
            self.refused += 1
            return None
        return Difference(asked, ours, theirs)

    def _is_listed(self, asked: Asked) -> bool:
        """Whether the page on differences has what SQLite refuses here. The answer to a HEAD does not say what it was."""
        request = undone(asked.request)
        told = self.sqlite.ask(request._replace(method="GET") if request.method == "HEAD" else request, asked.who)
        return refusal_of(told) is not None

    def _number_on(self, table: str) -> None:
        """A sequence counts also what was undone, and does not see keys that came with their rows; SQLite takes the
        greatest key and one."""
        self.postgres.sql(f"select setval('{table}_id_seq', coalesce(max(id), 0) + 1, false) from {table}")

    def differing_tables(self) -> list[str]:
        """The tables that are not the same."""
        found = []
        for table in TABLES:
            request = get(f"/rest/v1/{table}?order={','.join(KEYS[table])}")
            if self.sqlite.ask(request, SERVICE).body != self.postgres.ask(request, SERVICE).body:
                found.append(table)
        return found


def undone(request: Request) -> Request:
    """The same request, that leaves nothing behind."""
    headers = [(name, "tx=rollback" if value == "tx=commit" else value) for name, value in request.headers]
    return request._replace(headers=headers)


def is_named_refusal(reply: Reply) -> bool:
    return reply.status == 400 and (reply.header("proxy-status") or "").endswith("error=0A000")


def refusal_of(reply: Reply) -> str | None:
    """The one of `REFUSALS` that this is."""
    message = reply.json()["message"]
    return next((each for each in REFUSALS if re.fullmatch(each, message)), None)


def same(ours: Reply, theirs: Reply, *, ordered: bool) -> bool:
    """Whether status, headers and body are the same; of rows in no order, whether they are the same rows."""
    if ours.status != theirs.status or _headers(ours) != _headers(theirs):
        return False
    return ours.body == theirs.body or (not ordered and _rows(ours.body) == _rows(theirs.body))


def _headers(reply: Reply) -> list[tuple[bytes, bytes]]:
    return [header for header in reply.headers if header[0] not in BY_ENGINE]


def _rows(body: bytes) -> Any:
    try:
        return sorted(bytes(row) for row in msgspec.json.decode(body, type=list[msgspec.Raw]))
    except msgspec.DecodeError:
        return sorted(body.split(b"\n"))  # CSV


@contextmanager
def both(folder: Path, server: str) -> Iterator[Pair]:
    """The market on a fresh file and on a fresh database."""
    settings = {"UNDERCROFT_API_AGGREGATES": "true", "UNDERCROFT_API_TX_END": "commit-allow-override"}
    with (
        Place(make_app(), folder, **settings) as sqlite,
        Place(make_app(), folder, server=server, **settings) as postgres,
    ):
        fill(sqlite)
        fill(postgres)
        yield Pair(sqlite, postgres)
