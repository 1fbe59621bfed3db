"""Rows that are groups: what their order may speak of."""

from __future__ import annotations

from undercroft.base.faults import Fault
from undercroft.query.plan import Node, Output, leaves


def check_order_of_groups(node: Node) -> None:
    """Groups have an order only by what they are grouped by. Raises `Fault` 42803 for any other column."""
    for term in node.order:
        owner = term.embed.node if term.embed is not None else node
        named = term.embed is None or term.embed.spread
        plain = [
            output.field
            for output in leaves(owner.outputs)
            if named and isinstance(output, Output) and output.field and not (output.aggregate or output.cast)
        ]
        grouped = {(bound.column.name, bound.json) for bound in plain}
        keyed = owner.table.primary_key and all((name, ()) in grouped for name in owner.table.primary_key)
        if (term.field.column.name, term.field.json) not in grouped and not keyed:
            name = f"{owner.table.name}.{term.field.column.name}"
            raise Fault(
                f'column "{name}" must appear in the GROUP BY clause or be used in an aggregate function', code="42803"
            )
