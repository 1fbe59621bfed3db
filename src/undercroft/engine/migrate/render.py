"""Operations as the Python of a revision file. What is run is always this text, so that a file does what its trial
did.
"""

from __future__ import annotations

import tokenize
from collections.abc import Sequence
from io import StringIO
from typing import Any, Literal

from alembic.autogenerate import render
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy.sql.elements import False_, True_
from sqlalchemy.sql.functions import FunctionElement

from undercroft.engine.migrate.changes import DropIndex, Fill, RenameColumn, RenameTable, Statement
from undercroft.engine.migrate.diff import Operation


def _on_any_engine(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """A default that every engine says in words of its own, as what it is; False leaves the rest to Alembic."""
    value = getattr(item, "arg", None) if kind == "server_default" else None
    if isinstance(value, FunctionElement) and value.name in ("now", "current_timestamp") and not value.clauses.clauses:
        return f"sa.func.{value.name}()"
    if isinstance(value, (True_, False_)):
        return "sa.true()" if isinstance(value, True_) else "sa.false()"
    return False


_OPTIONS = {
    "sqlalchemy_module_prefix": "sa.",
    "alembic_module_prefix": "op.",
    "render_item": _on_any_engine,
    "render_as_batch": True,
    "user_module_prefix": None,
}


def render_operation(operation: Operation, context: MigrationContext) -> tuple[str, frozenset[str]]:
    """The lines of one operation, and the imports they need beside `op` and `sa`."""
    if isinstance(operation, (RenameTable, RenameColumn, DropIndex, Fill, Statement)):
        return operation.python(), frozenset()
    autogen = AutogenContext(context, opts=dict(_OPTIONS), autogenerate=False)
    autogen.imports = set()
    body = render._render_cmd_body(ops.UpgradeOps([operation]), autogen)
    lines = [line.rstrip() for line in body.splitlines() if not line.strip().startswith("# ###")]
    code = "\n".join(lines).strip().replace(", schema=None) as batch_op:", ") as batch_op:")
    return _laid_out(code), frozenset(autogen.imports)


def join(pieces: Sequence[str]) -> str:
    return "\n".join(piece for piece in pieces if piece and piece != "pass")


def _laid_out(code: str) -> str:
    """Alembic leaves what stands inside brackets at the margin: indent it."""
    depth: dict[int, int] = {}
    level = 0
    starts_closing: set[int] = set()
    for token in tokenize.generate_tokens(StringIO(code).readline):
        line = token.start[0]
        if line not in depth:
            depth[line] = level
            if token.string in _CLOSING:
                starts_closing.add(line)
        if token.type == tokenize.OP:
            level += (token.string in _OPENING) - (token.string in _CLOSING)
    out, margin = [], ""
    for number, text in enumerate(code.splitlines(), 1):
        inside = depth.get(number, 0) - (number in starts_closing)
        if depth.get(number, 0) == 0:
            margin = text[: len(text) - len(text.lstrip())]
            out.append(text)
        else:
            out.append(f"{margin}{'    ' * inside}{text.lstrip()}")
    return "\n".join(out)


_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
