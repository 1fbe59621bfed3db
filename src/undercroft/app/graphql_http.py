"""GraphQL over HTTP, wired: what answers is made when somebody first asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings
from undercroft.graphql.parts.http.messages import Message, Outcome
from undercroft.graphql.parts.http.page import GraphiQL
from undercroft.graphql.parts.http.persisted import Listed, Persisted, read_list
from undercroft.graphql.room import Answers, GraphqlRoom, RoomSettings
from undercroft.pipeline.idempotency import Idempotency
from undercroft.pipeline.keys import Keep
from undercroft.web.types import Request

GRAPHQL = b"/graphql/v1"


def graphql_room_of(
    make: Callable[[], Answers], settings: Settings, title: str, log: Any, idempotency: Idempotency | None = None
) -> GraphqlRoom:
    """The room at `/graphql/v1`; `make` gives what answers. Raises `SetupFault` where the file of documents is none."""
    said, server = settings.graphql, settings.server
    documents = (
        Persisted(said.cached_documents)
        if said.persisted_documents is None
        else Listed(_documents_in(said.persisted_documents))
    )
    allowed = RoomSettings(server.url_limit, server.json_depth, said.batch_limit)
    return GraphqlRoom(Late(make), documents, allowed, log, GraphiQL(title), idempotency)


def _documents_in(file: Path) -> dict[str, str]:
    try:
        body = file.read_bytes()
    except OSError as error:
        raise SetupFault(f"[graphql] persisted_documents: {file} cannot be read: {error.strerror}") from None
    return read_list(body, f"[graphql] persisted_documents: {file}")


class Late:
    """Answers of which nothing is made or imported before somebody asks: who has no use for them starts sooner."""

    def __init__(self, make: Callable[[], Answers]) -> None:
        self._make = make
        self._made: Answers | None = None
        self._making: asyncio.Future[Answers] | None = None

    def answer(
        self, message: Message, request: Request, *, reads_only: bool, keep: Keep[bytes] | None = None
    ) -> Outcome | Awaitable[Outcome]:
        """See `Answers.answer`."""
        if self._made is None:
            return self._first(message, request, reads_only, keep)
        return self._made.answer(message, request, reads_only=reads_only, keep=keep)

    async def _first(self, message: Message, request: Request, reads_only: bool, keep: Keep[bytes] | None) -> Outcome:
        if self._making is None:
            self._making = asyncio.ensure_future(asyncio.to_thread(self._make))
        try:
            made: Answers = await asyncio.shield(self._making)
        except Exception:
            self._making = None
            raise
        self._made = made
        outcome = made.answer(message, request, reads_only=reads_only, keep=keep)
        return outcome if isinstance(outcome, Outcome) else await outcome
