"""Validation of a document against a role's schema, by those of graphql-core's rules that are needed here.

Left out are rules whose work is done by `check_document` and `check_merging` in linear time (circles of fragments,
definitions of types, the depth of questions about the schema, fields that do not go together), and those for what no
schema of ours has: subscriptions, `@defer` and `@stream`. One name twice in an object is looked at where objects are
read: pg_graphql has filters with it.

Source: the GraphQL specification, "Validation".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql import validate
from graphql.validation import (
    FieldsOnCorrectTypeRule,
    FragmentsOnCompositeTypesRule,
    KnownArgumentNamesRule,
    KnownDirectivesRule,
    KnownFragmentNamesRule,
    KnownOperationTypesRule,
    KnownTypeNamesRule,
    LoneAnonymousOperationRule,
    NoUndefinedVariablesRule,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    PossibleFragmentSpreadsRule,
    ProvidedRequiredArgumentsRule,
    ScalarLeafsRule,
    UniqueArgumentNamesRule,
    UniqueDirectivesPerLocationRule,
    UniqueFragmentNamesRule,
    UniqueOperationNamesRule,
    UniqueVariableNamesRule,
    ValuesOfCorrectTypeRule,
    VariablesAreInputTypesRule,
    VariablesInAllowedPositionRule,
)

from undercroft.graphql.errors import ValidationFault
from undercroft.graphql.parts.documents.merging import check_merging

if TYPE_CHECKING:
    from graphql import DocumentNode, GraphQLError, GraphQLSchema

    from undercroft.graphql.parts.documents.limits import Limits

RULES = (
    KnownOperationTypesRule, UniqueOperationNamesRule, LoneAnonymousOperationRule, KnownTypeNamesRule,
    FragmentsOnCompositeTypesRule, VariablesAreInputTypesRule, ScalarLeafsRule, FieldsOnCorrectTypeRule,
    UniqueFragmentNamesRule, KnownFragmentNamesRule, NoUnusedFragmentsRule, PossibleFragmentSpreadsRule,
    UniqueVariableNamesRule, NoUndefinedVariablesRule, NoUnusedVariablesRule, KnownDirectivesRule,
    UniqueDirectivesPerLocationRule, KnownArgumentNamesRule, UniqueArgumentNamesRule, ValuesOfCorrectTypeRule,
    ProvidedRequiredArgumentsRule, VariablesInAllowedPositionRule,
)  # fmt: skip
_SHOWN = 500
"""Letters of an error: it may repeat a value of the document."""


def check_valid(schema: GraphQLSchema, document: DocumentNode, limits: Limits) -> None:
    """Validates a document that has passed `check_document`. No other name is suggested for an unknown one.

    Raises:
        ValidationFault: UC441, the first error with those that follow it.
    """
    found = validate(schema, document, RULES, max_errors=limits.max_errors, hide_suggestions=True)
    if found:
        first, *more = [_fault(error) for error in found]
        first.more = tuple(more)
        raise first
    check_merging(document)


def _fault(error: GraphQLError) -> ValidationFault:
    """The error, with what it repeats of the document cut short."""
    message = error.message if len(error.message) <= _SHOWN else f"{error.message[:_SHOWN]}…"
    return ValidationFault(message, locations=[(place.line, place.column) for place in error.locations or ()])
