"""Writes, functions, paths, and what a whole request is."""

from __future__ import annotations

import pytest

from tests.unit.rest.reading import parsed, refused, shaped, write
from undercroft.query.ask import Field, Filter, ReadAsk
from undercroft.rest.parts.asks import Renamed
from undercroft.rest.parts.limits import Limits
from undercroft.rest.request import Reader

REPRESENTATION = (b"prefer", b"return=representation")


def test_an_insert() -> None:
    found = write("select=id", "POST", [REPRESENTATION], ("a", "b"))
    assert (found.verb, found.columns, found.returning, found.resolution) == ("insert", ("a", "b"), "rows", None)
    assert write("", "POST", [(b"prefer", b"return=headers-only")]).returning == "keys"
    assert write("", "POST", [(b"prefer", b"return=minimal")]).returning is None


def test_columns_of_the_parameter_come_before_those_of_the_body() -> None:
    assert write('columns=x,"y,z", w', "POST", None, ("a",)).columns == ("x", "y,z", "w")


def test_an_upsert() -> None:
    found = write("on_conflict=a,b", "POST", [(b"prefer", b"resolution=merge-duplicates,missing=default")])
    assert (found.verb, found.on_conflict, found.resolution) == ("upsert", ("a", "b"), "merge")
    assert found.missing_default
    assert write("", "POST", [(b"prefer", b"resolution=ignore-duplicates")]).resolution == "ignore"
    assert write("", "PATCH", [(b"prefer", b"resolution=ignore-duplicates")]).resolution is None


def test_an_update_and_a_delete_have_conditions_and_a_count() -> None:
    found = write("id=gt.1", "PATCH", [(b"prefer", b"count=exact")], ("a",))
    assert (found.verb, found.ask.conditions, found.count) == ("update", (Filter(Field("id"), "gt", 0),), "exact")
    found = write("id=gt.1&columns=x", "DELETE")
    assert (found.verb, found.columns) == ("delete", ())


def test_a_put_has_equality_on_columns_and_no_limit() -> None:
    assert write("id=eq.1&k=eq.2", "PUT", None, ("id",)).verb == "replace"
    whole = "Filters must include all and only primary key columns with 'eq' operators"
    for query in (
        "",
        "id=gt.1",
        "id=not.eq.1",
        "id=in.(1)",
        "and=(id.eq.1)",
        "id=eq(any).{1}",
        "id=is.null",
        "d->a=eq.1",
    ):
        assert refused(query, "PUT")[:2] == ("PGRST105", whole), query
    told = refused("id=eq.1&limit=1", "PUT")
    assert told[:2] == ("PGRST114", "limit/offset querystring parameters are not allowed for PUT")


@pytest.mark.parametrize(
    ("query", "name", "column"),
    [("columns=", "columns", 1), ("columns=a,", "columns", 3), ("columns=a b;c", "columns", 4),
     ("on_conflict=,", "on_conflict", 1), ("on_conflict=a(", "on_conflict", 2)],
)  # fmt: skip
def test_malformed_lists_of_columns_are_told_with_their_place(query: str, name: str, column: int) -> None:
    told = refused(query, "POST")
    assert told.code == "PGRST100"
    assert told.message.startswith(f'"failed to parse {name} parameter (')
    assert told.message.endswith(f"(line 1, column {column})")


def test_an_aliased_embed_may_be_named_by_its_relation_with_a_warning() -> None:
    found = parsed("select=id,the_tasks:tasks(id)&tasks.limit=1&tasks.id=eq.1&the_tasks.order=id")
    assert found.renamed == (Renamed("tasks", "the_tasks"),)
    assert parsed("select=id,the_tasks:tasks(id)&the_tasks.limit=1").renamed == ()


def test_an_alias_comes_before_a_relation_of_that_name() -> None:
    found = parsed("select=a:b(*),b:a(*)&a.limit=101").ask
    assert isinstance(found, ReadAsk)
    first, second = found.ask.select
    assert getattr(first, "relation", "") == "b"
    assert first.ask.limit == 0  # type: ignore[union-attr]  # both are embeds
    assert second.ask.limit is None  # type: ignore[union-attr]  # both are embeds


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (b"/things", (False, "things")),
        (b"/things/", (False, "things")),
        (b"/rpc/add_them", (True, "add_them")),
        (b"/rpc", (False, "rpc")),
        (b"/Server%20Today", (False, "Server Today")),
        (b"/Escap3e;", (False, "Escap3e;")),
        (b"/a%2Fb", (False, "a/b")),
        (b"/%E5%9C%8D", (False, "圍")),
        (b"/", (False, "")),
        (b"", (False, "")),
    ],
)
def test_a_path_names_a_table_or_a_function(path: bytes, target: tuple[bool, str]) -> None:
    request = Reader(Limits()).shape("GET", path, b"", [])
    assert (request.function, request.table) == target


@pytest.mark.parametrize("path", ["/a/b", "/rpc/a/b", "/a//b", "/%FF", "/a%00", "//"])
def test_any_other_path_is_refused(path: str) -> None:
    reader = Reader(Limits())
    with pytest.raises(Exception, match="Invalid path specified in request URL") as raised:
        reader.shape("GET", path.encode(), b"", [])
    assert getattr(raised.value, "code", "") == "PGRST125"


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "get", "", "__class__"])
def test_an_unknown_method_is_refused(method: str) -> None:
    assert refused("", method)[:2] == ("PGRST117", f"Unsupported HTTP method: {method}")


def test_a_function_called_by_get_has_arguments_and_filters() -> None:
    request = shaped("a=1&b=x.y&c=eq.5&a=2&select=id&limit=300&d", path="/rpc/f")
    assert request.function
    assert request.arguments == (("a", "1"), ("b", "x.y"), ("a", "2"), ("d", ""))
    assert request.values == ("5", "300")
    assert shaped("a=2&b=x.y&c=eq.6&select=id&limit=400", path="/rpc/f").key == request.key


def test_the_url_and_its_parameters_are_bounded() -> None:
    assert refused("a=eq." + "x" * 100, limits=Limits(url_bytes=100)).code == "UC414"
    assert refused("&".join(["a=eq.1"] * 5), limits=Limits(parameters=4)).message.endswith("at most 4 parameters")
    assert shaped("&&a=eq.1&").values == ("1",)
    assert "at most 2" in refused("columns=a,b,c", "POST", limits=Limits(columns=2)).message


def test_a_fault_never_echoes_more_than_a_little() -> None:
    assert len(refused("a=" + "x" * 60_000).message) < 500
    assert len(refused("select=" + "x" * 60_000 + "(").message) < 500
    assert len(refused("x" * 60_000 + ".a=eq.1").message) < 500


def test_caches_never_change_an_answer() -> None:
    reader = Reader(Limits(cache_entries=2))
    queries = [f"select=c{n}&a=eq.{n}&or=(b.eq.{n},c.is.null)&limit={n}" for n in range(5)] * 2
    for query in queries:
        fresh = Reader(Limits()).shape("GET", b"/things", query.encode(), [])
        assert reader.shape("GET", b"/things", query.encode(), []) == fresh
        assert reader.parse(fresh) == Reader(Limits()).parse(fresh)
