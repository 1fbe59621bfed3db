"""Signing in by an OpenID provider that others wrote: oidc-provider from npm, found by its document."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2
import pytest

from tests.api.auth.people import PLACE, People, people
from tests.api.auth.places import Browser, fragment, query

HERE = Path(__file__).parent
CLIENT = "undercroft"
SECRET = "a-secret-that-both-of-them-know"

pytestmark = pytest.mark.needs("compat")


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A running provider."""
    given = json.dumps({"redirect": f"{PLACE}/callback", "client": CLIENT, "secret": SECRET})
    command = ["node", "oidc_provider.mjs"]
    with subprocess.Popen(
        command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as provider:
        try:
            assert provider.stdin is not None
            assert provider.stdout is not None
            provider.stdin.write(given)
            provider.stdin.close()
            yield provider.stdout.readline().strip()
        finally:
            provider.kill()


@pytest.fixture(scope="module")
def house(issuer: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """A house whose people sign in there. Its clock shows the time of day, as the provider's does."""
    place = {"enabled": True, "client_id": CLIENT, "secret": SECRET, "url": issuer}
    given: dict[str, Any] = {
        "external": json.dumps({"custom:node": place}),
        "email_enable_confirmations": True,
        "UNDERCROFT_OUTGOING_ALLOW": issuer.removeprefix("http://"),
    }
    with people(tmp_path_factory.mktemp("node"), None, **given) as made:
        made.clock.advance(time.time() - made.clock.timestamp())
        yield made


async def there(address: str, login: str) -> str:
    """Somebody signs in at the provider, and lets the app in; where they are sent back to."""
    async with httpx2.AsyncClient(base_url=address) as browser:
        answer = await browser.get(address)
        for _ in range(12):
            if answer.is_redirect:
                address = urljoin(address, answer.headers["location"])
                if address.startswith(PLACE):
                    return address
                answer = await browser.get(address)
                continue
            asked = re.search(r'name="prompt" value="(\w+)"', answer.text)
            action = re.search(r'action="([^"]+)"', answer.text)
            assert asked is not None, answer.text
            assert action is not None, answer.text
            form = {"prompt": asked[1], "login": login, "password": "any"}
            address = urljoin(address, action[1])
            answer = await browser.post(address, data=form)
    raise AssertionError("the provider sends nobody back")


def trip(house: People, login: str) -> httpx2.Response:
    browser = Browser(house)
    left = browser.go("/authorize?provider=custom:node")
    assert left.status_code == 302, left.text
    back = asyncio.run(there(left.headers["location"], login))
    return browser.go(back)


def test_somebody_signs_in(house: People, issuer: str) -> None:
    told = fragment(trip(house, "ada"))
    user = house.ask("GET", "/user", token=told["access_token"]).json()
    assert user["email"] == "ada@example.com"
    data = user["identities"][0]["identity_data"]
    assert (data["iss"], data["sub"], data["name"]) == (issuer, "ada", "ada")
    again = fragment(trip(house, "ada"))
    assert house.ask("GET", "/user", token=again["access_token"]).json()["id"] == user["id"]


def test_an_address_that_it_did_not_look_at_is_confirmed_first(house: People) -> None:
    assert query(trip(house, "eve"))["error_code"] == "provider_email_needs_verification"
