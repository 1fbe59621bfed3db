"""Statements with their parameters and SQLite's own account of how it goes about them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from undercroft.access.actor import Actor
from undercroft.engine.types import Transaction
from undercroft.ops.explaining.values import ExplainedStatement, Parameter

MASK = "(secret)"
_LONGEST = 200
_SECRET_NAME = re.compile(r"secret|token|passw|api_?key|private|credential|otp|nonce", re.IGNORECASE)
_AT_HAND = ("CONSTANT ROW", "VIRTUAL TABLE")
"""A row of constants, and lists that came with the request."""
_INDEX = re.compile(r"USING (?:(?:AUTOMATIC |PARTIAL |COVERING )*INDEX|INTEGER PRIMARY KEY|PRIMARY KEY)")


def explained(
    transaction: Transaction,
    title: str,
    text: str,
    arguments: Sequence[object],
    origins: Sequence[str],
    secrets: frozenset[str],
) -> ExplainedStatement:
    """A statement as it is sent; it is not run."""
    plan = transaction.all(f"EXPLAIN QUERY PLAN {text}", arguments)
    shown = tuple(Parameter(origin, _shown(value, secrets)) for origin, value in zip(origins, arguments, strict=True))
    return ExplainedStatement(title, text, shown, tuple(_indented(plan)))


def _indented(rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    """Rows of (id, parent, _, detail) as lines, indented by their depth."""
    depths: dict[int, int] = {0: -1}
    for own, parent, _, detail in rows:
        depths[own] = depths.get(parent, -1) + 1
        yield "  " * depths[own] + str(detail)


def index_use(statements: Sequence[ExplainedStatement]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(what is found by an index, what is read from end to end or sorted aside), as SQLite says it."""
    lines = [line.strip() for statement in statements for line in statement.query_plan]
    # What a part of the statement has put together is there already: to go through it is no search.
    made = {line.partition(" ")[2] for line in lines if line.startswith(("CO-ROUTINE ", "MATERIALIZE "))}
    found = [line for line in lines if _INDEX.search(line) and "AUTOMATIC" not in line]
    slow = [line for line in lines if _is_slow(line) and line.removeprefix("SCAN ") not in made]
    return tuple(dict.fromkeys(found)), tuple(dict.fromkeys(slow))


def _is_slow(line: str) -> bool:
    if "AUTOMATIC" in line or line.startswith("USE TEMP B-TREE"):
        return True
    return line.startswith("SCAN") and not _INDEX.search(line) and not any(word in line for word in _AT_HAND)


def secrets_of(actor: Actor, rows: Sequence[Mapping[str, Any]] = ()) -> frozenset[str]:
    """Values that must not be shown: of claims and of body columns whose names say so."""
    return frozenset(_secret_texts(actor.claims)) | {text for row in rows for text in _secret_texts(row)}


def _secret_texts(values: Mapping[str, Any], *, inside: bool = False) -> Iterator[str]:
    for name, value in values.items():
        secret = inside or bool(_SECRET_NAME.search(name))
        if isinstance(value, Mapping):
            yield from _secret_texts(value, inside=secret)
        elif secret and value is not None:
            yield str(value)


def _shown(value: object, secrets: frozenset[str]) -> str:
    if str(value) in secrets:
        return MASK
    if isinstance(value, (bytes, memoryview)):
        return f"{len(bytes(value))} bytes"
    text = "NULL" if value is None else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"
