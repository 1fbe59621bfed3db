"""An explanation says what was asked, what it met, and why a row is shown: checked against the answers themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.ops.library import house as build_house
from undercroft.access.actor import ANONYMOUS, SERVICE, Actor
from undercroft.app import House
from undercroft.base.faults import Fault
from undercroft.ops import Explanation, explain

pytestmark = pytest.mark.anyio
ADA = Actor("authenticated", "ada", {"sub": "ada", "session_token": "hush-hush"})
BOOKS = [
    (1, "Public", "bob", 1, 10),
    (2, "Own", "ada", 0, 20),
    (3, "Lent to Ada", "bob", 0, None),
    (4, "Nobody's business", "bob", 0, 40),
]


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[House]:
    built = build_house(tmp_path)
    await built.start()
    async with built.engine.transaction() as transaction:
        for book in BOOKS:
            transaction.all("INSERT INTO books VALUES (?, ?, ?, ?, ?)", book)
        transaction.all("INSERT INTO loans VALUES (1, 3, 'ada', 'ada@example.org'), (2, 4, 'eve', NULL)")
    yield built
    await built.close()


async def read(library: House, request: str, actor: Actor, row: str | None = None) -> Explanation:
    return await explain(library, request, actor, row=row)


async def test_a_read_says_what_was_asked(library: House) -> None:
    found = await read(
        library,
        "GET /rest/v1/loans?select=id,book:books!inner(title)&or=(id.eq.1,reader.eq.x)&order=id.desc&limit=5",
        ADA,
    )
    assert found.asked == (
        "read loans",
        "  select: id",
        "  where: (id eq '1' or reader eq 'x')",
        "  order: id desc",
        "  limit: 5",
        "  embed book: books (inner)",
        "    select: title",
    )


async def test_every_node_has_its_policies_with_reasons_and_places(library: House) -> None:
    found = await read(library, "GET /rest/v1/loans?select=id,books(*)", ADA)
    loans, books = found.nodes
    assert (loans.path, loans.rows, loans.joined) == ("loans", "all", None)
    assert (books.path, books.rows) == ("loans.books", "some")
    assert books.joined == "many to one by loans_book_id_fkey (loans.book_id = books.id), left"
    assert books.columns == ("id", "title", "owner", "public")
    assert books.hidden == ("price",)
    assert [(policy.name, policy.reason) for policy in books.policies] == [
        ("public_or_own", "Everybody sees public books; owners see theirs."),
        ("lent_to_me", "Readers see what they have at home."),
    ]
    assert books.policies[0].condition == "books.public = 1 OR books.owner = auth.uid"
    assert "loans.book_id = books.id AND loans.reader = auth.uid" in books.policies[1].condition
    assert all(policy.source and "library.py:" in policy.source for policy in books.policies)


async def test_the_statement_is_the_one_that_runs(library: House) -> None:
    found = await read(library, "GET /rest/v1/books?select=id&title=eq.Own&limit=300", ADA)
    (statement,) = found.statements
    assert statement.sql.count("?") == len(statement.parameters)
    shown = {(parameter.origin, parameter.value) for parameter in statement.parameters}
    assert {("auth.uid", "'ada'"), ("value", "'Own'"), ("limit", "300")} <= shown
    assert found.rows == 1
    assert found.microseconds is not None
    assert 0 < found.microseconds < 1_000_000
    assert statement.query_plan


async def test_index_use(library: House) -> None:
    by_key = await read(library, "/rest/v1/books?id=eq.2", SERVICE)
    assert any("USING INTEGER PRIMARY KEY" in line for line in by_key.indexes)
    assert by_key.scans == ()
    by_title = await read(library, "/rest/v1/books?title=neq.Own&order=title", SERVICE)
    assert by_title.indexes == ()
    assert by_title.scans == ("SCAN t0", "USE TEMP B-TREE FOR ORDER BY")
    assert by_title.notes == ("service_role passes every policy",)


ROWS = {"1": [True, False], "2": [True, False], "3": [False, True], "4": [False, False]}
"""What the two policies say of each row to Ada."""


@pytest.mark.parametrize(("row", "held"), ROWS.items())
async def test_why_a_row_is_shown_or_hidden(library: House, row: str, held: list[bool]) -> None:
    shown = any(held)
    found = await read(library, "GET /rest/v1/books", ADA, row)
    assert found.row is not None
    assert (found.row.exists, found.row.shown) == (True, shown)
    assert [verdict.holds for verdict in found.row.verdicts] == held
    assert [verdict.what for verdict in found.row.verdicts] == ["public_or_own (select)", "lent_to_me (select)"]
    answered = await read(library, f"GET /rest/v1/books?id=eq.{row}", ADA)
    assert answered.rows == int(shown)


async def test_null_is_neither_true_nor_false(library: House) -> None:
    found = await read(library, "GET /rest/v1/books", ANONYMOUS, "4")
    assert found.row is not None
    # Without a user, owner = auth.uid is NULL, and so is false OR NULL.
    assert [(verdict.what, verdict.holds) for verdict in found.row.verdicts] == [("public_or_own (select)", None)]
    assert not found.row.shown


async def test_filters_and_inner_embeds_have_their_say(library: House) -> None:
    found = await read(library, "GET /rest/v1/books?select=id,loans!inner(id)&title=like.Pub*", ADA, "1")
    assert found.row is not None
    told = {verdict.what: verdict.holds for verdict in found.row.verdicts}
    assert told["title like 'Pub*'"] is True
    assert told["loans has rows"] is False
    assert not found.row.shown
    none = await read(library, "GET /rest/v1/books", ADA, "99")
    assert none.row is not None
    assert (none.row.exists, none.row.shown) == (False, False)
    with pytest.raises(Fault, match="invalid input syntax"):
        raise_refusal(await read(library, "GET /rest/v1/books", ADA, "x"))


async def test_a_refusal_says_more_than_the_caller_hears(library: House) -> None:
    closed = await read(library, "GET /rest/v1/loans", ANONYMOUS)
    assert closed.refusal is not None
    assert closed.refusal.code == "PGRST205"
    assert closed.refusal.why == ("the table loans exists, and anon has no policy on it: it is closed",)
    hidden = await read(library, "GET /rest/v1/books?price=gt.5", ANONYMOUS)
    assert hidden.refusal is not None
    assert hidden.refusal.code == "42703"
    assert hidden.refusal.why == ("the column books.price exists, and is hidden from anon",)
    embedded = await read(library, "GET /rest/v1/books?select=id,loans(id)", ANONYMOUS)
    assert embedded.refusal is not None
    assert embedded.refusal.why == ("the table loans exists, and anon has no policy on it: it is closed",)
    missing = await read(library, "GET /rest/v1/book", ANONYMOUS)
    assert missing.refusal is not None
    assert (missing.refusal.code, missing.refusal.why) == ("PGRST205", ())
    broken = await read(library, "GET /rest/v1/books?select=(", ADA)
    assert broken.refusal is not None
    assert broken.refusal.code == "PGRST100"


async def test_a_write_is_planned_and_not_run(library: House) -> None:
    headers = [("Prefer", "return=representation")]
    found = await explain(
        library, "PATCH /rest/v1/books?id=eq.2", ADA, headers=headers, body=b'{"title": "Changed"}', row="2"
    )
    assert found.refusal is None
    assert found.statements[0].title == "update"
    assert found.notes == ("nothing was written: the statements were planned only",)
    assert found.row is not None
    assert found.row.shown
    assert [verdict.what for verdict in found.row.verdicts] == [
        "owners_write (update)",
        "public_or_own (select)",
        "lent_to_me (select)",
    ]
    others = await explain(library, "DELETE /rest/v1/books?id=eq.1", ADA, row="1")
    assert others.row is not None
    # She may read it and not delete it.
    assert [verdict.holds for verdict in others.row.verdicts] == [False, True, False]
    assert not others.row.shown
    inserted = await explain(library, "POST /rest/v1/books", ADA, body=b'{"id": 9, "title": "New"}')
    assert [statement.title for statement in inserted.statements] == ["insert"]
    assert inserted.nodes[0].preset == ("owner",)
    async with library.engine.transaction(read_only=True) as transaction:
        assert transaction.all("SELECT id, title FROM books ORDER BY id") == [(b[0], b[1]) for b in BOOKS]


async def test_a_refused_write_names_the_rule(library: House) -> None:
    found = await explain(library, "PATCH /rest/v1/books?id=eq.2", ADA, body=b'{"public": true}')
    assert found.refusal is not None
    assert found.refusal.code == "42501"
    assert found.refusal.why == ("the column books.public is read-only for authenticated",)


async def test_a_function_is_told_and_not_called(library: House) -> None:
    found = await explain(library, "POST /rest/v1/rpc/renew", ANONYMOUS)
    assert found.asked[0] == "call renew"
    assert "Keep a book for longer." in found.notes
    assert "anon may not call it: to it, there is no such function" in found.notes
    assert found.statements == ()


async def test_secrets_are_not_shown(library: House) -> None:
    found = await read(library, "GET /rest/v1/books?title=eq.hush-hush", ADA)
    values = [parameter.value for parameter in found.statements[0].parameters]
    assert "(secret)" in values
    assert "hush-hush" not in str(values)


async def test_an_explanation_is_json(library: House) -> None:
    import json

    found = await read(library, "GET /rest/v1/books?select=id,loans(id)", ADA, "1")
    document = json.loads(json.dumps(found.as_json()))
    assert document["nodes"][1]["path"] == "books.loans"
    assert list(document)[:4] == ["request", "role", "uid", "asked"]


@pytest.mark.needs("postgres")
async def test_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    built = build_house(tmp_path, UNDERCROFT_DATABASE_URL=postgres_url)
    await built.start()
    try:
        await explained_on_postgresql(built)
    finally:
        await built.close()


async def explained_on_postgresql(built: House) -> None:
    async with built.engine.transaction() as transaction:
        for number, title, owner, public, price in BOOKS:
            values = (str(number), title, owner, "t" if public else "f", None if price is None else str(price))
            transaction.all("INSERT INTO books VALUES ($1, $2, $3, $4, $5)", values)
        transaction.all("INSERT INTO loans VALUES (1, 3, 'ada', NULL)")
        transaction.all(
            "INSERT INTO books SELECT n, 'hush-hush' || n, 'eve', false, 1 FROM generate_series(100, 5000) n"
        )
        transaction.all("ANALYZE")
    by_key = await read(built, "/rest/v1/books?id=eq.2", SERVICE)
    assert [line.partition(" using ")[2] for line in by_key.indexes] == ["books_pkey on books t0"]
    assert by_key.scans == ()
    (statement,) = (await read(built, "/rest/v1/books?title=neq.hush-hush&order=title", ADA)).statements
    assert [line for line in statement.slow if line.startswith("Seq Scan on books")]
    assert any(line.startswith("  ") for line in statement.query_plan)
    told = str((statement.parameters, statement.query_plan))
    assert "(secret)" in told
    assert "hush-hush" not in told
    for row, held in ROWS.items():
        verdict = (await read(built, "GET /rest/v1/books", ADA, row)).row
        assert verdict is not None
        assert (verdict.shown, [each.holds for each in verdict.verdicts]) == (any(held), held)
    changed = await explain(built, "PATCH /rest/v1/books?id=eq.2", ADA, body=b'{"title": "Changed"}', row="2")
    assert changed.refusal is None
    assert changed.statements[0].title == "update"
    async with built.engine.transaction(read_only=True) as transaction:
        assert transaction.all("SELECT title FROM books WHERE id = 2") == [("Own",)]


def raise_refusal(found: Explanation) -> None:
    if found.refusal is not None:
        raise Fault(found.refusal.message, code=found.refusal.code)
