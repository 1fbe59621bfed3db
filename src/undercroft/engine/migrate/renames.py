"""Was it renamed? Declared in the models, answered by a person, or asked: a rename never becomes a drop and an add by
itself.

A declaration stands where the new name stands and may stay there for good: `mapped_column(info={"renamed_from":
"body"})`, `__table_args__ = {"info": {"renamed_from": "articles"}}`. Once the old name is gone from a database it says
nothing there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from sqlalchemy import MetaData, Table

from undercroft.base.faults import closest
from undercroft.engine.migrate.errors import CannotPlan
from undercroft.engine.migrate.facts import Facts, TableFact
from undercroft.engine.migrate.types import Question, Rename
from undercroft.engine.sqlite.dialect import dotted


@dataclass(slots=True)
class Renames:
    """What is to be renamed, old name to new: tables by their full names, then columns by their table's new full
    name.
    """

    tables: dict[str, str] = field(default_factory=dict)
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)

    def origin(self, table: str) -> str:
        """What the table is called in the database now."""
        return next((old for old, new in self.tables.items() if new == table), table)

    def column_origin(self, table: str, column: str) -> str:
        renamed = self.columns.get(table, {})
        return next((old for old, new in renamed.items() if new == column), column)


def find_renames(metadata: MetaData, facts: Facts, made: frozenset[str], answers: Sequence[Rename]) -> Renames:
    """Match what vanished with what appeared. Raises `CannotPlan` where a declaration or an answer makes no sense."""
    out = Renames()
    models = {dotted(table.schema, table.name): table for table in metadata.tables.values()}
    gone = [name for name in facts if name not in models and name in made]
    fresh = [name for name in models if name not in facts]
    declared = {name: _full(old, models[name]) for name in models if (old := models[name].info.get("renamed_from"))}
    given = {answer.old: answer.new for answer in answers if answer.table is None}
    _check_answers(given, gone, "table")
    similar = {(old, new): _table_likeness(facts[old], models[new]) for old in gone for new in fresh}
    out.tables, left = _match(gone, fresh, frozenset(facts), frozenset(models), declared, given, "table")
    out.questions += _ask(left, [name for name in fresh if name not in out.tables.values()], similar, None)
    if out.questions:
        return out
    for name, table in models.items():
        fact = facts.get(out.origin(name))
        if fact is not None:
            _find_columns(name, table, fact, answers, out)
    return out


def _find_columns(name: str, table: Table, fact: TableFact, answers: Sequence[Rename], out: Renames) -> None:
    have, want = [column.name for column in fact.columns], [column.name for column in table.columns]
    gone, fresh = [each for each in have if each not in want], [each for each in want if each not in have]
    declared = {c.name: c.info["renamed_from"] for c in table.columns if c.info.get("renamed_from")}
    given = {answer.old: answer.new for answer in answers if answer.table == name}
    _check_answers(given, gone, f"column of {name}")
    similar = {(old, new): _likeness(old, new) for old in gone for new in fresh}
    renamed, left = _match(gone, fresh, frozenset(have), frozenset(want), declared, given, f"column of {name}")
    if renamed:
        out.columns[name] = renamed
    out.questions += _ask(left, [each for each in fresh if each not in renamed.values()], similar, name)


def _match(
    gone: Sequence[str],
    fresh: Sequence[str],
    present: frozenset[str],
    kept: frozenset[str],
    declared: Mapping[str, str],
    given: Mapping[str, str | None],
    what: str,
) -> tuple[dict[str, str], list[str]]:
    found: dict[str, str] = {}
    for new, old in declared.items():
        if new in fresh and old in present:
            if old in kept:
                raise CannotPlan(
                    f"{new} is declared to be renamed from {old}, but {old} is still a {what} of the models"
                )
            found[old] = new
    for old, answer in given.items():
        if answer is None or old in found:
            continue
        if answer not in fresh:
            near = closest(answer, fresh)
            hint = f"Did you mean {near}?" if near else None
            raise CannotPlan(f"{old} cannot be renamed to {answer}: no new {what} of that name", hint=hint)
        found[old] = answer
    if len(set(found.values())) < len(found):
        raise CannotPlan(f"two of {', '.join(sorted(found))} are renamed to the same {what}")
    return found, [old for old in gone if old not in found and old not in given]


def _ask(
    gone: Sequence[str], fresh: Sequence[str], likeness: Mapping[tuple[str, str], float], table: str | None
) -> list[Question]:
    if not fresh:
        return []
    return [
        Question(old, tuple(sorted(fresh, key=lambda new: (-likeness[old, new], new))), table)  # sorted at once
        for old in gone
    ]


def _check_answers(given: Mapping[str, str | None], gone: Sequence[str], what: str) -> None:
    for old in given:
        if old not in gone:
            near = closest(old, gone)
            raise CannotPlan(f"no {what} called {old} vanished", hint=f"Did you mean {near}?" if near else None)


def _full(old: str, table: Table) -> str:
    return old if "." in old else dotted(table.schema, old)


def _likeness(a: str, b: str) -> float:
    return SequenceMatcher(None, a, b).ratio()


def _table_likeness(fact: TableFact, table: Table) -> float:
    have, want = {column.name for column in fact.columns}, {column.name for column in table.columns}
    return len(have & want) / max(len(have | want), 1) + _likeness(fact.name, table.name) / 10


def read_answer(text: str, metadata: MetaData) -> Rename:
    """`posts.body=text` or `auth.users.mail=email` for a column, `articles=posts` for a table; nothing after `=`: it
    really goes.

    What stands before the last dot is a column's table when the models have one of that name. Raises `CannotPlan`.
    """
    old, sign, new = (part.strip() for part in text.partition("="))
    if not sign or not old:
        raise CannotPlan(
            f"{text!r} is no answer to a rename", hint="Write posts.body=text, or posts.body= if it really goes."
        )
    models = {dotted(table.schema, table.name) for table in metadata.tables.values()}
    table, dot, column = old.rpartition(".")
    if dot and table in models:
        return Rename(column, new.removeprefix(f"{table}.") or None, table)
    return Rename(old, new or None)
