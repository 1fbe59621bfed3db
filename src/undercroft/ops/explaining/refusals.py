"""Why a request goes no further, with what its caller is not told: that a name is closed or hidden, not missing."""

from __future__ import annotations

from collections.abc import Iterator

from undercroft.access.policy import Rules
from undercroft.base.faults import Fault
from undercroft.catalog.types import Catalog
from undercroft.ops.explaining.values import Refusal
from undercroft.query.ask import Ask, Condition, EmbedAsk, Filter, ReadAsk, SelectField, WriteAsk


def refusal(
    fault: Fault, ask: ReadAsk | WriteAsk | None, catalog: Catalog, scope: Catalog, rules: Rules, role: str
) -> Refusal:
    """The fault, and what stands behind it. `catalog` is everything there is, `scope` what the role knows of."""
    why = tuple(dict.fromkeys(_why(ask, catalog, scope, rules, role))) if ask is not None else ()
    return Refusal(fault.code, fault.message, fault.hint, why)


def _why(ask: ReadAsk | WriteAsk, catalog: Catalog, scope: Catalog, rules: Rules, role: str) -> Iterator[str]:
    names = {ask.table, *_relations(ask.ask)}
    for relation in {found for start in list(names) for found in catalog.relations.get(start, ())}:
        if names & {relation.constraint, *relation.names, *(own for own, _ in relation.pairs)}:
            names.add(relation.target)
    for name in sorted(names):
        if name in catalog.tables and name not in scope.tables:
            yield f"the table {name} exists, and {role} has no policy on it: it is closed"
    mentioned = {*_fields(ask.ask), *(ask.columns if isinstance(ask, WriteAsk) else ())}
    for name in sorted(names & scope.tables.keys()):
        for column in sorted(rules.columns_for(name, role, "hide") & mentioned):
            yield f"the column {name}.{column} exists, and is hidden from {role}"
    if isinstance(ask, WriteAsk):
        for kind, word in (("read_only", "read-only for"), ("preset", "set by a rule for")):
            for column in sorted(rules.columns_for(ask.table, role, kind) & mentioned):  # type: ignore[arg-type]  # a literal
                yield f"the column {ask.table}.{column} is {word} {role}"


def _relations(ask: Ask) -> Iterator[str]:
    for item in ask.select:
        if isinstance(item, EmbedAsk):
            yield item.relation
            yield from _relations(item.ask)


def _fields(ask: Ask) -> Iterator[str]:
    for item in ask.select:
        if isinstance(item, EmbedAsk):
            yield from _fields(item.ask)
        elif isinstance(item, SelectField) and item.field:
            yield item.field.name
    yield from (term.field.name for term in ask.order)
    for condition in ask.conditions:
        yield from _conditions(condition)


def _conditions(condition: Condition) -> Iterator[str]:
    if isinstance(condition, Filter):
        yield condition.field.name
    else:
        for term in condition.terms:
            yield from _conditions(term)
