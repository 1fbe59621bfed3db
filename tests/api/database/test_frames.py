"""A read that comes again is answered from what was prepared for the first: with its own values, as its own caller."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.database.place import Reply, Served

pytestmark = pytest.mark.needs("postgres")
KNOWN = 5
"""Requests after which a frame is surely known."""


@pytest.mark.parametrize(
    ("method", "target", "more"),
    [
        ("GET", "authors?select=name&id=eq.{}", {}),
        ("GET", "authors?select=name,books(title)&order=id&id=gte.{}", {"prefer": "count=exact"}),
        ("GET", "authors?id=eq.{}", {"accept": "application/vnd.pgrst.object+json"}),
        ("GET", "authors?select=name&offset=1&id=lte.{}", {"prefer": "count=exact"}),
        ("GET", "authors?select=name&id=eq.{}", {"accept": "text/csv"}),
        ("GET", "authors?select=name&id=eq.{}", {"prefer": "count=planned"}),
        ("HEAD", "authors?select=name&id=eq.{}", {}),
        ("GET", "authors?select=name&id=eq.{}", {"accept-profile": "api"}),
    ],
)
def test_it_is_what_the_first_was(served: Served, method: str, target: str, more: dict[str, Any]) -> None:
    values = ("1", "2", "99", "none")
    sent = {name.replace("-", "_"): value for name, value in more.items()}

    def asked(value: str) -> Reply:
        return served.ask(method, "/" + target.format(value), **sent)

    first = [asked(value) for value in values]
    again = [[asked(value) for value in values] for _ in range(KNOWN)]
    assert again == [first] * KNOWN
    assert len(set(first)) >= 3, "the values make a difference"


def test_every_caller_is_somebody_else(served: Served) -> None:
    target = "/notes?select=owner&id=gt.0"
    told = {
        name: {served.get(target, authorization=f"Bearer {token}").body for _ in range(KNOWN)}
        for name, token in {
            "ann": served.token("member", sub="ann"),
            "bob": served.token("member", sub="bob"),
            "careful": served.token("careful"),
        }.items()
    }
    assert all(len(bodies) == 1 for bodies in told.values())
    assert len(set(map(frozenset, told.values()))) == 3, told
    assert served.get(target).fault == (401, "42501")
    assert served.get(target, authorization=f"Bearer {served.token('member', sub='ann')}").body in told["ann"]
