"""Logic trees: nesting, negation, quoting, and the split into shape and values."""

from __future__ import annotations

import time

import pytest

from tests.unit.rest.reading import ask, refused, shaped
from undercroft.query.ask import Field, Filter, Logic
from undercroft.rest.parts.limits import Limits

A, B = Field("a"), Field("b")


@pytest.mark.parametrize(
    ("text", "logic", "values"),
    [
        ("or=(a.eq.1,b.lt.2)", Logic("or", (Filter(A, "eq", 0), Filter(B, "lt", 1))), ("1", "2")),
        ("not.and=(a.eq.1)", Logic("and", (Filter(A, "eq", 0),), True), ("1",)),
        (
            "and=(a.not.is.null,b.is.TRUE)",
            Logic("and", (Filter(A, "is", None, True, is_value="null"), Filter(B, "is", is_value="true"))),
            (),
        ),
        (
            "or=(a.eq.1,not.and(b.eq.2,or(a.eq.3,b.eq.4)))",
            Logic(
                "or",
                (
                    Filter(A, "eq", 0),
                    Logic("and", (Filter(B, "eq", 1), Logic("or", (Filter(A, "eq", 2), Filter(B, "eq", 3)))), True),
                ),
            ),
            ("1", "2", "3", "4"),
        ),
        ('or=(a.eq."x,y)z",b.eq.2)', Logic("or", (Filter(A, "eq", 0), Filter(B, "eq", 1))), ("x,y)z", "2")),
        (r'or=(a.eq."q\"\\",b.eq.2)', Logic("or", (Filter(A, "eq", 0), Filter(B, "eq", 1))), ('q"\\', "2")),
        ('or=(a.eq."x"y,b.eq.2)', Logic("or", (Filter(A, "eq", 0), Filter(B, "eq", 1))), ('"x"y', "2")),
        ('or=(a.in.(1,"2,)",3),b.in.())', Logic("or", (Filter(A, "in", 0), Filter(B, "in", 1))), ('(1,"2,)",3)', "()")),
        (
            "or=(a.like(any).{x*,y},b.cs.{1,2})",
            Logic("or", (Filter(A, "like", 0, quantifier="any"), Filter(B, "cs", 1))),
            ("{x*,y}", "{1,2}"),
        ),
        ("or=(a.eq.,b.eq.)", Logic("or", (Filter(A, "eq", 0), Filter(B, "eq", 1))), ("", "")),
        ("or=(a.eq.1, b.eq.2 )", Logic("or", (Filter(A, "eq", 0), Filter(B, "eq", 1))), ("1", "2 ")),
        ("and=(a.eq.1,b.eq.2))", Logic("and", (Filter(A, "eq", 0), Filter(B, "eq", 1))), ("1", "2")),
        (
            "or=(a.fts(english).x,b.eq.2)",
            Logic("or", (Filter(A, "fts", 0, language="english"), Filter(B, "eq", 1))),
            ("x", "2"),
        ),
    ],
)
def test_a_tree_is_read(text: str, logic: Logic, values: tuple[str, ...]) -> None:
    assert ask(text).conditions == (logic,)
    assert shaped(text).values == values


def test_slots_go_on_after_a_tree() -> None:
    found = ask("x=eq.0&or=(a.eq.1,b.eq.2)&y=eq.3&and=(a.eq.4)&limit=500")
    assert [term.value for term in found.conditions if isinstance(term, Filter)] == [0, 3]
    assert found.conditions[3] == Logic("and", (Filter(A, "eq", 4),))
    assert found.limit == 5
    assert shaped("x=eq.0&or=(a.eq.1,b.eq.2)&y=eq.3&and=(a.eq.4)&limit=500").values == ("0", "1", "2", "3", "4", "500")


@pytest.mark.parametrize(
    ("text", "place", "details"),
    [
        (
            "or=()",
            4,
            'unexpected ")" expecting field name (* or [a..z0..9_$]), negation operator (not) or logic operator',
        ),
        ("or=", 3, "unexpected end of input"),
        ("or=a.eq.1", 3, 'unexpected "a" expecting "("'),
        ("not.or=()", 8, 'unexpected ")"'),
        ("or=(a.eq.1", 10, "unexpected end of input"),
        ("or=(a.eq.1,)", 11, 'unexpected ")"'),
        ("or=(a)", 5, 'unexpected ")"'),
        ("or=(a.foo.1,b.eq.2)", 6, 'unexpected "f"'),
        ("or=(a.in.1,b.eq.2)", 9, 'unexpected "1" expecting "("'),
        ("or=(a.in.(1,b.eq.2)", 19, "unexpected end of input"),
        ("or=(a.is.5)", 9, 'unexpected "5" expecting isVal'),
        ("and=(a.eq.1,xor(a.eq.2))", 15, 'unexpected "("'),
    ],
)
def test_a_malformed_tree_is_told_with_its_place(text: str, place: int, details: str) -> None:
    told = refused(text)
    assert told.code == "PGRST100"
    assert str(told.details).startswith(details), told
    assert told.message.startswith('"failed to parse logic tree ('), told
    assert told.message.endswith(f"(line 1, column {place})"), told.message


def test_depth_and_number_are_bounded() -> None:
    limits = Limits(logic_depth=2, logic_terms=3)
    assert refused("or=(and(or(a.eq.1)))", limits=limits).message == "Logic trees may be nested at most 2 deep"
    assert refused("or=(a.eq.1,a.eq.2,a.eq.3,a.eq.4)", limits=limits).message == "A logic tree may have at most 3 terms"


def test_a_hundred_thousand_levels_are_refused_at_once() -> None:
    limits = Limits(url_bytes=10**7)
    for text in ("or=" + "(or" * 100_000, "select=" + "a(" * 100_000, "or=(" + "not.and(" * 100_000):
        started = time.process_time()
        assert refused(text, limits=limits).code == "PGRST100"
        assert time.process_time() - started < 0.1
