"""The room of the data API over a database that decides for itself: parses, calls the pipeline, renders.

What it answers is what PostgREST's documentation says of the same request.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from time import perf_counter
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from undercroft.base.faults import Fault
from undercroft.catalog.types import Catalog, Handler
from undercroft.engine.errors import DatabaseFault
from undercroft.pipeline.cache import ShapeCache
from undercroft.pipeline.chosen import RaisedFault
from undercroft.pipeline.database import Answered, CallGiven, CallTaken, DatabasePipeline, Prepared
from undercroft.pipeline.impersonation import Circumstances
from undercroft.pipeline.write import WriteBounds
from undercroft.query.ask import ReadAsk, WriteAsk
from undercroft.query.errors import QueryFault, unknown_table
from undercroft.rest.database_calls import arguments_of, given_of, handed
from undercroft.rest.database_requests import DatabaseReader, check_content, is_whole, payload_of
from undercroft.rest.database_root import DatabaseRoot
from undercroft.rest.errors import MethodFault
from undercroft.rest.parts.accepts import Decision, Handlers, decide
from undercroft.rest.parts.asks import Parsed, Renamed, named_by_relation
from undercroft.rest.parts.headers import with_chosen
from undercroft.rest.parts.media import Media
from undercroft.rest.parts.places import written_location
from undercroft.rest.parts.prefer import Preferences
from undercroft.rest.parts.prepared import ReadHead
from undercroft.rest.request import Frame, RestRequest
from undercroft.rest.response import ALLOW_ROOT, Head, Writer, allow, allow_function, challenge, fault_headers
from undercroft.rest.routes import RestSettings
from undercroft.sql.rows import Rendering
from undercroft.web.faults import body_of, database_status_of
from undercroft.web.types import Answer, Header, Request

_BODIES = {"json": "array", "object": "object", "csv": "csv"}
_OF_FUNCTIONS = frozenset({"PGRST111", "PGRST112", "PGRST121"})
"""Faults of what the database's functions have said."""
_NONE: Mapping[str, Handler] = MappingProxyType({})


class DatabaseRoom:
    """Answers requests of the data API."""

    def __init__(
        self,
        pipeline: DatabasePipeline,
        settings: RestSettings,
        root: DatabaseRoot,
        *,
        plans: bool,
        fault_body: Callable[[Fault], bytes] = body_of,
        legacy_names: bool = True,
        anon_role: str | None = None,
    ) -> None:
        """A room for the database as the pipeline knows it; when it changes, another room is made.

        `plans`: query plans may be asked for; `fault_body`: how errors are told; `legacy_names`: an embed with an
        alias may be named by its relation; `anon_role`: who has it, may try with a token."""
        self._pipeline = pipeline
        self._settings = settings
        self._root = root
        self._plans = plans
        self._fault_body = fault_body
        self._legacy_names = legacy_names
        self._anon_role = anon_role
        self._reader = DatabaseReader(settings.limits, settings.schemas, pipeline.serving.timezones)
        self._writer = Writer(tx_override=settings.tx_end.endswith("allow-override"), schemas=settings.schemas)
        self._renamed: ShapeCache[tuple[Renamed, ...]] = ShapeCache(1024)

    def __call__(self, request: Request) -> Coroutine[Any, Any, Answer]:
        """Answer a request. Raises `Fault` when the answer is awaited."""
        return self._told(request)

    async def _told(self, request: Request) -> Answer:
        """The answer, or the database's own refusal: it is shown as it is, also where the status is 500."""
        try:
            return await self._answered(request)
        except Fault as fault:
            if isinstance(fault, RaisedFault):
                return Answer(fault.status, _chosen(request, fault_headers(fault), fault.headers), body_of(fault))
            if isinstance(fault, DatabaseFault) or fault.code in _OF_FUNCTIONS:
                status = database_status_of(fault, anonymous=request.actor.role == self._anon_role)
                return Answer(status, (*fault_headers(fault), *challenge(fault, status)), self._fault_body(fault))
            raise

    def _answered(self, request: Request) -> Coroutine[Any, Any, Answer]:
        shaped, given = self._reader.recognise(request.method, request.path, request.query, request.headers)
        self._mark(request, "parse")
        frame = None
        if isinstance(shaped, Frame):
            ready: ReadyRead | None = shaped.ready
            if ready is not None:
                return self._run(ready, *shaped.slots.fill(given), request)
            frame, shaped = shaped, shaped.request(given)
        if shaped.verb == "options":
            return self._options(shaped)
        if shaped.function:
            return self._call(shaped, request)
        if not shaped.table:
            return self._describe(shaped, request)
        if shaped.verb == "read":
            return self._read(shaped, request, frame)
        return self._write(shaped, request)

    # --- reading ---

    async def _read(self, shaped: RestRequest, request: Request, frame: Frame | None) -> Answer:
        """The answer to a read; its frame, where that is known, keeps all that does not depend on the values."""
        decision = self._decided(shaped, shaped.table)
        rendering = self._rendering(decision, head=request.method == "HEAD" and decision.plan is None)
        prepared = self._pipeline.prepare_read(
            shaped.key,
            self._schema(shaped),
            rendering,
            lambda: cast("ReadAsk", self._parsed(shaped).ask),
            decision.plan,
        )
        if decision.plan is not None:
            self._mark(request, "plan")
            circumstances = self._circumstances(shaped, request)
            found = await self._pipeline.read(prepared, shaped.values, request.actor, circumstances)
            self._mark(request, "transaction")
            return self._plan(decision, shaped, found)
        renamed = self._renamed.get(shaped.key) or ()
        head = self._writer.reads(
            decision.media, shaped.preferences, shaped.rows, schema=shaped.schema, renamed=renamed
        )
        ready = ReadyRead(prepared, head, self._schema(shaped), shaped.preferences.timezone)
        if frame is not None:
            frame.ready = ready
        return await self._run(ready, shaped.values, shaped.place, request)

    async def _run(self, ready: ReadyRead, values: Sequence[str], place: bytes, request: Request) -> Answer:
        self._mark(request, "plan")
        path = request.path.decode("latin-1")
        circumstances = Circumstances(request.method, path, request.headers, ready.schema, ready.timezone)
        found = await self._pipeline.read(ready.prepared, values, request.actor, circumstances)
        self._mark(request, "transaction")
        return self._answer(request, Head(*ready.head.of(found.rows, found.total, place)), found)

    def _decided(self, shaped: RestRequest, name: str, *, shown: bool = True) -> Decision:
        """`name`: the table, or function, for which the database may have handlers; `shown`: its rows are wanted."""
        handlers = self._catalog(shaped).handlers
        # A handler takes rows of a table as they are, or any that can be put together.
        own = handlers.get(name, _NONE) if is_whole(shaped) else _NONE
        decision = decide(shaped.accept.text, Handlers(own, handlers.get("", _NONE)), plans=self._plans)
        return decision if shown else decision._replace(handler=None)

    def _rendering(self, decision: Decision, *, head: bool = False) -> Rendering:
        body: Any = "none" if head else _BODIES[decision.media.kind]
        return Rendering(body, decision.media.stripped, self._settings.most_rows, None if head else decision.handler)

    def _parsed(self, shaped: RestRequest, columns: tuple[str, ...] = ()) -> Parsed:
        parsed = self._reader.parse(shaped, columns)
        if parsed.renamed and not self._legacy_names:
            raise named_by_relation(parsed.renamed[0])
        if parsed.renamed:
            self._renamed.put(shaped.key, parsed.renamed)
        return parsed

    def _plan(self, decision: Decision, shaped: RestRequest, found: Answered) -> Answer:
        media = decision.media.text.encode() + b"; charset=utf-8"
        headers = ((b"content-type", media), *self._writer.profile(shaped.schema))
        return Answer(200, headers, _encoded(found.body))

    # --- writing ---

    async def _write(self, shaped: RestRequest, request: Request) -> Answer:
        check_content(request)
        preferences = shaped.preferences
        decision = self._decided(shaped, shaped.table, shown=preferences.returning == "representation")
        columns, payload, empty = await payload_of(shaped, request, self._settings.limits)
        parsed: list[Parsed] = []

        def ask() -> WriteAsk:
            if not parsed:
                parsed.append(self._parsed(shaped, columns))
            return cast("WriteAsk", parsed[0].ask)

        prepared = self._pipeline.prepare_write(
            (shaped.key, columns),
            self._schema(shaped),
            # The key for a Location is read here, whatever form the caller asked for.
            Rendering()
            if preferences.returning == "headers-only"
            else self._rendering(decision)._replace(most_rows=None),
            ask,
            decision.plan,
            empty=empty,
        )
        self._mark(request, "plan")
        found = await self._pipeline.write(
            prepared,
            shaped.values,
            payload,
            self._bounds(shaped, decision.media),
            request.actor,
            self._circumstances(shaped, request),
            replaces=shaped.verb == "replace",
        )
        self._mark(request, "transaction")
        if decision.plan is not None:
            return self._plan(decision, shaped, found)
        return self._answer(request, self._written_head(shaped, preferences, decision.media, found), found)

    def _bounds(self, shaped: RestRequest, media: Media) -> WriteBounds:
        bounds = [most for most in (shaped.preferences.most_affected, self._settings.most_affected) if most is not None]
        return WriteBounds(
            single=media.kind == "object",
            most_affected=min(bounds) if bounds and shaped.verb in ("update", "delete") else None,
            rollback=self._rolls_back(shaped.preferences),
        )

    def _rolls_back(self, preferences: Preferences) -> bool:
        """How the transaction ends: by the settings, and by the caller where they let it."""
        if self._settings.tx_end.endswith("allow-override") and preferences.tx:
            return preferences.tx == "rollback"
        return self._settings.tx_end.startswith("rollback")

    def _written_head(self, shaped: RestRequest, preferences: Preferences, media: Media, found: Answered) -> Head:
        renamed, affected = self._renamed.get(shaped.key) or (), found.rows
        match shaped.verb:
            case "write":
                location = (
                    written_location(shaped.table, found.body)
                    if preferences.returning == "headers-only" and affected == 1
                    else None
                )
                inserted = affected if found.inserted is None else found.inserted
                table = self._catalog(shaped).tables[shaped.table]
                return self._writer.insert(
                    media,
                    preferences,
                    affected,
                    inserted,
                    schema=shaped.schema,
                    location=location,
                    resolved=bool(table.primary_key) or "on_conflict" in shaped.key[5::2],
                    renamed=renamed,
                )
            case "update":
                return self._writer.update(media, preferences, affected, schema=shaped.schema, renamed=renamed)
            case "replace":
                # Only an answer with the row in it tells a new one from one that was there.
                inserted = found.inserted or 0 if preferences.returning == "representation" else 0
                return self._writer.replace(
                    media, preferences, affected, inserted, schema=shaped.schema, renamed=renamed
                )
            case _:
                return self._writer.delete(media, preferences, affected, schema=shaped.schema, renamed=renamed)

    # --- functions ---

    async def _call(self, shaped: RestRequest, request: Request) -> Answer:
        if shaped.verb not in ("read", "write"):
            raise MethodFault(f"Cannot use the {request.method} method on RPC", code="PGRST101")
        given, arguments = await arguments_of(shaped, request, self._settings.limits)
        return await self._called(shaped, request, given, arguments)

    async def _called(self, shaped: RestRequest, request: Request, given: CallGiven, arguments: Any) -> Answer:
        schema = self._schema(shaped)
        routine, form = self._pipeline.find_routine(schema, given)
        preferences = shaped.preferences
        decision = self._decided(shaped, routine.name.name if routine.rows is None else routine.rows.name)
        head_only = request.method == "HEAD" and decision.plan is None
        rendering = self._rendering(decision, head=head_only)
        if rendering.body == "array" and not routine.many:
            rendering = rendering._replace(body="object")  # what gives no set is shown without brackets
        prepared = self._pipeline.prepare_call(
            shaped.key,
            schema,
            CallTaken(routine, form, frozenset(given.names)),
            rendering,
            lambda: cast("ReadAsk", self._parsed(shaped).ask),
            decision.plan,
        )
        self._mark(request, "plan")
        found = await self._pipeline.call(
            prepared,
            shaped.values,
            handed(routine, form, arguments),
            WriteBounds(
                decision.media.kind == "object" and routine.many,
                preferences.most_affected,
                self._rolls_back(preferences),
            ),
            request.actor,
            self._circumstances(shaped, request),
            read_only=shaped.verb == "read" or routine.read_only,
        )
        self._mark(request, "transaction")
        if decision.plan is not None:
            return self._plan(decision, shaped, found)
        media = decision.media
        rows = found.rows if routine.many or media.kind != "object" else 1
        head = self._writer.read(media, preferences, shaped.rows, rows, found.total, schema=shaped.schema, kind="call")
        if routine.is_void:
            headers = tuple(each for each in head.headers if each[0] != b"content-type")
            return self._answer(request, Head(204, headers, bodied=False), found)
        if found.body is None and not head_only and decision.handler is None:
            found = found._replace(body="null")
        return self._answer(request, head, found)

    # --- the rest ---

    async def _options(self, shaped: RestRequest) -> Answer:
        if not shaped.table:
            return Answer(200, ((b"allow", ALLOW_ROOT),))
        catalog = self._catalog(shaped)
        if shaped.function:
            return Answer(200, ((b"allow", allow_function(read_only=self._reads(catalog, shaped))),))
        table = catalog.tables.get(shaped.table)
        if table is None:
            raise unknown_table(shaped.table, catalog)
        value = allow(
            insertable=table.insertable,
            updatable=table.updatable,
            deletable=table.deletable,
            keyed=bool(table.primary_key),
        )
        return Answer(200, ((b"allow", value),))

    def _reads(self, catalog: Catalog, shaped: RestRequest) -> bool:
        """Whether the function may be called by GET: the one that the URL means, else all of its name."""
        try:
            routine, _ = self._pipeline.find_routine(self._schema(shaped), given_of(shaped))
        except QueryFault:
            known = catalog.routines.get(shaped.table)
            if not known:
                raise
            return all(each.read_only for each in known)
        return routine.read_only

    async def _describe(self, shaped: RestRequest, request: Request) -> Answer:
        """The root: the function that the settings name, or the description of all that there is."""
        if request.method not in ("GET", "HEAD"):
            raise MethodFault(f"Unsupported HTTP method: {request.method}")
        if self._root.function is not None:
            schema, _, name = self._root.function.rpartition(".")
            meant = shaped._replace(schema=schema) if schema else shaped
            return await self._called(meant, request, CallGiven(name, ()), [])
        self._mark(request, "plan")
        described = await self._root.describe(
            self._schema(shaped), shaped.accept.text, request.actor, self._circumstances(shaped, request)
        )
        self._mark(request, "transaction")
        self._mark(request, "response")
        return Answer(200, (*self._writer.profile(shaped.schema), *described.headers), described.body)

    # --- what all share ---

    def _schema(self, shaped: RestRequest) -> str:
        return shaped.schema or self._settings.schemas[0]

    def _catalog(self, shaped: RestRequest) -> Catalog:
        return self._pipeline.serving.catalogs[self._schema(shaped)]

    def _circumstances(self, shaped: RestRequest, request: Request) -> Circumstances:
        path = request.path.decode("latin-1")
        timezone = shaped.preferences.timezone
        return Circumstances(request.method, path, request.headers, self._schema(shaped), timezone)

    def _answer(self, request: Request, head: Head, found: Answered) -> Answer:
        self._mark(request, "response")
        chosen = found.chosen.headers
        headers = _chosen(request, head.headers, chosen) if chosen else head.headers
        body = _encoded(found.body) if head.bodied else b""
        return Answer(found.chosen.status or head.status, headers, body)

    def _mark(self, request: Request, stage: str) -> None:
        if request.marks is not None:
            request.marks.append((stage, perf_counter()))


class ReadyRead(NamedTuple):
    """All of a read that does not depend on its values."""

    prepared: Prepared
    head: ReadHead
    schema: str
    timezone: str | None


def _chosen(request: Request, headers: tuple[Header, ...], chosen: Sequence[tuple[str, str]]) -> tuple[Header, ...]:
    found = with_chosen(headers, chosen)
    request.cors_told = any(name == b"access-control-allow-origin" for name, _ in found)
    return found


def _encoded(body: str | bytes | None) -> bytes:
    return body.encode() if isinstance(body, str) else body or b""
