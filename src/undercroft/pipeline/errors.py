"""What the pipeline itself refuses: results of another size than was asked for, and functions that are not there."""

from __future__ import annotations

import re
from collections.abc import Iterable

from undercroft.base.faults import Fault


class PipelineFault(Fault):
    """A request that was understood and cannot be carried out as asked."""

    default_code = "PGRST000"


def not_single(rows: int) -> PipelineFault:
    return PipelineFault(
        "Cannot coerce the result to a single JSON object", code="PGRST116", details=f"The result contains {rows} rows"
    )


def too_many_affected(rows: int) -> PipelineFault:
    return PipelineFault(
        "Query result exceeds max-affected preference constraint",
        code="PGRST124",
        details=f"The query affects {rows} rows",
    )


def beyond_the_end(offset: int, total: int) -> PipelineFault:
    return PipelineFault(
        "Requested range not satisfiable",
        code="PGRST103",
        details=f"An offset of {offset} was requested, but there are only {total} rows.",
    )


def key_differs() -> PipelineFault:
    return PipelineFault("Payload values do not match URL in primary key column(s)", code="PGRST115")


def twice_in_payload() -> PipelineFault:
    return PipelineFault(
        "ON CONFLICT DO UPDATE command cannot affect row a second time",
        code="21000",
        hint="Ensure that no rows proposed for insertion within the same command have duplicate constrained values.",
    )


def too_many_kinds(most: int) -> PipelineFault:
    return PipelineFault(
        f"the rows of one write may have at most {most} different sets of columns",
        code="54000",
        hint="Write them in several requests.",
    )


def key_leads_nowhere() -> PipelineFault:
    """In the engines' own words: whether a key is looked up at once or later is none of the caller's business."""
    return PipelineFault("insert, update or delete on table violates foreign key constraint", code="23503")


class ViewFault(PipelineFault):
    """A write to a view, which PostgreSQL calls an object in a wrong state."""

    default_code = "55000"
    is_told = True


def no_view_writes(table: str) -> ViewFault:
    return ViewFault(f'cannot write to view "{table}"', hint="Write to the tables below it.")


def unknown_function(schema: str, name: str, arguments: Iterable[str], near: str | None) -> PipelineFault:
    """`near` is a function that the caller may know of, with its parameters where only they were wrong."""
    names = sorted(arguments)
    given = ", ".join(names)
    called = f"({given})" if names else " without parameters"
    described = f"with parameter{'s' if len(names) > 1 else ''} {given}" if names else "without parameters"
    return PipelineFault(
        f"Could not find the function {schema}.{name}{called} in the schema cache",
        code="PGRST202",
        details=f"Searched for the function {schema}.{name} {described}, "
        "but no matches were found in the schema cache.",
        hint=f"Perhaps you meant to call the function {schema}.{near}" if near else None,
    )


def not_a_set() -> PipelineFault:
    return PipelineFault(
        "Function must return SETOF or TABLE when max-affected preference is used with handling=strict", code="PGRST128"
    )


def rows_refused(function: str) -> PipelineFault:
    return PipelineFault(
        f"permission denied for the rows of function {function}",
        code="42501",
        hint="No policy lets this role read the table that they belong to.",
    )


def without_hidden_names(fault: Fault, table: str, hidden: frozenset[str]) -> Fault:
    """The database's refusal, without the names of columns that the caller may not know of."""
    told = re.findall(r"\w+", f"{fault.message} {fault.details}")
    # A constraint is named after its columns: "posts_email_key".
    if not any(name in word for name in hidden for word in told):
        return fault
    what = _REFUSALS.get(fault.code, "a constraint")
    return Fault(f'the row violates {what} of relation "{table}"', code=fault.code, retry_after=fault.retry_after)


_REFUSALS = {
    "23502": "a not-null constraint",
    "23503": "a foreign key constraint",
    "23505": "a unique constraint",
    "23514": "a check constraint",
}
