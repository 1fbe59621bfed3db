# ruff: noqa: S608  names are constant
"""Policies as row-level security, brought to a database: by a revision file that holds what has changed since the last
one, or at once.

A file also holds the whole wall as it stands after it, by which the next one finds out what has changed. On SQLite such
a revision does nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from undercroft.access.asked import FUNCTIONS
from undercroft.base.faults import SetupFault
from undercroft.engine.migrate.errors import NotUpToDate
from undercroft.engine.migrate.ground import Site, runner
from undercroft.engine.migrate.history import History, load_history
from undercroft.engine.migrate.making import free_path, in_docstring
from undercroft.engine.migrate.types import OnStep, Progress
from undercroft.sql.rls import PREFIX, Piece

_NAME = "SECOND_WALL"
_MARK = "mark"
_CLEAR = f"""
DO $do$
DECLARE each record;
BEGIN
    FOR each IN SELECT * FROM pg_catalog.pg_policies WHERE policyname ^@ '{PREFIX}' LOOP
        EXECUTE format('DROP POLICY %I ON %I.%I', each.policyname, each.schemaname, each.tablename);
    END LOOP;
    FOR each IN SELECT oid::regprocedure AS name FROM pg_catalog.pg_proc
        WHERE pronamespace = to_regnamespace('{FUNCTIONS}') LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', each.name);
    END LOOP;
    IF to_regnamespace('{FUNCTIONS}') IS NOT NULL THEN
        COMMENT ON SCHEMA {FUNCTIONS} IS NULL;
    END IF;
END $do$
""".strip()
"""Takes down whatever stands of a wall; tables that had one stay closed. The schema stays: there are tables in it."""

_FILE = '''"""{title}

{told}
"""

from alembic import op

revision = "{number}"
down_revision = {below}

# All that stands after this revision: what puts it up, what takes it down, and what it needs.
SECOND_WALL = {whole}

# What stood before it and goes, or is put up anew.
BEFORE = {before}

ADDED = {added}


def upgrade() -> None:
    _run([down for _, down, _ in reversed(BEFORE.values())], [SECOND_WALL[key][0] for key in ADDED])


def downgrade() -> None:
    _run([SECOND_WALL[key][1] for key in reversed(ADDED)], [up for up, _, _ in BEFORE.values()])


def _run(*groups: list[str]) -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    for statement in (each for group in groups for each in group if each):
        connection.exec_driver_sql(statement, execution_options={{"no_parameters": True}})
'''


@dataclass(frozen=True, slots=True)
class Emitted:
    """The file that was written (None: there was nothing to write), and what is in it, by the names of pieces."""

    path: Path | None
    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def emit(pieces: Iterable[Piece], migrations: Path, message: str = "") -> Emitted:
    """Write the revision file that leads from the wall of the files so far to this one. Raises `RevisionBroken`."""
    history = load_history(migrations)
    before, wanted = _standing(history), _by_key(pieces)
    anew = _anew(before, wanted)
    gone = tuple(key for key in before if key not in wanted)
    if not anew and not gone:
        return Emitted(None)
    new, changed = tuple(k for k in anew if k not in before), tuple(k for k in anew if k in before)
    title = message or ("Policies as row-level security" if wanted else "No row-level security any more")
    path = free_path(history, migrations, title)
    taken = {key: piece for key, piece in before.items() if key in gone or key in anew}
    if not before:
        taken = {"whatever stood": Piece("", "", _CLEAR)}
    words = {"new": new, "changed": changed, "gone": gone}
    told = "\n".join(f"- {word}: {key}" for word, keys in words.items() for key in keys if key != _MARK)
    text = _FILE.format(
        title=in_docstring(title),
        told=in_docstring(told),
        number=path.name.partition("_")[0],
        below="None" if history.head is None else f'"{history.head}"',
        whole=_dictionary(wanted),
        before=_dictionary(taken),
        added=_tuple(anew),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    return Emitted(path, new, changed, gone)


def are_told(migrations: Path) -> bool:
    """Whether the revision files put up a wall at all."""
    return bool(_standing(load_history(migrations)))


def differs(pieces: Iterable[Piece], migrations: Path) -> bool:
    """Whether the files say another wall than this one."""
    return _standing(load_history(migrations)) != _by_key(pieces)


def script(pieces: Iterable[Piece]) -> str:
    """SQL that makes this wall of whatever stood, in one transaction; it may be run again and again."""
    statements = [_CLEAR, *(piece.up for piece in _by_key(pieces).values())]
    return "BEGIN;\n\n" + "".join(f"{each};\n\n" for each in statements) + "COMMIT;\n"


def apply(pieces: Iterable[Piece], site: Site, on_step: OnStep | None = None) -> bool:
    """Make this wall in a database at once; False where it stands already. Raises `Busy`, `SetupFault`."""
    wanted = _by_key(pieces)

    def change() -> bool:
        if _mark(connection) == _digest(wanted):
            return False
        statements = [_CLEAR, *(piece.up for piece in wanted.values())]
        labels = ["what stood before", *wanted]
        for done, (label, statement) in enumerate(zip(labels, statements, strict=True)):
            if on_step is not None:
                on_step(Progress(done, len(statements), label))
            runner(connection)(statement)
        return True

    with site.opened() as connection:
        _refuse_sqlite(connection)
        return site.attempt(connection, change)


def insist(pieces: Iterable[Piece], site: Site) -> None:
    """Raises `NotUpToDate` where the wall of a database is not this one."""
    with site.reading() as connection:
        _refuse_sqlite(connection)
        if _mark(connection) != _digest(_by_key(pieces)):
            raise NotUpToDate(
                "[database] rls is on, and the database's row-level security is not what the policies say",
                hint="Run `undercroft migrate policies --emit-rls`, then `undercroft migrate up`; "
                "or `undercroft migrate policies --apply`.",
            )


def _refuse_sqlite(connection: Connection) -> None:
    if connection.dialect.name != "postgresql":
        raise SetupFault("SQLite has no row-level security", hint="It is for PostgreSQL: --database postgresql://…")


def _mark(connection: Connection) -> str | None:
    rows = runner(connection)(f"SELECT obj_description(to_regnamespace('{FUNCTIONS}'), 'pg_namespace')")
    return str(rows[0][0]) if rows and rows[0][0] is not None else None


def _digest(wanted: Mapping[str, Piece]) -> str:
    told = "\n".join(f"{key}\n{piece.up}" for key, piece in wanted.items() if key != _MARK)
    return hashlib.sha256(told.encode()).hexdigest()


def _by_key(pieces: Iterable[Piece]) -> dict[str, Piece]:
    """The pieces by their names, and last a mark by which a database says which wall stands."""
    wanted = {piece.key: piece for piece in pieces}
    if wanted:
        mark = f"COMMENT ON SCHEMA {FUNCTIONS} IS '{_digest(wanted)}'"
        wanted[_MARK] = Piece(_MARK, mark, "", ("functions",))
    return wanted


def _standing(history: History) -> dict[str, Piece]:
    """The wall as the files make it."""
    for revision in reversed(history.revisions):
        module: Any = history.script.get_revision(revision.number).module if history.script else None
        found: Mapping[str, tuple[str, str, tuple[str, ...]]] | None = getattr(module, _NAME, None)
        if found is not None:
            return {key: Piece(key, up, down, tuple(needs)) for key, (up, down, needs) in found.items()}
    return {}


def _anew(before: Mapping[str, Piece], wanted: Mapping[str, Piece]) -> tuple[str, ...]:
    """What is to be put up: what is new or other than before, and what leans on something that is taken down."""
    anew = {key for key, piece in wanted.items() if before.get(key) != piece}
    while True:
        taken = {key for key, piece in before.items() if piece.down and (key in anew or key not in wanted)}
        leaning = {key for key, piece in before.items() if key in wanted and taken.intersection(piece.needs)} - anew
        if not leaning:
            return tuple(key for key in wanted if key in anew)
        anew |= leaning


def _dictionary(pieces: Mapping[str, Piece]) -> str:
    lines = []
    for key, piece in pieces.items():
        parts = (_text(piece.up), _text(piece.down), repr(piece.needs))
        lines.append(f"    {key!r}: (\n" + "".join(f"        {part},\n" for part in parts) + "    ),\n")
    return "{\n" + "".join(lines) + "}" if lines else "{}"


def _tuple(keys: Iterable[str]) -> str:
    lines = [f"    {key!r},\n" for key in keys]
    return "(\n" + "".join(lines) + ")" if lines else "()"


def _text(text: str) -> str:
    """SQL as one reads it, where a Python text can hold it so."""
    plain = "\n" in text and '"""' not in text and not text.endswith(('"', "\\"))
    return f'r"""{text}"""' if plain else repr(text)
