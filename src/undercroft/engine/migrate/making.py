"""`undercroft migrate make`: writes the next revision file, from what the files make to what the models say.

The files are replayed on a scratch database, so that it does not matter what happened to the database at hand
meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import indent

from sqlalchemy import Connection, MetaData

from undercroft.engine.migrate.errors import RenameUnanswered
from undercroft.engine.migrate.execute import run_code, watched
from undercroft.engine.migrate.facts import Facts, differences
from undercroft.engine.migrate.ground import Site, facts_of, ground_of
from undercroft.engine.migrate.history import History, load_history, replayed
from undercroft.engine.migrate.planning import WorkedOut, names_of, work_out
from undercroft.engine.migrate.types import Made, Plan, Question, Rename

_WAY_BACK = "this revision's way back has to be written by hand"


def make(
    metadata: MetaData,
    site: Site,
    migrations: Path,
    message: str = "",
    *,
    renames: Sequence[Rename] = (),
    empty: bool = False,
) -> Made:
    """Write `migrations/versions/NNNN_slug.py`, or nothing when the files already lead to the models.

    `site` is asked, when its database is at the last revision, how its rows take to the change: `Made.plan` says so.
    `empty` writes a file to be filled in by hand. Raises `RenameUnanswered`, `CannotPlan`, `RevisionBroken`.
    """
    history = load_history(migrations)
    with replayed(history, site) as (connection, _):
        if empty:
            worked = WorkedOut(Plan(upgrade="pass", downgrade="pass"), (), {}, frozenset())
        else:
            worked = work_out(metadata, connection, renames)
            refuse_questions(worked.plan.questions)
            if worked.plan.empty:
                return Made(None, worked.plan)
            worked = _with_way_back(worked, connection)
        facts = facts_of(connection)
    plan = worked.plan if empty else _with_rows(worked.plan, metadata, site, renames, facts)
    path = free_path(history, migrations, message or _summary(plan))
    text = _text(history, path, message or _summary(plan), worked, plan)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    return Made(path, plan)


def refuse_questions(questions: Sequence[Question]) -> None:
    """Raises `RenameUnanswered` with all of them."""
    if questions:
        first = questions[0]
        name = f"{first.table}.{first.old}" if first.table else first.old
        fault = RenameUnanswered(
            " ".join(question.sentence for question in questions),
            details=[question.sentence for question in questions],
            hint=(
                f"Declare it beside the new name, info={{'renamed_from': {first.old!r}}}, or answer: "
                f"--rename {name}={first.candidates[0]} if it was renamed, --rename {name}= if it really goes."
            ),
        )
        fault.questions = tuple(questions)
        raise fault


def _with_rows(plan: Plan, metadata: MetaData, site: Site, renames: Sequence[Rename], facts: Facts) -> Plan:
    """The same steps, with what the rows at hand say to them."""
    if not site.is_there():
        return plan
    with site.reading() as connection:
        if differences(facts_of(connection), facts, ()):
            return plan
        at_hand = work_out(metadata, connection, renames, made=names_of(facts)).plan
    return at_hand if at_hand.upgrade == plan.upgrade else plan


def _with_way_back(worked: WorkedOut, connection: Connection) -> WorkedOut:
    """Try the downgrade on a scratch copy: if it does not lead back, the file says so instead of pretending."""
    before, copy = facts_of(connection), ground_of(connection).copied(connection)
    with ground_of(connection).scratch(connection) as trial:
        copy(trial)
        with watched(trial):
            run_code(worked.plan.upgrade, worked.imports)
        try:
            with watched(trial):
                run_code(worked.plan.downgrade, worked.imports)
            leads_back = not differences(facts_of(trial), before)
        except Exception:
            leads_back = False
    if leads_back:
        return worked
    return replace(worked, plan=replace(worked.plan, downgrade=f"raise NotImplementedError({_WAY_BACK!r})"))


def free_path(history: History, migrations: Path, message: str) -> Path:
    """Where the next revision file goes: `versions/0007_posts_have_tags.py`."""
    numbers = [int(each.number) for each in history.revisions if each.number.isdigit()]
    slug = re.sub(r"[^a-z0-9]+", "_", message.lower()).strip("_")[:50].rstrip("_") or "changes"
    return migrations / "versions" / f"{max(numbers, default=0) + 1:04d}_{slug}.py"


def _summary(plan: Plan) -> str:
    if not plan.steps:
        return "by hand"
    created = [step.table for step in plan.steps if step.kind == "create_table"]
    return f"create {' '.join(created)}" if created else plan.steps[0].sentence


def in_docstring(text: str) -> str:
    """A text as it stands between three quotes, whatever names, patterns and constants are told in it."""
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def _text(history: History, path: Path, message: str, worked: WorkedOut, plan: Plan) -> str:
    title = message.strip().replace("\\", "/").replace('"', "'")
    title = title[:1].upper() + title[1:]
    told = [f"- {step.sentence}" for step in plan.steps]
    told += [f"- LOSES DATA: {step.sentence}" for step in plan.steps if step.destructive]
    docstring = "\n".join([title, "", *told]) if told else title
    parts = [
        f'"""{in_docstring(docstring)}\n"""' if told else f'"""{in_docstring(docstring)}"""',
        "",
        "import sqlalchemy as sa",
        "from alembic import op",
        *sorted(worked.imports),
        "",
        f'revision = "{path.name.partition("_")[0]}"',
        f"down_revision = {_python(history.head)}",
        "",
        "",
        "def upgrade() -> None:",
        indent(worked.plan.upgrade, "    "),
        "",
        "",
        "def downgrade() -> None:",
        indent(worked.plan.downgrade or "pass", "    "),
        "",
    ]
    return "\n".join(parts)


def _python(number: str | None) -> str:
    return "None" if number is None else f'"{number}"'
