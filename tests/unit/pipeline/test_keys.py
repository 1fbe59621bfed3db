"""Whose key it is, what a key may be, and what makes two requests the same."""

from __future__ import annotations

from typing import Any

import pytest

from undercroft.access.actor import ANONYMOUS, SERVICE, Actor
from undercroft.pipeline.errors import PipelineFault
from undercroft.pipeline.keys import HEADER, MOST_CHARACTERS, Claim, Kept, answered, claim_of, read_key


def actor(role: str = "authenticated", sub: str | None = "ada", **claims: Any) -> Actor:
    told = {**claims, "role": role} | ({"sub": sub} if sub else {})
    return Actor(role, sub, told)


def claim(who: Actor = ANONYMOUS, *parts: bytes, key: bytes = b"k") -> Claim:
    found = claim_of([(b"accept", b"*/*"), (HEADER, key)], who, *parts)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (b"8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        (b'"8e03978e-40d5-43dd-bc93-6894a57f9324"', "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        (b"  a b  ", "a b"),
        (rb'"a\"b\\c"', 'a"b\\c'),
        (b"x" * MOST_CHARACTERS, "x" * MOST_CHARACTERS),
        (b'a"b', 'a"b'),
    ],
)
def test_a_key(value: bytes, key: str) -> None:
    assert read_key(value) == key


@pytest.mark.parametrize(
    "value", [b"", b"  ", b'"', b'""', b'"a', b"x" * (MOST_CHARACTERS + 1), b"\xc3\xa9", b"a\0b", b"a\x7f", b"a\tb"]
)
def test_no_key(value: bytes) -> None:
    with pytest.raises(PipelineFault) as raised:
        read_key(value)
    assert raised.value.code == "UC400"


def test_without_the_header_nothing_is_claimed() -> None:
    assert claim_of([(b"accept", b"*/*")], ANONYMOUS, b"POST") is None


def test_two_headers_are_no_key() -> None:
    with pytest.raises(PipelineFault):
        claim_of([(HEADER, b"a"), (HEADER, b"a")], ANONYMOUS)


SAME = [
    (actor(), actor(exp=2, iat=1), "another token of hers"),
    (actor(app_metadata={"plan": "free"}), actor(app_metadata={"plan": "paid"}), "she is who she was"),
    (actor("team", None, team=5, exp=1), actor("team", None, team=5, exp=9, jti="x"), "another token of the team's"),
    (ANONYMOUS, Actor(), "nobody"),
]
APART = [
    (actor(), actor(sub="ben"), "another user"),
    (actor(), actor("admin"), "another role"),
    (actor(iss="a"), actor(iss="b"), "another issuer's Ada"),
    (actor("team", None, team=5), actor("team", None, team=6), "another team"),
    (actor(sub=None), ANONYMOUS, "no user"),
    (ANONYMOUS, SERVICE, "the service"),
    (actor("a", 'b","c'), actor("a", "b"), "quotes in a name"),
]


@pytest.mark.parametrize(("one", "other", "why"), SAME, ids=[each[2] for each in SAME])
def test_the_same_caller_has_the_same_keys(one: Actor, other: Actor, why: str) -> None:
    assert claim(one).scope == claim(other).scope, why


@pytest.mark.parametrize(("one", "other", "why"), APART, ids=[each[2] for each in APART])
def test_another_caller_has_keys_of_their_own(one: Actor, other: Actor, why: str) -> None:
    assert claim(one).scope != claim(other).scope, why


def test_credentials_part_callers_who_are_no_user() -> None:
    def scope(who: Actor, *credentials: bytes) -> str:
        found = claim_of([(HEADER, b"k")], who, b"POST", credentials=credentials)
        assert found is not None
        return found.scope

    assert len({scope(ANONYMOUS, *given) for given in ((), (b"a",), (b"b",), (b"a", b"b"), (b"ab",))}) == 5
    assert scope(actor(), b"a") == scope(actor(), b"b")


RIGHTS = [
    (actor(), actor(app_metadata={"plan": "paid"}), False),
    (actor(aal="aal1"), actor(aal="aal2"), False),
    (actor(org="a"), actor(org="b"), False),
    (actor(exp=1, iat=1, jti="a", session_id="a", amr=[1]), actor(exp=2, session_id="b"), True),
    (ANONYMOUS, Actor(), True),
]


@pytest.mark.parametrize(("one", "other", "same"), RIGHTS)
def test_other_rights_make_another_request_of_it(one: Actor, other: Actor, same: bool) -> None:
    assert (claim(one, b"POST").request == claim(other, b"POST").request) is same


def test_no_caller_can_be_read_off_a_scope() -> None:
    assert "ada" not in claim(actor()).scope


def test_what_stands_in_one_part_is_not_taken_for_another() -> None:
    assert claim(ANONYMOUS, b"ab", b"c").request != claim(ANONYMOUS, b"a", b"bc").request
    assert claim(ANONYMOUS, b"", b"a").request != claim(ANONYMOUS, b"a", b"").request
    assert claim(ANONYMOUS, b"1:a").request != claim(ANONYMOUS, b"a").request


def test_an_answer_comes_back_as_it_was() -> None:
    mine = claim(ANONYMOUS, b"POST")
    row = (mine.request, 201, '[["content-type","text/csv"],["location","/a?b=\\u00e9"]]', b"\x00\xff")
    kept = answered(row, mine)
    assert kept == Kept(201, ((b"content-type", b"text/csv"), (b"location", b"/a?b=\xe9")), b"\x00\xff", replayed=True)
    assert answered((mine.request, 204, "[]", None), mine).body == b""


def test_an_answer_is_for_its_own_request() -> None:
    with pytest.raises(PipelineFault) as raised:
        answered((claim(ANONYMOUS, b"a").request, 201, "[]", b"secret"), claim(ANONYMOUS, b"b"))
    assert raised.value.code == "UC422"
    assert "secret" not in f"{raised.value.message}{raised.value.details}{raised.value.hint}"
