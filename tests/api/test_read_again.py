"""A read whose like was seen before is answered from what was kept of that; the answer is what a newcomer gets.

Every request is asked of two houses over one database: one that remembers requests, and one that reads each from its
beginning to its end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from examples.social.app import app
from examples.social.seed import ADA, Size, seed_once
from undercroft import auth
from undercroft.app import House, build, wiring
from undercroft.base.clock import SystemClock
from undercroft.base.settings import Settings
from undercroft.rest.parts.limits import Limits
from undercroft.rest.routes import RestRoom

pytestmark = pytest.mark.anyio

VALUES = ("7", "12", "a%20b", "311", "", "%C3%A9", "1.5", "%25x", "a+b", "%zz", "null", "12", "9999999999999999999")
QUERIES = (
    "posts?select=id,title,body,created_at&id=eq.{}",
    "posts?id=eq.{}&select=id,author(username)",
    "posts?select=id&id=lt.{}&order=id.desc&limit=3&offset=1",
    "posts?select=id&title=neq.{}&id=lte.{}&order=id&limit=2",
    "posts?select=id,comments(id)&comments.id=gt.{}&id=in.(7,12)&order=id",
    "profiles?select=username,posts(id)&username=like.{}*&posts.limit=1",
    "posts?select=id&or=(id.eq.7,title.eq.x)&id=gte.{}&order=id&limit=1",
    "posts?select=nothing&id=eq.{}",
    "nowhere?id=eq.{}",
    "posts?select=a:author(username)&author.username=eq.{}&limit=1",
    "profiles?select=email&username=eq.{}",
    "profiles?select=birthday&username=neq.{}&order=username&limit=2",
    "blocks?blocked_id=neq.{}",
)
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"prefer": "count=exact"},
    {"accept": "application/vnd.pgrst.object+json"},
    {"accept": "text/csv", "prefer": "count=exact, handling=strict"},
    {"range": "1-2", "prefer": "count=exact"},
    {"accept": "application/vnd.pgrst.array+json;nulls=stripped", "origin": "https://example.org"},
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's database, made once."""
    data = tmp_path_factory.mktemp("again") / "data"
    house = built_on(data)
    house.prepare()
    seed_once(house.engine.migration_connection, Size().divided(200))
    return data


def built_on(data: Path) -> House:
    return build(app, Settings.load(None, {"UNDERCROFT_DATABASE_DATA": str(data), "UNDERCROFT_LOG_REQUESTS": "false"}))


@pytest.fixture
def remembering(data: Path) -> House:
    return built_on(data)


@pytest.fixture
def forgetful(data: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(wiring, "Limits", lambda **given: Limits(**given, cached_text=0))
    return built_on(data)


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many reads were prepared so far."""
    counted = [0]
    prepare = RestRoom._prepare

    def count(self: RestRoom, *given: Any) -> Any:
        counted[0] += 1
        return prepare(self, *given)

    monkeypatch.setattr(RestRoom, "_prepare", count)
    return lambda: counted[0]


@pytest.fixture
async def ask(remembering: House, forgetful: House) -> AsyncIterator[Callable[..., Any]]:
    """Ask one house (`again`) or the other; all that is known of the answer."""
    claims = {"role": "authenticated", "sub": str(ADA), "exp": int(SystemClock().timestamp()) + 600}
    bearer = {"authorization": f"Bearer {auth.sign(claims, remembering.keys.signing)}"}
    anonymous = {"apikey": remembering.keys.anon}
    await remembering.start()
    await forgetful.start()
    transports = {True: httpx2.ASGITransport(app=remembering.serve), False: httpx2.ASGITransport(app=forgetful.serve)}

    async def one(method: str, url: str, headers: dict[str, str], *, user: bool, again: bool) -> Any:
        async with httpx2.AsyncClient(transport=transports[again], base_url="http://house") as client:
            given = {**(bearer if user else anonymous), **headers}
            answer = await client.request(method, f"/rest/v1/{url}", headers=given)
        return answer.status_code, sorted(answer.headers.multi_items()), answer.content

    try:
        yield one
    finally:
        await remembering.close()
        await forgetful.close()


@pytest.mark.parametrize("headers", HEADERS, ids=str)
async def test_what_was_seen_before_is_answered_like_what_was_not(
    ask: Callable[..., Any], headers: dict[str, str]
) -> None:
    for query in QUERIES:
        for method in ("GET", "HEAD"):
            for number, value in enumerate(VALUES):
                asked = method, query.format(value, number), headers
                user = number % 3 > 0
                assert await ask(*asked, user=user, again=True) == await ask(*asked, user=user, again=False), asked


async def test_the_fourth_of_its_kind_is_prepared_no_more(ask: Callable[..., Any], prepared: Callable[[], int]) -> None:
    counts = []
    for value in VALUES[:6]:
        before = prepared()
        await ask("GET", QUERIES[0].format(value), {}, user=True, again=True)
        counts.append(prepared() - before)
    assert counts == [1, 1, 1, 0, 0, 0]


async def test_what_is_kept_for_one_role_serves_no_other(ask: Callable[..., Any], prepared: Callable[[], int]) -> None:
    url = "profiles?select=username,birthday&id=eq.{}"  # birthdays are for users
    for _ in range(4):
        mine = await ask("GET", url.format(ADA), {}, user=True, again=True)
    theirs = await ask("GET", url.format(ADA), {}, user=False, again=True)
    assert mine != theirs
    assert theirs == await ask("GET", url.format(ADA), {}, user=False, again=False)
