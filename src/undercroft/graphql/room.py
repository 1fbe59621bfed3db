"""The room behind `/graphql/v1`: reads messages, has them answered, and tells what came of them over HTTP.

Protocol: the GraphQL over HTTP draft. What is not carried out is 400 (200 for who asks for `application/json` by name,
as the draft has it); what went wrong while it was carried out is 200 with `errors`; a server that cannot answer says so
by its status.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Protocol

import msgspec

from undercroft.access.actor import ANONYMOUS, Actor
from undercroft.base.faults import Fault
from undercroft.graphql.errors import GraphqlFault, errors_of
from undercroft.graphql.parts.http.envelopes import Envelope, read_body, read_parameters
from undercroft.graphql.parts.http.media import PAGE, UNSAID, Media, is_json, wanted
from undercroft.graphql.parts.http.messages import Message, Outcome, failed, refused
from undercroft.graphql.parts.http.page import GraphiQL
from undercroft.graphql.parts.http.persisted import Found
from undercroft.pipeline.idempotency import Idempotency
from undercroft.pipeline.keys import HEADER, REPLAYED, Keep, Kept, Once, claim_of
from undercroft.web.actor import Identify
from undercroft.web.faults import status_of
from undercroft.web.methods import MethodFault
from undercroft.web.types import Answer, Header, Hosting, Request

_METHODS = ("GET", "POST", "OPTIONS")


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """What the room allows."""

    url_bytes: int = 16 * 1024
    """Path and query together."""
    json_depth: int = 64
    """Levels of nesting in variables."""
    batch_limit: int = 10
    """Messages of one request."""


class Answers(Protocol):
    """Who answers messages."""

    def answer(
        self, message: Message, request: Request, *, reads_only: bool, keep: Keep[bytes] | None = None
    ) -> Outcome | Awaitable[Outcome]:
        """What comes of a message; `reads_only` refuses mutations with `MutationByGet`, and what a mutation gives is
        kept by `keep`, in its transaction. Raises `Fault`: a `GraphqlFault` where nothing was carried out.
        """
        ...


class Documents(Protocol):
    """Who knows documents by their hash: see `parts.persisted`."""

    def find(self, query: str | None, extensions: dict[str, Any] | None) -> Found: ...

    def keep(self, digest: str, query: str) -> None: ...


class GraphqlRoom(Hosting):
    """Answers requests of GraphQL, and shows browsers a page to ask with."""

    def __init__(
        self,
        answering: Answers,
        documents: Documents,
        settings: RoomSettings,
        log: Any,
        page: GraphiQL | None = None,
        idempotency: Idempotency | None = None,
    ) -> None:
        """`idempotency` keeps the answers to mutations with a key; without it, keys are refused."""
        self._answering = answering
        self._documents = documents
        self._settings = settings
        self._log = log
        self._page = page
        self._idempotency = idempotency

    def who(self, request: Request, identify: Identify) -> Actor:
        """Who asks. The page is anybody's, also where the API wants a key."""
        if self._shows_page(request):
            return ANONYMOUS
        return super().who(request, identify)

    def show(self, request: Request, fault: Fault, answer: Answer) -> Answer:
        """The fault as GraphQL tells it."""
        media = wanted(request.header(b"accept"), page=False) or UNSAID
        headers = [*_headers(media), *(each for each in answer.headers if each[0] != b"content-type")]
        if isinstance(fault, MethodFault):
            headers.append((b"allow", fault.allow.encode()))
        return Answer(answer.status, tuple(headers), msgspec.json.encode({"errors": errors_of(fault)}))

    def __call__(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer a request. Raises `Fault`, at once or when the answer is awaited."""
        if len(request.path) + len(request.query) > self._settings.url_bytes:
            raise GraphqlFault(
                f"Path and query may be at most {self._settings.url_bytes} bytes long",
                code="UC414",
                hint="Send the document by POST.",
            )
        if self._page is not None and self._shows_page(request):
            return self._page.answer(request)
        if request.path not in (b"", b"/"):
            raise GraphqlFault("there is nothing here", code="UC404")
        if request.method == "POST":
            return self._post(request)
        if request.method in ("GET", "HEAD"):
            return self._get(request)
        if request.method == "OPTIONS":
            return Answer(204, ((b"allow", b"GET, HEAD, OPTIONS, POST"),))
        raise MethodFault("GraphQL is asked", _METHODS)

    def _shows_page(self, request: Request) -> bool:
        if self._page is None or request.method not in ("GET", "HEAD"):
            return False
        if request.path in (b"", b"/"):
            return wanted(request.header(b"accept"), page=True) is PAGE
        return self._page.has(request.path)

    def _get(self, request: Request) -> Answer | Awaitable[Answer]:
        media = _media(request)
        envelope = read_parameters(request.query, depth=self._settings.json_depth)
        return self._one(envelope, request, media, reads_only=True)

    async def _post(self, request: Request) -> Answer:
        media = _media(request)
        if not is_json(request.header(b"content-type")):
            raise GraphqlFault(
                "GraphQL is sent as application/json", code="UC415", hint="Set Content-Type: application/json."
            )
        body, settings = await request.body(), self._settings
        found = read_body(body, depth=settings.json_depth, batch=settings.batch_limit)
        if request.header(HEADER) is not None:
            return await self._once(found, body, request, media)
        if isinstance(found, list):
            bodies = [(await self._in_batch(each, request)).body for each in found]
            return Answer(200, _headers(media), b"[%s]" % b",".join(bodies))
        answer = self._one(found, request, media, reads_only=False)
        return answer if isinstance(answer, Answer) else await answer

    def _one(
        self, envelope: Envelope, request: Request, media: Media, *, reads_only: bool
    ) -> Answer | Awaitable[Answer]:
        """The answer to a message that came by itself; at once where nothing has to be waited for."""
        try:
            outcome = self._outcome(envelope, request, reads_only=reads_only)
        except Fault as fault:
            outcome = _told(fault, request)
        if isinstance(outcome, Outcome):
            return _answer(outcome, media)
        return _awaited(outcome, request, media)

    async def _once(self, found: Envelope | list[Envelope], body: bytes, request: Request, media: Media) -> Answer:
        """The answer to a message that brought a key: of a mutation, the one that was kept, where there is one. Raises
        `GraphqlFault` UC400, and what `Idempotency.answer` does.
        """
        if self._idempotency is None or isinstance(found, list):
            what = "in a batch" if isinstance(found, list) else "here"
            raise GraphqlFault(f"Idempotency-Key is not taken {what}", code="UC400", hint="Leave the header away.")
        told = [request.header(name) or b"" for name in (b"accept", b"content-type")]
        claim = claim_of(request.headers, request.actor, b"POST", b"/graphql", request.query, *told, body)

        async def carried_out(once: Once) -> Kept:
            keep: Keep[bytes] = once.keep(lambda data: Kept(200, _headers(media), data))
            outcome = self._outcome(found, request, reads_only=False, keep=keep)
            return Kept(*_answer(outcome if isinstance(outcome, Outcome) else await outcome, media))

        if claim is None:
            raise AssertionError("there is a key")
        try:
            kept = await self._idempotency.answer(claim, carried_out, ask=True)
        except GraphqlFault as fault:
            return _answer(refused(fault), media)
        return Answer(kept.status, (*kept.headers, REPLAYED) if kept.replayed else kept.headers, kept.body)

    async def _in_batch(self, envelope: Envelope, request: Request) -> Outcome:
        """What comes of one message of several: no fault of one of them is in the way of another."""
        try:
            outcome = self._outcome(envelope, request, reads_only=False)
            return await outcome if isawaitable(outcome) else outcome
        except Fault as fault:
            status = status_of(fault, anonymous=False)
            if status < 500:
                return _told(fault, request)
            self._log.error("fault", code=fault.code, message=fault.message, details=fault.details)
            secret = status == 500 and not fault.is_told
            return failed(Fault("Internal server error", code=fault.code) if secret else fault)

    def _outcome(
        self, envelope: Envelope, request: Request, *, reads_only: bool, keep: Keep[bytes] | None = None
    ) -> Outcome | Awaitable[Outcome]:
        found = self._documents.find(envelope.query, envelope.extensions)
        message = Message(found.query, envelope.variables or {}, envelope.operation or None)
        outcome = self._answering.answer(message, request, reads_only=reads_only, keep=keep)
        if found.keep is None:
            return outcome
        if isinstance(outcome, Outcome):
            self._keep(found.keep, found.query, outcome)
            return outcome
        return self._kept(found.keep, found.query, outcome)

    async def _kept(self, digest: str, query: str, outcome: Awaitable[Outcome]) -> Outcome:
        found = await outcome
        self._keep(digest, query, found)
        return found

    def _keep(self, digest: str, query: str, outcome: Outcome) -> None:
        """Remember a document by its hash: one that was sound for whoever sent it."""
        if outcome.status == 200:
            self._documents.keep(digest, query)


async def _awaited(outcome: Awaitable[Outcome], request: Request, media: Media) -> Answer:
    try:
        return _answer(await outcome, media)
    except Fault as fault:
        return _answer(_told(fault, request), media)


def _told(fault: Fault, request: Request) -> Outcome:
    """A fault as the answer to its message. Raises it where it is the server's."""
    if isinstance(fault, GraphqlFault):
        return refused(fault)
    if status_of(fault, anonymous=not request.authenticated) >= 500:
        raise fault
    return failed(fault)


def _answer(outcome: Outcome, media: Media) -> Answer:
    status, headers = outcome.status, _headers(media)
    if status == 405:
        headers = (*headers, (b"allow", b"POST"))
    elif media.always_ok:
        status = 200
    return Answer(status, headers, outcome.body)


def _headers(media: Media) -> tuple[Header, ...]:
    return ((b"content-type", media.content_type), (b"vary", b"accept"))


def _media(request: Request) -> Media:
    """The type in which the answer goes. Raises `GraphqlFault` PGRST107 where none of ours is taken."""
    media = wanted(request.header(b"accept"), page=False)
    if media is None:
        raise GraphqlFault(
            "None of the media types in Accept are available",
            code="PGRST107",
            hint="There are application/graphql-response+json and application/json.",
        )
    return media
