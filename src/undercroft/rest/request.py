"""A REST request, in two steps: its shape and values at every request, and the ask behind the shape when it is new.

`Reader.shape` splits a request into a hashable key and the texts that stood in it; `Reader.parse` turns a key into the
ask, whose slots are numbered as the values are. Two requests of one key differ in values only, so a plan made for one
serves both.
Protocol: PostgREST 14's "tables and views" and "preferences" pages.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import unquote_to_bytes

from undercroft.pipeline.cache import ShapeCache
from undercroft.rest.errors import MethodFault, PathFault, RequestFault, SchemaFault, UrlTooLong, shown
from undercroft.rest.parts.asks import Parsed, parse_key
from undercroft.rest.parts.frames import Slots, find_slots, split, with_marks
from undercroft.rest.parts.media import JSON, OPENAPI, BodyKind, Media, read_accept, read_content_type, read_root_accept
from undercroft.rest.parts.parameters import NOTHING_ELSE, Parameters
from undercroft.rest.parts.places import content_location
from undercroft.rest.parts.prefer import NO_PREFERENCES, Preferences, read_prefer

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from undercroft.rest.parts.limits import Limits
    from undercroft.rest.parts.prepared import PreparedRead
    from undercroft.rest.parts.ranges import Rows

Verb = Literal["read", "write", "update", "replace", "delete", "options"]
Key = tuple[str, ...]
Heads = tuple[bytes | None, bytes | None, bytes | None, bytes | None, bytes | None]
"""Prefer, Accept, Content-Type, Range, and the profile, where the request has them."""

_VERBS: dict[str, Verb] = {
    "GET": "read",
    "HEAD": "read",
    "POST": "write",
    "PATCH": "update",
    "PUT": "replace",
    "DELETE": "delete",
    "OPTIONS": "options",
}
_HEADERS = frozenset({b"prefer", b"accept", b"content-type", b"range", b"accept-profile", b"content-profile"})
_WRITING = frozenset({"POST", "PATCH", "PUT", "DELETE"})
"""Methods whose schema Content-Profile names; of all others it is Accept-Profile."""
_PATH = 256
_ROLES = 16
"""Roles for which a frame remembers what it has become."""


class RestRequest(NamedTuple):
    """What a request is, with nothing looked up. `values` are what the slots of the ask index."""

    verb: Verb
    table: str
    function: bool
    """The path was `rpc/<table>`."""
    schema: str | None
    """The profile that was named, one of the served schemas; None means the first."""
    key: Key
    preferences: Preferences
    accept: Media
    content: BodyKind
    rows: Rows
    """Offset and limit of the whole answer, as numbers; the same stand in `values` where they were given."""
    arguments: tuple[tuple[str, str], ...]
    """For a function called by GET: the parameters that are neither reserved nor filters, in their order."""
    values: tuple[str, ...]
    place: bytes
    """The address of what a table's read gives, as Content-Location has it; empty for everything else."""


class Frame:
    """Requests that differ in the values of plain filters alone: what they share, read once for all of them."""

    __slots__ = ("reads", "ready", "shared", "slots")

    def __init__(self, shared: tuple[Any, ...], slots: Slots) -> None:
        self.shared = shared
        """The fields of a `RestRequest` before its values and place."""
        self.slots = slots
        self.reads: dict[str, PreparedRead] = {}
        """By role: what such a read has become."""
        self.ready: Any = None
        """What such a read has become, for a room where that is the same for all roles."""

    def request(self, values: list[bytes]) -> RestRequest:
        return RestRequest._make(self.shared + self.slots.fill(values))

    def keep(self, role: str, read: PreparedRead) -> None:
        """Remember what a read of this frame has become for a role."""
        if len(self.reads) >= _ROLES:
            self.reads.clear()
        self.reads[role] = read


_SEEN_ONCE = "seen once"
_NO_FRAME = "no frame"


class Reader:
    """Reads requests under one set of limits, with bounded caches of the texts that come again."""

    def __init__(
        self,
        limits: Limits,
        schemas: tuple[str, ...] = ("public",),
        timezones: Container[str] = (),
    ) -> None:
        """`schemas` may be named in profile headers, `timezones` in Prefer."""
        self.limits = limits
        self._schemas = schemas
        size = limits.cache_entries
        self._prefer = lru_cache(size)(partial(read_prefer, timezones=timezones))
        self._accept = lru_cache(size)(read_accept)
        self._target = lru_cache(size)(read_target)
        self._parameters = Parameters(limits)
        self._frames: ShapeCache[Frame | str] = ShapeCache(size)

    def shape(self, method: str, path: bytes, query: bytes, headers: Iterable[tuple[bytes, bytes]]) -> RestRequest:
        """The key, values and preferences of a request.

        `path` is what follows the mount point (`/posts`), still percent-encoded, as is `query`; header names are lower
        case, as ASGI gives them. Raises RequestFault (400), UrlTooLong, and the faults of the header parts.
        """
        found, values = self.recognise(method, path, query, headers)
        return found.request(values) if isinstance(found, Frame) else found

    def recognise(
        self, method: str, path: bytes, query: bytes, headers: Iterable[tuple[bytes, bytes]]
    ) -> tuple[Frame | RestRequest, list[bytes]]:
        """A request as its frame and the values to fill in, where the frame is known; else as a whole.

        Parameters and faults are those of `shape`.
        """
        heads = self._heads(method, headers)
        size = len(query) + len(path)
        if size > self.limits.url_bytes:
            raise UrlTooLong(f"The path and query may be at most {self.limits.url_bytes} bytes long")
        if size >= self.limits.cached_text:
            return self._shape(method, path, query, heads), []
        parts, values = split(query)
        key = (method, path, heads, *parts)
        frame = self._frames.get(key)
        if frame.__class__ is Frame:
            return frame, values
        request = self._shape(method, path, query, heads)
        if frame is None:
            self._frames.put(key, _SEEN_ONCE)
        elif (
            frame is _SEEN_ONCE
        ):  # making a frame takes longer than reading a request: it must come again to be worth it
            self._frames.put(key, self._frame(method, path, parts, heads) or _NO_FRAME)
        return request, values

    def _heads(self, method: str, headers: Iterable[tuple[bytes, bytes]]) -> Heads:
        prefer = accept = content = span = profile = None
        reading, writing = method in ("GET", "HEAD"), method in _WRITING
        for name, value in headers:
            if name not in _HEADERS:
                continue
            if len(value) > self.limits.header_bytes:
                raise RequestFault(f"The header {name.decode()} may be at most {self.limits.header_bytes} bytes long")
            if name == b"accept":
                accept = value if accept is None else accept + b"," + value
            elif name == b"prefer":
                prefer = value if prefer is None else prefer + b"," + value
            elif name == b"range":
                span = value if method == "GET" else None
            elif name == b"content-type":
                content = None if reading else value
            elif writing is (name == b"content-profile"):
                profile = value
        return prefer, accept, content, span, profile

    def _frame(self, method: str, path: bytes, parts: list[bytes], heads: Heads) -> Frame | None:
        """The frame whose query consists of `parts`; None where something in it that looks like a filter is none."""
        query, marks = with_marks(parts)
        request = self._shape(method, path, query, heads)
        slots = find_slots(request.values, request.place, marks)
        return Frame(request[:-2], slots) if slots is not None else None

    def parse(self, request: RestRequest, columns: tuple[str, ...] = ()) -> Parsed:
        """The ask behind a request's key; `columns` are those of its body. Needed only when key or columns are new.

        Raises ParseFault (PGRST100), EmbedFault (PGRST108), PutFault (PGRST105, PGRST114).
        """
        return parse_key(request.key, self.limits, columns)

    def _shape(self, method: str, path: bytes, query: bytes, heads: Heads) -> RestRequest:
        """The request behind everything in it that matters."""
        prefer, accept, content, span, profile = heads
        verb = _VERBS.get(method)
        if verb is None:
            raise MethodFault(f"Unsupported HTTP method: {shown(method)}")
        function, table = self._target(path) if len(path) < _PATH else read_target(path)
        preferences = self._prefer(prefer) if prefer else NO_PREFERENCES
        media = self._media(accept, root=not table)
        schema = self._profile(profile) if profile is not None else None
        items: list[str] = ["rpc" if function else verb, table, schema or "", preferences.shape, media.text]
        values: list[str] = []
        taken = NOTHING_ELSE
        if query or span:
            taken = self._parameters.read(query, items, values, span, function and verb in ("read", "options"))
        rows, arguments = taken
        return RestRequest(
            verb=verb,
            table=table,
            function=function,
            schema=schema,
            key=tuple(items),
            preferences=preferences,
            accept=media,
            content=read_content_type(content) if content else "json",
            rows=rows,
            arguments=arguments,
            values=tuple(values),
            place=content_location(path, query) if verb == "read" and table and not function else b"",
        )

    def _media(self, accept: bytes | None, *, root: bool) -> Media:
        if root:
            return read_root_accept(accept) if accept else OPENAPI
        return self._accept(accept) if accept else JSON

    def _profile(self, header: bytes) -> str:
        name = header.decode("utf-8", "replace")
        if name not in self._schemas:
            raise SchemaFault(
                f"Invalid schema: {shown(name)}",
                hint=f"Only the following schemas are exposed: {', '.join(self._schemas)}",
            )
        return name


def read_target(path: bytes) -> tuple[bool, str]:
    """Whether the path names a function, and the name of the table or function ("" for the root).

    Raises PathFault (PGRST125) for any other path.
    """
    if path in (b"", b"/"):
        return False, ""
    segments = path.strip(b"/").split(b"/")
    try:
        names = [unquote_to_bytes(segment).decode() for segment in segments]
    except UnicodeDecodeError:
        names = []
    function = len(names) == 2 and names[0] == "rpc"
    if "\0" in "".join(names) or not (function or len(names) == 1) or not names[-1]:
        raise PathFault("Invalid path specified in request URL")
    return function, names[-1]
