"""Keys of requests that are to have one effect: what a request claims by its `Idempotency-Key`, and how its
transaction answers for it.

Protocol: draft-ietf-httpapi-idempotency-key-header-07; `Idempotent-Replayed` is Stripe's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from undercroft.access.actor import Actor
from undercroft.engine.errors import CANCELED, LOCKED, DatabaseFault
from undercroft.engine.types import Cursor, Row, Transaction
from undercroft.pipeline.errors import PipelineFault
from undercroft.pipeline.key_store import KeyStatements

T = TypeVar("T")
Acting = Callable[[Cursor], AbstractContextManager[object]]
"""In whose role statements are run within a transaction: see `SecondWall.acting`."""

HEADER = b"idempotency-key"
MOST_CHARACTERS = 255
MOST_KEPT = 1024 * 1024
"""Bytes of an answer that is kept: it stands in the database for a day."""
REPLAYED = (b"idempotent-replayed", b"true")
_PASSING = frozenset({"exp", "iat", "nbf", "jti"})
"""Claims that another token of the same caller has otherwise."""
_SESSION = _PASSING | {"session_id", "amr", "auth_time"}
"""Claims that say nothing of what the caller may do."""


class Kept(NamedTuple):
    """An answer as it is sent, and sent again."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says it is: whose key, which key, and what is asked, hashed."""

    scope: str
    key: str
    request: str


class Replayed(Exception):
    """Leaves the transaction of a request that was answered before."""

    def __init__(self, kept: Kept) -> None:
        super().__init__()
        self.kept = kept


def claim_of(
    headers: Iterable[tuple[bytes, bytes]], actor: Actor, *parts: bytes, credentials: Iterable[bytes] = ()
) -> Claim | None:
    """The claim that a request makes by its header; None where it has none. `parts` are all that makes it what it is,
    with what the caller's token says: with other rights it is another request. `credentials` tell callers apart whom
    no token names.

    Raises `PipelineFault` UC400 for a key that is empty, too long or not printable ASCII, or given twice.
    """
    given = [value for name, value in headers if name == HEADER]
    if not given:
        return None
    if len(given) > 1:
        raise bad_key("it is given twice")
    asked = sha256()
    for part in (_rights(actor), *parts):
        asked.update(b"%d:" % len(part))
        asked.update(part)
    return Claim(_scope(actor, credentials), read_key(given[0]), asked.hexdigest())


def read_key(value: bytes) -> str:
    """The key, with or without the quotes that a structured field (RFC 9651) has. Raises `PipelineFault` UC400."""
    text = value.strip()
    if text.startswith(b'"'):
        if len(text) < 2 or not text.endswith(b'"'):
            raise bad_key("its quotes are not closed")
        text = text[1:-1].replace(b"\\\\", b"\\").replace(b'\\"', b'"')
    if not 0 < len(text) <= MOST_CHARACTERS:
        raise bad_key(f"it has between 1 and {MOST_CHARACTERS} characters")
    if any(not 32 <= byte < 127 for byte in text):
        raise bad_key("it consists of printable ASCII characters")
    return text.decode()


def _rights(actor: Actor) -> bytes:
    claims = {name: value for name, value in actor.claims.items() if name not in _SESSION}
    return msgspec.json.encode(claims, order="deterministic")


def _scope(actor: Actor, credentials: Iterable[bytes]) -> str:
    """Whose keys they are: a user's by issuer and `sub`; where a token names nobody, those of its other claims."""
    claims = actor.claims
    if actor.uid:
        own: Any = [actor.role, claims.get("iss"), actor.uid]
    else:
        known = sorted((name, value) for name, value in claims.items() if name not in _PASSING)
        own = [actor.role, known, [sha256(each).hexdigest() for each in credentials]]
    return sha256(msgspec.json.encode(own, order="deterministic")).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Once:
    """A request that brought a key, while it is carried out. Moments are microseconds since 1970."""

    claim: Claim
    statements: KeyStatements
    now: int
    expires: int

    def begin(self, cursor: Cursor) -> None:
        """First in the transaction: take the key. A request of the same key is waited for.

        Raises `Replayed` with its answer, and `PipelineFault`: UC422 where it was another request, UC409 where it does
        not come to its end in time.
        """
        claim = self.claim
        try:
            before = self.statements.claim(
                cursor, claim.scope, claim.key, claim.request, now=self.now, expires=self.expires
            )
        except DatabaseFault as fault:
            raise (in_use() if fault.code in (CANCELED, LOCKED) else fault) from fault
        if before is not None:
            raise Replayed(answered(before, claim))

    def end(self, cursor: Cursor, kept: Kept) -> None:
        """Last in the transaction: store the answer; one that says no leaves the key free.

        Raises `PipelineFault` 54000 where it is too long to be kept, and `DatabaseFault`.
        """
        if kept.status >= 400:
            self.statements.free(cursor, self.claim.scope, self.claim.key)
            return
        if len(kept.body) > MOST_KEPT:
            raise too_long_to_keep()
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in kept.headers]
        written = msgspec.json.encode(headers).decode()
        self.statements.keep(cursor, self.claim.scope, self.claim.key, kept.status, written, kept.body)

    def keep(self, answer: Callable[[T], Kept]) -> Keep[T]:
        """For those who carry out one piece of work: `answer` makes the answer of its result."""
        return Keep(self, answer)


@dataclass(frozen=True, slots=True, eq=False)
class Keep(Generic[T]):
    """How one piece of work is answered for in its own transaction."""

    once: Once
    answer: Callable[[T], Kept]

    def begin(self, cursor: Cursor) -> None:
        """See `Once.begin`."""
        self.once.begin(cursor)

    def end(self, cursor: Cursor, result: T) -> None:
        """See `Once.end`."""
        self.once.end(cursor, self.answer(result))

    def around(self, work: Callable[[Cursor], T], acting: Acting) -> Callable[[Cursor], T]:
        """A unit of work that takes the key before `work`, which is done under `acting`, and stores its answer."""

        def run(cursor: Cursor) -> T:
            self.begin(cursor)
            with acting(cursor):
                result = work(cursor)
            self.end(cursor, result)
            return result

        return run


async def run_kept(transaction: Transaction, keep: Keep[T] | None, work: Callable[[], Awaitable[T]]) -> T:
    """`work` in a transaction; where it brought a key, that is taken before it, and its answer is stored after it."""
    if keep is None:
        return await work()
    await transaction.perform(keep.begin)
    result = await work()
    await transaction.perform(lambda cursor: keep.end(cursor, result))
    return result


def answered(row: Row, claim: Claim) -> Kept:
    """The answer in a row. Raises `PipelineFault` UC422 where another request brought the key."""
    request, status, headers, body = row
    if request != claim.request:
        raise other_request()
    pairs = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in msgspec.json.decode(headers))
    return Kept(status, pairs, bytes(body or b""), replayed=True)


def bad_key(why: str) -> PipelineFault:
    return PipelineFault(
        f"The Idempotency-Key is none: {why}", code="UC400", hint="Send a UUID, the same one for every repetition."
    )


def other_request() -> PipelineFault:
    return PipelineFault(
        "This Idempotency-Key was sent with another request",
        code="UC422",
        hint="A repetition has the same method, path, query, headers and body. Another request needs a key of its own.",
    )


def too_long_to_keep() -> PipelineFault:
    return PipelineFault(
        f"The answer to a request with an Idempotency-Key may be at most {MOST_KEPT} bytes long",
        code="54000",
        hint="Nothing was written. Ask for less, or for no rows at all.",
    )


def in_use() -> PipelineFault:
    return PipelineFault(
        "A request with this Idempotency-Key is being carried out",
        code="UC409",
        hint="Repeat it later, to read its answer.",
        retry_after=1,
    )
