"""Rows 11 to 46 of the plan, after ASVS 5.0: those that no other test holds, and that each has one or a reason.

The table is in `docs/security.md`, and read here.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import undercroft.auth
from tests.api.auth import apps
from tests.api.auth.factoring import Person, error_of
from tests.api.auth.mailed import Mail
from tests.api.auth.people import People
from tests.api.auth.places import Round, who
from tests.conftest import ROOT
from undercroft.auth.parts.codes import new_code, new_secret
from undercroft.auth.parts.refresh import refresh_token
from undercroft.auth.routes import ROUTES
from undercroft.auth.routes.asked import USER
from undercroft.auth.tables import SESSIONS, USERS
from undercroft.base.secret import Secret
from undercroft.base.settings import Settings

SETTINGS = {"oauth_server_enabled": True, "enable_manual_linking": True}
PAGE = ROOT / "docs" / "security.md"
ROWS = range(11, 47)
WITHOUT = {
    "POST /logout": "ends sessions",
    "DELETE /sessions/{session_id}": "ends one",
    "POST /factors/{factor_id}/challenge": "shows the second factor",
    "POST /factors/{factor_id}/verify": "shows the second factor",
    "POST /factors/recovery-codes/verify": "stands in for it",
    "POST /reauthenticate": "sends a code, which is asked for beside the factor",
    "PUT /user": "without an address, a number or a password, of what somebody says of themselves",
    "POST /oauth/userinfo": "reads",
}
"""What somebody with a second factor may do after one proof, beside reading."""


# --- passwords ---


def test_row_11_any_characters_and_all_of_them(house: People) -> None:
    """64 and more, of any kind; what stands behind the 72nd byte counts, and so does how a letter is written."""
    passwords = [
        "x" * 64 + "é" * 200,
        "a" * 72 + "b",
        "корень лошадь",
        "🐎🔋📎🐎🔋📎",
        "nul\0 in it, twice\0",
        " spaces at both ends ",
    ]
    for password in passwords:
        email = house.signed_up(password=password)["user"]["email"]
        for given, status in ((password, 200), (password[:-1], 400), (password.upper() + "x", 400)):
            body = {"email": email, "password": given}
            assert house.ask("POST", "/token?grant_type=password", body).status_code == status, given
    email = house.signed_up(password="caf\u00e9 au lait")["user"]["email"]
    body = {"email": email, "password": "cafe\u0301 au lait"}
    assert house.ask("POST", "/token?grant_type=password", body).status_code == 400


def test_row_14_no_kinds_of_characters_and_no_end() -> None:
    settings = Settings.load(None, {}).auth
    assert settings.password_requirements == ""
    assert not [column.name for column in USERS.c if "password" in column.name and column.name != "encrypted_password"]


# --- what somebody is asked for ---


def test_row_17_no_way_to_change_an_account_is_hidden(house: People) -> None:
    """Every operation of somebody in a session: after one proof of two, what is not named above changes nothing."""
    person = Person(house).secured()
    weak, seen = person.again(), set()
    ids = {"factor_id": person.factor, "session_id": str(uuid4())}
    for route in ROUTES:
        if route.needs != USER or route.method == "GET":
            continue
        name = f"{route.method} {route.path}"
        if name in WITHOUT:
            seen.add(name)
            continue
        path = re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], str(uuid4())), route.path)
        answer = weak.ask(route.method, path, {} if route.method != "DELETE" else None)
        assert answer.status_code >= 400, name
    assert seen == set(WITHOUT)


def test_row_21_a_code_is_of_its_address_and_of_its_kind(house: People) -> None:
    """And a link is of the verification that it was sent for."""
    ours, theirs = (house.signed_up()["user"]["email"] for _ in range(2))
    for email in (ours, theirs):
        house.ask("POST", "/recover", {"email": email})
    mail = Mail(house, ours)
    for body in (
        {"email": theirs, "token": mail.code, "type": "recovery"},
        {"email": ours, "token": mail.code, "type": "signup"},
        {"email": ours, "token": mail.code, "type": "email_change"},
        {"token_hash": mail.said["token"], "type": "invite"},
        {"token_hash": mail.code, "type": "recovery"},
    ):
        assert error_of(house.ask("POST", "/verify", body)) == (403, "otp_expired"), body
    right = {"email": ours, "token": mail.code, "type": "recovery"}
    assert house.ask("POST", "/verify", right).status_code == 200


def test_row_22_getting_back_in_by_mail_is_one_proof(house: People) -> None:
    person = Person(house).secured()
    email = person.told["user"]["email"]
    house.ask("POST", "/recover", {"email": email})
    body = {"email": email, "token": Mail(house, email).code, "type": "recovery"}
    back = Person(house, house.ask("POST", "/verify", body).json())
    assert back.aal == "aal1"
    assert error_of(back.ask("PUT", "/user", {"password": "battery staple"})) == (401, "insufficient_aal")
    assert error_of(back.ask("DELETE", f"/factors/{person.factor}")) == (403, "insufficient_aal")
    back.seed, back.factor = person.seed, person.factor
    assert back.verify().status_code == 200
    assert back.ask("PUT", "/user", {"password": "battery staple"}).status_code == 200


def test_row_24_somebody_is_a_place_and_a_name_there(trip: Round) -> None:
    """The same name at two places is two people; the same address under another name is none of the first."""
    one, other = trip.house.fresh_email(), trip.house.fresh_email()
    subject = str(uuid4())
    first = trip.user(trip.signed_in("keycloak", who(subject, one)))
    second = trip.user(trip.signed_in("custom:acme", who(subject, other)))
    assert first["id"] != second["id"]
    moved = trip.user(trip.signed_in("keycloak", who(subject, other)))
    assert moved["id"] == first["id"]


# --- secrets and sessions ---


def test_row_27_what_opens_something_is_of_a_good_source() -> None:
    """128 bits and more of the system's, but for what is typed, which is bounded by tries."""
    assert len(new_secret()) * 6 >= 128
    assert len({new_secret() for _ in range(100)}) == 100
    assert {len(new_code(6)) for _ in range(100)} == {6}
    assert len(refresh_token(Secret("k" * 32), str(uuid4()), new_secret(), 1)) > 22
    for path in Path(undercroft.auth.__file__).parent.rglob("*.py"):
        imported = {
            name.name.partition(".")[0] if isinstance(node, ast.Import) else str(node.module)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in node.names
        }
        assert "random" not in imported, path


def test_row_28_signing_in_begins_anew(house: People) -> None:
    """A session of before is never taken up, whatever token is sent along; a second proof gives another refresh token,
    and the one before it is none after that."""
    person = Person(house)
    body = {"email": person.told["user"]["email"], "password": "correct horse"}
    again = house.ask("POST", "/token?grant_type=password", body, token=person.token).json()
    assert again["refresh_token"] != person.told["refresh_token"]
    assert len(house.rows(SESSIONS, user_id=person.id)) == 2
    before = person.told["refresh_token"]
    person.secured()
    assert person.told["refresh_token"] != before
    house.clock.advance(60)
    person.refreshed()
    answer = house.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": before})
    assert answer.status_code == 400


def test_row_43_other_apps_have_one_grant_and_its_refresh(house: People) -> None:
    client = apps.registered(house)
    for grant in ("password", "client_credentials", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", ""):
        form = apps.form_of(client, grant_type=grant, username="a@example.com", password="correct horse")
        answer = house.ask("POST", "/oauth/token", form, headers=apps.FORM)
        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
    for kind in ("token", "id_token", "code token", "code id_token"):
        answer = apps.asked(house, client, response_type=kind)
        assert apps.said(answer)["error"] == "unsupported_response_type"
    token = apps.let_in(house, client)["access_token"]
    assert house.ask("PUT", "/user", {"data": {}}, token=token).status_code == 403


# --- that all of them are held ---


def table() -> dict[int, tuple[str, str]]:
    """What holds, and by which tests, by row."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| \d+ \|", line)]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {int(row): (holds, tests) for row, _, holds, tests in cells}


def named(text: str) -> list[tuple[Path, str]]:
    """The tests in a cell: `file::name`, below `tests`."""
    found = re.findall(r"`([\w/]+)::(\w+)`", text)
    return [(ROOT / "tests" / f"{file}.py", name) for file, name in found]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_names_its_tests(row: int) -> None:
    holds, tests = table()[row]
    assert holds
    assert named(tests) or tests == "–"
    for file, name in named(tests):
        defined = [
            node.name
            for node in ast.parse(file.read_text(encoding="utf-8")).body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        assert name in defined, (file, name)


def test_rows_d1_to_d24_are_named_by_tests() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    found: set[int] = set()
    for text in texts:
        functions: list[Any] = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
        for function in functions:
            if function.name.startswith("test_"):
                said = f"{function.name} {ast.get_docstring(function) or ''}"
                found |= {int(number) for number in re.findall(r"(?:\bD|_d)(\d+)(?=\b|_)", said)}
    assert set(range(1, 25)) <= found
