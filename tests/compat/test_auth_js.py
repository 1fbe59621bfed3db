"""supabase-js from npm, unmodified, signs people in: every scenario of `auth_scenarios.mjs`, on both engines, through
each release that package.json names.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import postgres
from tests.api.auth.people import LIMITS
from tests.compat.auth_club import Diary
from tests.compat.conftest import wait_for
from undercroft import App
from undercroft.app import build
from undercroft.base.settings import Settings

HERE = Path(__file__).parent
RELEASES = ("supabase-js", "supabase-js-node20")
WORLDS = {"open": "false", "confirming": "true"}
"""Whether an address is to be confirmed, by world."""
SITE = "https://app.example.com"


def scenario_names() -> list[str]:
    """The names in the order of the files, read as text: collecting tests must not need Node."""
    files = ("auth_scenarios.mjs", "auth_more_scenarios.mjs")
    text = "".join((HERE / name).read_text(encoding="utf-8") for name in files)
    names = re.findall(r'^ *scenario\("([^"]+)"', text, re.MULTILINE)
    solana = (f"signInWithWeb3: Solana, by a wallet that {how} message" for how in ("signs a", "builds the"))
    return [*names, *(f"signOut: {scope}" for scope in ("global", "local", "others")), *solana]


NAMES = scenario_names()

pytestmark = pytest.mark.needs("compat")

ELSEWHERE = {"signInWithSSO": "saml_run.mjs"}
"""Methods that other tests call, with a server of their own, and where."""


class Results(NamedTuple):
    """What came of the scenarios, by name; the methods of the release, and those that one called which went well."""

    errors: Mapping[str, str | None]
    methods: list[str]
    called: list[str]


@contextmanager
def world(folder: Path, root: Path, server: str | None, confirms: str, **more: object) -> Iterator[dict[str, str]]:
    """A process that serves the diary: its address, and the keys of the app and of the service."""
    with ExitStack() as stack:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        auth = {f"rate_limit_{name}": 0 for name in LIMITS} | {
            "email_enable_confirmations": confirms, "email_max_frequency": 0, "enable_anonymous_sign_ins": "true",
            "enable_manual_linking": "true", "web3_ethereum_enabled": "true", "web3_solana_enabled": "true",
            "mfa_web_authn_enroll_enabled": "true", "mfa_web_authn_verify_enabled": "true",
            "oauth_server_enabled": "true",
            "external": json.dumps({"gitlab": {"enabled": True, "client_id": "diary", "secret": "of the diary"}}),
            "site_url": SITE, "external_url": f"{url}/auth/v1", **more,
        }  # fmt: skip
        environment = {f"UNDERCROFT_AUTH_{name.upper()}": str(value) for name, value in auth.items()} | {
            "UNDERCROFT_DATABASE_DATA": str(folder / "data"),
            "UNDERCROFT_JOBS_ENABLED": "false",
            "UNDERCROFT_MAIL_BACKEND": "memory",
            "UNDERCROFT_MAIL_SENDER": "Diary <diary@example.com>",
        }
        if server is not None:
            environment["UNDERCROFT_DATABASE_URL"] = stack.enter_context(postgres.database(server))
        keys = build(App(models=Diary, title="Diary"), Settings.load(None, environment)).keys
        log = stack.enter_context((folder / "server.log").open("wb"))
        command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port)]
        process = subprocess.Popen(
            [*command, "tests.compat.auth_club:app"],
            cwd=root,
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
        )
        try:
            wait_for(url, process, folder / "server.log")
            yield {"url": url, "anon": keys.anon, "service": keys.service_role.reveal()}
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def worlds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, root: Path
) -> Iterator[dict[str, dict[str, str]]]:
    """A server for each of them, on one engine."""
    server = None if request.param == "sqlite" else request.getfixturevalue("postgres_server")
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(world(tmp_path_factory.mktemp(name), root, server, confirms))
            for name, confirms in WORLDS.items()
        }


@pytest.fixture(scope="module", params=RELEASES)
def results(request: pytest.FixtureRequest, worlds: dict[str, Any]) -> Results:
    """What came of it all, through one release."""
    ran = subprocess.run(
        ["node", "auth_run.mjs", request.param],
        cwd=HERE,
        input=json.dumps({"worlds": worlds, "names": NAMES}),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    told = json.loads(ran.stdout)
    return Results({each["name"]: each["error"] for each in told["results"]}, told["methods"], told["called"])


def test_every_scenario_was_run(results: Results) -> None:
    assert sorted(results.errors) == sorted(NAMES)


def test_every_method_was_called(results: Results) -> None:
    """Every one that the release has for others, and with success: a new one asks for a scenario."""
    assert len(results.methods) > 60
    assert set(results.methods) - set(results.called) - set(ELSEWHERE) == set()
    assert all(f".{name}(" in (HERE / file).read_text(encoding="utf-8") for name, file in ELSEWHERE.items())


@pytest.mark.parametrize("name", NAMES)
def test_auth_js(results: Results, name: str) -> None:
    assert results.errors[name] is None, results.errors[name]
