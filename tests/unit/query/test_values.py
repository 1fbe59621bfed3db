"""Lists, array literals and patterns, as they stand in a request's values."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undercroft.query.values import ValueFault, like_pattern, read_array, read_list, write_array, write_list

texts = st.text(max_size=8)


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("(1,2,3)", ["1", "2", "3"]),
        ("()", []),
        ('("")', [""]),
        ("(,)", ["", ""]),
        ('(a,"b,c",d)', ["a", "b,c", "d"]),
        (r'("q\"\\)")', ['q"\\)']),
        ('(")', ['"']),
        ('(Double"Quote"McGraw")', ['Double"Quote"McGraw"']),
        ('("a"b,c)', ['"a"b', "c"]),
        (" (1, 2)", ["1", " 2"]),
        ("(1))", ["1"]),
        ("(圍棋)", ["圍棋"]),
        ("((1)", ["(1"]),
    ],
)
def test_a_list_is_read(text: str, members: list[str]) -> None:
    assert read_list(text) == members


@pytest.mark.parametrize(
    ("text", "column", "details"),
    [
        ("", 4, 'unexpected end of input expecting "("'),
        ("1,2", 4, 'unexpected "1" expecting "("'),
        ("(1,2", 8, 'unexpected end of input expecting "," or ")"'),
        ('("a', 7, 'unexpected end of input expecting "," or ")"'),
        ("(1)x", 7, 'unexpected "x" expecting end of input'),
    ],
)
def test_a_malformed_list_is_told_with_its_place(text: str, column: int, details: str) -> None:
    with pytest.raises(ValueFault) as raised:
        read_list(text)
    assert raised.value.code == "PGRST100"
    assert raised.value.message == f'"failed to parse filter (in.{text})" (line 1, column {column})'
    assert raised.value.details == details


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("{}", []),
        ("{a,b}", ["a", "b"]),
        ('{ a , "b,c" , null, NULL, "null"}', ["a", "b,c", None, None, "null"]),
        (r'{"q\"\\",a\,b}', ['q"\\', "a,b"]),
        ('{""}', [""]),
        ("{a b}", ["a b"]),
        (" {1} ", ["1"]),
    ],
)
def test_an_array_is_read(text: str, members: list[str | None]) -> None:
    assert read_array(text) == members


@pytest.mark.parametrize(
    "text", ["", "a", "{a", "a}", "{", "{a,,b}", "{,}", "{a,}", '{"a"b}', "{{a}}", '{"a}', "{a}x", "{ , }"]
)
def test_a_malformed_array_is_refused_as_postgresql_does(text: str) -> None:
    with pytest.raises(ValueFault) as raised:
        read_array(text)
    assert (raised.value.code, raised.value.message) == ("22P02", f'malformed array literal: "{text}"')


@given(st.lists(texts, min_size=1))
def test_lists_come_back(members: list[str]) -> None:
    assert read_list(write_list(members)) == members


@given(st.lists(st.none() | texts))
def test_arrays_come_back(members: list[str | None]) -> None:
    assert read_array(write_array(members)) == members


@given(st.text(alphabet='(),"\\{} aN', max_size=40))
def test_nothing_but_a_fault_comes_out(text: str) -> None:
    for read in (read_list, read_array):
        with contextlib.suppress(ValueFault):
            read(text)


@pytest.mark.parametrize("piece", ['"', '",', '\\"', '("', '{"', "a,", " ", '"a"b,', "\\"])
def test_reading_is_linear(piece: str) -> None:
    """Ten times the text takes no more than about ten times as long."""

    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        best = 1.0
        for _ in range(3):
            started = time.process_time()
            for read, (opening, closing) in ((read_list, "()"), (read_array, "{}")):
                with contextlib.suppress(ValueFault):
                    read(opening + text + closing, most=10**7)
            best = min(best, time.process_time() - started)
        return best

    assert seconds(200_000) < max(40 * seconds(20_000), 0.05)


def test_members_are_bounded() -> None:
    assert len(read_list("(1,2,3)", most=3)) == 3
    for text, read in (("(1,2,3,4)", read_list), ("{1,2,3,4}", read_array)):
        with pytest.raises(ValueFault, match="at most 3 members"):
            read(text, most=3)


def test_a_star_is_a_percent_sign() -> None:
    assert like_pattern("*a_%*") == "%a_%%"
