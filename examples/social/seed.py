"""Invented, believable data for the example: the same for the same seed, written in bulk below the data API.

Rows go in through SQLAlchemy Core on the engine's migration connection, which is for changes while nothing is served;
policies and hooks are for callers, and have no say here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select

from examples.social.app import HASHTAG, Block, Comment, Follow, Like, Post, Profile
from undercroft import Model, User

Row = dict[str, Any]
Progress = Callable[[str, int, int], None]
"""Told (table, rows written, rows in all)."""

ADA = UUID("00000000-0000-4000-8000-000000000001")
BRUNO = UUID("00000000-0000-4000-8000-000000000002")
"""The first two profiles always have these ids: to try things out as somebody."""

LATEST = datetime(2026, 6, 1, tzinfo=UTC)
"""The end of the invented year."""

CHUNK = 2_000

WORDS: dict[str, list[str]] = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows of each."""

    profiles: int = 2_000
    posts: int = 50_000
    comments: int = 15_000
    follows: int = 12_000
    likes: int = 20_000
    blocks: int = 100

    def divided(self, by: int) -> Size:
        """A smaller world of the same shape, for tests."""
        return Size(*(max(2, getattr(self, name) // by) for name in self.__slots__))


def seed_once(
    connect: Callable[[], AbstractContextManager[Connection]],
    size: Size | None = None,
    *,
    number: int = 2026,
    progress: Progress = lambda table, done, total: None,
) -> int:
    """Fill an empty database, all of it or nothing, and leave any other as it is. Gives the number of rows written."""
    with connect() as connection:
        if connection.scalar(select(Profile.id).limit(1)) is not None:
            return 0
        written = seed(connection, size or Size(), number=number, progress=progress)
        connection.commit()
        return written


def seed(connection: Connection, size: Size, *, number: int, progress: Progress) -> int:
    """Write every table's rows, in the order of their foreign keys."""
    world = World(Random(number), size)
    written = 0
    for model, total, rows in world.tables():
        statement, done = insert(model), 0
        for chunk in chunks(rows):
            connection.execute(statement, chunk)
            done += len(chunk)
            progress(model.__tablename__, done, total)
        written += done
    return written


class World:
    """Who there is, what they wrote, and who likes it."""

    def __init__(self, chance: Random, size: Size) -> None:
        self.chance = chance
        self.size = size
        self.people = [ADA, BRUNO, *(UUID(int=chance.getrandbits(128), version=4) for _ in range(size.profiles - 2))]
        self.names = [f"{self.word('given')} {self.word('family')}" for _ in self.people]
        self.names[:2] = ["Ada Lindqvist", "Bruno Costa"]

    def tables(self) -> Iterator[tuple[type[Model], int, Iterator[Row]]]:
        size = self.size
        yield User, size.profiles, self.users()
        yield Profile, size.profiles, self.profiles()
        yield Post, size.posts, self.posts()
        yield Comment, size.comments, self.comments()
        yield Follow, size.follows, self.follows()
        yield Like, size.likes, self.likes()
        yield Block, size.blocks, self.blocks()

    def users(self) -> Iterator[Row]:
        for index, person in enumerate(self.people):
            yield {"id": person, "email": f"{self.username(index)}@example.org", "role": "authenticated"}

    def profiles(self) -> Iterator[Row]:
        chance = self.chance
        for index, person in enumerate(self.people):
            place, trade = self.word("places"), self.word("trades")
            yield {
                "id": person,
                "username": self.username(index),
                "display_name": self.names[index],
                "bio": f"{self.names[index].split()[0]} from {place}, {trade}." if chance.random() < 0.8 else None,
                "email": f"{self.username(index)}@example.org",
                "birthday": None if chance.random() < 0.4 else self.moment(days=20_000) - timedelta(days=6_600),
                "verified": chance.random() < 0.05,
                "created_at": LATEST - timedelta(days=365) - timedelta(minutes=self.below(500_000)),
            }

    def username(self, index: int) -> str:
        given, family = self.names[index].lower().split()
        return given if index < 2 else f"{given}_{family}_{index}"

    def posts(self) -> Iterator[Row]:
        """In the order of their time, so that ids and moments agree; a few people write much, most a little."""
        chance, step = self.chance, timedelta(days=365) / self.size.posts
        for index in range(self.size.posts):
            body = self.words("sentences", 2 + self.below(4))
            if chance.random() < 0.6:
                body += " " + self.words("tags", 1 + self.below(3))
            created = LATEST - timedelta(days=365) + step * index
            yield {
                "id": index + 1,
                "author_id": self.someone(),
                "title": f"{self.word('openings')} {self.word('things')}",
                "body": body,
                "tags": sorted({tag.lower() for tag in HASHTAG.findall(body)}),
                "audience": "followers" if chance.random() < 0.15 else "everyone",
                "published": chance.random() < 0.92,
                "created_at": created,
                "edited_at": created + timedelta(hours=3) if chance.random() < 0.1 else None,
            }

    def comments(self) -> Iterator[Row]:
        for _ in range(self.size.comments):
            yield {
                "post_id": self.post(),
                "author_id": self.someone(),
                "body": self.words("answers", 1 + self.below(2)),
                "created_at": self.moment(),
            }

    def follows(self) -> Iterator[Row]:
        fans = [(ADA, person) for person in self.people[1:40]] + [(BRUNO, ADA)]
        for follower, followed in self.pairs(self.size.follows, fans, lambda: (self.anyone(), self.someone())):
            yield {"follower_id": follower, "followed_id": followed, "created_at": self.moment()}

    def likes(self) -> Iterator[Row]:
        for person, post in self.pairs(self.size.likes, [], lambda: (self.anyone(), self.post())):
            yield {"profile_id": person, "post_id": post, "created_at": self.moment()}

    def blocks(self) -> Iterator[Row]:
        for blocker, blocked in self.pairs(self.size.blocks, [], lambda: (self.anyone(), self.anyone())):
            yield {"blocker_id": blocker, "blocked_id": blocked, "created_at": self.moment()}

    # --- chance ---

    def below(self, number: int) -> int:
        return int(self.chance.random() * number)

    def word(self, kind: str) -> str:
        return WORDS[kind][self.below(len(WORDS[kind]))]

    def words(self, kind: str, count: int) -> str:
        """A few different ones; seven divides the length of none of these lists."""
        known = WORDS[kind]
        start = self.below(len(known))
        return " ".join(known[(start + 7 * index) % len(known)] for index in range(count))

    def someone(self) -> UUID:
        """A person; those early in the list far more often."""
        return self.people[int(len(self.people) * self.chance.random() ** 3)]

    def anyone(self) -> UUID:
        return self.people[self.below(len(self.people))]

    def post(self) -> int:
        return self.below(self.size.posts) + 1

    def moment(self, days: int = 365) -> datetime:
        return LATEST - timedelta(minutes=self.below(days * 24 * 60))

    def pairs(self, count: int, first: list[Any], draw: Callable[[], tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
        """So many different pairs, nobody paired with themselves."""
        seen = dict.fromkeys(first[:count])
        while len(seen) < count:
            one, other = draw()
            if one != other:
                seen[one, other] = None
        return iter(seen)


def chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """The rows, so many at a time."""
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
