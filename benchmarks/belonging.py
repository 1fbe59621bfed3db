"""What does it cost to look up who belongs where? 50 of 100,000 notes, of one's own and of one's organisations.

Both tables hold 100,000 rows, of which the caller may see 3,000: those with the caller's id, or those of the three of
100 organisations that the caller is in. The app is asked without a network, in turns.
"""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
from collections.abc import Iterator
from statistics import median
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
import structlog
from sqlalchemy import ForeignKey, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from benchmarks.bench import Bench
from benchmarks.figures import Figure, middle, paired, percent_more
from tests import postgres
from undercroft import App, Uuid, auth
from undercroft.access.actor import SERVICE
from undercroft.app import House, build
from undercroft.base.settings import Settings
from undercroft.models.base import NAMES

ROWS, PEOPLE, MINE, OFTEN = 100_000, 100, 3, 40
"""Rows of a table, people (and as many organisations), organisations of each, and requests of a round."""
LIST = "order=id.desc&select=id,text&limit=50"


class Base(DeclarativeBase):
    """Apart from the models of others."""

    metadata = MetaData(naming_convention=NAMES)


app = App(Base, title="Belonging")
app.developing = True
team = app.organisations({"owner": "*", "member": ("notes.read",)})


class Own(Base):
    """Rows of people."""

    __tablename__ = "own"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(Uuid, index=True)
    text: Mapped[str]


class Note(Base):
    """Rows of organisations."""

    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    organisation_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey(team.Organisation.id), index=True)
    text: Mapped[str]


@app.policy(Own, "select", to="authenticated")
def own(row: Any) -> Any:
    """One's own."""
    return row.owner_id == auth.uid


@app.policy(Note, "select", to="authenticated")
def of_the_team(row: Any) -> Any:
    """Of one's organisations."""
    return auth.has_permission(row.organisation_id, "notes.read")


def measure(bench: Bench) -> Iterator[Figure]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield figure("SQLite", bench, None)
    with bench.server() as server:
        for where, walled in (("PostgreSQL", False), ("PostgreSQL, both walls", True)):
            with postgres.database(server) as url:
                yield figure(where, bench, url, walled=walled)


def figure(where: str, bench: Bench, url: str | None, *, walled: bool = False) -> Figure:
    """How much longer a list of one's organisations takes."""
    with tempfile.TemporaryDirectory() as folder:
        given = {"DATABASE_DATA": folder, "JOBS_ENABLED": "false", "DATABASE_RLS": str(walled).lower()}
        given |= {"DATABASE_HOOK_TIMEOUT": "600", "DATABASE_STATEMENT_TIMEOUT": "600"}
        given |= {"DATABASE_URL": url} if url else {}
        settings = Settings.load(None, {f"UNDERCROFT_{name}": value for name, value in given.items()})
        mine, ours = asyncio.run(asked(build(app, settings), bench))
    return Figure(
        f"a list of 50 by a look-up of memberships, more time than by one's own id, {where}",
        None,
        percent_more(paired(ours, mine)),
        f"{middle(ours).figure * 1e6:.0f} µs against {middle(mine).figure * 1e6:.0f} µs, without a network",
    )


async def asked(house: House, bench: Bench) -> tuple[list[float], list[float]]:
    """Seconds of a request for one's own rows and for those of one's organisations, round by round."""
    await house.start()
    try:
        me = await filled(house, ROWS // bench.divide)
        token = auth.sign({"role": "authenticated", "sub": str(me)}, house.keys.signing)
        answers = [await answer(house, token, table) for table in ("own", "notes")]
        assert [len(json.loads(each)) for each in answers] == [50, 50], answers
        rounds = [[await one(house, token, table) for table in ("own", "notes")] for _ in range(bench.rounds)]
    finally:
        await house.close()
    return [first for first, _ in rounds], [second for _, second in rounds]


async def one(house: House, token: str, table: str) -> float:
    """The median of a round."""
    took = []
    for _ in range(OFTEN):
        begun = perf_counter()
        await answer(house, token, table)
        took.append(perf_counter() - begun)
    return median(took)


async def answer(house: House, token: str, table: str) -> bytes:
    """The body of a list, as a server would be given it."""
    path, sent = f"/rest/v1/{table}", bytearray()
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": LIST.encode(),
        "headers": [(b"authorization", f"Bearer {token}".encode())], "client": ("192.0.2.1", 1), "scheme": "http",
        "http_version": "1.1", "server": ("x", 80),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.extend(message.get("body", b""))

    await house.serve(scope, receive, send)
    return bytes(sent)


async def filled(house: House, rows: int) -> UUID:
    """The rows; somebody who owns as many as they may read otherwise."""
    people, teams = [uuid4() for _ in range(PEOPLE)], [uuid4() for _ in range(PEOPLE)]
    mine = {(at * 37) % PEOPLE for at in range(MINE)}
    async with house.pipeline.logic(SERVICE) as transaction:
        session = transaction.session()
        await session.execute(sa.insert(Base.metadata.tables["auth.users"]).values([{"id": each} for each in people]))
        await session.execute(sa.insert(team.Organisation).values([{"id": each, "name": "x"} for each in teams]))
        members = [(teams[(at + step * 37) % PEOPLE], who) for at, who in enumerate(people) for step in range(MINE)]
        told = [{"organisation_id": where, "user_id": who, "role": "member"} for where, who in members]
        await session.execute(sa.insert(team.Membership).values(told))
        for begin in range(0, rows, 1000):
            some = [(at, at * 7 % PEOPLE, f"note {at} " * 5) for at in range(begin, min(begin + 1000, rows))]
            owners = [people[0] if place in mine else people[1 + place % (PEOPLE - 1)] for _, place, _ in some]
            texts = [{"id": at, "text": text} for at, _, text in some]
            await session.execute(
                sa.insert(Own).values([row | {"owner_id": who} for row, who in zip(texts, owners, strict=True)])
            )
            of_teams = [row | {"organisation_id": teams[some[at][1]]} for at, row in enumerate(texts)]
            await session.execute(sa.insert(Note).values(of_teams))
    await house.engine.write(lambda cursor: cursor.all("ANALYZE"))
    return people[0]
