"""Which relations may be filled in an insert: records within records, an extension of ours to pg_graphql's dialect."""

from __future__ import annotations

from undercroft.graphql.parts.describing.described import Described, RelationField


def can_nest(described: Described, field: RelationField) -> bool:
    """Whether records of a relation may be inserted with the record that has it."""
    target = described.tables.get(field.target)
    plain_key = field.relation.junction is None and field.relation.function is None
    return plain_key and target is not None and target.inserts is not None
