"""Statements with their parameters and the database's own account of how it goes about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from undercroft.access.actor import Actor
from undercroft.ops.explaining.plans import QueryPlan
from undercroft.ops.explaining.values import ExplainedStatement, Parameter

Planned = Callable[[str, Sequence[object]], QueryPlan]
"""How the database will go about a statement with these arguments."""
MASK = "(secret)"
_LONGEST = 200
_SECRET_NAME = re.compile(r"secret|token|passw|api_?key|private|credential|otp|nonce", re.IGNORECASE)


def explained(
    planned: Planned,
    title: str,
    text: str,
    arguments: Sequence[object],
    origins: Sequence[str],
    secrets: frozenset[str],
) -> ExplainedStatement:
    """A statement as it is sent; it is not run."""
    plan = planned(text, arguments)
    shown = tuple(Parameter(origin, _shown(value, secrets)) for origin, value in zip(origins, arguments, strict=True))
    return ExplainedStatement(title, text, shown, plan.lines, plan.found, plan.slow)


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
