"""A policy as an option of the app's own ORM queries: it goes wherever the query reads the class, under any alias."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.orm.util import LoaderCriteriaOption
from sqlalchemy.sql import visitors
from sqlalchemy.sql.util import _deep_annotate

from undercroft.access.errors import PolicyFault
from undercroft.access.guard import Clause, moved


class PolicyCriteria(LoaderCriteriaOption):
    """`with_loader_criteria` that moves its clause to an alias by itself.

    SQLAlchemy moves it in WHERE and in the joins that relationships make, but not in an ON that somebody wrote: there
    the clause would speak of another row. Its own remedy, a lambda that is given the alias, is cached by its code, so
    that one caller's policies could serve another. Here the clause with its values is part of the query's cache key, as
    in any query; what is made of it for an alias must come from that very clause, or the values would not be renewed.
    """

    __slots__ = ()
    _traverse_internals = LoaderCriteriaOption._traverse_internals  # what the cache key is made of

    def __init__(self, entity: Any, clause: Clause) -> None:
        super().__init__(entity, _of_the_class(entity, clause), include_aliases=True)

    def _resolve_where_criteria(self, ext_info: Any) -> sa.ColumnElement[bool]:
        clause: Any = self.where_criteria
        table, source = ext_info.mapper.local_table, ext_info.selectable
        if source is not table:
            try:
                clause = moved(clause, table, source)
            except KeyError as error:
                raise PolicyFault(
                    f"an alias of {table.name} without its column {error.args[0]} cannot be guarded by policies"
                ) from None
        marks = {"for_loader_criteria": self}
        marked: sa.ColumnElement[bool] = _deep_annotate(
            clause, marks, detect_subquery_cols=True, ind_cols_on_fromclause=True
        )
        return marked


def _of_the_class(entity: Any, clause: Clause) -> Clause:
    """The clause with the marks by which SQLAlchemy knows what to move: the row's columns are the mapped class's.

    The queries inside read their tables under names of their own, lest those be moved too, and are tied to all other
    tables, where the guard had tied them to the row's: whoever moves the columns does not move that tie.
    """
    mapper = sa_inspect(entity)
    table = mapper.local_table

    def mark(element: Any, **_: Any) -> Any:
        if isinstance(element, sa.Column) and element.table is table:
            return getattr(mapper.class_, mapper.get_property_by_column(element).key).expression
        return None

    def tie(query: sa.Select[Any]) -> None:
        if table in query._correlate:
            outer = [clone for each in query._correlate for clone in each._cloned_set]
            own = [each for each in query.get_final_froms() if each._cloned_set.isdisjoint(outer)]
            query._correlate, query._correlate_except = (), tuple(own)

    for other in {part for part in visitors.iterate(clause) if isinstance(part, sa.Table) and part is not table}:
        clause = moved(clause, other, other.alias())
    tied = visitors.cloned_traverse(clause, {}, {"select": tie})
    marked: Clause = visitors.replacement_traverse(tied, {}, mark)
    return marked
