"""GraphiQL at /graphql/v1 in a real browser: it works from this server alone, and asks as whom its headers say."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.compat.conftest import Served, serve
from tests.e2e.test_docs_page import Watched

VENDORED = Path("src/undercroft/graphql/static/graphiql")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Served]:
    """The club, served."""
    yield from serve(tmp_path_factory.mktemp("graphiql"), root)


def write(page: Any, editor: str, text: str) -> None:
    """Put a text into an editor, in place of what is there."""
    page.evaluate(
        "([editor, text]) => document.querySelector(`.graphiql-editor ${editor}, ${editor}`).CodeMirror.setValue(text)",
        [editor, text],
    )


def answer(page: Any) -> str:
    page.click('button[aria-label^="Execute query"]')
    page.locator(".graphiql-response .result-window").get_by_text('"data"').wait_for()
    shown: str = page.inner_text(".graphiql-response .result-window")
    return shown


@pytest.mark.needs("chromium")
def test_a_question_is_asked_and_the_schema_shown(served: Served, page: Any) -> None:
    watched = Watched(page)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{served.url}/graphql/v1")
    page.wait_for_selector(".graphiql-query-editor .CodeMirror")
    assert page.title() == "Club"
    page.get_by_text("may not ask for the schema").wait_for()  # this visitor may not, and is told so
    write(page, ".graphiql-query-editor .CodeMirror", "{ peopleCollection(first: 1) { edges { node { name } } } }")
    assert '"name": "Ada"' in answer(page)
    headers = f'{{"apikey": "{served.service}"}}'
    write(page, ".graphiql-editor-tool .graphiql-editor:not(.hidden) .CodeMirror", headers)
    page.click('button[aria-label="Re-fetch GraphQL schema"]')
    page.click('button[aria-label="Show Documentation Explorer"]')
    page.get_by_role("link", name="Query").first.click()
    page.get_by_text("projectsCollection").first.wait_for()
    page.click('button[aria-label="Open settings dialog"]')
    page.get_by_role("heading", name="Settings").wait_for()
    page.keyboard.press("Escape")
    assert watched.said == []
    assert watched.elsewhere(served.url) == []


def test_the_files_are_what_their_note_says(root: Path) -> None:
    """A change to them by hand, or by accident, is seen."""
    note = (root / VENDORED / "NOTE.md").read_text(encoding="utf-8")
    sums = dict(re.findall(r"^\| (\S+) \| ([0-9a-f]{64}) \|$", note, re.MULTILINE))
    there = {path.name for path in (root / VENDORED).iterdir()} - {"NOTE.md"}
    assert there == set(sums)
    assert {name: hashlib.sha256((root / VENDORED / name).read_bytes()).hexdigest() for name in sums} == sums
    script = (root / VENDORED / "graphiql.js").read_text(encoding="utf-8")
    assert not re.search(r"sourceMappingURL|https?://(?:unpkg|cdn|fonts|esm)\.", script)
