"""Reading CREATE TABLE text: what quotes, comments and brackets must not confuse, and which spellings are the same."""

from __future__ import annotations

import pytest

from undercroft.engine.migrate.ddltext import CheckText, ForeignText, UniqueText, normal, parse_table

TRICKY = """CREATE TABLE "odd, table" ( -- CHECK (not this one)
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  "CHECK" TEXT DEFAULT 'CHECK (x)' COLLATE NOCASE CHECK ("CHECK" <> ')' AND length("CHECK") > (1)),
  [a b] VARCHAR(10) NOT NULL UNIQUE, /* UNIQUE (no) */
  price DECIMAL(10, 2) DEFAULT (1 + (2)) CONSTRAINT "dear "" one" CHECK (price < 100),
  total INT GENERATED ALWAYS AS (id * (2)) STORED,
  parent INT REFERENCES other ON DELETE SET NULL ON UPDATE CASCADE,
  other_id INT CONSTRAINT to_other REFERENCES "auth.users"(id) DEFERRABLE INITIALLY DEFERRED NOT NULL,
  CONSTRAINT pair UNIQUE (id, `a b` COLLATE NOCASE DESC),
  FOREIGN KEY (id, other_id) REFERENCES t(a, "b") ON DELETE NO ACTION NOT DEFERRABLE,
  CHECK (id IN (SELECT 1))
) STRICT, WITHOUT ROWID"""


def test_tricky_text_is_read_whole() -> None:
    text = parse_table(TRICKY)
    assert text.checks == [
        CheckText(None, """"CHECK" <> ')' AND length("CHECK") > (1)"""),
        CheckText('dear " one', "price < 100"),
        CheckText(None, "id IN (SELECT 1)"),
    ]
    assert text.uniques == [UniqueText(None, ("a b",)), UniqueText("pair", ("id", "a b"))]
    assert text.foreigns == [
        ForeignText(None, ("parent",), "other", (), "SET NULL", "CASCADE"),
        ForeignText("to_other", ("other_id",), "auth.users", ("id",), deferrable=True, initially="DEFERRED"),
        ForeignText(None, ("id", "other_id"), "t", ("a", "b"), deferrable=False),
    ]
    assert text.collations == {"CHECK": "NOCASE"}
    assert text.generated == {"total": "id * (2)"}
    assert text.autoincrement
    assert not text.on_conflict
    assert text.options == {"strict", "without rowid"}


def test_conflict_clauses_are_noticed() -> None:
    assert parse_table("CREATE TABLE t (a INT UNIQUE ON CONFLICT REPLACE)").on_conflict
    assert not parse_table("CREATE TABLE t (a TEXT DEFAULT 'ON CONFLICT')").on_conflict


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("status IN ('a', 'b')", "(  \"status\"  in ('a','b') )"),
        ("CURRENT_TIMESTAMP", "(CURRENT_TIMESTAMP)"),
        ("a<=b -- so", "`a` <= [B]"),
        ("((a) OR (b))", "(a) OR (b)"),
    ],
)
def test_two_spellings_of_one_thing_are_equal(one: str, other: str) -> None:
    assert normal(one) == normal(other)


@pytest.mark.parametrize(("one", "other"), [("'a'", "'A'"), ("a", "'a'"), ("(a) + (b)", "a) + (b"), ('"a b"', "a b")])
def test_two_different_things_are_not(one: str, other: str) -> None:
    assert normal(one) != normal(other)
