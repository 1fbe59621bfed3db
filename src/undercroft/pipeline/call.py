"""Calls an app's functions: arguments validated, run as the caller in one transaction, rows shown as any read shows
them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from undercroft.access.actor import Actor
from undercroft.base.faults import Fault, closest
from undercroft.engine.errors import COLLISIONS, DatabaseFault
from undercroft.engine.types import Transaction
from undercroft.models.functions import Function
from undercroft.models.objects import primary_key_of
from undercroft.pipeline.arguments import read_arguments
from undercroft.pipeline.context import Context
from undercroft.pipeline.errors import not_a_set, rows_refused, unknown_function
from undercroft.pipeline.keys import Keep, run_kept
from undercroft.pipeline.results import write_result
from undercroft.pipeline.run import Page, Pipeline
from undercroft.pipeline.write import WriteBounds, check_size
from undercroft.query.ask import ReadAsk
from undercroft.sql.read import KEYS, write_read_of_rows
from undercroft.sql.rows import Rendering
from undercroft.sql.statement import Given

_REPEATED = 3


@dataclass(frozen=True, slots=True)
class Call:
    """What one request asks of a function. `ask` shapes the rows that it gives; `plain` says that it asks for
    nothing special."""

    actor: Actor
    values: Sequence[str]
    rendering: Rendering
    ask: Callable[[str], ReadAsk]
    plain: bool
    bounds: WriteBounds = field(default_factory=WriteBounds)
    """How many rows it may give, and how its transaction ends."""
    keep: Keep[Result] | None = None
    """How the request is answered for, where it brought a key."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a function gave: rows as a page, or a body of its own; `empty` when it gives nothing at all."""

    page: Page | None = None
    body: bytes | None = None
    single: bool = False
    """One row, not a list."""
    empty: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Caller:
    """The functions of an app, by name."""

    pipeline: Pipeline
    functions: Mapping[str, Function]

    def known(self, role: str) -> dict[str, Function]:
        """The functions that a role may call."""
        return {name: each for name, each in self.functions.items() if each.allows(role, self.pipeline.rules.bypass)}

    def find(self, name: str, arguments: Mapping[str, Any], role: str) -> Function:
        """The function that a request means. Raises `PipelineFault` PGRST202 where there is none for this role."""
        known = self.known(role)
        function = known.get(name)
        schema = self.pipeline.catalog.schema
        if function is None:
            raise unknown_function(schema, name, arguments, closest(name, known))
        fields = function.arguments.model_fields
        missing = [field for field, info in fields.items() if info.is_required() and field not in arguments]
        if missing or any(given not in fields for given in arguments):
            raise unknown_function(schema, name, arguments, f"{name}({', '.join(sorted(fields))})")
        return function

    async def run(self, function: Function, arguments: Mapping[str, Any], call: Call, *, texts: bool) -> Result:
        """Call a function. `texts` says that the arguments are texts of a URL or a form.

        Raises:
            Fault: 22P02 for an argument of another type; PGRST116, PGRST124 and PGRST128 for another number of rows
                than was asked for. Whatever is raised undoes the function's transaction.
        """
        check_set(function, call)
        for attempt in range(_REPEATED if function.repeatable else 0):
            try:
                return await self._once(function, read_arguments(function, arguments, texts=texts), call)
            except DatabaseFault as fault:
                if fault.code not in COLLISIONS:
                    raise
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  # to part those who met
        return await self._once(function, read_arguments(function, arguments, texts=texts), call)

    async def _once(self, function: Function, values: Mapping[str, Any], call: Call) -> Result:
        pipeline, rollback = self.pipeline, call.bounds.rollback
        async with pipeline.logic(call.actor, read_only=function.read_only, rollback=rollback) as transaction:
            within = partial(self.within, transaction, pipeline.context(call.actor, transaction))
            result = await run_kept(transaction, call.keep, lambda: within(function, values, call))
        return result

    async def within(
        self, transaction: Transaction, context: Context, function: Function, values: Mapping[str, Any], call: Call
    ) -> Result:
        """Call a function in a transaction that may hold more than that; `values` are its arguments, validated.

        Raises as `run` does.
        """
        returned = await function.run(context, **values)
        if context.opened is not None and not function.read_only:
            await context.opened.flush()
        return await self._result(function, returned, call, transaction)

    async def _result(self, function: Function, returned: Any, call: Call, transaction: Transaction) -> Result:
        if function.returns is not None:
            rows = [row for row in (returned if function.many else [returned]) if row is not None]
            return Result(page=await self._page(function, rows, call, transaction), single=not function.many)
        if not call.plain:
            raise Fault(
                f"the result of {function.name} is no table: it takes no select, filters or order",
                code="0A000",
                hint="Annotate the function with a model, as in -> list[Post], to have its rows queried.",
            )
        if function.result is None:
            return Result(empty=True)
        return Result(body=write_result(function.result, returned))

    async def _page(self, function: Function, rows: Sequence[Any], call: Call, transaction: Transaction) -> Page:
        """The function's rows, read once more by their keys: as the caller may see them, in the order given."""
        entity = function.returns
        tables = self.pipeline.scope(call.actor.role).tables
        table = next((each for each in tables.values() if each.entity is entity), None)
        if table is None:
            raise rows_refused(function.name)
        plan = self.pipeline.plan_read(call.ask(table.name), call.actor.role)
        dialect = self.pipeline.dialect
        statement = write_read_of_rows(plan, dialect, call.rendering)
        keys = dialect.key_list([primary_key_of(row, dialect.sqlalchemy) for row in rows])
        given = Given(call.values, call.actor, None, {KEYS: keys})
        ((text, count, total),) = await transaction.fetch(statement.text, statement.arguments(given))
        check_size(int(count), call.bounds)
        return Page(text, int(count), total)


def check_set(function: Function, call: Call) -> None:
    """Raises `PipelineFault` PGRST128 where a bound on rows is set for a function that gives no list of them."""
    if call.bounds.most_affected is not None and not function.many:
        raise not_a_set()
