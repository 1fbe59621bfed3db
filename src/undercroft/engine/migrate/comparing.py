"""How Alembic's implementations compare columns here: by the facts of both sides, not by what reflection makes of
them.
"""

from __future__ import annotations

from typing import Any

from undercroft.engine.migrate.ddltext import normal
from undercroft.engine.migrate.facts import ColumnFact, Facts
from undercroft.engine.sqlite.dialect import dotted


class ByFacts:
    """A part of an implementation: types and defaults are equal when the database says them in the same words."""

    compared: tuple[Facts, Facts] | None = None

    def compare_by(self, actual: Facts, ideal: Facts) -> None:
        """From now on this context compares, by these facts; columns are then reflected in types that have names."""
        self.compared = (actual, ideal)

    def compare_type(self, inspector_column: Any, metadata_column: Any) -> bool:
        have, want = (_of_type(fact) for fact in self._pair(metadata_column))
        return have != want

    def compare_server_default(
        self,
        inspector_column: Any,
        metadata_column: Any,
        rendered_metadata_default: str | None,
        rendered_inspector_default: str | None,
    ) -> bool:
        have, want = self._pair(metadata_column)
        return normal(have.default or "") != normal(want.default or "")

    def correct_for_autogen_constraints(
        self, conn_unique_constraints: Any, conn_indexes: Any, metadata_unique_constraints: Any, metadata_indexes: Any
    ) -> None:
        """Takes the indexes out of Alembic's comparison: `diff` compares their texts."""
        for indexes in (conn_indexes, metadata_indexes):
            if isinstance(indexes, set):  # Alembic hands in an empty frozenset where there is no table
                indexes.clear()

    def _pair(self, column: Any) -> tuple[ColumnFact, ColumnFact]:
        name = dotted(column.table.schema, column.table.name)
        have, want = (facts[name].columns_by_name[column.name] for facts in self.compared or ())
        return have, want


def _of_type(fact: ColumnFact) -> tuple[object, ...]:
    return normal(fact.type), (fact.collation or "binary").lower(), fact.members
