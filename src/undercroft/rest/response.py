"""Status and headers of every REST answer, as values: the body passes by untouched.

Header names are lower case, as ASGI wants them. Statuses of faults are not here but in `web`. Protocol: PostgREST 14's
"pagination and count", "preferences" and "tables and views" pages.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from undercroft.rest.errors import RangeFault
from undercroft.rest.parts.applied import Kind, applied
from undercroft.rest.parts.prepared import Header, ReadHead, not_single

if TYPE_CHECKING:
    from collections.abc import Iterable

    from undercroft.base.faults import Fault
    from undercroft.rest.parts.asks import Renamed
    from undercroft.rest.parts.media import Media
    from undercroft.rest.parts.prefer import Preferences
    from undercroft.rest.parts.ranges import Rows

VARY: Header = (b"vary", b"Accept, Prefer, Range")


class Head(NamedTuple):
    """The start of an answer. `bodied`: the body that was read goes with it; else it is empty."""

    status: int
    headers: tuple[Header, ...]
    bodied: bool = True


class Writer:
    """Makes heads under one set of settings, with bounded caches of those that come again."""

    def __init__(
        self, *, tx_override: bool = False, schemas: tuple[str, ...] = ("public",), agent: str = "Undercroft"
    ) -> None:
        """`tx_override`: Prefer may choose how a transaction ends. `agent` signs warnings."""
        self._tx_override = tx_override
        self._schemas = schemas
        self._agent = agent
        self._fixed = lru_cache(512)(self._make_fixed)
        self._range = lru_cache(2_048)(content_range)

    def read(
        self,
        media: Media,
        preferences: Preferences,
        rows: Rows,
        returned: int,
        total: int | None = None,
        *,
        schema: str | None = None,
        location: bytes | None = None,
        renamed: Iterable[Renamed] = (),
        kind: Kind = "read",
    ) -> Head:
        """The answer to a GET or HEAD of a table, or (`kind` "call") to a function that gives rows.

        `returned` is the number of rows in the body, `total` the number without limits, where it was counted;
        `location` is the request's `place`. Raises RangeFault (PGRST103) for an offset behind the total, and
        SingularFault (PGRST116) where one row was wanted.
        """
        head = self.reads(media, preferences, rows, schema=schema, renamed=renamed, kind=kind)
        return Head(*head.of(returned, total, location))

    def reads(
        self,
        media: Media,
        preferences: Preferences,
        rows: Rows,
        *,
        schema: str | None = None,
        renamed: Iterable[Renamed] = (),
        kind: Kind = "read",
    ) -> ReadHead:
        """What `read` gives for these, whatever the rows are."""
        fixed = self._fixed(kind, media, preferences, schema, True)
        single = media.kind == "object"
        return ReadHead(fixed, self._warnings(renamed), rows.offset, single=single, spans=self._range)

    def profile(self, schema: str | None) -> tuple[Header, ...]:
        """Which of several schemas it was, or that it is the one that was asked for."""
        if len(self._schemas) < 2 and schema is None:
            return ()
        return ((b"content-profile", (schema or self._schemas[0]).encode()),)

    def insert(
        self,
        media: Media,
        preferences: Preferences,
        affected: int,
        inserted: int | None = None,
        *,
        schema: str | None = None,
        location: bytes | None = None,
        resolved: bool = True,
        renamed: Iterable[Renamed] = (),
    ) -> Head:
        """The answer to a POST of rows. `inserted`: how many of them are new (all, where that is not known).

        `location` is `row_location`, for `return=headers-only` of one row. 200 when an upsert only updated.
        """
        merged = preferences.resolution == "merge-duplicates" and inserted == 0
        headers = self._write("insert", media, preferences, affected, schema, renamed, resolved)
        if preferences.returning == "headers-only" and location is not None and affected == 1:
            headers = (*headers, (b"location", location))
        spans = b"*/%d" % affected if _counts(preferences) else b"*/*"
        return Head(
            200 if merged else 201, (*headers, (b"content-range", spans)), preferences.returning == "representation"
        )

    def update(
        self,
        media: Media,
        preferences: Preferences,
        affected: int,
        *,
        schema: str | None = None,
        renamed: Iterable[Renamed] = (),
    ) -> Head:
        """The answer to a PATCH."""
        headers = self._write("update", media, preferences, affected, schema, renamed)
        total = affected if _counts(preferences) else None
        spans = (b"content-range", self._range(0, affected, total))
        full = preferences.returning == "representation"
        return Head(200 if full else 204, (*headers, spans), full)

    def replace(
        self,
        media: Media,
        preferences: Preferences,
        affected: int,
        inserted: int,
        *,
        schema: str | None = None,
        renamed: Iterable[Renamed] = (),
    ) -> Head:
        """The answer to a PUT: 201 for a new row, else 200 or, without a body, 204."""
        headers = self._write("replace", media, preferences, affected, schema, renamed)
        full = preferences.returning == "representation"
        return Head(201 if inserted else 200 if full else 204, headers, full)

    def delete(
        self,
        media: Media,
        preferences: Preferences,
        affected: int,
        *,
        schema: str | None = None,
        renamed: Iterable[Renamed] = (),
    ) -> Head:
        """The answer to a DELETE."""
        headers = self._write("delete", media, preferences, affected, schema, renamed)
        spans = b"*/%d" % affected if _counts(preferences) else b"*/*"
        full = preferences.returning == "representation"
        return Head(200 if full else 204, (*headers, (b"content-range", spans)), full)

    def _write(
        self,
        kind: Kind,
        media: Media,
        preferences: Preferences,
        affected: int,
        schema: str | None,
        renamed: Iterable[Renamed],
        resolved: bool = True,
    ) -> tuple[Header, ...]:
        if media.kind == "object" and affected != 1:
            raise not_single(affected)
        full = preferences.returning == "representation"
        headers = self._fixed(kind, media, preferences, schema, full, resolved)
        return headers + self._warnings(renamed) if renamed else headers

    def _make_fixed(
        self,
        kind: Kind,
        media: Media,
        preferences: Preferences,
        schema: str | None,
        bodied: bool,
        resolved: bool = True,
    ) -> tuple[Header, ...]:
        """What does not depend on the rows: media type, schema, preferences, what to vary on."""
        headers: list[Header] = []
        if bodied:
            headers.append((b"content-type", media.text.encode() + (b"" if media.bare else b"; charset=utf-8")))
        headers += self.profile(schema)
        heeded = applied(kind, preferences, self._tx_override, resolved)
        if heeded is not None:
            headers.append((b"preference-applied", heeded))
        headers.append(VARY)
        return tuple(headers)

    def _warnings(self, renamed: Iterable[Renamed]) -> tuple[Header, ...]:
        return tuple((b"warning", alias_warning(self._agent, each)) for each in renamed)


def _counts(preferences: Preferences) -> bool:
    """Whether a write tells how many rows it touched: planned counts are of reads."""
    return preferences.count in ("exact", "estimated")


def content_range(offset: int, returned: int, total: int | None) -> bytes:
    """`0-19/*`, `0-19/500`, `*/0`: the rows of the answer, and of how many."""
    whole = b"*" if total is None else b"%d" % total
    if returned == 0 or total == 0:
        return b"*/" + whole
    return b"%d-%d/%b" % (offset, offset + returned - 1, whole)


def alias_warning(agent: str, renamed: Renamed) -> bytes:
    """The Warning (RFC 7234, 299) for an embed that was named by its relation although it has an alias."""
    text = (
        f'299 {agent} "Embedded resource was referenced by relation name even though it has an alias. '
        "This is deprecated and will stop working in a future release. "
        f"Update `{_visible(renamed.relation)}` to `{_visible(renamed.alias)}` "
        'in query string filters, orders or limits."'
    )
    return text.encode("latin-1", "replace")


def fault_headers(fault: Fault, server: str = "PostgREST") -> tuple[Header, ...]:
    """The headers of a fault's answer: Proxy-Status (RFC 9209) and, for a range, the number of rows."""
    headers: tuple[Header, ...] = (
        (b"content-type", b"application/json; charset=utf-8"),
        (b"proxy-status", f"{server}; error={fault.code}".encode("latin-1", "replace")),
    )
    if isinstance(fault, RangeFault):
        whole = "*" if fault.total is None else str(fault.total)
        headers = (*headers, (b"content-range", f"*/{whole}".encode()))
    return headers


def challenge(fault: Fault, status: int) -> tuple[Header, ...]:
    """WWW-Authenticate and Retry-After, where a database's own refusal wants them."""
    headers: list[Header] = []
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if fault.retry_after is not None or status == 503:
        headers.append((b"retry-after", b"%d" % (fault.retry_after or 1)))
    return tuple(headers)


def allow(*, insertable: bool = True, updatable: bool = True, deletable: bool = True, keyed: bool = True) -> bytes:
    """The Allow header of OPTIONS for a table or view; PUT needs a primary key, and rows that can be written."""
    methods = ["OPTIONS", "GET", "HEAD"]
    if insertable:
        methods.append("POST")
    if insertable and updatable and keyed:
        methods.append("PUT")
    if updatable:
        methods.append("PATCH")
    if deletable:
        methods.append("DELETE")
    return ",".join(methods).encode()


def allow_function(*, read_only: bool) -> bytes:
    """The Allow header of OPTIONS for a function; only one that changes nothing may be called by GET."""
    return b"OPTIONS,GET,HEAD,POST" if read_only else b"OPTIONS,POST"


ALLOW_ROOT = b"OPTIONS,GET,HEAD"


def _visible(name: str) -> str:
    """A name as it may stand in a header: no control characters and no quotes that end the text."""
    return "".join(char if char.isprintable() and char not in '"\\`' else "?" for char in name)[:128]
