"""What an operation may not ask, though its document is of the schema: values and arguments that mean nothing."""

from __future__ import annotations

from undercroft.base.faults import Fault
from undercroft.graphql.errors import ArgumentFault

TOO_MANY = "PGRST124"

_SHOWN = 100


def bad_value(shown: str) -> ArgumentFault:
    return ArgumentFault(f"a single value is needed in the place of {shown[:_SHOWN]}")


def bad_json() -> ArgumentFault:
    return ArgumentFault("a value of the type JSON is a string that holds JSON", hint='"{\\"colour\\": \\"red\\"}"')


def bad_token() -> ArgumentFault:
    return ArgumentFault("a nodeId and a cursor are texts that an answer gave")


def bad_cursor() -> ArgumentFault:
    return ArgumentFault("the cursor is of another order", hint="It holds for the `orderBy` that it was given with.")


def bad_page(message: str) -> ArgumentFault:
    return ArgumentFault(message)


def bad_order(name: str) -> ArgumentFault:
    return ArgumentFault(
        f"each member of `orderBy` of {name} names one field", hint="[{name: AscNullsLast}, {id: DescNullsFirst}]"
    )


def unknown_node() -> ArgumentFault:
    return ArgumentFault("no type has this nodeId")


def null_operand(field: str, operator: str) -> ArgumentFault:
    return ArgumentFault(
        f"`{operator}` of `{field}` is compared with null, which nothing equals", hint="{is: NULL} finds what is null."
    )


def empty_input(name: str) -> ArgumentFault:
    return ArgumentFault(f"`{name}` is empty: nothing would be written")


def no_filter_value(name: str) -> ArgumentFault:
    return ArgumentFault(
        f"the filter of a write names ${name}, which has no value",
        hint="Without it the filter would say less, and more might be written.",
    )


def twice_records() -> ArgumentFault:
    return ArgumentFault("`records` may be asked for once in a write", hint="Give its fields other names instead.")


def nested_upsert() -> ArgumentFault:
    return ArgumentFault("`onConflict` and records within records do not go together", hint="Insert them one by one.")


def in_words(fault: Fault, at_most: int | None) -> Fault:
    """A fault of the pipeline, where it speaks of REST's headers, as it is for who writes by GraphQL."""
    if fault.code != TOO_MANY:
        return fault
    return Fault(
        f"more records than `atMost: {at_most}` are concerned: nothing was done",
        code=TOO_MANY,
        details=fault.details,
        hint="Name the number that may be, or narrow the filter.",
    )
