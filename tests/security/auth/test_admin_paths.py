"""D23: ids in the paths of the admin API are ids, whatever else a client puts there; and only the service comes in."""

from __future__ import annotations

import pytest

from tests.api.auth.people import People

_USER = "11111111-1111-4111-8111-111111111111"


@pytest.mark.parametrize(
    "part",
    [
        "..", "../factors", "%2e%2e", "%2e%2e%2f", "%2e%2e%2ffactors", "..%2f..%2fuser", "x", "5", "null", "undefined",
        "%00", f"{_USER}%00", f"{_USER}%0a", f" {_USER}", f"{_USER}/", f"{_USER}//factors", f"{{{_USER}}}", "%ff",
        f"urn:uuid:{_USER}", _USER.replace("-", ""), "'%20or%201=1--", "1e9", "%F0%9F%92%A9", "*",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_d23_what_is_no_id_reaches_no_account(house: People, method: str, part: str) -> None:
    for path in (f"/admin/users/{part}", f"/admin/users/{part}/factors", f"/admin/users/{_USER}/factors/{part}"):
        answer = house.ask(method, path, {}, token=house.service)
        assert answer.status_code in (400, 404, 405), (path, answer.text)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/users"), ("POST", "/admin/users"), ("GET", f"/admin/users/{_USER}"),
        ("PUT", f"/admin/users/{_USER}"), ("DELETE", f"/admin/users/{_USER}"),
        ("GET", f"/admin/users/{_USER}/factors"), ("PUT", f"/admin/users/{_USER}/factors/{_USER}"),
        ("DELETE", f"/admin/users/{_USER}/factors/{_USER}"), ("GET", "/admin/audit"),
    ],
)  # fmt: skip
def test_only_the_service_looks_after_accounts(house: People, method: str, path: str) -> None:
    told = house.signed_up()
    for token in (None, house.house.keys.anon, told["access_token"]):
        answer = house.ask(method, path, {}, token=token)
        assert answer.status_code in (401, 403), (token, answer.text)
        assert answer.json()["error_code"] in ("not_admin", "no_authorization")
