"""Writes with business logic around them: hooks run on the rows as objects, inside the transaction that holds the
writer.

Inserts: the body's rows become objects, the hooks change them, and the same program as always writes them. Updates and
deletes: the rows are found by the same program, loaded, changed by the body and the hooks, and flushed. An upsert runs
the insert hooks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from undercroft.access.claims import ClaimParameter
from undercroft.access.errors import row_refused
from undercroft.base.faults import Fault
from undercroft.catalog.types import Column
from undercroft.engine.types import Transaction
from undercroft.models.functions import Hook, HookMoment, HookVerb
from undercroft.models.objects import attribute_of, new_object, primary_key_of, values_of
from undercroft.pipeline.context import Context
from undercroft.pipeline.session import load_rows, row_keys
from undercroft.pipeline.write import WriteRequest, Written, change, check_size, show_after, show_before
from undercroft.sql.dialect import AppDialect
from undercroft.sql.made import Made, as_loaded
from undercroft.sql.program import WriteProgram
from undercroft.sql.read import KEYS
from undercroft.sql.statement import claim_value

MOST_ROWS = 1000
"""Rows of one write whose hooks run: they hold the writer while they do."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """An app's hooks by (table, moment, verb)."""

    known: Mapping[tuple[str, HookMoment, HookVerb], tuple[Hook, ...]]

    def of(self, table: str, moment: HookMoment, verb: HookVerb) -> tuple[Hook, ...]:
        return self.known.get((table, moment, verb), ())

    def touch(self, table: str, verb: str) -> bool:
        """Whether any hook runs around this verb of a write."""
        kind = hook_verb(verb)
        return bool(self.of(table, "before", kind) or self.of(table, "after", kind))


def hook_verb(verb: str) -> HookVerb:
    """The hooks that a write runs: an upsert and a PUT run those of an insert."""
    return "update" if verb == "update" else "delete" if verb == "delete" else "insert"


def sort_hooks(hooks: Sequence[Hook]) -> Hooks:
    """Hooks by what they wait for, in the order of the file."""
    keys = {(hook.table, hook.moment, hook.verb) for hook in hooks}
    return Hooks({key: tuple(hook for hook in hooks if (hook.table, hook.moment, hook.verb) == key) for key in keys})


@dataclass(frozen=True, slots=True)
class HookedWrite:
    """One write with its hooks, in one transaction."""

    transaction: Transaction
    context: Context
    hooks: Hooks
    dialect: AppDialect
    program: WriteProgram
    request: WriteRequest
    readers: dict[str, Callable[[Any], Any]] = field(default_factory=dict)

    async def run(self) -> Written:
        """Carry it out. What a hook raises undoes everything."""
        if len(self.request.rows) > MOST_ROWS:
            raise too_many_rows()
        verb = hook_verb(self.program.plan.verb)
        if verb == "insert":
            return await self._insert()
        return await (self._update() if verb == "update" else self._delete())

    async def _insert(self) -> Written:
        rows = [await self._prepared(row) for row in self.request.rows]
        request = replace(self.request, rows=rows, own_columns=True)
        written = await self.transaction.perform(lambda cursor: change(cursor, self.program, request))
        if self._hooks("after"):
            for instance in await self._load(written.keys):
                await self._run("after", instance)
        return await self._shown(written)

    async def _update(self) -> Written:
        keys = await self._found()
        patch = self._converted(self.request.rows[0])
        instances = await self._load(keys)
        named = self._named(instances)
        session = self.context.session
        with session.no_autoflush:
            for instance in instances:
                for name, value in patch.items():
                    setattr(instance, name, value)
                await self._run("before", instance)
                self._preset(instance)
        # These rows were found by the policies and are verified below; whatever else the hooks changed is the caller's.
        with self.context.trusting(instances):
            await session.flush()
        if self._named(instances) != named:
            # The rows have other keys now: those are judged, and shown.
            keys = await self._keys_of(instances)
        await self._verify(keys)
        for instance in instances:
            await self._run("after", instance)
        return await self._shown(Written(len(keys), keys=keys))

    async def _delete(self) -> Written:
        keys = await self._found()
        instances = await self._load(keys)
        for instance in instances:
            await self._run("before", instance)
        await self._flush()
        body = await self.transaction.perform(lambda cursor: show_before(cursor, self.program, self.request))
        written = await self.transaction.perform(lambda cursor: change(cursor, self.program, self.request))
        for instance in instances:
            self.context.session.expunge(instance)
            await self._run("after", instance)
        await self._flush()
        return replace(written, body=body)

    # --- rows and objects ---

    async def _prepared(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of the body after the hooks have seen it as an object."""
        plan = self.program.plan
        body = dict(row) if plan.missing_default else {column.name: row.get(column.name) for column in plan.columns}
        if not self._hooks("before"):
            return body
        instance = new_object(self._entity)
        for name, value in self._converted(body).items():
            setattr(instance, name, value)
        before = values_of(instance)
        await self._run("before", instance)
        changed = {
            name: value for name, value in values_of(instance).items() if name not in before or before[name] != value
        }
        return body | {name: Made(value) for name, value in changed.items()}

    def _converted(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A body's row as Python values by attribute; what the rules preset joins the write itself."""
        columns = {column.name: column for column in self.program.plan.columns}
        return {
            attribute_of(self._entity, columns[name].element): self._reader(columns[name])(value)
            for name, value in row.items()
            if name in columns
        }

    def _reader(self, column: Column) -> Callable[[Any], Any]:
        read = self.readers.get(column.name)
        if read is None:
            read = as_loaded(column.element, self.dialect, text_rows=self.program.text_rows)
            self.readers[column.name] = read
        return read

    def _preset(self, instance: Any) -> None:
        """What the rules set, whatever the caller and the hooks did."""
        for preset in self.program.plan.presets:
            value = preset.value
            given = claim_value(value, self.request.actor) if isinstance(value, ClaimParameter) else value
            setattr(instance, attribute_of(self._entity, preset.column), given)

    @property
    def _entity(self) -> type[Any]:
        entity = self.program.plan.table.entity
        if entity is None:
            raise AssertionError("a table with hooks has a mapped class")
        return entity

    async def _found(self) -> tuple[object, ...]:
        statement = self.program.found()
        rows = await self.transaction.fetch(statement.text, statement.arguments(self.request.given()))
        keys = tuple(key for (key,) in rows)
        check_size(len(keys), self.request.bounds)
        if len(keys) > MOST_ROWS:
            raise too_many_rows()
        return keys

    async def _load(self, keys: Sequence[object]) -> list[Any]:
        """The rows as objects of the session, whoever may read them, in the order of the keys."""
        with self.context.as_service():
            return await load_rows(self.context.session, self.program.plan.table, keys, self.dialect)

    def _named(self, instances: Sequence[Any]) -> list[list[object]]:
        """The primary keys of objects."""
        return [primary_key_of(instance, self.dialect.sqlalchemy) for instance in instances]

    async def _keys_of(self, instances: Sequence[Any]) -> tuple[object, ...]:
        """The keys of the rows of objects, in their order."""
        with self.context.as_service():
            return await row_keys(self.context.session, self.program.plan.table, self._named(instances), self.dialect)

    async def _verify(self, keys: Sequence[object]) -> None:
        statement = self.program.broken()
        if statement is None:
            return
        given = self.request.given(carried={KEYS: self.program.key_list(keys)})
        ((broken,),) = await self.transaction.fetch(statement.text, statement.arguments(given))
        if broken:
            raise row_refused(self.program.plan.table.name)

    async def _shown(self, written: Written) -> Written:
        await self._flush()
        show: Callable[[Any], str | None] = lambda cursor: show_after(cursor, self.program, self.request, written.keys)  # noqa: E731
        return replace(written, body=await self.transaction.perform(show))

    async def _flush(self) -> None:
        if self.context.opened is not None:
            await self.context.opened.flush()

    def _hooks(self, moment: HookMoment) -> tuple[Hook, ...]:
        return self.hooks.of(self.program.plan.table.name, moment, hook_verb(self.program.plan.verb))

    async def _run(self, moment: HookMoment, instance: Any) -> None:
        for hook in self._hooks(moment):
            await hook.run(self.context, instance)


def too_many_rows() -> Fault:
    return Fault(
        f"a write with hooks may touch at most {MOST_ROWS} rows at once",
        code="54000",
        hint="Write them in several requests.",
    )
