"""Policies inside `ctx.session`: the same rules as at every other door, put into ORM queries and checked at each
flush."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction
from sqlalchemy.sql import visitors

from undercroft.access.actor import Actor
from undercroft.access.claims import ClaimParameter
from undercroft.access.criteria import PolicyCriteria
from undercroft.access.errors import PolicyFault, row_refused
from undercroft.access.guard import Guard, inner_rows, moved
from undercroft.access.guardable import unguardable
from undercroft.access.policy import Command
from undercroft.catalog.types import Catalog, Table
from undercroft.engine.types import Transaction
from undercroft.models.base import Model
from undercroft.sql.bounds import stored_check
from undercroft.sql.dialect import Dialect
from undercroft.sql.statement import Given, Statement, claim_list, claim_value, compile_statement


@dataclass(slots=True, eq=False)
class SessionGuard:
    """Watches one session on behalf of one actor."""

    guard: Guard
    actor: Actor
    catalog: Catalog
    transaction: Transaction
    dialect: Any
    open: bool = False
    """As the service: policies do not apply for the moment."""
    _tables: dict[Any, Table] = field(default_factory=dict)
    _classes: dict[Any, Table] = field(default_factory=dict)
    """The same, with the classes that share a table."""
    _closed: list[Any] = field(default_factory=list)
    """Mapped classes that no policy can speak of, as `User`: closed to every caller."""
    _known: dict[Command, tuple[Any, ...]] = field(default_factory=dict)
    _session: Session | None = None
    _trusted: list[Any] = field(default_factory=list)
    """Objects whose next flush is not checked: the service changed them, or somebody else checks their rows."""
    _callers: list[Any] = field(default_factory=list)
    """Objects that the caller had changed when the service took over: flushing them meanwhile changes nothing."""

    def watch(self, session: Session) -> None:
        """Listen to everything that the session does."""
        self._session = session
        self._tables = {table.entity: table for table in self.catalog.tables.values() if table.entity is not None}
        registries = {Model.registry, *(sa_inspect(entity).registry for entity in self._tables)}
        known = {mapper.class_ for registry in registries for mapper in registry.mappers}
        self._classes = {
            mapper.class_: table
            for entity, table in self._tables.items()
            for mapper in sa_inspect(entity).self_and_descendants
        }
        self._closed = sorted(known - self._classes.keys(), key=lambda entity: entity.__name__)
        for name in ("bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings"):
            setattr(session, name, self._only_for_service(getattr(session, name)))
        event.listen(session, "do_orm_execute", self._on_execute)
        event.listen(session, "before_flush", self._on_before_flush)
        event.listen(session, "after_flush", self._on_after_flush)

    @contextmanager
    def as_service(self) -> Iterator[None]:
        """Within the block, what the session does is done by the service itself."""
        before, self.open = self.open, True
        if not before:
            self._callers = self._changed()
        try:
            yield
        finally:
            self.open = before
            if not before:
                callers, self._callers = self._callers, []
                self._trusted += [each for each in self._changed() if not _holds(callers, each)]

    @contextmanager
    def trusting(self, instances: Iterable[Any]) -> Iterator[None]:
        """Flushes within the block take these objects unchecked: whoever says so checks their rows."""
        self._trusted += instances
        try:
            yield
        finally:
            self._trusted.clear()

    def _changed(self) -> list[Any]:
        session = self._session
        return [] if session is None else [*session.new, *session.dirty, *session.deleted]

    def _is_checked(self, instance: Any) -> bool:
        return not _holds(self._trusted, instance) and (not self.open or _holds(self._callers, instance))

    @property
    def _passes(self) -> bool:
        return self.open or self.guard.bypasses

    def _only_for_service(self, bulk: Callable[..., Any]) -> Callable[..., Any]:
        """SQLAlchemy's bulk operations tell nobody what they write."""

        def run(*args: Any, **kwargs: Any) -> Any:
            if not self._passes:
                raise unchecked_bulk()
            return bulk(*args, **kwargs)

        return run

    # --- queries ---

    def _on_execute(self, state: ORMExecuteState) -> None:
        if self._passes or state.is_column_load:
            return
        if not state.is_orm_statement:
            raise PolicyFault(
                "a statement that is not an ORM query cannot be guarded by policies",
                hint="Query models, as in select(Post), or run it within `with ctx.as_service():`.",
            )
        if state.is_insert or state.is_update:
            raise unchecked_bulk()
        # What a relationship loads, SQLAlchemy has written, with the policies that came with the first query.
        part = None if state.is_relationship_load else unguardable(state.statement)
        if part is not None:
            raise PolicyFault(
                f"a query of {part} cannot be guarded by policies",
                hint="Query mapped classes alone, as in select(Post), or run it within `with ctx.as_service():`.",
            )
        command: Command = "delete" if state.is_delete else "select"
        state.statement = state.statement.options(*self._options(command))

    def _options(self, command: Command) -> tuple[Any, ...]:
        """The policies as options of a query: worked out once for each session, whose caller stays the same."""
        if command not in self._known:
            self._known[command] = tuple(self._criteria(command))
        return self._known[command]

    def _criteria(self, command: Command) -> Iterator[Any]:
        for entity in self._closed:
            yield PolicyCriteria(entity, sa.false())
        for entity, table in self._tables.items():
            clause = self.guard.using(table, "select", table.element)
            if command != "select":
                stricter = self.guard.using(table, command, table.element)
                clauses = [each for each in (clause, stricter) if each is not None]
                clause = sa.and_(*clauses) if clauses else None
            if clause is not None:
                yield PolicyCriteria(entity, self.with_claims(clause))

    def with_claims(self, clause: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
        """The expression with this actor's claims as ordinary bound values."""

        def bind(element: Any, **_: Any) -> Any:
            if isinstance(element, ClaimParameter) and element.many:
                return sa.literal(claim_list(element, self.actor, self.dialect), sa.Text())
            if isinstance(element, ClaimParameter):
                return sa.bindparam(None, claim_value(element, self.actor), type_=element.type, unique=True)
            return None

        bound: sa.ColumnElement[bool] = visitors.replacement_traverse(clause, {}, bind)
        return bound

    # --- flushes ---

    def _on_before_flush(self, session: Session, context: UOWTransaction, instances: Any) -> None:
        for instance in session.new:
            self._fill_claims(instance)
        for instance in (*session.new, *session.dirty):
            check_values(instance)
        if self.guard.bypasses:
            return
        self._require(session.dirty, "update", existing=True, session=session)
        self._require(session.deleted, "delete", existing=True, session=session)
        for instance in (*session.new, *session.dirty, *session.deleted):
            if self._is_checked(instance):
                refuse_links(instance)

    def _on_after_flush(self, session: Session, context: UOWTransaction) -> None:
        if self.guard.bypasses:
            return
        self._require(session.new, "insert", existing=False, session=session)
        self._require(session.dirty, "update", existing=False, session=session)
        self._trusted.clear()

    def _fill_claims(self, instance: Any) -> None:
        """`default=auth.uid` is filled from the actor, as it is in a write through the API."""
        mapper = sa_inspect(type(instance))
        for column in mapper.local_table.columns:
            default = column.default
            if default is None or not default.is_clause_element or not isinstance(default.arg, ClaimParameter):
                continue
            key = mapper.get_property_by_column(column).key
            if getattr(instance, key) is None:
                claim = claim_value(default.arg.typed(column.type), self.actor)
                setattr(instance, key, sa.null() if claim is None else claim)

    def _require(self, instances: Iterable[Any], command: Command, *, existing: bool, session: Session) -> None:
        """Every changed object's row passes `using` as it was, or `check` as it has become."""
        changed: dict[Table, list[Any]] = {}
        for instance in instances:
            if not self._is_checked(instance):
                continue
            if command == "update" and not session.is_modified(instance, include_collections=False):
                continue
            table = self._classes.get(type(instance))
            if table is None:
                raise row_refused(sa_inspect(type(instance)).local_table.name)
            changed.setdefault(table, []).append(instance)
        for table, found in changed.items():
            test = self.guard.using if existing else self.guard.check
            clauses = [test(table, command, table.element)]
            if command != "insert":
                clauses.append(self.guard.using(table, "select", table.element))
            present = [clause for clause in clauses if clause is not None]
            if present and self._count(table, found, sa.and_(*present), was=existing) != len(found):
                raise row_refused(table.name)

    def _count(self, table: Table, instances: list[Any], clause: sa.ColumnElement[bool], *, was: bool) -> int:
        mapper = sa_inspect(type(instances[0]))
        primary = list(mapper.primary_key)
        # Of what was there, the key under which it was loaded: a new one may be that of a row with other rights.
        keys = [
            sa_inspect(instance).identity if was else mapper.identity_key_from_instance(instance)[1]
            for instance in instances
        ]
        # Column by column: a list of values, or of tuples, would not get its values in the columns' own form.
        matches = [sa.and_(*(c == v for c, v in zip(primary, key, strict=True))) for key in keys]
        for inner in () if was else inner_rows(clause, table.element):
            # What is being written does not speak for itself: nobody joins a team by being in it.
            others = sa.select(table.element).where(*(sa.not_(sa.or_(*some)) for some in batched(matches)))
            clause = moved(clause, inner, others.subquery())
        return sum(self._counted(table, sa.or_(*some), clause) for some in batched(matches))

    def _counted(self, table: Table, *clauses: sa.ColumnElement[bool]) -> int:
        counted = sa.select(sa.func.count()).select_from(table.element).where(*clauses)
        statement: Statement = compile_statement(counted, self.dialect)
        (count,) = self.transaction.one(statement.text, statement.arguments(Given((), self.actor)))
        return int(count)


def unchecked_bulk() -> PolicyFault:
    return PolicyFault(
        "a bulk INSERT or UPDATE through the session cannot be checked row by row",
        hint="Add or change objects and let the session flush them, or run it within `with ctx.as_service():`.",
    )


def refuse_links(instance: Any) -> None:
    """Raises `PolicyFault` where a flush would write rows of a table between two: those pass as no object."""
    state = sa_inspect(instance)
    for relationship in state.mapper.relationships:
        history = state.attrs[relationship.key].history
        if relationship.secondary is not None and (history.added or history.deleted):
            table = relationship.secondary.description
            raise PolicyFault(
                f"rows of {table} that a relationship writes cannot be checked by policies",
                hint=f"Add or delete objects of a class mapped to {table}, or do it within `with ctx.as_service():`.",
            )


def _holds(instances: list[Any], instance: Any) -> bool:
    return any(each is instance for each in instances)  # mapped classes may compare by value


def batched(matches: list[sa.ColumnElement[bool]], most: int = 200) -> Iterator[list[sa.ColumnElement[bool]]]:
    """A few at a time: SQLite takes expressions up to a depth of 1000."""
    return (matches[start : start + most] for start in range(0, len(matches), most))


def check_values(instance: Any) -> None:
    """What is about to be written must be of its column's size: SQLite would store it all the same.

    Raises `ValueFault`, as PostgreSQL words it.
    """
    state = sa_inspect(instance)
    for prop in state.mapper.column_attrs:
        value = state.dict.get(prop.key)
        if value is None or (prop.key not in state.committed_state and state.persistent):
            continue
        check = stored_check(prop.columns[0].type)
        if check is not None and not isinstance(value, sa.ClauseElement):
            check(value)


async def row_keys(
    session: AsyncSession, table: Table, named: Sequence[Sequence[object]], dialect: Dialect
) -> tuple[object, ...]:
    """The keys of rows, as writes return them, by their primary keys in the driver's values; in their order."""
    primary = list(table.element.primary_key.columns)
    names = [column.name for column in primary]
    key = dialect.row_key(table.element, has_rowid=table.has_rowid, primary_key=names)
    each, join, position = dialect.among_rows(primary, sa.literal(dialect.key_list(named)))
    query = sa.select(key).select_from(table.element).join(each, join).order_by(position)
    return tuple(await session.scalars(query))


async def load_rows(session: AsyncSession, table: Table, keys: Sequence[object], dialect: Dialect) -> list[Any]:
    """Rows of a mapped table as objects, by the keys that a write returned, in their order."""
    primary = [column.name for column in table.element.primary_key.columns]
    key = dialect.row_key(table.element, has_rowid=table.has_rowid, primary_key=primary)
    each, join, position = dialect.among_keys(key, sa.literal(dialect.key_list(keys)))
    query: Any = sa.select(sa_inspect(table.entity).class_).join(each, join).order_by(position)
    return list(await session.scalars(query.execution_options(populate_existing=True)))
