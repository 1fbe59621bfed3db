"""GraphQL over the schemas of a database that decides for itself: a request names one as those of the data API do."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from undercroft.base.faults import Fault
from undercroft.engine.errors import DatabaseFault
from undercroft.graphql.answering import Answering
from undercroft.graphql.errors import MessageFault
from undercroft.graphql.parts.http.messages import Message, Outcome, failed
from undercroft.pipeline.chosen import RaisedFault
from undercroft.pipeline.keys import Keep
from undercroft.web.faults import database_status_of
from undercroft.web.types import Request

_AGAIN = frozenset({503, 504})


class SchemasAnswering:
    """Answers messages about the schema that a request names by `Accept-Profile` or `Content-Profile`."""

    def __init__(self, answering: Mapping[str, Answering]) -> None:
        """By schema; the first is the one that is asked where none is named."""
        self._answering = answering
        self._first = next(iter(answering.values()))

    def answer(
        self, message: Message, request: Request, *, reads_only: bool, keep: Keep[bytes] | None = None
    ) -> Outcome | Awaitable[Outcome]:
        """The answer to a message; none is kept. Raises `Fault` when it is awaited."""
        return self._told(message, request, reads_only)

    async def _told(self, message: Message, request: Request, reads_only: bool) -> Outcome:
        """The answer, or the database's own refusal, whatever status that has elsewhere."""
        answering = self._meant(request)
        try:
            outcome = answering.answer(message, request, reads_only=reads_only)
            return outcome if isinstance(outcome, Outcome) else await outcome
        except Fault as fault:
            own = isinstance(fault, DatabaseFault | RaisedFault)
            if not own or database_status_of(fault, anonymous=False) in _AGAIN:
                raise
            return failed(fault)

    def _meant(self, request: Request) -> Answering:
        header = b"accept-profile" if request.method in ("GET", "HEAD") else b"content-profile"
        named = request.header(header)
        if named is None:
            return self._first
        found = self._answering.get(named.decode("latin-1"))
        if found is None:
            raise MessageFault(
                f"Invalid schema: {named.decode('latin-1')}",
                code="PGRST106",
                hint=f"Only the following schemas are exposed: {', '.join(self._answering)}",
            )
        return found
