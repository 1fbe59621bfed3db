"""The page at /docs in a real browser: it works from this server alone, and shows each role what it may use."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.compat.conftest import Served, serve

STATIC = Path("src/undercroft/web/static")
VENDORED = STATIC / "swagger-ui"
GRAPHIQL = Path("src/undercroft/graphql/static")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Served]:
    """The club, served."""
    yield from serve(tmp_path_factory.mktemp("docs"), root)


class Watched:
    """A page, and everything that it said and asked for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[Any] = []
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("request", lambda request: self.asked.append(request))

    def elsewhere(self, url: str) -> list[str]:
        """What it asked of others."""
        return [each.url for each in self.asked if not each.url.startswith((url, "data:"))]

    def tables(self) -> list[str]:
        """The sections that it shows."""
        return [each.get_attribute("data-tag") for each in self.page.query_selector_all(".opblock-tag")]


@pytest.fixture
def watched(page: Any) -> Watched:
    page.set_viewport_size({"width": 1280, "height": 1000})
    return Watched(page)


@pytest.mark.needs("chromium")
def test_the_page_shows_what_a_visitor_may_use(served: Served, watched: Watched, tmp_path: Path) -> None:
    page = watched.page
    page.goto(f"{served.url}/docs")
    page.wait_for_selector(".opblock-tag")
    assert page.title() == "Club"
    tables = ["memberships", "people", "projects", "suggestions", "tasks"]
    assert watched.tables() == [*tables, "(rpc)", "Introspection", "Batches"]
    page.screenshot(path=tmp_path / "docs.png")
    assert (tmp_path / "docs.png").stat().st_size > 10_000
    assert watched.said == []
    assert watched.elsewhere(served.url) == []


def sign_in(page: Any, place: int, value: str) -> None:
    """Type a credential into one field of the dialogue."""
    field = page.locator(".auth-container").nth(place)
    field.locator("input").fill(value)
    field.locator("button.authorize").click()
    field.get_by_text("Logout").wait_for()


@pytest.mark.needs("chromium")
def test_signing_in_shows_what_that_role_may_use(served: Served, watched: Watched) -> None:
    page = watched.page
    page.goto(f"{served.url}/docs")
    page.wait_for_selector(".opblock-tag")
    page.click("button.authorize")
    sign_in(page, 0, served.anon)
    sign_in(page, 1, served.user)
    page.click("button.btn-done")
    page.wait_for_selector('[data-tag="letters"]')
    assert "canary_vault" not in watched.tables()
    page.click("button.authorize")
    page.locator(".auth-container").nth(1).get_by_text("Logout").click()
    page.locator(".auth-container").nth(1).locator("input").wait_for()
    page.click("button.btn-done")
    page.wait_for_selector('[data-tag="letters"]', state="detached")
    page.wait_for_selector('[data-tag="people"]')
    assert watched.said == []
    assert watched.elsewhere(served.url) == []


@pytest.mark.needs("chromium")
def test_a_request_can_be_tried(served: Served, watched: Watched) -> None:
    page = watched.page
    page.goto(f"{served.url}/docs")
    page.click('[data-tag="people"]')
    page.click("#operations-people-read_people .opblock-summary-control")
    page.click("#operations-people-read_people button.try-out__btn")
    page.fill('#operations-people-read_people tr[data-param-name="id"] input', "eq.1")
    page.click("#operations-people-read_people button.execute")
    page.wait_for_selector("#operations-people-read_people .live-responses-table .response-col_status")
    shown = page.inner_text("#operations-people-read_people .live-responses-table")
    assert "Ada" in shown
    assert "Grace" not in shown
    assert watched.said == []


@pytest.mark.needs("chromium")
def test_a_server_that_wants_a_key_asks_for_it(tmp_path: Path, root: Path, watched: Watched, monkeypatch: Any) -> None:
    monkeypatch.setenv("UNDERCROFT_API_ANON_ROLE", "")
    for served in serve(tmp_path, root):
        page = watched.page
        page.goto(f"{served.url}/docs")
        page.wait_for_selector("#key:not([hidden])")
        page.fill("#key input", served.anon)
        page.click("#key button")
        page.wait_for_selector('[data-tag="people"]')
        assert watched.elsewhere(served.url) == []


def test_the_page_may_load_and_reach_nothing_else(served: Served) -> None:
    with urlopen(f"{served.url}/docs", timeout=10) as answer:
        policy, body = answer.headers["content-security-policy"], answer.read().decode()
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert re.findall(r"<script(?! src=\"docs/)", body) == []
    assert not re.search(r"\son\w+=|style=|https?:", body)


def test_vendored_files_are_what_their_note_says(root: Path) -> None:
    """A change to them by hand, or by accident, is seen."""
    note = (root / VENDORED / "NOTE.md").read_text(encoding="utf-8")
    sums = dict(re.findall(r"^\| (\S+) \| ([0-9a-f]{64}) \|$", note, re.MULTILINE))
    there = {path.name for path in (root / VENDORED).iterdir()} - {"NOTE.md"}
    assert there == set(sums)
    assert {name: hashlib.sha256((root / VENDORED / name).read_bytes()).hexdigest() for name in sums} == sums


def test_the_wheel_holds_the_pages(root: Path, tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    wheel = next(WheelBuilder(str(root)).build(directory=str(tmp_path), versions=["standard"]))
    import zipfile

    inside = set(zipfile.ZipFile(wheel).namelist())
    for folder, most in ((STATIC, 8), (GRAPHIQL, 5)):
        files = [path for path in (root / folder).rglob("*") if path.is_file()]
        assert len(files) >= most
        assert {path.relative_to(root / "src").as_posix() for path in files} <= inside
