"""Scalars keep values as they were written, and refuse what is none; columns and Python types have their scalars."""

from __future__ import annotations

import enum
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
import sqlalchemy as sa
from graphql import GraphQLError, parse_value

from undercroft.catalog.kinds import Kind, Named
from undercroft.catalog.types import Column
from undercroft.graphql.parts.describing.functions import scalar_of_annotation
from undercroft.graphql.parts.describing.scalars import scalar_of, scalar_of_list
from undercroft.graphql.parts.types.shared import SCALARS

HUGE = "123456789012345678901234567890"


@pytest.mark.parametrize(
    ("scalar", "value", "kept"),
    [
        *(("BigInt", value, value) for value in ("12", "-5", "+5", HUGE)),
        ("BigInt", 10**30, "1" + "0" * 30),
        *(("BigInt", value, None) for value in (1.5, True, "1e3", "", "-", "+-1", " 1", "\uff11", None, [1])),
        *(("BigFloat", value, str(value)) for value in (1, 1.5, "1.50", f"{HUGE}.5", "1e3", "NaN")),
        *(("BigFloat", value, None) for value in (True, "x", "", None)),
        ("JSON", '{"a": [1]}', '{"a": [1]}'),
        *(("JSON", value, None) for value in ("{", 5, "[" * 100_000)),
        ("UUID", "any text", "any text"),
        *((name, 5, None) for name in ("UUID", "Date", "Time", "Datetime", "Cursor")),
        ("Opaque", {"a": [1, None]}, {"a": [1, None]}),
    ],
)
def test_values_of_variables(scalar: str, value: Any, kept: Any) -> None:
    if kept is None:
        with pytest.raises(GraphQLError, match=f"{scalar} cannot represent"):
            SCALARS[scalar].parse_value(value)
    else:
        assert SCALARS[scalar].parse_value(value) == kept


@pytest.mark.parametrize(
    ("scalar", "literal", "kept"),
    [
        ("BigInt", HUGE, HUGE), ("BigInt", f'"{HUGE}"', HUGE), ("BigInt", "5.5", None), ("BigInt", "true", None),
        ("BigFloat", f"{HUGE}.50", f"{HUGE}.50"), ("BigFloat", "ENUM", None),
        ("UUID", "5", None), ("JSON", "{a: 1}", None), ("JSON", '"[1]"', "[1]"), ("Date", "true", None),
        ("Opaque", '{a: [1, "x", null]}', {"a": [1, "x", None]}),
    ],
)  # fmt: skip
def test_literals(scalar: str, literal: str, kept: Any) -> None:
    node = parse_value(literal)
    if kept is None:
        with pytest.raises(GraphQLError, match=f"{scalar} cannot represent"):
            SCALARS[scalar].parse_literal(node)
    else:
        assert SCALARS[scalar].parse_literal(node) == kept


class Colour(enum.Enum):
    RED = "red"


class Number(enum.Enum):
    ONE = 1


@pytest.mark.parametrize(
    ("annotation", "scalar", "many"),
    [
        (int, "Int", False), (bool, "Boolean", False), (float, "Float", False), (Decimal, "BigFloat", False),
        (UUID, "UUID", False), (date, "Date", False), (time, "Time", False), (datetime, "Datetime", False),
        (int | None, "Int", False), (Annotated[str, "short"], "String", False), (list[int], "Int", True),
        (list[UUID] | None, "UUID", True), (Literal["a", "b"], "String", False), (Literal[1, "b"], "JSON", False),
        (Literal["a"] | None, "String", False), (Colour, "String", False), (Number, "JSON", False),
        (list[Colour], "String", True), (int | str, "JSON", False), (list[list[int]], "JSON", False),
        (dict[str, int], "JSON", False), (list[dict[str, int]], "JSON", False), (Any, "JSON", False),
        (list, "JSON", False),
    ],
    ids=str,
)  # fmt: skip
def test_types_of_python(annotation: Any, scalar: str, many: bool) -> None:
    assert scalar_of_annotation(annotation) == (scalar, many)


def test_arrays_by_their_names() -> None:
    found = {name: scalar_of_list(name) for name in ("text[]", "character varying(20)[]", "numeric(10,2)[]", "box[]")}
    assert found == {
        "text[]": ("String", True), "character varying(20)[]": ("String", True), "numeric(10,2)[]": ("BigFloat", True),
        "box[]": ("Opaque", False),
    }  # fmt: skip
    assert scalar_of_list("timestamp(3) with time zone[]") == ("Datetime", True)


@pytest.mark.parametrize(
    ("spelled", "scalar"), [("citext", "String"), ('"public"."citext"', "String"), ("public.geometry", "Opaque")]
)
def test_types_of_extensions(spelled: str, scalar: str) -> None:
    element = sa.Column("x", Named(spelled, Kind.OTHER))
    assert scalar_of(Column("x", element, Kind.OTHER, True, False, type_name=spelled)) == (scalar, False)
