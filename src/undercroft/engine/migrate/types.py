"""What migrations speak in: the steps of a plan, the questions it asks, the answers, and what a command did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

StepKind = Literal[
    "create_table", "drop_table", "rename_table",
    "add_column", "drop_column", "rename_column", "change_type", "change_nullable", "change_default",
    "add_unique", "drop_unique", "add_foreign_key", "drop_foreign_key", "add_check", "drop_check",
    "add_index", "drop_index", "fill", "other",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One change, in a sentence for people.

    `destructive` steps lose stored values and need consent; `reason` says what is lost. `blocked` says why the rows
    that are there now forbid the step (with how many); it is None where nothing stands in the way. `sql` previews the
    statements; the statements of one table's rebuild stand at the first of its steps.
    """

    kind: StepKind
    table: str
    sentence: str
    destructive: bool = False
    reason: str | None = None
    blocked: str | None = None
    sql: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rename:
    """An answer: `old` became `new`; with `new=None`, `old` was not renamed and really goes.

    For a column, `table` is the full name of its table (`posts`, `auth.users`) as the models call it now; for a table
    it is None.
    """

    old: str
    new: str | None
    table: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """Something vanished and something appeared in the same place: was it renamed? `candidates` come likeliest
    first.
    """

    old: str
    candidates: tuple[str, ...]
    table: str | None = None

    @property
    def sentence(self) -> str:
        old = f"{self.table}.{self.old}" if self.table else self.old
        names = [f"{self.table}.{name}" if self.table else name for name in self.candidates]
        return f"Was {old} renamed to {' or '.join(names)}?"


@dataclass(frozen=True, slots=True)
class Plan:
    """What leads from a database (or from the revision files) to the models.

    While there are `questions`, the steps are not worked out and nothing can be applied. `left_alone` names the tables
    and indexes that are in the database, are in no model and were not made by Undercroft: they are never touched.
    `upgrade` and `downgrade` are the bodies of the two functions of a revision file.
    """

    steps: tuple[Step, ...] = ()
    questions: tuple[Question, ...] = ()
    left_alone: tuple[str, ...] = ()
    upgrade: str = ""
    downgrade: str = ""

    @property
    def empty(self) -> bool:
        return not self.steps and not self.questions

    @property
    def losses(self) -> tuple[str, ...]:
        return tuple(step.reason or step.sentence for step in self.steps if step.destructive)

    @property
    def blocks(self) -> tuple[str, ...]:
        return tuple(step.blocked for step in self.steps if step.blocked)

    @property
    def sql(self) -> tuple[str, ...]:
        return tuple(statement for step in self.steps for statement in step.sql)


@dataclass(frozen=True, slots=True)
class Progress:
    """Told before every statement of a change and during a backup; `total` is 0 where it is not known."""

    done: int
    total: int
    text: str


OnStep = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Applied:
    """What a command changed. `revisions` were run, `adopted` was found to describe the database already and only
    noted.
    """

    steps: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ()
    adopted: str | None = None
    backups: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.steps or self.revisions)


@dataclass(frozen=True, slots=True)
class Made:
    """A revision file that was written, or `path=None`: the files already lead to the models."""

    path: Path | None
    plan: Plan


@dataclass(frozen=True, slots=True)
class RevisionInfo:
    """One revision file: its number, its first docstring line, its path."""

    number: str
    title: str
    path: Path


@dataclass(frozen=True, slots=True)
class Status:
    """Where models, revision files and database stand.

    `pending` revisions are not applied; `drift` lists how the database differs from what its revision says;
    `unwritten` model changes stand in no file (there are files); `unapplied` ones are not in the database (there are
    none).
    """

    current: str | None
    head: str | None
    pending: tuple[RevisionInfo, ...] = ()
    drift: tuple[str, ...] = ()
    unwritten: tuple[Step, ...] = ()
    unapplied: tuple[Step, ...] = ()
    questions: tuple[Question, ...] = ()
    left_alone: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    """What a revision left to be done outside of its transaction, and has not been done yet."""

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence each; empty when models, files and database agree."""
        found = [f"revision {each.number} ({each.title}) is not applied" for each in self.pending]
        found += [f"begun, but not done yet: {each}" for each in self.unfinished]
        found += [f"the database differs from its revision: {each}" for each in self.drift]
        found += [f"in the models, but in no revision file: {each.sentence}" for each in self.unwritten]
        found += [f"in the models, but not in the database: {each.sentence}" for each in self.unapplied]
        found += [each.sentence for each in self.questions]
        return tuple(found)
