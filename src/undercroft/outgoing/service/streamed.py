"""An answer whose body comes piece by piece."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from undercroft.models.calls import Headers
from undercroft.outgoing.errors import broken, too_large
from undercroft.outgoing.parts.bodies import Body, Inflation


class Streamed:
    """What another machine is answering."""

    def __init__(self, status: int, headers: Headers, origin: str, pieces: AsyncIterable[bytes], limit: int) -> None:
        self.status = status
        self.headers = headers
        self._origin = origin
        self._pieces = pieces
        self._limit = limit

    @property
    def ok(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status < 300

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes, once. Raises `OutgoingFault`: UC502 where it breaks off or is too long, UC504."""
        try:
            body = Body(self.headers.get("content-encoding", ""), self._limit)
            async for piece in self._pieces:
                taken = body.take(piece)
                if body.over:
                    raise too_large(self._origin, self._limit)
                if taken:
                    yield taken
            body.end()
        except Inflation as error:
            raise broken(self._origin, str(error)) from None
