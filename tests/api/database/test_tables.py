"""Tables and views of an existing database: keys that views inherit, computed fields and relationships, domains with
representations, types of every kind, and what may be written to.

Protocol: PostgREST 14, "tables and views", "resource embedding", "computed fields", "domain representations".
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.database.place import Served

pytestmark = pytest.mark.needs("postgres")
BACK = {"db-tx-end": "rollback"}
SHOWN: dict[str, Any] = {"prefer": "return=representation", "given": BACK}


@pytest.mark.parametrize(
    ("target", "rows"),
    [
        # views have the keys of the tables below them
        ("authors?select=name,books(title,tags(t))&id=eq.2",
         [{"name": "B", "books": [{"title": "z", "tags": [{"t": "blue"}]}]}]),
        ("long_books?select=name,authors(name)&order=id&limit=1", [{"name": "y", "authors": {"name": "A"}}]),
        ("authors?select=name,long_books(name)&id=eq.1", [{"name": "A", "long_books": [{"name": "y"}]}]),
        ("cte?select=id,authors(name)&id=eq.3", [{"id": 3, "authors": {"name": "B"}}]),
        ("mat?select=title,authors(name)&id=eq.1", [{"title": "x", "authors": {"name": "A"}}]),
        ("authors?select=name,under:authors!boss(name)&id=eq.1", [{"name": "A", "under": [{"name": "B"}]}]),
        # partitioned tables stand for their parts
        ("part?select=id,refpart(id)", [{"id": 1, "refpart": [{"id": 1}]}]),
        ("refpart?select=id,part(k)", [{"id": 1, "part": {"k": "a"}}]),
        # computed fields and relationships
        ("users?select=full_name&full_name=eq.Ann%20Lee", [{"full_name": "Ann Lee"}]),
        ("users?select=id,full_name&order=full_name.desc&limit=1", [{"id": 2, "full_name": "Bob Ray"}]),
        ("users?select=first,sent(body)&sent.body=eq.hi&order=id",
         [{"first": "Ann", "sent": [{"body": "hi"}]}, {"first": "Bob", "sent": []}]),
        ("users?select=first,sent!inner(body)&sent.body=eq.hi", [{"first": "Ann", "sent": [{"body": "hi"}]}]),
        ("users?select=x:first_sent(body,author_of(first,first_sent(body)))&id=eq.1",
         [{"x": {"body": "hi", "author_of": {"first": "Ann", "first_sent": {"body": "hi"}}}}]),
        ("users?select=first,latest(body)&order=id",
         [{"first": "Ann", "latest": {"body": "hi"}}, {"first": "Bob", "latest": {"body": "ho"}}]),
        ("users?select=first,...first_sent(body),...o2o(extra)&order=id",
         [{"first": "Ann", "body": "hi", "extra": "e"}, {"first": "Bob", "body": "ho", "extra": None}]),
        # one to one, several keys
        ("o2o?select=extra,users(first)", [{"extra": "e", "users": {"first": "Ann"}}]),
        ("users?select=o2o(extra)&id=eq.2", [{"o2o": None}]),
        ("msgs?select=sender(first),to:receiver(first)&id=eq.1",
         [{"sender": {"first": "Ann"}, "to": {"first": "Bob"}}]),
        ("users?select=msgs!receiver(body)&id=eq.1", [{"msgs": [{"body": "ho"}]}]),
        ("orders?select=ship(name),b:addresses!bill(name)", [{"ship": {"name": "here"}, "b": {"name": "there"}}]),
        # names may be anything
        ('odd%20T%C3%A4ble%20%22x%22?select=%22colUmn,1%22,%22a.b%22,%22:c%22,%22(p)%22,%22a-%3Eb%22&%22a.b%22=eq.w',
         [{"colUmn,1": "v", "a.b": "w", ":c": "c", "(p)": "p", "a->b": "arrow"}]),
        # composite values, arrays and JSON have paths
        ("typed?select=g->lat,long:gs->0->long,text:g->>lat,one:a->0,j->k->x,l:j->l->1&g->>lat=eq.1",
         [{"lat": 1, "long": 2, "text": "1", "one": 1, "x": 1, "l": 2}]),
        ("typed?select=id&r=cs.[2,3)&a=cs.{1}&aa=ov.{a,z}&r=sl.[9,10)&r=nxr.[9,10)&r=nxl.[0,1)&mr=cs.{[1,2)}",
         [{"id": 1}]),
        ("typed?select=id&m=eq.calm&jb=cs.{%22k%22:{%22x%22:1}}&ip=eq.10.0.0.1&iv=eq.24:00:00", [{"id": 1}]),
        ("typed?select=b,bits,money,p,gen,n,ts",
         [{"b": "\\x00ff", "bits": "101", "money": "$12.50", "p": "(1,2)", "gen": 2,
                                                   "n": 1.5, "ts": "'cats' 'fat'"}]),
        # domains are shown and compared by their own functions
        ("paints?order=id&select=c", [{"c": "#FF0000"}, {"c": "#0000FF"}]),
        ("paints?c=eq.%23FF0000&select=id", [{"id": 1}]),
        ("paints_view?c=neq.%23FF0000&select=id,c", [{"id": 2, "c": "#0000FF"}]),
        ("paints?c=in.(%23FF0000,%230000FF)&order=c.desc&select=id", [{"id": 1}, {"id": 2}]),
        ("paints?c=eq(any).{%23FF0000}&select=id", [{"id": 1}]),
        ("paints?or=(c.eq.%230000FF,id.eq.9)&select=id", [{"id": 2}]),
    ],
)  # fmt: skip
def test_a_read_gives_the_rows(served: Served, target: str, rows: Any) -> None:
    reply = served.get(f"/{target}")
    assert (reply.status, reply.json()) == (200, rows), reply.text


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "value"),
    [
        ("POST", "long_books", {"id": 9, "name": "up", "writer": 1}, 201, [{"id": 9, "name": "up", "writer": 1}]),
        ("PATCH", "books?id=eq.1&select=id,title", {"title": "n"}, 200, [{"id": 1, "title": "n"}]),
        ("PUT", "books?id=eq.1&select=title", {"id": 1, "title": "n"}, 200, [{"title": "n"}]),
        ("PUT", "composite_pk?a=eq.9&b=eq.x", {"a": 9, "b": "x", "c": "n"}, 201, [{"a": 9, "b": "x", "c": "n"}]),
        ("DELETE", "books?id=eq.2&select=id", None, 200, [{"id": 2}]),
        ("POST", "trig", {"id": 1, "t": "q"}, 201, [{"id": 1, "t": "q"}]),
        ("POST", "books?select=title,authors(name)", {"id": 9, "title": "n", "author_id": 2}, 201,
         [{"title": "n", "authors": {"name": "B"}}]),
        ("POST", "paints?select=id,c", {"id": 3, "c": "#00FF00"}, 201, [{"id": 3, "c": "#00FF00"}]),
        ("PATCH", "paints?c=eq.%23FF0000&select=c", {"c": "#00FF01"}, 200, [{"c": "#00FF01"}]),
        ("POST", "users?select=full_name", {"id": 5, "first": "Cy", "last": "Day"}, 201, [{"full_name": "Cy Day"}]),
        ("POST", "typed?select=a,g,r,m", {"a": [3], "g": {"lat": 5}, "r": "[1,2)", "m": "sad"}, 201,
         [{"a": [3], "g": {"lat": 5, "long": None}, "r": "[1,2)", "m": "sad"}]),
        ("DELETE", "trig", None, 500, "55000"), ("POST", "ro", {"id": 1}, 500, "55000"),
        ("PATCH", "ro", {"id": 1}, 500, "55000"),
        ("POST", "mat", {"id": 1}, 400, "42809"), ("POST", "loud", {"id": 1, "text": "x"}, 400, "0A000"),
        ("PUT", "books?id=eq.1", {"id": 2, "title": "n"}, 400, "PGRST115"),
        ("PUT", "books?id=eq.1", {"title": "n"}, 400, "PGRST115"), ("PUT", "books?id=gt.1", {"id": 1}, 405, "PGRST105"),
        ("PUT", "books?id=eq.1&limit=1", {"id": 1}, 400, "PGRST114"),
        ("POST", "users?select=first,sent(body)", {"id": 9, "first": "x"}, 201, [{"first": "x", "sent": []}]),
        ("PATCH", "users?id=eq.1&select=full_name,first_sent(body),o2o(extra)", {"first": "Al"}, 200,
         [{"full_name": "Al Lee", "first_sent": {"body": "hi"}, "o2o": {"extra": "e"}}]),
        ("DELETE", "msgs?id=eq.1&select=author_of(full_name)", None, 200, [{"author_of": {"full_name": "Ann Lee"}}]),
        ("PUT", "nopk?a=eq.1", {"a": 1}, 405, "PGRST105"), ("POST", "typed", {"v": "toolong"}, 400, "22001"),
        ("POST", "typed", {"v": None}, 400, "23502"), ("POST", "typed", {"id": 3}, 400, "428C9"),
        ("POST", "typed", {"zzz": 3}, 400, "PGRST204"), ("POST", "users", {"id": 1}, 409, "23505"),
        ("POST", "msgs", {"id": 9, "sender": 77}, 409, "23503"),
        ("POST", "letters", [{"id": 90}, {"text": "x"}], 400, "PGRST102"),
        ("POST", "nothing_here", {}, 404, "PGRST205"),
        ("POST", "letters?columns=id,id&select=id", {"id": 90}, 201, [{"id": 90}]),
    ],
)  # fmt: skip
def test_a_write(served: Served, method: str, target: str, body: Any, status: int, value: Any) -> None:
    reply = served.ask(method, f"/{target}", body=body, **SHOWN)
    found = reply.json()
    assert (reply.status, found["code"] if isinstance(found, dict) else found) == (status, value), reply.text


def test_a_default_fills_what_is_missing(served: Served) -> None:
    rows = [{"id": 90}, {"id": 91, "text": "x"}]
    given: dict[str, Any] = {"prefer": "missing=default,return=representation", "given": BACK}
    reply = served.post("/letters?columns=id,text&select=id,text", rows, **given)
    assert reply.json() == [{"id": 90, "text": "empty"}, {"id": 91, "text": "x"}]
    assert reply.header("preference-applied") == "missing=default, return=representation"
    reply = served.post("/paints?columns=id,c&select=c", {"id": 3}, **given)
    assert reply.json() == [{"c": "#000000"}]


def test_what_a_write_shows_is_what_it_counts(served: Served) -> None:
    reply = served.ask("PATCH", "/books?select=id,authors!inner(name)&authors.name=eq.A", body={"pages": 1}, **SHOWN)
    assert (reply.header("content-range"), len(reply.json())) == ("0-1/*", 2)
    bounded: dict[str, Any] = {"prefer": "return=representation", "given": {**BACK, "db-max-rows": 1}}
    reply = served.ask("PATCH", "/books?select=id", body={"pages": 1}, **bounded)
    assert (reply.header("content-range"), len(reply.json())) == ("0-2/*", 3)


def test_rows_of_which_nothing_is_said(served: Served) -> None:
    for body, rows in (({}, 1), ([{}], 1), ([{}, {}, {}], 3)):
        reply = served.post("/auto?select=t,n", body, prefer="return=representation, count=exact", given=BACK)
        assert (reply.status, reply.header("content-range")) == (201, f"*/{rows}"), reply.text
        assert [row["t"] for row in reply.json()] == ["dd"] * rows
        assert len({row["n"] for row in reply.json()}) == rows
    assert served.post("/auto", {}, given=BACK).status == 201
    assert (served.post("/auto", {}, prefer="return=headers-only", given=BACK).header("location") or "")[
        :12
    ] == "/auto?id=eq."
    assert served.post("/kept", {}).fault == (400, "23502")


def test_upserts_on_views(served: Served) -> None:
    given: dict[str, Any] = {"given": BACK, "prefer": "return=representation, resolution=merge-duplicates"}
    reply = served.post("/books?on_conflict=id&select=id,title,pages", {"id": 1, "title": "up"}, **given)
    assert (reply.status, reply.json()) == (200, [{"id": 1, "title": "up", "pages": 10}])
    # Without a key there is nothing to resolve by.
    assert served.post("/nopk", {"a": 1}, **given).header("preference-applied") == "return=representation"
    given["prefer"] = "return=representation, resolution=ignore-duplicates"
    reply = served.post("/books?select=id", [{"id": 1}, {"id": 9}], **given)
    assert (reply.status, reply.json()) == (201, [{"id": 9}])


@pytest.mark.parametrize(
    ("name", "methods"),
    [
        ("books", "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"), ("ro", "OPTIONS,GET,HEAD"), ("mat", "OPTIONS,GET,HEAD"),
        ("trig", "OPTIONS,GET,HEAD,POST"), ("nopk", "OPTIONS,GET,HEAD,POST,PATCH,DELETE"),
        ("part", "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"), ("closed", "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"),
    ],
)  # fmt: skip
def test_which_methods_a_table_allows(served: Served, name: str, methods: str) -> None:
    reply = served.ask("OPTIONS", f"/{name}")
    assert (reply.status, reply.header("allow")) == (200, methods)


def test_several_keys_between_two_tables(served: Served) -> None:
    fault = served.get("/msgs?select=users(first)").json()
    assert fault["code"] == "PGRST201"
    assert fault["details"][0] == {
        "cardinality": "many-to-one",
        "embedding": "msgs with users",
        "relationship": "msgs_receiver_fkey using msgs(receiver) and users(id)",
    }
    assert "'users!msgs_receiver_fkey', 'users!msgs_sender_fkey'" in fault["hint"]
    several = served.get("/casts?select=plays(id)").json()["details"]
    assert [(each["cardinality"], each["relationship"].split()[0]) for each in several] == [
        ("many-to-one", "seats_play_fkey"), ("many-to-many", "casts"), ("many-to-many", "seats")
    ]  # fmt: skip
    missing = served.get("/users?select=letters(*)").json()
    told = "Searched for a foreign key relationship between 'users' and 'letters' in the schema 'api', but no matches"
    assert (missing["code"], missing["details"]) == ("PGRST200", f"{told} were found.")


def test_an_embed_s_name_without_the_legacy(served: Served) -> None:
    target = "/users?select=m:sent(body)&sent.body=eq.hi"
    reply = served.get(target)
    assert (reply.status, "deprecated" in (reply.header("warning") or "")) == (200, True)
    strict: dict[str, Any] = {"given": {"url-use-legacy-target-names": False}}
    assert served.get(target, **strict).status == 400
    assert served.get(target, **strict).json() == {
        "code": "PGRST108",
        "message": "'sent' is not an embedded resource in this request",
        "details": "Target names are not allowed in filters if they have an alias",
        "hint": "Change 'sent' to 'm' in filters, orders or limits.",
    }
    fault = served.get("/users?select=m:sent(body)&nope.body=eq.hi", **strict).json()
    hint = "Verify that 'nope' is included in the 'select' query parameter."
    assert (fault["code"], fault["details"], fault["hint"]) == ("PGRST108", None, hint)


@pytest.mark.parametrize(
    ("target", "message", "hint"),
    [
        ("users?select=frist", "users.frist", "users.first"), ("users?frist=eq.x", "users.frist", "users.first"),
        ("users?select=msgs!sender(bodi)", "msgs_1.bodi", "msgs_1.body"),
        ("users?select=x:sent(id)&sent.order=bodi", "msgs_1.bodi", "msgs_1.body"),
        # what stands in an embed is no condition on it, other than that there is one
        ("authors?select=books(id)&books=eq.1", "authors.books", "authors.boss"),
        ("authors?select=books(id)&or=(books.is.true,id.eq.1)", "authors.books", "authors.boss"),
        ("authors?select=books(authors(nam))", "authors_2.nam", "authors_2.name"),
        ("authors?select=books(tags(tt))", "tags.tt", "tags.t"), ("users?select=zzzzzz", "users.zzzzzz", None),
        ("books?select=a:authors(id)&order=a(nam)", "books_a_1.nam", "books_a_1.name"),
    ],
)  # fmt: skip
def test_a_column_that_is_not_there_is_told_as_postgresql_tells_it(
    served: Served, target: str, message: str, hint: str | None
) -> None:
    fault = served.get(f"/{target}").json()
    assert (fault["code"], fault["message"]) == ("42703", f"column {message} does not exist")
    assert fault["hint"] == (hint and f'Perhaps you meant to reference the column "{hint}".')


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("authors?select=book(*)", "Perhaps you meant 'books' instead of 'book'."),
        ("authors?select=Bookz(*)", "Perhaps you meant 'books' instead of 'Bookz'."),
        ("authors?select=books!nope(*)", None),
        ("authors?select=qqqqqq(*)", None),
        # what is related to nothing was perhaps not meant itself
        ("loud?select=letters(*)", None),
        ("kept?select=letters(*)", "Perhaps you meant 'refpart' instead of 'kept'."),
    ],
)
def test_which_relation_may_have_been_meant(served: Served, target: str, hint: str | None) -> None:
    fault = served.get(f"/{target}").json()
    assert (fault["code"], fault["hint"]) == ("PGRST200", hint)


def test_a_head_counts_groups(served: Served) -> None:
    given: dict[str, Any] = {"given": {"db-aggregates-enabled": True}}
    for target in ("books?select=pages.sum()", "books?select=author_id,count()", "rpc/all_letters?select=id.max()"):
        shown, bare = served.get(f"/{target}", **given), served.ask("HEAD", f"/{target}", **given)
        assert (bare.status, bare.header("content-range")) == (200, shown.header("content-range"))
        assert shown.header("content-range") == f"0-{len(shown.json()) - 1}/*"


def test_an_embed_that_is_not_there_is_an_empty_field(served: Served) -> None:
    reply = served.get("/users?select=id,o2o(extra),sent(id)&sent.id=eq.1&order=id", accept="text/csv")
    assert reply.text == 'id,o2o,sent\n1,"{""extra"": ""e""}","[{""id"": 1}]"\n2,,[]'


def test_views_lead_on_through_the_search_path_alone(served: Served) -> None:
    """A view over a view that is neither served nor on the search path has no keys."""
    assert served.get("/over_path?select=id,authors(name)&id=eq.1").json() == [{"id": 1, "authors": {"name": "A"}}]
    assert served.get("/over_hidden?select=id,authors(name)").fault == (400, "PGRST200")


@pytest.mark.parametrize(("count", "told"), [("exact", "1"), ("estimated", "1"), ("planned", "*")])
def test_which_counts_a_write_tells(served: Served, count: str, told: str) -> None:
    given: dict[str, Any] = {"prefer": f"count={count}", "given": BACK}
    assert served.post("/kept", {"id": 9}, **given).header("content-range") == f"*/{told}"
    reply = served.ask("PATCH", "/kept?id=eq.1", body={"name": "z"}, **given)
    assert reply.header("content-range") == f"0-0/{told}"
    assert served.ask("DELETE", "/kept?id=eq.1", **given).header("content-range") == f"*/{told}"


def test_one_to_one_makes_no_junction(served: Served) -> None:
    """A table whose whole key leads to two others has no pairs of them."""
    assert served.get("/troupes?select=plays(id),players(id)").json() == [{"plays": {"id": 1}, "players": {"id": 1}}]
    missing = served.get("/plays?select=players!troupes(id)")
    assert missing.fault == (400, "PGRST200")


def test_a_put_without_the_row_tells_nothing_of_it(served: Served) -> None:
    for key in (1, 90):
        for prefer in ("return=minimal", "return=headers-only", "handling=lenient"):
            reply = served.ask("PUT", f"/kept?id=eq.{key}", body={"id": key}, prefer=prefer, given=BACK)
            assert (reply.status, reply.body) == (204, b""), (key, prefer)
