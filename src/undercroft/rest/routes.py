"""The room behind `/rest/v1`: parses, calls the pipeline, renders; nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any, Literal, cast

from undercroft.engine.types import Row
from undercroft.models.functions import Function
from undercroft.pipeline.cache import ShapeCache
from undercroft.pipeline.call import Call, Caller, Result
from undercroft.pipeline.idempotency import Idempotency
from undercroft.pipeline.keys import HEADER, Keep, Kept, Once
from undercroft.pipeline.run import Page, Pipeline, url_key_of
from undercroft.pipeline.shared import Apart, Data
from undercroft.pipeline.write import WriteBounds, WriteRequest, Written
from undercroft.query.ask import ReadAsk, WriteAsk
from undercroft.query.errors import unknown_table
from undercroft.rest.errors import BodyFault, MediaFault, MethodFault, PathFault, writing_by_get, wrong_verb
from undercroft.rest.keyed import answer_once
from undercroft.rest.openapi import document, document_2
from undercroft.rest.parts.asks import Parsed, Renamed
from undercroft.rest.parts.limits import Limits
from undercroft.rest.parts.media import Media
from undercroft.rest.parts.payload import Payload, read_json, read_payload
from undercroft.rest.parts.places import written_location
from undercroft.rest.parts.prefer import Preferences
from undercroft.rest.parts.prepared import PreparedRead
from undercroft.rest.request import Frame, Reader, RestRequest
from undercroft.rest.response import ALLOW_ROOT, Head, Writer, allow, allow_function
from undercroft.sql.program import WriteProgram
from undercroft.sql.rows import Rendering
from undercroft.web.types import Answer, Request

BATCH = "batch"
_BODIES = {"json": "array", "object": "object", "csv": "csv"}


@dataclass(frozen=True, slots=True)
class RestSettings:
    """What the room allows. `tx_end` is PostgREST's db-tx-end."""

    limits: Limits = field(default_factory=Limits)
    schemas: tuple[str, ...] = ("public",)
    most_rows: int | None = 1000
    most_affected: int | None = None
    tx_end: str = "commit"
    external_url: str | None = None
    title: str = "Undercroft"
    show_openapi: bool = True
    openapi_version: Literal["2.0", "3.1"] = "3.1"
    most_in_batch: int = 100
    """Requests of one batch."""


class RestRoom:
    """Answers requests of the data API."""

    def __init__(
        self, pipeline: Pipeline, caller: Caller, settings: RestSettings, idempotency: Idempotency | None = None
    ) -> None:
        """`idempotency` keeps the answers to requests with a key; without it, keys are not looked at."""
        self._pipeline = pipeline
        self._caller = caller
        self._settings = settings
        self._apart = Apart(pipeline, caller)
        self._idempotency = idempotency
        self.batch: Callable[[RestRequest, Request], Awaitable[Answer]] | None = None
        """Answers a POST to `/batch`, where that is no table of the app's."""
        self._reader = Reader(settings.limits, settings.schemas)
        self._writer = Writer(tx_override=settings.tx_end.endswith("allow-override"), schemas=settings.schemas)
        self._renamed: ShapeCache[tuple[Renamed, ...]] = ShapeCache(1024)
        self._renderings: dict[tuple[str, bool], Rendering] = {}
        self._documents: ShapeCache[bytes] = ShapeCache(64)

    def __call__(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer a request. Raises `Fault`, at once or when the answer is awaited."""
        found, values = self._reader.recognise(request.method, request.path, request.query, request.headers)
        if request.marks is not None:
            self._mark(request, "parse")
        frame = None
        if isinstance(found, Frame):
            read = found.reads.get(request.actor.role)
            if read is not None:
                return self._run(read, *found.slots.fill(values), request)
            frame, found = found, found.request(values)
        return self._serve(found, request, frame)

    def _serve(self, shaped: RestRequest, request: Request, frame: Frame | None) -> Answer | Awaitable[Answer]:
        """Answer a request that was read; `frame` is its frame, where that is known."""
        if shaped.verb == "options":
            return self._options(shaped, request)
        if not shaped.table:
            return self._root(shaped, request)
        if shaped.verb == "read":
            if shaped.function:
                return self._call(shaped, request, self._apart)
            return self._run(self._prepare(shaped, request, frame), shaped.values, shaped.place, request)
        if self.batch is not None and shaped.table == BATCH and shaped.verb == "write" and not shaped.function:
            return self.batch(shaped, request)
        if request.header(HEADER) is not None:
            return answer_once(self._idempotency, request, partial(self._change, shaped, request, self._apart))
        return self._change(shaped, request, self._apart)

    def _change(self, shaped: RestRequest, request: Request, data: Data, once: Once | None = None) -> Awaitable[Answer]:
        """What may write. `once` answers for it in its transaction, where it brought a key."""
        return (self._call if shaped.function else self._write)(shaped, request, data, once)

    # --- as part of a batch ---

    def check_read(self, shaped: RestRequest, request: Request) -> None:
        """Raises the `Fault` of a read that cannot be carried out, whatever its values are."""
        self._prepare(shaped, request, None)

    def check_write(self, shaped: RestRequest, role: str, columns: tuple[str, ...]) -> None:
        """Raises the `Fault` of a write of these columns that cannot be carried out, whatever its values are."""
        self._program(shaped, role, columns)

    def check_call(self, shaped: RestRequest, role: str, arguments: Mapping[str, Any] | None) -> None:
        """Raises the `Fault` of a call that finds no function; without arguments, by its name alone."""
        if shaped.verb not in ("read", "write"):
            raise wrong_verb()
        if arguments is not None or shaped.table not in self._caller.known(role):
            self._callee(shaped, arguments or {}, role)

    def shape(self, method: str, path: bytes, query: bytes, headers: Iterable[tuple[bytes, bytes]]) -> RestRequest:
        """What a request is; see `Reader.shape`."""
        return self._reader.shape(method, path, query, headers)

    async def within(self, shaped: RestRequest, request: Request, data: Data) -> Answer:
        """Answer a request that shares its transaction with others. Raises `Fault`."""
        if not shaped.table:
            return await self._root(shaped, request)
        if shaped.verb != "read" or shaped.function:
            return await self._change(shaped, request, data)
        read = self._prepare(shaped, request, None)
        return self._shown(read, await data.read(read.statement, shaped.values, request.actor), shaped.place, request)

    # --- reading ---

    def _prepare(self, shaped: RestRequest, request: Request, frame: Frame | None) -> PreparedRead:
        """All of a read that does not depend on its values; the frame keeps it for requests to come."""
        role = request.actor.role
        rendering = self._rendering(shaped.accept, head=request.method == "HEAD")
        statement = self._pipeline.prepare_read(
            shaped.key, role, rendering, lambda: cast("ReadAsk", self._parsed(shaped).ask)
        )
        renamed = self._renamed.get(shaped.key) or ()
        head = self._writer.reads(shaped.accept, shaped.preferences, shaped.rows, schema=shaped.schema, renamed=renamed)
        read = PreparedRead(statement, head)
        if frame is not None:
            frame.keep(role, read)
        return read

    def _run(
        self, read: PreparedRead, values: Sequence[str], location: bytes, request: Request
    ) -> Answer | Awaitable[Answer]:
        """The answer of a read, at once where the engine gives it at once."""
        if request.marks is not None:
            self._mark(request, "plan")
        pipeline = self._pipeline
        row = pipeline.read_now(read.statement, values, request.actor) if pipeline.engine.reads_now else None
        if row is None:
            return self._run_slow(read, values, location, request)
        return self._shown(read, row, location, request)

    async def _run_slow(self, read: PreparedRead, values: Sequence[str], location: bytes, request: Request) -> Answer:
        row = await self._pipeline.read_slow(read.statement, values, request.actor)
        return self._shown(read, row, location, request)

    def _shown(self, read: PreparedRead, row: Row, location: bytes, request: Request) -> Answer:
        if request.marks is not None:
            self._mark(request, "transaction")
        body, returned, total = row
        status, headers = read.head.of(returned, total, location)
        if request.marks is not None:
            self._mark(request, "response")
        return Answer(status, headers, b"" if body is None else body.encode())

    def _rendering(self, media: Media, *, head: bool = False) -> Rendering:
        found = self._renderings.get((media.text, head))
        if found is None:
            body: Any = "none" if head else _BODIES.get(media.kind)
            if body is None:
                raise MethodFault(f"None of these media types are available: {media.text}", code="PGRST107")
            found = Rendering(body, media.stripped, self._settings.most_rows)
            self._renderings[media.text, head] = found
        return found

    def _parsed(self, shaped: RestRequest, columns: tuple[str, ...] = ()) -> Parsed:
        parsed = self._reader.parse(shaped, columns)
        if parsed.renamed:
            self._renamed.put(shaped.key, parsed.renamed)
        return parsed

    # --- writing ---

    async def _write(self, shaped: RestRequest, request: Request, data: Data, once: Once | None = None) -> Answer:
        payload = await self._payload(shaped, request)
        program = self._program(shaped, request.actor.role, payload.columns)
        self._mark(request, "plan")
        url_key = None
        if shaped.verb == "replace":
            url_key = url_key_of(cast("WriteAsk", self._parsed(shaped, payload.columns).ask), shaped.values)
        keep: Keep[Written] | None = None
        if once is not None:
            keep = once.keep(lambda written: Kept(*self._written(shaped, written)))
        given = WriteRequest(request.actor, shaped.values, payload.rows, self._bounds(shaped), keep=keep)
        written = await data.write(program, given, url_key)
        self._mark(request, "transaction")
        return self._written(shaped, written)

    def _program(self, shaped: RestRequest, role: str, columns: tuple[str, ...]) -> WriteProgram:
        """All of a write that does not depend on its values."""
        # The key for a Location is read here, whatever form the caller asked for.
        located = shaped.preferences.returning == "headers-only"
        return self._pipeline.prepare_write(
            (shaped.key, columns),
            role,
            Rendering() if located else self._rendering(shaped.accept),
            lambda: cast("WriteAsk", self._parsed(shaped, columns).ask),
            text_rows=shaped.content != "json",
        )

    def _written(self, shaped: RestRequest, written: Written) -> Answer:
        head = self._written_head(shaped, shaped.preferences, written.affected, written.inserted, written.body)
        return _answer(head, written.body)

    async def _payload(self, shaped: RestRequest, request: Request) -> Payload:
        if shaped.verb == "delete":
            return Payload((), [])
        uneven = "columns" in shaped.key[5::2]
        return read_payload(shaped.content, await request.body(), self._settings.limits, uneven=uneven)

    def _bounds(self, shaped: RestRequest) -> WriteBounds:
        bounds = [most for most in (shaped.preferences.most_affected, self._settings.most_affected) if most is not None]
        return WriteBounds(
            single=shaped.accept.kind == "object",
            most_affected=min(bounds) if bounds and shaped.verb in ("update", "delete") else None,
            rollback=self.rolls_back(shaped.preferences),
        )

    def rolls_back(self, preferences: Preferences) -> bool:
        """How the transaction ends: by the settings, and by the caller where they let it."""
        if self._settings.tx_end.endswith("allow-override") and preferences.tx:
            return preferences.tx == "rollback"
        return self._settings.tx_end.startswith("rollback")

    def _written_head(
        self, shaped: RestRequest, preferences: Preferences, affected: int, inserted: int, body: str | None
    ) -> Head:
        media, renamed = shaped.accept, self._renamed.get(shaped.key) or ()
        match shaped.verb:
            case "write":
                location = (
                    written_location(shaped.table, body)
                    if preferences.returning == "headers-only" and affected == 1
                    else None
                )
                return self._writer.insert(
                    media, preferences, affected, inserted, schema=shaped.schema, location=location, renamed=renamed
                )
            case "update":
                return self._writer.update(media, preferences, affected, schema=shaped.schema, renamed=renamed)
            case "replace":
                return self._writer.replace(
                    media, preferences, affected, inserted, schema=shaped.schema, renamed=renamed
                )
            case _:
                return self._writer.delete(media, preferences, affected, schema=shaped.schema, renamed=renamed)

    # --- functions ---

    async def _call(self, shaped: RestRequest, request: Request, data: Data, once: Once | None = None) -> Answer:
        if shaped.verb not in ("read", "write"):
            raise wrong_verb()
        preferences = shaped.preferences
        arguments, texts = await self._arguments(shaped, request)
        function = self._callee(shaped, arguments, request.actor.role)
        media = shaped.accept
        rendering = self._rendering(media)
        single = function.returns is not None and not function.many and media.kind == "json"
        if single:
            rendering = Rendering("object", media.stripped)
        if function.returns is None and media.kind == "csv":
            raise MediaFault(f"None of these media types are available: {media.text}")
        self._mark(request, "plan")
        answer = partial(self._given, shaped, single)
        call = Call(
            request.actor,
            shaped.values,
            rendering,
            lambda table: self._function_ask(shaped, table),
            plain=len(shaped.key) == 5,
            bounds=WriteBounds(media.kind == "object", preferences.most_affected, self.rolls_back(preferences)),
            keep=None if once is None or function.read_only else once.keep(lambda result: Kept(*answer(result))),
        )
        result = await data.call(function, arguments, call, texts=texts)
        self._mark(request, "transaction")
        return answer(result)

    def _callee(self, shaped: RestRequest, arguments: Mapping[str, Any], role: str) -> Function:
        function = self._caller.find(shaped.table, arguments, role)
        if shaped.verb == "read" and not function.read_only:
            raise writing_by_get()
        return function

    def _given(self, shaped: RestRequest, single: bool, result: Result) -> Answer:
        """The answer to a call; `single` says that its rows are one object."""
        if result.empty:
            return Answer(204, ())
        preferences = shaped.preferences
        page = result.page or Page(None, 1, 1 if preferences.count else None)
        head = self._writer.read(
            shaped.accept, preferences, shaped.rows, page.rows, page.total, schema=shaped.schema, kind="call"
        )
        if result.body is not None:
            return Answer(head.status, head.headers, result.body)
        return _answer(head, page.body or ("null" if single else None))

    async def _arguments(self, shaped: RestRequest, request: Request) -> tuple[dict[str, Any], bool]:
        if shaped.verb == "read":
            return dict(shaped.arguments), True
        body = await request.body()
        if shaped.content != "json":
            payload = read_payload(shaped.content, body, self._settings.limits)
            return dict(payload.rows[0]) if payload.rows else {}, True
        value = read_json(body, self._settings.limits) if body.strip() else {}
        if not isinstance(value, dict):
            raise BodyFault(
                "The body of a call must be a JSON object", hint='Send the arguments by name: {"post_id": 1}.'
            )
        return value, False

    def _function_ask(self, shaped: RestRequest, table: str) -> ReadAsk:
        ask = cast("ReadAsk", self._reader.parse(shaped).ask)
        return ReadAsk(table, ask.ask, ask.count)

    # --- the rest ---

    async def _options(self, shaped: RestRequest, request: Request) -> Answer:
        role = request.actor.role
        if shaped.function:
            function = self._caller.known(role).get(shaped.table)
            if function is None:
                raise PathFault("Invalid path specified in request URL")
            return Answer(200, ((b"allow", allow_function(read_only=function.read_only)),))
        if not shaped.table:
            return Answer(200, ((b"allow", ALLOW_ROOT),))
        scope = self._pipeline.scope(role)
        table = scope.tables.get(shaped.table)
        if table is None:
            raise unknown_table(shaped.table, scope)
        writable = not table.is_view
        value = allow(insertable=writable, updatable=writable, deletable=writable, keyed=bool(table.primary_key))
        return Answer(200, ((b"allow", value),))

    async def _root(self, shaped: RestRequest, request: Request) -> Answer:
        if request.method not in ("GET", "HEAD"):
            raise MethodFault(f"Unsupported HTTP method: {request.method}")
        if not self._settings.show_openapi:
            raise PathFault("Root endpoint metadata is disabled", code="PGRST126")
        media = shaped.accept.text.encode() + b"; charset=utf-8"
        version = shaped.accept.kind.removeprefix("openapi").strip()
        if version not in ("2.0", "3.1"):
            version = self._settings.openapi_version
        return Answer(200, ((b"content-type", media),), self._document(request.actor.role, version))

    def _document(self, role: str, version: str) -> bytes:
        """What the role may use, described; made once for each role and version."""
        found = self._documents.get((role, version))
        if found is None:
            settings = self._settings
            write = document if version == "3.1" else document_2
            found = write(
                self._pipeline.scope(role),
                self._pipeline.rules,
                role,
                self._caller.known(role),
                title=settings.title,
                server=(settings.external_url or "").rstrip("/") + "/rest/v1",
                most_rows=settings.most_rows,
                keys=self._idempotency is not None,
                batch=settings.most_in_batch if self.batch is not None else None,
            )
            self._documents.put((role, version), found)
        return found

    def _mark(self, request: Request, stage: str) -> None:
        if request.marks is not None:
            request.marks.append((stage, perf_counter()))


def _answer(head: Head, body: str | None) -> Answer:
    return Answer(head.status, head.headers, body.encode() if body is not None and head.bodied else b"")
