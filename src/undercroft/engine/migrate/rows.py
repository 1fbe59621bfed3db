# ruff: noqa: S608  names are quoted here, and no value is a part of a statement
"""What the stored rows say to a change: how many are lost, how many do not fit. Asked before anything is touched."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from undercroft.engine.migrate.facts import ColumnFact, Facts, quoted
from undercroft.engine.migrate.ground import ground_of, runner
from undercroft.engine.migrate.renames import Renames


class Rows:
    """Counts over the database as it is; tables and columns are named as the models will call them."""

    def __init__(self, connection: Connection, facts: Facts, renames: Renames) -> None:
        self._run, self._ground = runner(connection), ground_of(connection)
        self._facts, self._renames = facts, renames

    def count(self, table: str) -> int:
        return self._count(table, "1 = 1")

    def filled(self, table: str, column: str) -> int:
        return self._count(table, f"{quoted(column)} IS NOT NULL")

    def nulls(self, table: str, column: str) -> int:
        return self._count(table, f"{quoted(column)} IS NULL")

    def breaking(self, table: str, check: str, columns: Sequence[str]) -> int:
        """Rows for which a CHECK over these columns is false."""
        return self._count(table, f"NOT ({check})") if self._has(table, columns) else 0

    def duplicates(self, table: str, columns: Sequence[str], where: str | None) -> int:
        """How many combinations of values occur more than once; NULL is equal to nothing."""
        if not self._has(table, columns):
            return 0
        listed = ", ".join(map(quoted, columns))
        present = " AND ".join(f"{quoted(column)} IS NOT NULL" for column in columns)
        kept = f"SELECT 1 FROM {self._source(table)} WHERE {present} AND ({where or '1 = 1'})"
        return self._number(f"SELECT count(*) FROM ({kept} GROUP BY {listed} HAVING count(*) > 1) AS twice")

    def orphans(self, table: str, columns: Sequence[str], to: str, referred: Sequence[str]) -> int:
        if not self._has(table, columns):
            return 0
        present = " AND ".join(f"{quoted(column)} IS NOT NULL" for column in columns)
        if self._renames.origin(to) not in self._facts:
            return self._count(table, present)
        equal = " AND ".join(
            f'parent_row.{quoted(there)} = "child row".{quoted(here)}'
            for here, there in zip(columns, referred, strict=True)
        )
        source = f'{self._subquery(table)} AS "child row"'
        lookup = f"SELECT 1 FROM {self._subquery(to)} AS parent_row WHERE {equal}"
        return self._number(f"SELECT count(*) FROM {source} WHERE {present} AND NOT EXISTS ({lookup})")

    def misfits(self, table: str, column: str, to: ColumnFact) -> int:
        """Values that would not become the new type."""
        test = self._ground.misfit(to, self._run)
        if test is None or not self._has(table, [column]):
            return 0
        cast = f"(SELECT {quoted(column)} AS v FROM {self._source(table)} WHERE {quoted(column)} IS NOT NULL) AS found"
        return self._number(f"SELECT count(*) FROM {cast} WHERE {test}")

    def _has(self, table: str, columns: Sequence[str]) -> bool:
        fact = self._facts.get(self._renames.origin(table))
        return fact is not None and all(fact.column(self._renames.column_origin(table, name)) for name in columns)

    def _count(self, table: str, where: str) -> int:
        if self._renames.origin(table) not in self._facts:
            return 0
        return self._number(f"SELECT count(*) FROM {self._source(table)} WHERE {where}")

    def _source(self, table: str) -> str:
        return f"{self._subquery(table)} AS {quoted(table)}"

    def _subquery(self, table: str) -> str:
        """The table under its names to be."""
        old = self._renames.origin(table)
        back = {old_name: new_name for new_name, old_name in self._columns(table).items()}
        columns = (f"{quoted(c.name)} AS {quoted(back.get(c.name, c.name))}" for c in self._facts[old].columns)
        return f"(SELECT {', '.join(columns)} FROM {self._ground.named(old)})"

    def _columns(self, table: str) -> dict[str, str]:
        return {new: old for old, new in self._renames.columns.get(table, {}).items()}

    def _number(self, sql: str) -> int:
        return int(self._run(sql)[0][0])
