"""What a write consists of: its compiled statements, made by `write_program` and run by `pipeline/write.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from undercroft.query.plan import WritePlan
from undercroft.sql.own_keys import OwnKeys
from undercroft.sql.statement import Statement

Row = Mapping[str, Any]
"""A row of a body; a value may also be `Made`."""
EXISTING = "existing"
"""What an earlier step found: the conflict columns' values of the rows that an upsert met. The rows written are carried
as `KEYS`."""


@dataclass(frozen=True, slots=True, eq=False)
class WriteProgram:
    """The statements of one write, compiled.

    `key_known` changes nothing, and is refused where the conflict columns are no key of the table; `existing` gives
    (number of rows an upsert meets, those among them that the caller may not update, their conflict
    columns). `mutation(columns)` gives (row key, 1 when the policies' checks hold or 0) for each row written;
    `together(columns)` is the same for all rows of an insert at once, None where each is a statement of its own.
    `foresee(columns)` counts, before an update, the rows that would break a check which asks the table itself.
    `verify` counts the rows that break a check too rich to stand in a RETURNING clause. `before` and `after` give a
    body. `found()` gives the keys of the rows that an update or a delete will touch, and `broken()` counts the rows
    written that break a check: for writes that pass through hooks.
    """

    plan: WritePlan
    mutation: Callable[[tuple[str, ...]], Statement]
    together: Callable[[tuple[str, ...]], Statement | None] = lambda columns: None
    key_known: Statement | None = None
    existing: Statement | None = None
    foresee: Callable[[tuple[str, ...]], Statement] | None = None
    verify: Statement | None = None
    before: Statement | None = None
    after: Statement | None = None
    conflict_key: Callable[[Row], list[object]] | None = None
    key_list: Callable[[Sequence[object]], object] = field(repr=False, default=list)
    own_keys: OwnKeys | None = None
    text_rows: bool = False
    """The body's values are texts (CSV, forms)."""
    blind: bool = False
    """Nothing comes back of the rows that are inserted, and the database itself judges them."""
    late_keys: tuple[str, str] | None = None
    """What puts off the lookup of foreign keys, and restores it."""
    count_on: Statement | None = None
    """What follows an insert whose rows brought keys that the database counts itself."""
    needed: tuple[str, ...] = ()
    """Columns that a row of the body must have a value for, since the database would make one up."""
    found: Callable[[], Statement] = field(repr=False, kw_only=True)
    broken: Callable[[], Statement | None] = field(repr=False, kw_only=True)

    @property
    def merges(self) -> bool:
        """An upsert that changes the rows it meets."""
        return self.conflict_key is not None and self.plan.resolution != "ignore"

    def writes_nothing(self, rows: Sequence[object]) -> bool:
        """Of a body with these rows: an update from no row, or without a column to set."""
        return self.plan.verb == "update" and not (rows and (self.plan.columns or self.plan.presets))
