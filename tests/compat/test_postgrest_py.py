"""postgrest from PyPI, the database part of supabase-py, unmodified: the ways of it that differ from supabase-js."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from postgrest import SyncPostgrestClient
from postgrest.exceptions import APIError
from postgrest.types import CountMethod, ReturnMethod

from tests.compat.conftest import Served

Client = Any
"""SyncPostgrestClient, whose annotations allow less than it takes."""
USER_ID = "0a000000-0000-4000-8000-000000000001"


def connect(served: Served, token: str) -> Any:
    headers = {"apikey": served.anon, "Authorization": f"Bearer {token}"}
    return SyncPostgrestClient(f"{served.url}/rest/v1", headers=headers)


@pytest.fixture
def anon(served: Served) -> Iterator[Client]:
    with connect(served, served.anon) as client:
        yield client


@pytest.fixture
def user(served: Served) -> Iterator[Client]:
    """Ada; what she wrote is taken away again."""
    with connect(served, served.user) as client:
        yield client
    with connect(served, served.service) as service:
        service.table("tasks").delete().gt("id", 6).execute()
        service.table("letters").delete().not_.is_("id", "null").execute()


def ids(answer: Any) -> list[int]:
    return [row["id"] for row in answer.data]


READS: list[tuple[str, Callable[[Any], Any], list[int]]] = [
    ("eq", lambda q: q.eq("name", "Ken, B."), [4]),
    ("neq", lambda q: q.neq("id", 1), [2, 3, 4]),
    ("gt and lte", lambda q: q.gt("age", 21).lte("age", 85), [1, 2]),
    ("is null", lambda q: q.is_("age", "null"), [4]),
    ("not", lambda q: q.not_.is_("age", "null"), [1, 2, 3]),
    ("like", lambda q: q.like("name", "%a%"), [1, 2]),
    ("ilike", lambda q: q.ilike("name", "%A%"), [1, 2]),
    ("like any of", lambda q: q.like_any_of("name", "A%,L%"), [1, 3]),
    ("in", lambda q: q.in_("name", ["Ken, B.", "Ada"]), [1, 4]),
    ("in of nothing", lambda q: q.in_("id", []), []),
    ("or", lambda q: q.or_("age.gt.80,name.eq.Linus"), [2, 3]),
    ("match", lambda q: q.match({"name": "Ada", "age": 36}), [1]),
    ("range", lambda q: q.range(1, 2), [2, 3]),
    ("limit and offset", lambda q: q.limit(1).offset(2), [3]),
]


@pytest.mark.parametrize(("apply", "expected"), [case[1:] for case in READS], ids=[case[0] for case in READS])
def test_reads(anon: Client, apply: Callable[[Any], Any], expected: list[int]) -> None:
    assert ids(apply(anon.table("people").select("id").order("id")).execute()) == expected


def test_embeds_and_orders(anon: Client) -> None:
    query = anon.table("projects").select("id,tasks(title)").eq("id", 1)
    answer = query.order("points", desc=True, foreign_table="tasks").limit(1, foreign_table="tasks").execute()
    assert answer.data == [{"id": 1, "tasks": [{"title": "build"}]}]


def test_counts(anon: Client) -> None:
    answer = anon.table("people").select("id", count=CountMethod.exact).limit(1).execute()
    assert (len(answer.data), answer.count) == (1, 4)
    assert anon.table("people").select("*", count=CountMethod.exact, head=True).execute().count == 4


def test_one_row_or_none(anon: Client) -> None:
    assert anon.table("people").select("name").eq("id", 1).single().execute().data == {"name": "Ada"}
    assert anon.table("people").select("name").eq("id", 99).maybe_single().execute() is None
    with pytest.raises(APIError) as refused:
        anon.table("people").select("name").single().execute()
    assert refused.value.code == "PGRST116"


def test_csv(anon: Client) -> None:
    answer = anon.table("people").select("id,name").eq("id", 4).csv().execute()
    assert answer.data.rstrip() == 'id,name\n4,"Ken, B."'


def test_writes(user: Client) -> None:
    tasks = user.table("tasks")
    rows = [{"id": 1001, "project_id": 1, "title": "a"}, {"id": 1002, "project_id": 1, "title": "b"}]
    assert ids(tasks.insert(rows).execute()) == [1001, 1002]
    assert tasks.insert({"project_id": 1, "title": "c"}, returning=ReturnMethod.minimal).execute().data == []
    assert tasks.upsert({"id": 1001, "project_id": 1, "title": "A"}).execute().data[0]["title"] == "A"
    ignored = tasks.upsert({"id": 1001, "project_id": 1, "title": "z"}, ignore_duplicates=True).execute()
    assert ignored.data == []
    assert tasks.update({"note": "n"}).eq("id", 1002).execute().data[0]["note"] == "n"
    counted = tasks.delete(count=CountMethod.exact).in_("id", [1001, 1002]).execute()
    assert (counted.count, sorted(ids(counted))) == (2, [1001, 1002])


def test_a_user_s_own(user: Client, served: Served) -> None:
    row = user.table("letters").insert({"body": "dear"}).execute().data[0]
    assert row["author_id"] == USER_ID
    with connect(served, served.other) as other:
        assert other.table("letters").select("*").execute().data == []


def test_functions(anon: Client, user: Client) -> None:
    assert anon.rpc("add", {"a": 2, "b": 3}).execute().data == 5
    assert anon.rpc("total", {"values": [1, 2, 3]}, get=True).execute().data == 6
    assert ids(user.rpc("projects_of", {"person": 1}).execute()) == [4, 1]
    with pytest.raises(APIError) as refused:
        anon.rpc("write_then", {"what": "raise"}).execute()
    assert (refused.value.code, refused.value.hint) == ("P0001", "come back tomorrow")


@pytest.mark.parametrize(
    ("table", "columns", "code"),
    [
        ("peeple", "*", "PGRST205"),
        ("letters", "*", "PGRST205"),
        ("people", "nme", "42703"),
        ("people", "diary", "42703"),
    ],
)
def test_faults(anon: Client, table: str, columns: str, code: str) -> None:
    with pytest.raises(APIError) as refused:
        anon.table(table).select(columns).execute()
    assert refused.value.code == code


def test_text_search(anon: Client) -> None:
    found = anon.table("people").select("*").text_search("name", "ada").execute()
    assert [row["name"].lower().split()[0] for row in found.data] == ["ada"]
