"""The example as its readers use it: its policies, column rules, hooks and functions over HTTP, and `make run`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from examples.social.app import app
from examples.social.seed import ADA, BRUNO, Size, seed_once
from undercroft import auth
from undercroft.app import House, build
from undercroft.base.settings import Settings

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]
SMALL = Size().divided(200)


@dataclass(frozen=True)
class Person:
    """Somebody at the data API; without `sub`, somebody without a token."""

    client: httpx2.AsyncClient
    house: House
    sub: str | None = None

    async def ask(self, method: str, path: str, json: Any = None, *, prefer: str = "") -> httpx2.Response:
        headers = {"apikey": self.house.keys.anon, **({"prefer": prefer} if prefer else {})}
        if self.sub:
            token = auth.sign({"role": "authenticated", "sub": self.sub}, self.house.keys.signing)
            headers["authorization"] = f"Bearer {token}"
        return await self.client.request(method, f"/rest/v1{path}", json=json, headers=headers)

    async def rows(self, path: str) -> Any:
        answer = await self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def writes(self, method: str, path: str, json: Any = None) -> Any:
        answer = await self.ask(method, path, json, prefer="return=representation")
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def acts_as(self, sub: object) -> Person:
        return Person(self.client, self.house, str(sub))


@pytest.fixture
async def anybody(tmp_path: Path) -> AsyncIterator[Person]:
    """The example over a small world, in process."""
    app.settings = Settings.load(None, {"UNDERCROFT_DATABASE_DATA": str(tmp_path / "data")})
    house = build(app, app.settings)
    house.prepare()
    seed_once(house.engine.migration_connection, SMALL)
    app.house = house
    await app.start()
    transport = httpx2.ASGITransport(app=app)
    try:
        async with httpx2.AsyncClient(transport=transport, base_url="http://social") as client:
            yield Person(client, house)
    finally:
        await app.stop()
        app.house = None


@pytest.fixture
async def ada(anybody: Person) -> Person:
    return anybody.acts_as(ADA)


@pytest.fixture
async def bruno(anybody: Person) -> Person:
    return anybody.acts_as(BRUNO)


# ---------------------------------------------------------------- reading


async def test_posts_show_to_everyone_followers_and_authors_what_each_may_read(
    anybody: Person, ada: Person, bruno: Person
) -> None:
    stranger = anybody.acts_as(uuid4())
    await ada.writes("DELETE", "/follows?followed_id=not.is.null")
    await bruno.writes("DELETE", "/follows?followed_id=not.is.null")
    made = {}
    for audience in ("everyone", "followers"):
        for published in (True, False):
            (row,) = await ada.writes(
                "POST", "/posts", {"title": "t", "body": "b", "audience": audience, "published": published}
            )
            made[row["id"]] = (audience, published)

    async def seen(who: Person) -> set[tuple[str, bool]]:
        listed = ",".join(map(str, made))
        return {made[row["id"]] for row in await who.rows(f"/posts?select=id&id=in.({listed})")}

    assert await seen(ada) == set(made.values())
    assert await seen(anybody) == await seen(stranger) == await seen(bruno) == {("everyone", True)}
    await bruno.writes("POST", "/follows", {"followed_id": str(ADA)})
    assert await seen(bruno) == {("everyone", True), ("followers", True)}
    assert await seen(stranger) == {("everyone", True)}


async def test_comments_and_likes_are_as_readable_as_their_post(anybody: Person, ada: Person) -> None:
    (post,) = await ada.writes("POST", "/posts", {"title": "t", "body": "b"})
    await ada.writes("POST", "/comments", {"post_id": post["id"], "body": "c"})
    await ada.ask("POST", "/rpc/like", {"post_id": post["id"]})
    for path in (f"/comments?post_id=eq.{post['id']}", f"/likes?post_id=eq.{post['id']}"):
        assert len(await ada.rows(path)) == 1
        assert await anybody.rows(path) == []
    await ada.ask("POST", "/rpc/publish", {"post_id": post["id"]})
    embedded = await anybody.rows(f"/posts?select=comments(body,author(username)),likes(post_id)&id=eq.{post['id']}")
    assert embedded == [
        {"comments": [{"body": "c", "author": {"username": "ada"}}], "likes": [{"post_id": post["id"]}]}
    ]


async def test_hidden_columns_do_not_exist(anybody: Person, ada: Person) -> None:
    assert "email" not in (await ada.rows("/profiles?limit=1"))[0]
    assert "birthday" in (await ada.rows("/profiles?limit=1"))[0]
    assert "birthday" not in (await anybody.rows("/profiles?limit=1"))[0]
    for who, column in ((ada, "email"), (anybody, "email"), (anybody, "birthday")):
        hidden = await who.ask("GET", f"/profiles?{column}=not.is.null")
        missing = await who.ask("GET", "/profiles?nowhere=not.is.null")
        assert (hidden.status_code, hidden.json()["code"]) == (missing.status_code, missing.json()["code"])
        assert hidden.json()["code"] == "42703"


# ---------------------------------------------------------------- writing


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "/posts", {"title": "t", "body": "b", "author_id": str(ADA)}, "42501"),
        ("POST", "/posts", {"title": "t", "body": "b", "tags": ["mine"]}, "42501"),
        ("POST", "/comments", {"post_id": 1, "body": "b", "author_id": str(ADA)}, "42501"),
        ("POST", "/profiles", {"id": str(uuid4()), "username": "eve", "display_name": "Eve"}, "42501"),
        ("PATCH", f"/profiles?id=eq.{BRUNO}", {"verified": True}, "42501"),
        ("PATCH", f"/profiles?id=eq.{BRUNO}", {"email": "eve@example.org"}, "PGRST204"),
        ("PATCH", "/posts", {"title": "everybody's"}, "21000"),
        ("DELETE", "/posts", None, "21000"),
        ("POST", "/follows", {"followed_id": str(BRUNO)}, "23514"),
        ("POST", "/posts", {"title": "t", "body": "b", "audience": "nobody"}, "23514"),
        ("POST", "/posts", {"title": " ", "body": "b"}, "P0001"),
        ("POST", "/posts", {"title": "t", "body": "b" * 5001}, "P0001"),
    ],
)
async def test_what_is_refused_changes_nothing(bruno: Person, method: str, path: str, body: Any, code: str) -> None:
    before = [await bruno.rows(f"/{table}?limit=1000") for table in ("posts", "comments", "profiles", "follows")]
    answer = await bruno.ask(method, path, body)
    assert answer.json()["code"] == code, answer.text
    assert [
        await bruno.rows(f"/{table}?limit=1000") for table in ("posts", "comments", "profiles", "follows")
    ] == before


async def test_nobody_changes_what_is_somebody_elses(anybody: Person, ada: Person, bruno: Person) -> None:
    (post,) = await ada.writes("POST", "/posts", {"title": "t", "body": "b", "published": True})
    where = f"/posts?id=eq.{post['id']}"
    assert await bruno.writes("PATCH", where, {"title": "mine"}) == []
    assert await bruno.writes("DELETE", where) == []
    assert await anybody.writes("PATCH", where, {"title": "mine"}) == []
    assert (await ada.rows(where))[0]["title"] == "t"


async def test_a_hook_trims_and_notes_hashtags_when_a_post_is_made_and_when_it_is_changed(ada: Person) -> None:
    (post,) = await ada.writes("POST", "/posts", {"title": "  t ", "body": " see #Coast and #coast, #Maps "})
    assert (post["title"], post["body"], post["tags"]) == ("t", "see #Coast and #coast, #Maps", ["coast", "maps"])
    assert post["edited_at"] is None
    (post,) = await ada.writes("PATCH", f"/posts?id=eq.{post['id']}", {"body": "#snow"})
    assert post["tags"] == ["snow"]
    assert post["edited_at"]


async def test_whoever_is_blocked_no_longer_follows_and_cannot_come_back(ada: Person, bruno: Person) -> None:
    follows = f"/follows?follower_id=eq.{BRUNO}&followed_id=eq.{ADA}"
    assert len(await ada.rows(follows)) == 1
    (post,) = await ada.writes("POST", "/posts", {"title": "t", "body": "b", "published": True})
    await ada.writes("POST", "/blocks", {"blocked_id": str(BRUNO)})
    assert await ada.rows(follows) == []
    assert (await bruno.ask("POST", "/follows", {"followed_id": str(ADA)})).json()["code"] == "42501"
    assert (await bruno.ask("POST", "/comments", {"post_id": post["id"], "body": "b"})).json()["code"] == "42501"
    assert await bruno.rows("/blocks?blocker_id=neq.{BRUNO}".replace("{BRUNO}", str(BRUNO))) == []


# ---------------------------------------------------------------- functions


async def test_join_makes_a_profile_for_the_user_of_the_token(anybody: Person) -> None:
    new = anybody.acts_as(uuid4())
    profile = (await new.ask("POST", "/rpc/join", {"username": " Grace ", "display_name": "Grace"})).json()
    assert (profile["id"], profile["username"], profile["verified"]) == (new.sub, "grace", False)
    again = await new.ask("POST", "/rpc/join", {"username": "other", "display_name": "Grace"})
    assert (again.status_code, again.json()["code"]) == (409, "23505")
    assert (await anybody.ask("POST", "/rpc/join", {"username": "x", "display_name": "x"})).status_code == 404


async def test_the_feed_is_what_those_wrote_whom_one_follows_newest_first(ada: Person) -> None:
    followed = {row["followed_id"] for row in await ada.rows(f"/follows?follower_id=eq.{ADA}")}
    posts = await ada.rows("/rpc/feed?size=30&select=author_id,published,created_at")
    assert len(posts) == 30
    assert {post["author_id"] for post in posts} <= followed
    assert all(post["published"] for post in posts)
    moments = [post["created_at"] for post in posts]
    assert moments == sorted(moments, reverse=True)
    older = await ada.rows(f"/rpc/feed?size=1&before={moments[4].replace('+', '%2B')}&select=created_at")
    assert older == [{"created_at": moments[5]}]
    assert (await ada.ask("GET", "/rpc/feed?size=101")).json()["code"] == "22P02"


async def test_only_the_author_publishes(ada: Person, bruno: Person) -> None:
    (post,) = await ada.writes("POST", "/posts", {"title": "t", "body": "b"})
    for number in (post["id"], 999_999):
        refused = await bruno.ask("POST", "/rpc/publish", {"post_id": number})
        assert refused.json() == {
            "code": "P0001",
            "message": f"you have no post {number}",
            "details": None,
            "hint": None,
        }
    assert (await ada.ask("POST", "/rpc/publish", {"post_id": post["id"]})).json()["published"] is True


async def test_like_is_given_and_taken_back(ada: Person, bruno: Person) -> None:
    (post,) = await ada.writes("POST", "/posts", {"title": "t", "body": "b", "published": True})
    answers = [(await bruno.ask("POST", "/rpc/like", {"post_id": post["id"]})).json() for _ in range(3)]
    assert answers == [{"liked": True, "likes": 1}, {"liked": False, "likes": 0}, {"liked": True, "likes": 1}]
    (draft,) = await ada.writes("POST", "/posts", {"title": "t", "body": "b"})
    assert (await bruno.ask("POST", "/rpc/like", {"post_id": draft["id"]})).json()["code"] == "42501"


async def test_stats_count_everything_for_anybody(anybody: Person) -> None:
    counted = (await anybody.ask("GET", "/rpc/stats")).json()
    assert counted == {name: getattr(SMALL, name) for name in ("profiles", "posts", "comments", "likes")}


# ---------------------------------------------------------------- the seed


def test_the_same_number_gives_the_same_world(tmp_path: Path) -> None:
    dumps = []
    for name in ("one", "two"):
        house = build(app, Settings.load(None, {"UNDERCROFT_DATABASE_DATA": str(tmp_path / name)}))
        house.prepare()
        assert seed_once(house.engine.migration_connection, SMALL) > 250
        assert seed_once(house.engine.migration_connection, SMALL) == 0
        with house.engine.migration_connection() as connection:
            tables = ("profiles", "posts", "comments", "follows", "likes", "blocks")
            dumps.append([connection.exec_driver_sql(f"SELECT * FROM {table}").all() for table in tables])
    assert dumps[0] == dumps[1]


# ---------------------------------------------------------------- make run


@pytest.fixture
def running(tmp_path: Path, free_port: int) -> Iterator[list[str]]:
    """What `python -m examples.social` prints, while it serves."""
    command = [sys.executable, "-m", "examples.social", "--data", str(tmp_path / "data"), "--port", str(free_port)]
    output = tmp_path / "output"
    with output.open("w") as file:
        process = subprocess.Popen(
            [*command, "--divide", "100"], cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, env={**os.environ}
        )
    try:
        deadline = time.monotonic() + 60
        while not _ready(free_port):
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.1)
        yield output.read_text().splitlines()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _ready(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200
    except httpx2.HTTPError:
        return False


@pytest.mark.needs("curl")
def test_the_three_lines_that_make_run_prints_work_when_pasted(running: list[str]) -> None:
    lines = [line for line in running if line.startswith("curl ")]
    assert len(lines) == 3, running
    answers = []
    for line in lines:
        ran = subprocess.run(
            ["bash", "-c", line + " --fail-with-body -sS"], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        answers.append(json.loads(ran.stdout))
    latest, feed, (new,) = answers
    assert [set(row) for row in latest] == [{"title", "tags", "author"}] * 3
    assert [set(row) for row in feed] == [{"title", "author"}] * 3
    assert (new["title"], new["tags"], new["author"]) == ("Good morning", ["hello"], {"username": "ada"})
    printed = "\n".join(running)
    assert re.search(r"anon key +eyJ", printed)
    assert re.search(r"service key +eyJ", printed)
