"""What a column's own type asks of a value: length, digits, words."""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from undercroft.base.decimals import in_order, rounded, total
from undercroft.catalog.kinds import kind_of
from undercroft.models.base import Numeric
from undercroft.sql.bounds import bounded, one_of_its_words
from undercroft.sql.codecs import from_json
from undercroft.sql.errors import ValueFault


class Colour(enum.Enum):
    red = "r"
    blue = "b"


def read(type_: Any, value: object) -> object:
    kind = kind_of(type_)
    return bounded(kind, type_, from_json(kind))(value)


@pytest.mark.parametrize(
    ("type_", "given_value", "value"),
    [
        (sa.String(3), "abc", "abc"),
        (sa.String(3), "abc  ", "abc"),
        (sa.String(3), None, None),
        (sa.String(2), "😀😀", "😀😀"),
        (sa.Text(), "x" * 1000, "x" * 1000),
        (sa.Enum(Colour), "red", "red"),
        (sa.Enum("a", "b", name="w"), "b", "b"),
        (Numeric(5, 2), Decimal("1.005"), Decimal("1.01")),
        (Numeric(5, 2), Decimal("-1.005"), Decimal("-1.01")),
        (Numeric(5, 2), Decimal("999.994"), Decimal("999.99")),
        (sa.Numeric(5), Decimal("1.5"), Decimal(2)),
        (Numeric(), Decimal("1.005"), Decimal("1.005")),
        (Numeric(40, 2), Decimal("9" * 37 + ".005"), Decimal("9" * 37 + ".01")),
    ],
)
def test_what_fits_is_stored(type_: Any, given_value: object, value: object) -> None:
    assert read(type_, given_value) == value


@pytest.mark.parametrize(
    ("type_", "given_value", "code", "message"),
    [
        (sa.String(3), "abcd", "22001", "value too long for type character varying(3)"),
        (sa.VARCHAR(3), "abcd", "22001", "value too long for type character varying(3)"),
        (sa.Enum(Colour), "r", "22P02", 'invalid input value for enum colour: "r"'),
        (sa.Enum("a", name="w"), "", "22P02", 'invalid input value for enum w: ""'),
        (Numeric(5, 2), Decimal("999.995"), "22003", "numeric field overflow"),
        (Numeric(2, 2), 1, "22003", "numeric field overflow"),
        (sa.Numeric(5, 2), Decimal("1E+900"), "22003", "numeric field overflow"),
    ],
)
def test_what_does_not_fit_is_refused(type_: Any, given_value: object, code: str, message: str) -> None:
    with pytest.raises(ValueFault) as raised:
        read(type_, given_value)
    assert (raised.value.code, raised.value.message) == (code, message)


def test_the_bound_is_told() -> None:
    with pytest.raises(ValueFault) as raised:
        read(Numeric(10, 2), 10**8)
    assert raised.value.details == (
        "A field with precision 10, scale 2 must round to an absolute value less than 10^8."
    )


def test_only_words_of_an_enumeration_are_compared() -> None:
    assert one_of_its_words(sa.Text(), str)("x") == "x"
    with pytest.raises(ValueFault):
        one_of_its_words(sa.Enum(Colour), str)("green")


DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=12)


@given(DECIMALS, st.integers(0, 8))
def test_rounding_is_to_the_nearest_and_away_from_zero_at_the_half(value: Decimal, scale: int) -> None:
    found = rounded(value, scale)
    unit = Decimal(1).scaleb(-scale)
    assert found.as_tuple().exponent == -scale
    assert abs(found - value) * 2 <= unit
    if abs(found - value) * 2 == unit:
        assert abs(found) > abs(value)


@given(DECIMALS, DECIMALS)
def test_texts_are_in_the_order_of_their_numbers(one: Decimal, other: Decimal) -> None:
    assert in_order(format(one, "f"), format(other, "f")) == (one > other) - (one < other)


def test_sums_are_exact() -> None:
    assert total([]) is None
    assert total(["0.1"] * 3) == "0.3"
    assert total(["1" + "0" * 40, "0." + "0" * 40 + "1"]) == "1" + "0" * 40 + "." + "0" * 40 + "1"
