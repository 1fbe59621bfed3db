"""What SQLite must be taught of casts, of JSON without nulls and of tokens, and how it passes on why a cast was
refused: of a function's exception it says only that there was one."""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections.abc import Callable
from typing import Any

from undercroft.base.faults import Fault
from undercroft.catalog.kinds import Kind
from undercroft.engine.errors import DatabaseFault
from undercroft.sql.sqlite.converting import CAST, STRIPPED, TOLD, convert, without_nulls
from undercroft.sql.sqlite.texts import BASE64


def teach_casts(connection: Any) -> None:
    """Register them with a DB-API connection; only queries use them, never the schema."""
    cast, told = _caster()
    connection.create_function(STRIPPED, 1, without_nulls, deterministic=True)
    connection.create_function(BASE64, 1, in_base64, deterministic=True)
    connection.create_function(CAST, 3, cast, deterministic=True)
    connection.create_function(TOLD, 0, told)


def in_base64(text: str | None) -> str | None:
    """A text's bytes in base64. None is SQL's NULL."""
    return None if text is None else b2a_base64(text.encode(), newline=False).decode()


def told_fault(connection: Any) -> DatabaseFault | None:
    """What the last cast of a connection was refused for; None where none was."""
    (told,) = connection.execute(f"SELECT {TOLD}()").fetchone()  # a name of ours
    if told is None:
        return None
    code, message, details, hint = json.loads(told)
    return DatabaseFault(message, code=code, details=details, hint=hint)


def _without_value(message: str) -> str:
    """The value is a row's: it is not told, here as little as on PostgreSQL."""
    if message.startswith("value ") and " for type " in message:
        return f"{message.rpartition(' for type ')[2]} out of range"
    return message.partition(': "')[0]


def _caster() -> tuple[Callable[[str | None, str, str], object], Callable[[], str | None]]:
    last: list[str] = []

    def cast(text: str | None, source: str, target: str) -> object:
        if text is None:
            return None
        try:
            return convert(text, Kind(source), Kind(target))
        except Fault as fault:
            last[:] = [json.dumps([fault.code, _without_value(fault.message), None, fault.hint])]
            raise

    def told() -> str | None:
        """Once: a later failure is another's."""
        return last.pop() if last else None

    return cast, told
