"""Two processes that serve one database: what ends in one ends in the other, and keys change under both."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import postgres
from tests.e2e.processes import Served, app_in, served, undercroft

SOON = 1.0
"""Seconds in which everybody has heard of it."""


class Two:
    """Two servers in one folder, and what is said to them."""

    def __init__(self, folder: Path, here: Served, there: Served, env: dict[str, str]) -> None:
        self.folder, self.here, self.there, self.env = folder, here, there, env
        self.count = 0

    def signed_up(self) -> dict[str, Any]:
        self.count += 1
        body = {"email": f"ada{self.count}@example.com", "password": "correct horse"}
        answer = httpx2.post(f"{self.here.url}/auth/v1/signup", json=body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def refreshed(self, at: Served, told: dict[str, Any]) -> dict[str, Any]:
        body = {"refresh_token": told["refresh_token"]}
        answer = httpx2.post(f"{at.url}/auth/v1/token?grant_type=refresh_token", json=body)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        return told

    def run(self, *words: str) -> Any:
        return json.loads(undercroft(*words, "--json", cwd=self.folder, code=0, **self.env).stdout)


def headers(told: dict[str, Any] | str) -> dict[str, str]:
    return {"authorization": f"Bearer {told if isinstance(told, str) else told['access_token']}"}


def notes(at: Served, told: dict[str, Any] | str) -> httpx2.Response:
    return httpx2.get(f"{at.url}/rest/v1/notes", headers=headers(told))


def until_refused(at: Served, told: dict[str, Any] | str) -> float:
    """Seconds until a token is refused that was believed."""
    began = time.monotonic()
    while notes(at, told).status_code != 401:
        assert time.monotonic() - began < 5 * SOON, "it is still believed"
        time.sleep(0.01)
    return time.monotonic() - began


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(False, id="sqlite", marks=pytest.mark.needs("shared-sqlite")),
        pytest.param(True, id="postgres", marks=pytest.mark.needs("postgres")),
    ],
)
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    folder = app_in(tmp_path_factory.mktemp("two"))
    with ExitStack() as stack:
        env = {}
        if request.param:
            server = request.getfixturevalue("postgres_server")
            env = {"UNDERCROFT_DATABASE_URL": stack.enter_context(postgres.database(server))}
        running = []
        for _ in range(2):
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            words = ("serve", "app.py", "--port", str(port))
            running.append(stack.enter_context(served(*words, cwd=folder, url=f"http://127.0.0.1:{port}", **env)))
            running[-1].ready()
        here, there = running
        yield Two(folder, here, there, env)


def test_who_signs_out_here_is_signed_out_there(two: Two) -> None:
    """D11: also where the verdict on the token is remembered, for reads and for writes."""
    told, other = two.signed_up(), two.signed_up()
    for at in (two.here, two.there):
        for _ in range(2):
            assert notes(at, told).status_code == 200
    assert httpx2.post(f"{two.here.url}/auth/v1/logout", headers=headers(told)).status_code == 204
    assert notes(two.here, told).status_code == 401
    assert until_refused(two.there, told) < SOON
    answer = notes(two.there, told)
    assert answer.json()["code"] == "PGRST303"
    assert answer.json()["message"] == "JWT expired"
    for at in (two.here, two.there):
        answer = httpx2.post(f"{at.url}/rest/v1/notes", json={"text": "x"}, headers=headers(told))
        assert answer.status_code == 401, answer.text
        assert notes(at, other).status_code == 200


def test_a_banned_account_is_out_everywhere(two: Two) -> None:
    told = two.signed_up()
    assert notes(two.there, told).status_code == 200
    banned = two.run("users", "ban", "--app", "app.py", told["user"]["email"])
    assert banned["id"] == told["user"]["id"]
    assert until_refused(two.there, told) < SOON
    assert until_refused(two.here, told) < SOON


def test_a_server_that_starts_later_knows_who_left(two: Two) -> None:
    told = two.signed_up()
    assert httpx2.post(f"{two.here.url}/auth/v1/logout", headers=headers(told)).status_code == 204
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words = ("serve", "app.py", "--port", str(port))
    with served(*words, cwd=two.folder, url=f"http://127.0.0.1:{port}", **two.env) as third:
        third.ready()
        assert notes(third, told).status_code == 401


def test_keys_change_while_everybody_stays_signed_in(two: Two) -> None:
    before = two.signed_up()
    assert two.run("keys", "list") == []
    first = two.run("keys", "rotate")
    assert (first["state"], first["algorithm"]) == ("in_use", "ES256")
    time.sleep(SOON)
    told = two.refreshed(two.here, before)
    assert kid_of(told) == first["kid"]
    for at in (two.here, two.there):
        assert notes(at, told).status_code == 200
        assert notes(at, before).status_code == 200
        answer = httpx2.get(f"{at.url}/auth/v1/.well-known/jwks.json")
        assert [key["kid"] for key in answer.json()["keys"]] == [first["kid"]]
        assert answer.headers["cache-control"] == "public, max-age=600"
        assert "d" not in answer.json()["keys"][0]
    second = two.run("keys", "rotate")
    time.sleep(SOON)
    again = two.refreshed(two.there, told)
    assert kid_of(again) == second["kid"] != first["kid"]
    for at in (two.here, two.there):
        assert notes(at, told).status_code == 200
        assert notes(at, again).status_code == 200
    two.run("keys", "revoke", first["kid"])
    assert until_refused(two.there, told) < SOON
    assert notes(two.there, again).status_code == 200
    states = {key["kid"]: key["state"] for key in two.run("keys", "list")}
    assert states == {first["kid"]: "revoked", second["kid"]: "in_use"}


def test_keys_change_under_load_and_nobody_is_refused(two: Two) -> None:
    """Row 37: what is signed here is believed there at once, by whichever key."""
    told, kids, refused = two.signed_up(), set(), 0
    command = [sys.executable, "-m", "undercroft", "keys", "rotate", "--json"]
    with subprocess.Popen(command, cwd=two.folder, env=os.environ | two.env, stdout=subprocess.DEVNULL) as rotating:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            told = two.refreshed(two.here, told)
            kids.add(kid_of(told))
            refused += notes(two.there, told).status_code == 401
            if rotating.poll() is not None and len(kids) > 1:
                break
    assert (rotating.returncode, len(kids), refused) == (0, 2, 0)


def test_d5_a_new_secret_ends_what_the_old_one_signed(two: Two) -> None:
    """D5: within a second, also where the verdict is remembered."""
    old = two.run("keys")["service_role"]
    assert notes(two.there, old).status_code == 200
    new = two.run("keys", "rotate", "--secret")["service_role"]
    assert until_refused(two.there, old) < SOON
    assert until_refused(two.here, old) < SOON
    assert notes(two.there, new).status_code == 200


def kid_of(told: dict[str, Any]) -> Any:
    head = told["access_token"].partition(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]
