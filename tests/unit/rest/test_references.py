"""References of a batch: what they stand for, of which type, and the bounds on them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from undercroft.rest.errors import BodyFault, TooLarge
from undercroft.rest.parts.limits import Limits
from undercroft.rest.parts.references import Results, written

ROWS = b'[{"id":7,"name":"Ada","at":{"x":[1,{"y":null}]},"0":"zero","price":1.10},{"id":8,"name":"Ben"}]'


@pytest.fixture
def results() -> Results:
    made = Results(Limits())
    for body in (ROWS, b'{"id":9}', b"42"):
        made.add(body)
    made.add(b"id\n7", is_json=False)
    for body in (b"[]", b'"$1.id"'):
        made.add(body)
    return made


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("$1.id", 7),
        ("$1.0.id", 7),
        ("$1.1.name", "Ben"),
        ("$1.at.x.0", 1),
        ("$1.at.x.1.y", None),
        ("$1.0.0", "zero"),
        ("$1.price", Decimal("1.10")),
        ("$1.at", {"x": [1, {"y": None}]}),
        ("$2.id", 9),
        ("$3", 42),
        ("$5", []),
        ("$6", "$1.id"),
        ("$$1.id", "$1.id"),
        ("$$", "$"),
        ("$$$", "$$"),
        ("a$1.id", "a$1.id"),
        ("", ""),
    ],
)
def test_what_it_stands_for(results: Results, reference: str, value: Any) -> None:
    assert results.fill(reference) == value
    assert results.fill({"a": [reference, {"b": reference}]}) == {"a": [value, {"b": value}]}


def test_names_of_members_are_left_alone(results: Results) -> None:
    assert results.fill({"$1.id": 1}) == {"$1.id": 1}


@pytest.mark.parametrize(
    "reference",
    [
        "$", "$0", "$01", "$7", "$999999", "$9999999", "$1.", "$1..id", "$.id", "$1 .id", "$1.nothing", "$1.2.id",
        "$1.01", "$1.-1", "$1\u0660", "$1.name.x", "$1.at.x.5", "$4", "$4.id", "$5.id", "$5.0", "$a", "$1.id\n",
        "$\u0661.id",
    ],
)  # fmt: skip
def test_what_leads_nowhere(results: Results, reference: str) -> None:
    with pytest.raises(BodyFault) as raised:
        results.fill([reference])
    assert raised.value.code == "PGRST102"


@pytest.mark.parametrize(
    ("reference", "text"),
    [("$1.id", "7"), ("$1.name", "Ada"), ("$1.price", "1.10"), ("$6", "$1.id"), ("$$1.id", "$1.id"), ("%24", "%24")],
)
def test_in_a_path_it_is_text(results: Results, reference: str, text: str) -> None:
    assert results.text(reference) == text


@pytest.mark.parametrize("reference", ["$1", "$1.at", "$1.at.x.1.y", "$5"])
def test_in_a_path_it_is_one_value(results: Results, reference: str) -> None:
    with pytest.raises(BodyFault):
        results.text(reference)


def test_truth_is_written_as_json_has_it() -> None:
    results = Results(Limits())
    results.add(b'[{"yes":true,"no":false}]')
    assert (results.text("$1.yes"), results.text("$1.no")) == ("true", "false")


def test_numbers_keep_their_digits() -> None:
    assert written({"a": Decimal("0.10"), "b": 12345678901234567890123}) == b'{"a":0.10,"b":12345678901234567890123}'


def test_all_of_them_together_are_bounded() -> None:
    results = Results(Limits(body_bytes=1_000))
    results.add(written({"text": "x" * 100}))
    assert len(results.fill(["$1.text"] * 9)) == 9
    with pytest.raises(TooLarge):
        results.fill(["$1.text"])


def test_a_fault_does_not_repeat_what_is_long() -> None:
    results = Results(Limits())
    results.add(b"[{}]")
    with pytest.raises(BodyFault) as raised:
        results.fill("$1." + "x" * 100_000)
    assert len(f"{raised.value.message}{raised.value.details}") < 1_000


def test_answers_are_bounded_together() -> None:
    results = Results(Limits(body_bytes=100))
    for _ in range(8):
        results.add(b"x" * 100, is_json=False)
    assert results.number == 8
    with pytest.raises(TooLarge):
        results.add(b"x", is_json=False)
