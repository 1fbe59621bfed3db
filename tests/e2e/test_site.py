"""Functions and pages of a real process: streams as they arrive, a form in a real browser, templates that change."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.processes import Served, app_in, served

SITE = '''
"""A site for tests."""
import asyncio
import sys
from collections.abc import AsyncIterator

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

from undercroft import App, Context, Event, FormErrors, Model, Page, Redirect

app = App(title="Guests")


class Guest(Model):
    __tablename__ = "guests"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class GuestForm(BaseModel):
    name: str = Field(min_length=3)


@app.policy(Guest, "select", "insert")
def everybody(guest):
    return True


@app.function(methods=("GET",))
async def ticks(ctx: Context, count: int = 3) -> AsyncIterator[Event]:
    try:
        for number in range(count):
            yield Event(number)
            await asyncio.sleep(0.2)
    finally:
        print("ticks ended", file=sys.stderr, flush=True)


@app.function(methods=("GET",))
async def breaks(ctx: Context) -> AsyncIterator[str]:
    yield "part"
    await asyncio.sleep(0.05)
    raise ValueError("broken inside")


@app.page("/guests", methods=("GET", "POST"))
async def guests(ctx: Context, errors: FormErrors, form: GuestForm | None = None) -> Page | Redirect:
    if form is not None:
        ctx.session.add(Guest(name=form.name))
        return Redirect("/guests")
    found = list(await ctx.session.scalars(select(Guest).order_by(Guest.id)))
    return Page("guests.html", guests=found, errors=errors)


app.static("/assets", "static")
'''
TEMPLATE = """<!doctype html>
<html lang="en"><head><title>Guests</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="{{ asset("site.css") }}"></head><body>
<ul>{% for guest in guests %}<li>{{ guest.name }}</li>{% endfor %}</ul>
<form method="post">{{ csrf_input() }}<input name="name" value="{{ errors.typed("name") }}">
{% if errors.name %}<em>{{ errors.name }}</em>{% endif %}<button>Sign</button></form>
<script nonce="{{ csp_nonce() }}">document.title = "Guests, " + {{ guests|length }};</script>
<script>document.title = "forged";</script>
</body></html>
"""


def site_in(folder: Path) -> Path:
    app_in(folder, SITE)
    for name, text in {"templates/guests.html": TEMPLATE, "static/site.css": "li { color: rgb(1, 2, 3) }"}.items():
        (folder / name).parent.mkdir()
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(params=["granian", "uvicorn"])
def site(request: pytest.FixtureRequest, tmp_path: Path, free_port: int) -> Iterator[Served]:
    words = ("serve", "--port", str(free_port), "--server", request.param)
    with served(*words, cwd=site_in(tmp_path), url=f"http://127.0.0.1:{free_port}") as process:
        yield process.ready()


def test_a_stream_arrives_as_it_is_made(site: Served) -> None:
    moments: list[tuple[float, str]] = []
    with httpx2.stream("GET", f"{site.url}/functions/v1/ticks", headers={"origin": "http://x"}) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["access-control-allow-origin"] == "*"
        moments.extend((time.monotonic(), text) for text in answer.iter_text())
    assert "".join(text for _, text in moments) == "data: 0\n\ndata: 1\n\ndata: 2\n\n"
    assert moments[-1][0] - moments[0][0] > 0.15, "all of it came at once"


def test_a_caller_that_leaves_ends_the_stream(site: Served) -> None:
    with httpx2.stream("GET", f"{site.url}/functions/v1/ticks?count=1000") as answer:
        assert next(answer.iter_text())
    site.until(lambda: "ticks ended" in site.text, "the end of the stream", 10)
    assert site.logged("crash") == []


def test_a_stream_that_fails_is_not_taken_for_a_whole_one(site: Served) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        httpx2.get(f"{site.url}/functions/v1/breaks")
    site.until(lambda: site.logged("crash"), "the line in the log", 10)
    (crash,) = site.logged("crash")
    assert "broken inside" in crash["exception"]
    assert httpx2.get(f"{site.url}/guests").status_code == 200


def test_a_stream_is_cut_off_after_the_drain(tmp_path: Path, free_port: int) -> None:
    words, url = ("serve", "--port", str(free_port)), f"http://127.0.0.1:{free_port}"
    with served(*words, cwd=site_in(tmp_path), url=url, UNDERCROFT_SERVER_DRAIN="0.5") as process:
        process.ready()
        with httpx2.stream("GET", f"{process.url}/functions/v1/ticks?count=1000") as answer:
            assert next(answer.iter_text())
            process.signal()
            assert process.ended(15) == 0
        assert "ticks ended" in process.text


# ---------------------------------------------------------------- a browser


@pytest.mark.needs("chromium")
def test_a_form_in_a_browser(tmp_path: Path, free_port: int, page: Any) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    words = ("serve", "--port", str(free_port))
    with served(*words, cwd=site_in(tmp_path), url=f"http://127.0.0.1:{free_port}") as process:
        process.ready()
        page.goto(f"{process.url}/guests")
        assert page.title() == "Guests, 0", "its own script runs, and the one without a nonce does not"
        page.fill("input[name=name]", "<b")
        page.click("button")
        assert page.inner_text("em") == "String should have at least 3 characters"
        assert page.input_value("input[name=name]") == "<b"
        page.fill("input[name=name]", "<b>Ada</b>")
        page.click("button")
        page.wait_for_selector("li")
        assert page.inner_text("li") == "<b>Ada</b>"
        assert page.evaluate("getComputedStyle(document.querySelector('li')).color") == "rgb(1, 2, 3)"
        assert page.title() == "Guests, 1"
        assert len(said) == 3, said
        assert all("Content Security Policy" in line for line in said), "one for each showing of the forged script"

        # The same form, from another origin: the browser sends no cookie, and says where it comes from.
        page.goto(f"{process.url.replace('127.0.0.1', 'localhost')}/healthz")
        page.evaluate(
            """action => {
                const form = document.createElement("form");
                Object.assign(form, {method: "post", action});
                form.append(Object.assign(document.createElement("input"), {name: "name", value: "forged"}));
                document.body.append(form);
                form.submit();
            }""",
            f"{process.url}/guests",
        )
        page.wait_for_url(f"{process.url}/guests")
        assert "This form was not accepted" in page.inner_text("body")
        assert httpx2.get(f"{process.url}/rest/v1/guests?select=name").json() == [{"name": "<b>Ada</b>"}]
        assert process.stop() == 0


def test_a_template_that_changes_is_shown_anew_while_developing(tmp_path: Path, free_port: int) -> None:
    folder = site_in(tmp_path)
    with served("dev", "--port", str(free_port), cwd=folder, url=f"http://127.0.0.1:{free_port}") as process:
        process.ready()
        before = httpx2.get(f"{process.url}/guests").text
        assert "<button>Sign</button>" in before
        (folder / "templates/guests.html").write_text(TEMPLATE.replace("Sign", "Write"), encoding="utf-8")
        (folder / "static/site.css").write_text("li { color: red }", encoding="utf-8")
        process.until(lambda: "<button>Write</button>" in httpx2.get(f"{process.url}/guests").text, "the change", 10)
        assert len(process.logged("ready")) == 1, "it did not have to start anew"
        after = httpx2.get(f"{process.url}/guests").text
        assert "/assets/site." in after
        assert after.split("/assets/site.")[1][:16] != before.split("/assets/site.")[1][:16]
        (folder / "templates/guests.html").write_text("{% if %}", encoding="utf-8")
        process.until(lambda: httpx2.get(f"{process.url}/guests").status_code == 500, "the mistake", 10)
        process.until(lambda: "guests.html" in process.text, "its place in the log", 10)
        assert process.stop() == 0
