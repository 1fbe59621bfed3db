"""A request of GraphQL and what came of it, without HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from undercroft.base.faults import Fault
from undercroft.graphql.errors import MutationByGet, errors_of


class Message(NamedTuple):
    """A document, values for its variables, and the name of the operation where there are several.

    Numbers with a fraction or an exponent are `Decimal` in the variables, so that none loses a digit.
    """

    query: str
    variables: Mapping[str, Any]
    operation: str | None


class Outcome(NamedTuple):
    """What came of one message: 200, or 400 or 405 where nothing of it was executed, and the whole body."""

    status: int
    body: bytes


def refused(fault: Fault) -> Outcome:
    """The answer to what was not executed: without `data` (the GraphQL specification, "Response Format")."""
    status = 405 if isinstance(fault, MutationByGet) else 400
    return Outcome(status, msgspec.json.encode({"errors": errors_of(fault)}))


def failed(fault: Fault, path: Sequence[str] = ()) -> Outcome:
    """The answer to an operation that was begun and came to nothing; `path` leads to the field that failed."""
    errors = errors_of(fault)
    if path:
        errors[0]["path"] = list(path)
    return Outcome(200, msgspec.json.encode({"data": None, "errors": errors}))
