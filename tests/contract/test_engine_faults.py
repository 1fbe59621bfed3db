"""What a database refuses, on every engine: the codes and the words of PostgreSQL, and never a stored value."""

from __future__ import annotations

import pytest

from tests.contract.engine_cases import number, sqlite_only
from undercroft.engine import Cursor, DatabaseFault, Engine

pytestmark = pytest.mark.anyio

TABLES = [
    """CREATE TABLE people (
        id INTEGER PRIMARY KEY, mail TEXT NOT NULL UNIQUE, age INTEGER CHECK (age >= 0),
        boss INTEGER REFERENCES people (id),
        town TEXT, street TEXT, CONSTRAINT one_address UNIQUE (town, street), CONSTRAINT no_nowhere CHECK (town <> '')
    )""",
    'CREATE TABLE "auth.users" (id TEXT PRIMARY KEY NOT NULL, mail TEXT)',
    'CREATE UNIQUE INDEX "auth.users_by_mail" ON "auth.users" (mail)',
    "CREATE UNIQUE INDEX people_lower ON people (lower(street))",
    "CREATE TABLE strictly (n INTEGER) STRICT",
    "CREATE TRIGGER no_delete BEFORE DELETE ON people BEGIN SELECT RAISE(ABORT, 'people stay'); END",
    "INSERT INTO people (id, mail, town, street) VALUES (1, 'secret@example.org', 'Bree', 'Hill')",
    "INSERT INTO \"auth.users\" VALUES ('u', 'secret@example.org')",
]

CASES = [
    (
        "INSERT INTO people (id, mail) VALUES (1, 'x')",
        "23505",
        'duplicate key value violates unique constraint "people_pkey"',
        "Key (id) already exists.",
    ),
    (
        "INSERT INTO people (mail) VALUES ('secret@example.org')",
        "23505",
        'duplicate key value violates unique constraint "people_mail_key"',
        "Key (mail) already exists.",
    ),
    (
        "INSERT INTO people (mail, town, street) VALUES ('y', 'Bree', 'Hill')",
        "23505",
        None,  # which of the two it is, is the engine's choice
        None,
    ),
    (
        "INSERT INTO \"auth.users\" VALUES ('w', 'secret@example.org')",
        "23505",
        'duplicate key value violates unique constraint "users_by_mail"',
        "Key (mail) already exists.",
    ),
    (
        "INSERT INTO \"auth.users\" VALUES ('u', 'other')",
        "23505",
        'duplicate key value violates unique constraint "users_pkey"',
        "Key (id) already exists.",
    ),
    (
        "INSERT INTO people (mail) VALUES (NULL)",
        "23502",
        'null value in column "mail" of relation "people" violates not-null constraint',
        None,
    ),
    (
        "INSERT INTO people (mail, town) VALUES ('z', '')",
        "23514",
        'new row for relation "people" violates check constraint "no_nowhere"',
        None,
    ),
    (
        "INSERT INTO people (mail, age) VALUES ('z', -1)",
        "23514",
        'new row for relation "people" violates check constraint "people_check"',
        None,
    ),
    (
        "INSERT INTO people (mail, boss) VALUES ('z', 99)",
        "23503",
        "insert, update or delete on table violates foreign key constraint",
        None,
    ),
    ("INSERT INTO people (id, mail) VALUES ('one', 'z')", "22P02", "a value does not have its column's type", None),
    ("INSERT INTO strictly VALUES ('one')", "22P02", 'invalid input syntax for type integer in column "n"', None),
    ("DELETE FROM people", "P0001", "people stay", None),
    ("SELECT json('{')", "22P02", "invalid input syntax for type json", None),
    ("SELECT abs(-9223372036854775807 - 1)", "22003", "bigint out of range", None),
    ("SELECT zeroblob(2000000000)", "54000", "a value is too big", None),
    ("SELECT * FROM nowhere", "XX000", "the database could not carry out the statement", None),
    ("SELECT nothing FROM people", "XX000", "the database could not carry out the statement", None),
]


async def run(engine: Engine, statement: str) -> None:
    await engine.write(lambda cursor: cursor.all(statement))


@pytest.fixture
async def people(engine: Engine) -> Engine:
    for statement in TABLES:
        await run(engine, statement)
    return engine


@sqlite_only
@pytest.mark.parametrize(("statement", "code", "message", "details"), CASES)
async def test_code_and_words(
    people: Engine, statement: str, code: str, message: str | None, details: str | None
) -> None:
    with pytest.raises(DatabaseFault) as caught:
        await people.write(lambda cursor: cursor.all(statement))
    assert caught.value.code == code
    if message is not None:
        assert (caught.value.message, caught.value.details) == (message, details)
    assert "secret" not in f"{caught.value.message} {caught.value.details} {caught.value.hint}"
    assert await number(people, "SELECT count(*) FROM people") == 1


@sqlite_only
async def test_a_named_constraint_has_its_name(people: Engine) -> None:
    await people.write(lambda cursor: cursor.all("DROP INDEX people_lower"))
    with pytest.raises(DatabaseFault, match='unique constraint "one_address"') as caught:
        await people.write(
            lambda cursor: cursor.all("INSERT INTO people (mail, town, street) VALUES ('y', 'Bree', 'Hill')")
        )
    assert caught.value.details == "Key (town, street) already exists."


@sqlite_only
async def test_a_violated_expression_index_has_its_name(people: Engine) -> None:
    with pytest.raises(DatabaseFault, match='unique constraint "people_lower"'):
        await people.write(lambda cursor: cursor.all("INSERT INTO people (mail, street) VALUES ('y', 'HILL')"))


@sqlite_only
@pytest.mark.parametrize(
    ("value", "code"), [(2**63, "22003"), (-(2**63) - 1, "22003"), ("\ud800", "22021"), (10**400, "22003")]
)
async def test_values_that_no_column_can_hold(engine: Engine, value: object, code: str) -> None:
    with pytest.raises(DatabaseFault) as caught:
        await engine.write(lambda cursor: cursor.all("INSERT INTO items (name) VALUES (?)", (value,)))
    assert caught.value.code == code
    for reading in (engine.read, engine.read_slow):
        with pytest.raises(DatabaseFault) as caught:
            await reading("SELECT ?", (value,))
        assert caught.value.code == code


@sqlite_only
async def test_the_same_fault_inside_a_transaction(people: Engine) -> None:
    def take(cursor: Cursor) -> None:
        cursor.all("INSERT INTO people (mail) VALUES ('secret@example.org')")

    async with people.transaction() as transaction:
        with pytest.raises(DatabaseFault, match='unique constraint "people_mail_key"'):
            take(transaction)
        with pytest.raises(DatabaseFault, match='unique constraint "people_mail_key"'):
            transaction.run(take)
