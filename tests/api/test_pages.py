"""Pages on both engines: templates with the caller's policies, forms that must be genuine, and one transaction."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.api.scenario import ANON, Persona, Place, Reply, Request, ask_asgi, get
from tests.api.site.app import another
from undercroft import App, Context, Fault, Page
from undercroft.base.faults import SetupFault

ADA = Persona("u", "authenticated", "0a000000-0000-4000-8000-000000000001")
FORM = ("content-type", "application/x-www-form-urlencoded")
HTML = ("accept", "text/html,*/*;q=0.8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, server: str | None) -> Iterator[Place]:
    with Place(another(), tmp_path_factory.mktemp("site"), server=server) as place:
        yield place


@pytest.fixture(autouse=True)
def _nothing_else_changes(site: Place) -> Iterator[None]:
    yield
    left = site.sql("select text from site_notes")
    site.sql("delete from site_notes")
    assert left == [], "a test wrote what it did not speak of"


def written(site: Place) -> list[str]:
    """The notes, which are then taken away."""
    found = [text for (text,) in site.sql("select text from site_notes order by id")]
    site.sql("delete from site_notes")
    return found


def text_of(reply: Reply, status: int = 200) -> str:
    assert reply.status == status, reply
    assert reply.header("content-type") == "text/html; charset=utf-8"
    return reply.body.decode()


class Browser:
    """Keeps a cookie and the token of the form that it was shown last."""

    def __init__(self, site: Place, who: Persona | None = None) -> None:
        self._site = site
        self._token = site.token(who) if who is not None else None
        self.cookies: dict[str, str] = {}
        self.form_token = ""

    def headers(self) -> list[tuple[str, str]]:
        held = dict(self.cookies)
        if self._token is not None:
            held["undercroft-access-token"] = self._token
        return [("cookie", "; ".join(f"{name}={value}" for name, value in held.items()))] if held else []

    def get(self, path: str) -> Reply:
        reply = self._site.ask(get(path, *self.headers(), HTML))
        given = reply.header("set-cookie")
        if given is not None:
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(given).items()}
        found = re.search(r'name="_csrf" value="([^"]+)"', reply.body.decode())
        self.form_token = found[1] if found is not None else self.form_token
        return reply

    def post(self, path: str, *headers: tuple[str, str], **fields: Any) -> Reply:
        body = urlencode({"_csrf": self.form_token, **fields}).encode()
        return self._site.ask(Request("POST", path, [*self.headers(), FORM, *headers], body))


def test_a_page_shows_what_its_caller_may_see(site: Place) -> None:
    site.sql("insert into site_notes (text, owner) values (?, ?), (?, ?)", "mine <b>", ADA.sub, "zqx7_s_other", "x")
    try:
        assert "<li>" not in text_of(site.ask(get("/")))
        page = text_of(Browser(site, ADA).get("/"))
        assert "<li>mine &lt;b&gt;</li>" in page
        assert '<p class="who">authenticated</p>' in page
        assert "<li>mine" in text_of(site.ask(get("/"), ADA)), "a header says the same as the cookie"
    finally:
        written(site)


def test_a_template_walks_along_relationships_under_the_caller_s_policies(site: Place) -> None:
    site.sql("insert into site_notes (id, text, owner) values (70, ?, ?)", "tagged", ADA.sub)
    site.sql("insert into site_tags (note_id, word) values (70, ?), (70, ?)", "blue", "zqx7_s_tag")
    try:
        assert "<li>tagged #blue</li>" in text_of(site.ask(get("/"), ADA))
    finally:
        site.sql("delete from site_tags")
        written(site)


def test_the_headers_of_a_page(site: Place) -> None:
    reply = site.ask(get("/", ("origin", "http://elsewhere")))
    policy = str(reply.header("content-security-policy"))
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "object-src 'none'" in policy
    assert reply.header("x-content-type-options") == "nosniff"
    assert reply.header("referrer-policy") == "same-origin"
    assert (reply.header("cache-control"), reply.header("vary")) == ("no-cache", "authorization, cookie")
    assert reply.header("access-control-allow-origin") is None
    assert site.ask(get("/"), ADA).header("cache-control") == "private, no-store"
    assert reply.header("set-cookie") is None, "who sends no form needs no cookie"
    head = site.ask(Request("HEAD", "/"))
    assert (head.status, head.body) == (200, b"")


def test_paths_and_queries(site: Place) -> None:
    assert "<h1>Note 7 &lt;i&gt;</h1>" in text_of(site.ask(get("/notes/7?more=%3Ci%3E")))
    assert "invalid argument number" in text_of(site.ask(get("/notes/x")), 400)
    for path in ("/notes", "/notes/7/8", "/notes/7/", "//notes/7", "/NOTES/7", "/notes%2F7", "/%FF", "/notes/..", "/."):
        assert text_of(site.ask(get(path)), 404)
    reply = site.ask(Request("DELETE", "/notes/7"))
    assert (reply.status, reply.header("allow")) == (405, "GET, HEAD")


def test_a_nonce_lets_the_page_s_own_script_run(site: Place) -> None:
    reply = site.ask(get("/script?text=%3C/script%3E%3Cscript%3Ealert(1)"))
    nonce = re.search(r'nonce="([\w-]{20,})"', reply.body.decode())
    assert nonce is not None
    policy = str(reply.header("content-security-policy"))
    assert f"script-src 'self' 'nonce-{nonce[1]}'" in policy
    assert b"</script><script>" not in reply.body
    assert nonce[0].encode() not in site.ask(get("/script?text=x")).body


# ---------------------------------------------------------------- forms


def test_a_form_is_shown_sent_and_done(site: Place) -> None:
    browser = Browser(site)
    shown = browser.get("/notes/new")
    assert shown.header("cache-control") == "private, no-store"
    cookie = str(shown.header("set-cookie"))
    assert cookie.startswith("undercroft-visitor=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax")
    reply = browser.post("/notes/new", text="Hello", count="7")
    assert (reply.status, reply.header("location"), reply.body) == (303, "/notes/7", b"")
    assert browser.post("/notes/new", text="Again", count="").header("location") == "/notes/1"
    assert browser.get("/notes/new").header("set-cookie") is None, "the cookie stays"
    assert written(site) == ["Hello", "Again"]


def test_a_body_of_a_get_is_no_form(site: Place) -> None:
    """It would be one that nobody asked a token of."""
    for method in ("GET", "HEAD"):
        reply = site.ask(Request(method, "/notes/new", [FORM], b"text=unasked"))
        assert reply.status == 200
    assert written(site) == []


def test_a_form_with_mistakes_is_shown_again(site: Place) -> None:
    browser = Browser(site)
    browser.get("/notes/new")
    page = text_of(browser.post("/notes/new", text='"', count="many"), 422)
    assert 'value="&#34;"><em>String should have at least 2 characters</em>' in page
    assert "<em>Input should be a valid integer" in page
    assert written(site) == []


def test_a_page_that_is_not_told_of_mistakes_refuses_them(site: Place) -> None:
    browser = Browser(site)
    browser.get("/notes/new")
    assert "invalid argument form.text" in text_of(browser.post("/plain", text="x"), 400)
    body = b'{"text": "Hello"}'
    headers = [*browser.headers(), ("content-type", "application/json"), ("x-csrf-token", browser.form_token)]
    assert site.ask(Request("POST", "/plain", headers, body)).status == 303


def test_a_fault_is_a_page_and_undoes_everything(site: Place) -> None:
    browser = Browser(site)
    browser.get("/notes/new")
    page = text_of(browser.post("/notes/new", text="fault"), 400)
    assert "&lt;b&gt;not today&lt;/b&gt;" in page
    assert text_of(browser.post("/notes/new", text="forbidden"), 401)
    assert written(site) == []


def test_a_template_that_fails_undoes_everything_and_is_named_in_the_log(site: Place) -> None:
    page = text_of(site.run(ask_asgi(site.app, get("/broken"), [])), 500)
    assert "never_given" not in page
    assert "The log has the details" in page
    line = next(line for line in site.logs if "never_given" in line)
    assert re.search(r'broken\.html\\", line 2', line)
    assert written(site) == []


def test_who_may_see_a_page(site: Place) -> None:
    closed, missing = site.ask(get("/members")), site.ask(get("/nothing"))
    assert (closed.status, closed.body) == (missing.status, missing.body) == (404, missing.body)
    assert "Members" in text_of(Browser(site, ADA).get("/members"))
    forged = [("cookie", "undercroft-access-token=of.some.body")]
    assert site.ask(get("/members", *forged)).status == 404
    assert '"who">anon' in text_of(site.ask(get("/", *forged)))
    assert text_of(site.ask(get("/", ("authorization", "Bearer of.some.body"))), 401)


def test_the_cookie_is_for_pages_only(site: Place) -> None:
    site.sql("insert into site_notes (text, owner) values (?, ?)", "mine", ADA.sub)
    try:
        assert site.ask(get("/rest/v1/site_notes", *Browser(site, ADA).headers())).json() == []
        assert len(site.ask(get("/rest/v1/site_notes"), ADA).json()) == 1
    finally:
        written(site)


def test_a_page_that_takes_too_long(site: Place) -> None:
    assert "longer than 0.05 seconds" in text_of(site.ask(get("/slow")), 504)


def test_https_has_cookies_that_neighbours_cannot_set(tmp_path: Any) -> None:
    with Place(another(), tmp_path, UNDERCROFT_API_EXTERNAL_URL="https://notes.example") as place:
        cookie = str(place.ask(get("/notes/new")).header("set-cookie"))
        assert cookie.startswith("__Host-undercroft-visitor=")
        assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
        token = place.token(ADA)
        assert '"who">anon' in text_of(place.ask(get("/", ("cookie", f"undercroft-access-token={token}"))))
        assert '"who">authenticated' in text_of(
            place.ask(get("/", ("cookie", f"__Host-undercroft-access-token={token}")))
        )


def test_where_nobody_is_let_in_without_a_key_public_pages_are_shown(tmp_path: Any) -> None:
    with Place(another(), tmp_path, UNDERCROFT_API_ANON_ROLE="") as place:
        assert place.ask(get("/")).status == 401
        assert text_of(place.ask(get("/open")))
        assert place.ask(get("/assets/logo.svg")).status == 200


def test_nobody_listens_to_web_sockets(site: Place) -> None:
    said: list[Any] = []

    async def knock(path: str) -> None:
        scope = {"type": "websocket", "path": path, "raw_path": path.encode(), "headers": [], "root_path": ""}

        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            said.append(message["type"])

        await site.app(scope, receive, send)

    for path in ("/", "/nothing", "/assets/logo.svg"):
        site.run(knock(path))
    assert said == ["websocket.close"] * 3


def test_an_app_may_have_a_page_for_faults(tmp_path: Path) -> None:
    app, templates = App(models=another().models), tmp_path / "templates"
    templates.mkdir()
    (templates / "error.html").write_text("<h1>Oh {{ status }}</h1>{{ code }} {{ message }} {{ hint }}")

    @app.page("/refuse", templates=templates)
    async def refuse(ctx: Context, why: str) -> Page:
        if why == "crash":
            raise RuntimeError("its inside")
        raise Fault(why, code="PT418", hint="Try tea.")

    with Place(app, tmp_path / "data") as place:
        page = text_of(place.ask(get("/refuse?why=%3Cb%3E")), 418)
        assert page == "<h1>Oh 418</h1>PT418 &lt;b&gt; Try tea."
        assert "UC404" in text_of(place.ask(get("/nothing")), 404)
        crash = text_of(place.ask(get("/refuse?why=crash")), 500)
        assert "<h1>Oh 500</h1>" in crash
        assert "its inside" not in crash
    (templates / "error.html").write_text("{{ never_given }}")
    with Place(app, tmp_path / "data") as place:
        assert "UC404" in text_of(place.ask(get("/nothing")), 404), "a page for faults that fails itself is passed over"
    (templates / "error.html").write_text("{% if %}")
    with Place(app, tmp_path / "data") as place:
        assert "UC404" in text_of(place.ask(get("/nothing")), 404), "and so is one that cannot be read"


def test_a_page_for_faults_knows_what_every_template_knows(tmp_path: Path) -> None:
    app, templates = App(models=another().models), tmp_path / "templates"
    templates.mkdir()
    (templates / "error.html").write_text(
        "{{ auth.role }} {{ auth.uid }} {{ csp_nonce() }} {{ csrf_token() }} {{ csrf_input() }} {{ asset is defined }}"
    )

    @app.page("/known", templates=templates, to="authenticated")
    async def known(ctx: Context) -> Page:
        raise Fault("no", code="PT418")

    with Place(app, tmp_path / "data") as place:
        for who, path, status in ((ANON, "/nothing", 404), (ADA, "/known", 418)):
            reply = place.ask(get(path), who)
            role, uid, nonce, token, *_ = text_of(reply, status).split(" ")
            assert (role, uid) == ("anon" if who is ANON else "authenticated", str(who.sub))
            assert f"'nonce-{nonce}'" in str(reply.header("content-security-policy"))
            assert f'value="{token}"' in reply.body.decode()
            assert str(reply.header("set-cookie")).startswith("undercroft-visitor=")
            assert reply.header("cache-control") == "private, no-store"


# ---------------------------------------------------------------- declarations


def test_what_is_wrong_is_said_at_once(tmp_path: Any) -> None:
    app = App(models=another().models)

    async def page(ctx: Context) -> Page:
        return Page("x.html")

    for path in ("x", "/a b", "/{a", "/{a}-{b}", "/a//b", "/a/"):
        with pytest.raises(SetupFault, match="a path is made of words"):
            app.page(path)(page)
    with pytest.raises(SetupFault, match=r"has \{slug\}, and it takes no argument"):
        app.page("/{slug}")(page)
    with pytest.raises(SetupFault, match="methods are among"):
        app.page("/x", methods=("TRACE",))(page)
    with pytest.raises(SetupFault, match="longer than 0 seconds"):
        app.page("/x", timeout=0)(page)
    with pytest.raises(SetupFault, match="there is no folder"):
        app.static("/x", "nowhere")

    async def needs(ctx: Context, form: str) -> Page:
        return Page("x.html")

    with pytest.raises(SetupFault, match="is asked for by GET, and must do without `form`"):
        app.page("/needs", methods=("GET", "POST"))(needs)
    app.page("/docs/mine")(page)
    with pytest.raises(SetupFault, match="where something else stands"), Place(app, tmp_path):
        pass
    app.pages.clear()
    app.page("/twice")(page)
    app.page("/twice")(page)
    with pytest.raises(SetupFault, match="already declared"), Place(app, tmp_path):
        pass
