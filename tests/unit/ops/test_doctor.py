"""Every finding of `doctor` is there on a planted fault and absent on a clean app."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.ops.library import CLEAN, house
from undercroft.app import House, build, database_app
from undercroft.base.findings import Finding
from undercroft.base.settings import Settings
from undercroft.engine import SQLiteEngine
from undercroft.engine.sqlite.library import Library, choose
from undercroft.ops import findings
from undercroft.ops.checks.installation import check_library


def test_a_clean_app_has_no_findings(tmp_path: Path) -> None:
    built = house(tmp_path)
    assert isinstance(built.engine, SQLiteEngine)
    if built.engine.library.guarded:
        assert [found.id for found in findings(built)] == ["UC106"]
    else:
        assert findings(built) == []


PLANTED = [
    ("closed table", "UC101", "shelves", "warning"),
    ("slow policy", "UC102", "books.owner", "warning"),
    ("slow key", "UC103", "loans.book_id", "warning"),
    ("typo", "UC107", "books.owners_write autenticated", "warning"),
    ("own role", "UC107", "books.owners_write librarian", "note"),
    ("open e-mail", "UC108", "loans.email", "warning"),
    ("bypass", "UC109", "books.owners_write service_role", "note"),
    ("unreadable", "UC110", "loans authenticated", "warning"),
    ("no key", "UC111", "notes", "note"),
    ("open function", "UC112", "rpc/renew", "note"),
]


@pytest.mark.parametrize(("fault", "id_", "subject", "severity"), PLANTED, ids=[each[0] for each in PLANTED])
def test_a_planted_fault_is_found(tmp_path: Path, fault: str, id_: str, subject: str, severity: str) -> None:
    found = only(findings(house(tmp_path, fault)))
    assert (found.id, found.subject, found.severity) == (id_, subject, severity)
    assert found.message
    assert found.advice
    if fault != "no key":
        assert found.place is not None
        assert "library.py:" in found.place


SETTINGS = [
    ("UNDERCROFT_SERVER_CORS_ALLOWED_ORIGINS", "", "[server] cors_allowed_origins", "note"),
    ("UNDERCROFT_API_TX_END", "rollback", "[api] tx_end", "error"),
    ("UNDERCROFT_API_TX_END", "commit-allow-override", "[api] tx_end", "note"),
    ("UNDERCROFT_API_MAX_ROWS", "0", "[api] max_rows", "warning"),
    ("UNDERCROFT_API_PLAN", "true", "[api] plan", "warning"),
    ("UNDERCROFT_API_AGGREGATES", "true", "[api] aggregates", "note"),
    ("UNDERCROFT_SERVER_HOST", "0.0.0.0", "[server] host", "note"),
    ("UNDERCROFT_AUTH_JWT_EXPIRY", "604800", "[auth] jwt_expiry", "note"),
]


@pytest.mark.parametrize(("name", "value", "subject", "severity"), SETTINGS, ids=[f"{s[0]}={s[1]}" for s in SETTINGS])
def test_an_unsafe_setting_is_found(tmp_path: Path, name: str, value: str, subject: str, severity: str) -> None:
    found = only(findings(house(tmp_path, **{name: value})))
    assert (found.id, found.subject, found.severity) == ("UC105", subject, severity)


def test_a_weak_secret_is_found_and_not_repeated(tmp_path: Path) -> None:
    secret = "super-secret-jwt-token-with-at-least-32-characters-long"
    found = only(findings(house(tmp_path, UNDERCROFT_AUTH_JWT_SECRET=secret)))
    assert (found.id, found.severity) == ("UC104", "error")
    assert secret not in str(found.as_json())


def test_a_guarded_library_is_found() -> None:
    import sqlite3

    (found,) = check_library(Library("stdlib", sqlite3, (3, 40, 1)))
    assert found.id == "UC106"
    assert not list(check_library(Library("pysqlite3", sqlite3, (3, 53, 4))))


def test_a_column_of_a_query_inside_a_policy_needs_one_index_not_all(tmp_path: Path) -> None:
    # loans.reader has none, but loans.book_id, which the same query compares, has one.
    assert only_or_none(findings(house(tmp_path, "slow inner"))) is None


def test_findings_stand_in_order_and_are_told_apart(tmp_path: Path) -> None:
    settings = {"UNDERCROFT_API_TX_END": "rollback", "UNDERCROFT_API_AGGREGATES": "true"}
    found = findings(house(tmp_path, "slow key", **settings))
    assert [each.id for each in found if each.id != "UC106"] == ["UC105", "UC103", "UC105"]
    assert len({(each.id, each.subject) for each in found}) == len(found)
    assert found == findings(house(tmp_path, "slow key", **settings))


def test_a_database_without_an_app_file_is_one_finding_and_not_one_per_table(tmp_path: Path) -> None:
    found = findings(reflected(tmp_path))
    assert [(each.id, each.subject) for each in found if each.id != "UC106"] == [("UC101", "*"), ("UC103", "b.a")]


def test_an_opened_database_is_found_with_the_columns_that_should_give_pause(tmp_path: Path) -> None:
    found = {(each.id, each.subject): each for each in findings(reflected(tmp_path, UNDERCROFT_API_ANON="read"))}
    assert ("UC105", "[api] anon") in found
    assert found["UC108", "a.ContactEmail"].place == '[api] anon = "read"'
    assert not any(id_ == "UC101" for id_, _ in found)


def reflected(folder: Path, **environ: str) -> House:
    """An existing database, as it would be served."""
    connection = choose("auto").module.connect(str(folder / "x.db"))
    connection.executescript(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, ContactEmail TEXT);"
        "CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a, c INTEGER REFERENCES a);"
        "CREATE INDEX by_c ON b (c);"
    )
    connection.close()
    given = {
        "UNDERCROFT_DATABASE_URL": f"sqlite:///{folder / 'x.db'}",
        "UNDERCROFT_DATABASE_DATA": str(folder / "data"),
    }
    settings = Settings.load(None, {**CLEAN, **given, **environ})
    return build(database_app(settings), settings)


def only(found: list[Finding]) -> Finding:
    """The one finding that does not depend on this machine's SQLite."""
    (one,) = (each for each in found if each.id != "UC106")
    return replace(one)


def only_or_none(found: list[Finding]) -> Finding | None:
    return next((each for each in found if each.id != "UC106"), None)
