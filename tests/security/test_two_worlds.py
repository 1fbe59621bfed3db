"""Two databases that differ only in what somebody may not read give that somebody the same answers, byte for byte (T0).

What differs by design, as in PostgreSQL, and is kept out of the requests or of the difference:

- *unique keys*: a write that names a key which an invisible row has is refused (`A6`);
- *references*: a write may refer to an invisible row, and a row that an invisible one refers to is not deleted;
- *generated numbers*: the next row number follows the greatest one, whoever can see that row.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.api.scenario import ANON, Persona, Place, Reply, Request
from tests.security.asking import Asker
from tests.security.world import AUDITOR, BEA, HIDDEN, NOBODY, fill, make_app, rows, sees

Rows = dict[str, list[dict[str, Any]]]
KEYS = {"id", "team_id", "note_id", "label_id", "parent_id", "token_id"}
PRIMARY = {"members": ("team_id", "user_id"), "note_labels": ("note_id", "label_id"), "codes": ("code",)}
UNEQUAL = {b"date", b"server-timing", b"x-request-id"}
"""Headers that may differ between two answers to one request."""


def variant(who: Persona, chance: random.Random) -> Rows:
    """The world with everything otherwise that `who` may not read."""
    plain, found = rows(), rows()
    for table, some in found.items():
        kept = []
        for row, before in zip(some, plain[table], strict=True):
            shown = sees(who, table, before, plain)
            for column in row:
                if column in HIDDEN.get(table, ()) or not (
                    shown or column in KEYS or _decides(who, table, row, column)
                ):
                    old, row[column] = row[column], _other(chance, row[column], column)
                    if sees(who, table, row, found | {"members": plain["members"], "seats": plain["seats"]}) != shown:
                        row[column] = old
            is_needed = any(
                row.get("id") == other.get(f"{table[:-1]}_id") for rows_ in plain.values() for other in rows_
            )
            refers = any(row.get(column) is not None for column in KEYS - {"id"} if column in row)
            if shown or is_needed or refers or row.get("id") == 900 or table == "members" or chance.random() < 0.6:
                kept.append(row)
        found[table] = kept
    found["inbox"] += [{"id": 100 + n, "text": f"more {n}"} for n in range(chance.randint(0, 9))]
    found["notes"] += [_more(found["notes"][-1], 100 + n, chance) for n in range(chance.randint(0, 9))]
    found["labels"] += [{"id": 100 + n, "name": f"more {n}", "is_open": False} for n in range(chance.randint(0, 5))]
    found["tokens"] += [
        {"id": 100 + n, "note_id": 60, "token": f"t{chance.random()}"} for n in range(chance.randint(0, 5))
    ]
    found["remarks"] += [dict(found["remarks"][2], id=100 + n, text=f"more {n}") for n in range(chance.randint(0, 5))]
    for table in plain:
        visible = [
            [_shown(table, row) for row in each[table] if sees(who, table, row, each)] for each in (plain, found)
        ]
        assert sorted(map(str, visible[0])) == sorted(map(str, visible[1])), table
    return found


def _decides(who: Persona, table: str, row: dict[str, Any], column: str) -> bool:
    """Whether a column of an invisible row is one by which others become visible, or its key."""
    return column in PRIMARY.get(table, ()) or (table in ("members", "seats") and column == "user_id")


def _shown(table: str, row: dict[str, Any]) -> dict[str, Any]:
    return {column: value for column, value in row.items() if column not in HIDDEN.get(table, ())}


def _other(chance: random.Random, value: Any, column: str) -> Any:
    """Another value of the same kind."""
    if column == "mood":
        return chance.choice([None, "calm", "angry"])
    if column in ("owner_id", "edited_by", "user_id"):
        return str(UUID(int=chance.getrandbits(128), version=4))
    if column.startswith("is_"):
        return chance.random() < 0.5
    if column in ("rank", "rating"):
        return chance.randint(-1000, 1000)
    if isinstance(value, dict):
        return chance.choice(
            [{}, {"k": f"{chance.random()}", "n": chance.randint(0, 99)}, {"deep": {"list": [1, 2, 3]}}]
        )
    if column == "blob":
        return f"\\x{chance.getrandbits(64):016x}"
    if column == "seen_at":
        return f"20{chance.randint(10, 40)}-01-02T03:04:05+00:00"
    return f"{chance.random()}"


def _more(like: dict[str, Any], key: int, chance: random.Random) -> dict[str, Any]:
    """An invisible note more."""
    changed = {column: _other(chance, value, column) for column, value in like.items() if column not in KEYS}
    return {
        **like,
        **changed,
        "id": key,
        "slug": f"more-{key}",
        "title": "more",
        "is_public": False,
        "team_id": 3,
        "parent_id": None,
    }


def same(one: Reply, other: Reply) -> bool:
    headers = [[pair for pair in reply.headers if pair[0] not in UNEQUAL] for reply in (one, other)]
    return (one.status, headers[0], one.body) == (other.status, headers[1], other.body)


@pytest.fixture
def two_worlds(tmp_path: Path) -> Any:
    opened: list[Place] = []

    def open_(who: Persona, **environment: str) -> list[Place]:
        for number, data in enumerate((rows(), variant(who, random.Random(f"two {who.letter}")))):
            folder = tmp_path / str(number)
            folder.mkdir()
            settings = {
                "UNDERCROFT_API_TX_END": "commit-allow-override",
                "UNDERCROFT_SERVER_TIMING": "true",
                **environment,
            }
            place = Place(make_app(), folder, **settings)
            opened.append(place.__enter__())
            fill(place, data)
        return opened

    yield open_
    for place in reversed(opened):
        place.__exit__(None, None, None)


def differences(places: list[Place], requests: list[Request], who: Persona) -> tuple[list[str], int]:
    """What two places answer otherwise, and how many answers were no refusals."""
    one, other = (place.ask_all(requests, who) for place in places)
    found = [
        f"{request.method} {request.target!r} {request.headers} {request.body!r}\n{mine.status} {mine.body[:700]!r}\n{theirs.status} {theirs.body[:700]!r}"
        for request, mine, theirs in zip(requests, one, other, strict=True)
        if not same(mine, theirs)
    ]
    return found, sum(reply.status < 300 for reply in one)


@pytest.mark.parametrize("who", [ANON, BEA, AUDITOR, NOBODY], ids=lambda who: who.letter)
def test_t0_what_one_may_not_read_changes_no_answer(
    two_worlds: Any, who: Persona, rounds: Callable[[int, int], int]
) -> None:
    places = two_worlds(who, UNDERCROFT_API_AGGREGATES="true")
    values = [value for table in rows().values() for row in table for value in row.values() if value is not None]
    asker = Asker(random.Random(f"requests {who.letter}"), values)
    asked = succeeded = 0
    while asked < rounds(200, 20_000):
        requests = [asker.request() for _ in range(50)]
        found, well = differences(places, requests, who)
        assert not found, found[0]  # a fault of the program would be one: it names its line of the log
        asked += len(requests)
        succeeded += well
    assert succeeded > asked / 3, "too many of the requests were refused to prove anything"


def test_t0_the_difference_is_seen_by_whoever_may_see_it(two_worlds: Any) -> None:
    """The control: to the service the two worlds are not the same at all."""
    from tests.api.scenario import SERVICE

    places = two_worlds(BEA)
    asker = Asker(random.Random(1), ["x"])
    found, _ = differences(places, [asker.request() for _ in range(100)], SERVICE)
    assert len(found) > 20


@pytest.mark.parametrize("leak", ["embeds", "counts"])
def test_t0_planted_leaks_are_seen(two_worlds: Any, monkeypatch: pytest.MonkeyPatch, leak: str) -> None:
    """The other control: policies that are forgotten on embedded tables, or in counts, are noticed."""
    from dataclasses import replace

    from undercroft.access.guard import Guard
    from undercroft.sql.rows import ReadWriter

    if leak == "embeds":
        guarded = Guard._embed
        monkeypatch.setattr(
            Guard,
            "_embed",
            lambda self, embed: replace(guarded(self, embed), node=replace(guarded(self, embed).node, policy=None)),
        )
    else:
        total = ReadWriter.total
        monkeypatch.setattr(ReadWriter, "total", lambda self, node: total(self, replace(node, policy=None)))
    monkeypatch.setattr(Place, "sweep", lambda *_: None)
    places = two_worlds(BEA)
    asker = Asker(random.Random(3), ["x", 10])
    found, _ = differences(places, [asker.request() for _ in range(300)], BEA)
    assert found
