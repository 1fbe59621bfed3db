"""What this room refuses, and how GraphQL tells any fault: `{"message", "locations", "path", "extensions"}`.

Protocol: the GraphQL specification, "Errors"; the members of `extensions` are those of the data API's errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from undercroft.base.faults import Fault

Location = tuple[int, int]
"""Line and column in the document, from 1."""


class GraphqlFault(Fault):
    """A request that is not carried out: nothing of it has run.

    `locations` are places in the document; `more` are other faults of the same document, told after this one.
    """

    default_code = "UC444"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: object = None,
        hint: str | None = None,
        locations: Sequence[Location] = (),
        more: Sequence[GraphqlFault] = (),
    ) -> None:
        super().__init__(message, code=code, details=details, hint=hint)
        self.locations = tuple(locations)
        self.more = tuple(more)


class SyntaxFault(GraphqlFault):
    """A document that is no GraphQL."""

    default_code = "UC440"


class ValidationFault(GraphqlFault):
    """A document that asks for what the schema does not have, or in a way that it does not."""

    default_code = "UC441"


class LimitFault(GraphqlFault):
    """A document over a named limit."""

    default_code = "UC442"


class VariablesFault(GraphqlFault):
    """Values of variables that are not of their types."""

    default_code = "UC443"


class MessageFault(GraphqlFault):
    """A message that is none: without a document, with members of other types, or that names no operation."""

    default_code = "UC444"


class PersistedFault(GraphqlFault):
    """A document that was named by its hash, and is not known by it.

    `word` is what Apollo's clients look for, in place of the code.
    """

    default_code = "UC445"

    def __init__(self, message: str, word: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.word = word


class IntrospectionFault(GraphqlFault):
    """A question about the schema, by a role that may not ask for it."""

    default_code = "UC446"


class ArgumentFault(GraphqlFault):
    """Arguments that are of their types and mean nothing: a page in two directions, a cursor of another order."""

    default_code = "UC447"


class MutationByGet(GraphqlFault):
    """A mutation in a request that may only read."""

    default_code = "UC405"


def mutation_by_get() -> MutationByGet:
    return MutationByGet("a mutation is sent by POST")


def introspection_refused() -> IntrospectionFault:
    return IntrospectionFault(
        "this role may not ask for the schema", hint="[graphql] introspection names the roles that may."
    )


def errors_of(fault: Fault) -> list[dict[str, Any]]:
    """The fault as the members of `errors`."""
    told: list[Fault] = [fault, *fault.more] if isinstance(fault, GraphqlFault) else [fault]
    return [_error(each) for each in told]


def _error(fault: Fault) -> dict[str, Any]:
    error: dict[str, Any] = {"message": fault.message}
    if isinstance(fault, GraphqlFault) and fault.locations:
        error["locations"] = [{"line": line, "column": column} for line, column in fault.locations]
    code = fault.word if isinstance(fault, PersistedFault) else fault.code
    error["extensions"] = {"code": code, "details": fault.details, "hint": fault.hint}
    return error
