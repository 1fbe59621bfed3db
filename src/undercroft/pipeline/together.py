"""Several statements of one request to a database that decides for itself, in one transaction that is its caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from undercroft.access.actor import Actor
from undercroft.engine.errors import DatabaseFault
from undercroft.engine.types import Cursor
from undercroft.pipeline.chosen import chosen_of, raised
from undercroft.pipeline.database import Answered, DatabasePipeline, Prepared, answered
from undercroft.pipeline.impersonation import Circumstances
from undercroft.pipeline.write import WriteBounds, check_size
from undercroft.sql.database import PAYLOAD
from undercroft.sql.database.calls import ARGUMENTS
from undercroft.sql.statement import Given

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Together:
    """One transaction: each statement sees what those before it wrote. What one of them raises undoes all."""

    cursor: Cursor
    actor: Actor

    def read(self, prepared: Prepared, values: Sequence[str]) -> Answered:
        return answered(self._one(prepared, Given(values, self.actor)))

    def write(self, prepared: Prepared, values: Sequence[str], payload: str, bounds: WriteBounds) -> Answered:
        """`payload` is the body as the text of a JSON list. Raises `PipelineFault` PGRST124."""
        given = Given(values, self.actor, None, {PAYLOAD: payload})
        body, rows, _, headers, status = self._one(prepared, given)
        check_size(int(rows), bounds)
        return Answered(body, int(rows), None, chosen_of(headers, status))

    def call(self, prepared: Prepared, values: Sequence[str], arguments: object) -> Answered:
        """`arguments` are as the form takes them that was prepared."""
        return answered(self._one(prepared, Given(values, self.actor, None, {ARGUMENTS: arguments})))

    def _one(self, prepared: Prepared, given: Given) -> Sequence[Any]:
        return self.cursor.one(prepared.statement.text, prepared.statement.arguments(given))


async def together(
    pipeline: DatabasePipeline,
    work: Callable[[Together], T],
    actor: Actor,
    circumstances: Circumstances,
    *,
    read_only: bool,
    settings: Iterable[tuple[str, str]] = (),
) -> T:
    """Run `work` in a transaction of its own. `settings` are those with which the functions were declared that it will
    call. Raises what the database refuses, and what `work` raises: then nothing is written.
    """
    local = pipeline.serving.impersonation.local(actor, circumstances, read_only=read_only, routine=settings)
    try:
        return await pipeline.engine.write(lambda cursor: work(Together(cursor, actor)), local=local)
    except DatabaseFault as fault:
        raise raised(fault) from fault.__cause__
