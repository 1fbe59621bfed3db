"""Documents by their hash: checked, bounded, and never more than text."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from undercroft.base.faults import SetupFault
from undercroft.graphql.errors import MessageFault, PersistedFault, errors_of
from undercroft.graphql.parts.http.persisted import Found, Listed, Persisted, read_list


def named(query: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": sha256(query.encode()).hexdigest()}}


def kept(persisted: Persisted, query: str) -> None:
    found = persisted.find(query, named(query))
    assert found.keep is not None
    persisted.keep(found.keep, query)


def test_a_document_is_known_once_it_was_kept() -> None:
    persisted = Persisted()
    assert persisted.find("{a}", None) == Found("{a}")
    with pytest.raises(PersistedFault) as refusal:
        persisted.find(None, named("{a}"))
    assert refusal.value.message == "PersistedQueryNotFound"
    assert errors_of(refusal.value)[0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    assert persisted.find("{a}", named("{a}")).keep is not None  # and is not kept by that alone
    with pytest.raises(PersistedFault):
        persisted.find(None, named("{a}"))
    kept(persisted, "{a}")
    assert persisted.find(None, named("{a}")) == Found("{a}")
    assert persisted.find("", named("{a}")) == Found("{a}")


def test_a_hash_of_something_else_is_refused() -> None:
    with pytest.raises(PersistedFault) as refusal:
        Persisted().find("{a}", named("{b}"))
    assert errors_of(refusal.value)[0]["extensions"]["code"] == "PERSISTED_QUERY_HASH_MISMATCH"


@pytest.mark.parametrize(
    "told",
    [7, "x", [], {}, {"version": 2, "sha256Hash": "a"}, {"version": 1}, {"version": 1, "sha256Hash": 7}],
)
def test_a_hash_that_is_none(told: Any) -> None:
    with pytest.raises(MessageFault):
        Persisted().find("{a}", {"persistedQuery": told})


def test_no_document_at_all() -> None:
    for query in (None, ""):
        with pytest.raises(MessageFault):
            Persisted().find(query, {"other": 1})


def test_the_least_used_are_forgotten_by_number_and_by_bytes() -> None:
    persisted = Persisted(entries=2, size=100)
    kept(persisted, "{a}")
    kept(persisted, "{b}")
    persisted.find(None, named("{a}"))
    kept(persisted, "{c}")
    with pytest.raises(PersistedFault):
        persisted.find(None, named("{b}"))
    assert persisted.find(None, named("{a}"))
    kept(persisted, "{" + "d" * 96 + "}")
    with pytest.raises(PersistedFault):
        persisted.find(None, named("{a}"))
    kept(persisted, "{" + "e" * 100_000 + "}")  # longer than any document that is kept
    assert persisted.find(None, named("{" + "d" * 96 + "}"))


def test_a_list_answers_what_stands_in_it_and_nothing_else() -> None:
    listed = Listed({"one": "{a}"})
    by_name = {"persistedQuery": {"version": 1, "sha256Hash": "one"}}
    assert listed.find(None, by_name) == Found("{a}")
    assert listed.find("{a}", None) == Found("{a}")
    for query, extensions in (("{b}", None), ("{b}", by_name), (None, named("{a}")), ("{b}", named("{b}"))):
        with pytest.raises(PersistedFault):
            listed.find(query, extensions)
    listed.keep("two", "{b}")
    with pytest.raises(PersistedFault):
        listed.find("{b}", None)


def test_lists_in_two_forms() -> None:
    assert read_list(b'{"one": "{a}"}', "f") == {"one": "{a}"}
    apollo = (
        b'{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "one", "body": "{a}"}]}'
    )
    assert read_list(apollo, "f") == {"one": "{a}"}
    for wrong in (b"", b"[]", b'{"a": 1}', b'{"operations": [{}]}', b'{"operations": [7]}'):
        with pytest.raises(SetupFault, match="f: no list"):
            read_list(wrong, "f")
