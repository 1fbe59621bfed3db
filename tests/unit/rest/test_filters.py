"""Filters: operators with their modifiers, paths to embeds, and where both go wrong."""

from __future__ import annotations

import pytest

from tests.unit.rest.reading import ask, refused, shaped
from undercroft.query.ask import EmbedAsk, Field, Filter, JsonStep
from undercroft.rest.parts.filters import PLAIN

A = Field("a")


@pytest.mark.parametrize("operator", sorted(PLAIN))
def test_every_operator_takes_a_slot(operator: str) -> None:
    assert ask(f"a={operator}.5").conditions == (Filter(A, operator, 0),)  # type: ignore[arg-type]  # literals
    assert ask(f"a=not.{operator}.5").conditions == (Filter(A, operator, 0, True),)  # type: ignore[arg-type]  # literals
    assert shaped(f"a={operator}.5").values == ("5",)
    assert shaped(f"a=not.{operator}.").values == ("",)


@pytest.mark.parametrize(
    ("text", "filter_", "values"),
    [
        ("a=is.null", Filter(A, "is", is_value="null"), ()),
        ("a=is.NoT_NuLl", Filter(A, "is", is_value="not_null"), ()),
        ("a=not.is.UNKNOWN", Filter(A, "is", negated=True, is_value="unknown"), ()),
        ("a=eq(any).{1,2}", Filter(A, "eq", 0, quantifier="any"), ("{1,2}",)),
        ("a=not.ilike(all).{a*,*b}", Filter(A, "ilike", 0, True, "all"), ("{a*,*b}",)),
        ("a=fts(english).cat", Filter(A, "fts", 0, language="english"), ("cat",)),
        ("a=not.wfts(simple).a b", Filter(A, "wfts", 0, True, language="simple"), ("a b",)),
        ("a=eq.eq.5", Filter(A, "eq", 0), ("eq.5",)),
        ("a=eq.", Filter(A, "eq", 0), ("",)),
        ('a=eq."x"', Filter(A, "eq", 0), ('"x"',)),
        ("a=in.(1,2,3)", Filter(A, "in", 0), ("(1,2,3)",)),
        ("a=like.*x%25y*", Filter(A, "like", 0), ("*x%y*",)),
        ("a=eq.x%26y%3Dz", Filter(A, "eq", 0), ("x&y=z",)),
        ("a=eq.x=y", Filter(A, "eq", 0), ("x=y",)),
        ("a=eq.1+2", Filter(A, "eq", 0), ("1 2",)),
        ("a=eq.1%2B2", Filter(A, "eq", 0), ("1+2",)),
        ("a=eq.圍棋", Filter(A, "eq", 0), ("圍棋",)),
        ("a=eq.100%", Filter(A, "eq", 0), ("100%",)),
        ("data->>k=eq.1", Filter(Field("data", (JsonStep("k", True),)), "eq", 0), ("1",)),
        ('"a.b"=eq.1', Filter(Field("a.b"), "eq", 0), ("1",)),
        ('"or"=eq.1', Filter(Field("or"), "eq", 0), ("1",)),
        ("with space=eq.1", Filter(Field("with space"), "eq", 0), ("1",)),
    ],
)
def test_a_filter_is_read(text: str, filter_: Filter, values: tuple[str, ...]) -> None:
    assert ask(text).conditions == (filter_,)
    assert shaped(text).values == values


@pytest.mark.parametrize(
    ("text", "message", "details"),
    [
        (
            "a=5",
            '"failed to parse filter (5)" (line 1, column 1)',
            'unexpected "5" expecting "not" or operator (eq, gt, ...)',
        ),
        ("a=", '"failed to parse filter ()" (line 1, column 1)', "unexpected end of input"),
        ("a", '"failed to parse filter ()" (line 1, column 1)', "unexpected end of input"),
        ("a=eq", '"failed to parse filter (eq)" (line 1, column 1)', "unexpected"),
        ("a=foo.5", '"failed to parse filter (foo.5)" (line 1, column 1)', "unexpected"),
        ("a=EQ.5", '"failed to parse filter (EQ.5)" (line 1, column 1)', "unexpected"),
        ("a=not.foo.5", '"failed to parse filter (not.foo.5)" (line 1, column 5)', 'unexpected "f" expecting operator'),
        ("a=not.not.eq.5", '"failed to parse filter (not.not.eq.5)" (line 1, column 5)', "unexpected"),
        (
            "a=is.5",
            '"failed to parse filter (is.5)" (line 1, column 4)',
            'unexpected "5" expecting isVal: (null, not_null, true, false, unknown)',
        ),
        ("a=is.nullx", '"failed to parse filter (is.nullx)" (line 1, column 8)', 'unexpected "x"'),
        ("a=eq(some).5", '"failed to parse filter (eq(some).5)" (line 1, column 1)', "unexpected"),
        ("a=neq(any).5", '"failed to parse filter (neq(any).5)" (line 1, column 1)', "unexpected"),
        (".a=eq.1", '"failed to parse tree path (.a)" (line 1, column 1)', 'unexpected "."'),
        ("a.=eq.1", '"failed to parse tree path (a.)" (line 1, column 3)', "unexpected end of input"),
        ("a;b=eq.1", '"failed to parse tree path (a;b)" (line 1, column 2)', 'unexpected ";"'),
        ("=eq.1", '"failed to parse tree path ()" (line 1, column 1)', "unexpected end of input"),
        ("a->b=eq.1&data->=eq.1", '"failed to parse tree path (data->)" (line 1, column 7)', "unexpected end of input"),
    ],
)
def test_a_malformed_filter_is_told_with_its_place(text: str, message: str, details: str) -> None:
    told = refused(text)
    assert (told.code, told.message) == ("PGRST100", message)
    assert str(told.details).startswith(details)


def test_a_filter_goes_to_the_embed_that_its_path_names() -> None:
    found = ask("select=*,tasks(id,u:users(name))&tasks.id=gt.1&tasks.u.name=eq.x&tasks.or=(a.eq.1,b.eq.2)&id=eq.9")
    tasks = found.select[1]
    assert isinstance(tasks, EmbedAsk)
    users = tasks.ask.select[1]
    assert isinstance(users, EmbedAsk)
    assert found.conditions == (Filter(Field("id"), "eq", 4),)
    assert tasks.ask.conditions[0] == Filter(Field("id"), "gt", 0)
    assert len(tasks.ask.conditions) == 2
    assert users.ask.conditions == (Filter(Field("name"), "eq", 1),)


def test_an_embed_that_is_not_selected_cannot_be_filtered() -> None:
    for text in ("b.id=eq.1", "b.order=id", "b.limit=1", "b.offset=1", "b.or=(id.eq.1,id.eq.2)", "order=b(id)"):
        told = refused("select=*,a(*)&" + text)
        assert told.code == "PGRST108", text
        assert told.message == "'b' is not an embedded resource in this request"
    assert refused("select=*,a(b(*))&a.c.id=eq.1").code == "PGRST108"


def test_a_shape_never_holds_a_value_of_is_in_two_spellings() -> None:
    assert shaped("a=is.NULL").key == shaped("a=is.null").key


@pytest.mark.parametrize(
    "text", ["a=eq.%00", "%00=eq.1", "a=eq.\0", "select=%00", "or=(a.eq.%00,b.eq.1)", "order=a%00"]
)
def test_a_null_character_is_refused_everywhere(text: str) -> None:
    assert refused(text) == ("PGRST100", "The query string holds a null character", None)


@pytest.mark.parametrize("text", ["a=eq.%FF", "%C3%28=eq.1", "select=%E2%82"])
def test_what_is_not_utf_8_is_refused(text: str) -> None:
    assert refused(text).message == "The query string is not UTF-8"
