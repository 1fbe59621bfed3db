"""Static files and single-page applications: what is kept how long, what is there, and what never is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.scenario import Place, Reply, Request, get
from tests.api.site.app import another as site_app
from undercroft import App, Context, Page

FOREVER = "public, max-age=31536000, immutable"
HTML = ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files to serve, and some that nobody may have."""
    top = tmp_path_factory.mktemp("files")
    static, dist = top / "static", top / "dist"
    for path, text in {
        static / "site.css": "body {}",
        static / "deep/er/a.js": "let a",
        static / "page.html": "<p>",
        static / "x.bin": "x" * 1000,
        static / "no-suffix": "plain",
        static / ".env": "zqx7_s_env",
        static / ".git/config": "zqx7_s_git",
        static / "font.woff2": "f",
        static / "app.wasm": "w",
        static / "data.json": "{}",
        static / "ö ä.txt": "umlauts",
        static / "site.css.br": "as brotli",
        static / "site.css.gz": "as gzip",
        static / "a.0123456789abcdef.css": "its own name",
        static / "deep/.hidden/x.css": "zqx7_s_hidden",
        top / "secret.txt": "zqx7_s_beside",
        top / "static-beside/x.css": "zqx7_s_sibling",
        dist / "index.html": "<title>App</title>",
        dist / "assets/index-1a2b.js": "built",
        dist / "favicon.ico": "i",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (static / "link-out").symlink_to(top / "secret.txt")
    (static / "folder-out").symlink_to(top)
    (static / "link-in.css").symlink_to(static / "site.css")
    (static / "link-env").symlink_to(static / ".env")
    (static / "link-hidden").symlink_to(static / "deep/.hidden")
    os.mkfifo(static / "pipe")
    return top


@pytest.fixture(scope="module")
def files(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    app = App(models=site_app().models)
    app.static("/assets", folder / "static")
    app.spa("/", folder / "dist", immutable="assets/")

    @app.page("/about")
    async def about(ctx: Context) -> Page:
        return Page("nothing.html")

    with Place(app, tmp_path_factory.mktemp("served")) as place:
        yield place


def test_a_file_as_it_is(files: Place) -> None:
    reply = files.ask(get("/assets/site.css"))
    assert (reply.status, reply.body) == (200, b"body {}")
    assert reply.header("content-type") == "text/css; charset=utf-8"
    assert reply.header("cache-control") == "no-cache"
    assert reply.header("x-content-type-options") == "nosniff"
    assert reply.header("vary") == "accept-encoding"
    etag = str(reply.header("etag"))
    for given in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        known = files.ask(get("/assets/site.css", ("if-none-match", given)))
        assert (known.status, known.body, known.header("etag")) == (304, b"", etag)
        assert known.header("cache-control") == "no-cache"
    assert files.ask(get("/assets/site.css", ("if-none-match", '"other"'))).status == 200
    head = files.ask(Request("HEAD", "/assets/site.css"))
    assert (head.status, head.body, head.header("content-length")) == (200, b"", "7")
    reply = files.ask(Request("POST", "/assets/site.css"))
    assert (reply.status, reply.header("allow")) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("deep/er/a.js", "text/javascript; charset=utf-8"), ("x.bin", "application/octet-stream"),
        ("no-suffix", "application/octet-stream"), ("font.woff2", "font/woff2"), ("app.wasm", "application/wasm"),
        ("data.json", "application/json; charset=utf-8"), ("page.html", "text/html; charset=utf-8"),
        ("%C3%B6%20%C3%A4.txt", "text/plain; charset=utf-8"), ("link-in.css", "text/css; charset=utf-8"),
    ],
)  # fmt: skip
def test_types_are_precise(files: Place, name: str, kind: str) -> None:
    reply = files.ask(get(f"/assets/{name}"))
    assert (reply.status, reply.header("content-type")) == (200, kind)


def test_ranges(files: Place) -> None:
    reply = files.ask(get("/assets/x.bin", ("range", "bytes=10-19")))
    assert (reply.status, len(reply.body), reply.header("content-range")) == (206, 10, "bytes 10-19/1000")
    assert files.ask(get("/assets/x.bin", ("range", "bytes=2000-"))).status == 416
    etag = str(reply.header("etag"))
    assert files.ask(get("/assets/x.bin", ("range", "bytes=0-0"), ("if-range", etag))).status == 206
    assert files.ask(get("/assets/x.bin", ("range", "bytes=0-0"), ("if-range", '"old"'))).status == 200
    many = "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 10_000, 2))
    assert files.ask(get("/assets/x.bin", ("range", many))).status in (200, 400, 416)


def test_a_compressed_form_that_lies_beside(files: Place) -> None:
    def asked(accepted: str) -> tuple[bytes, str | None, str | None]:
        reply = files.ask(get("/assets/site.css", ("accept-encoding", accepted)))
        assert reply.header("content-type") == "text/css; charset=utf-8"
        return reply.body, reply.header("content-encoding"), reply.header("etag")

    brotli, gzip, plain = asked("gzip, deflate, br"), asked("gzip, br;q=0"), asked("deflate")
    assert (brotli[:2], gzip[:2], plain[:2]) == ((b"as brotli", "br"), (b"as gzip", "gzip"), (b"body {}", None))
    assert len({brotli[2], gzip[2], plain[2]}) == 3
    assert files.ask(get("/assets/data.json", ("accept-encoding", "br"))).header("content-encoding") is None


def test_a_hash_in_the_name_is_kept_for_ever(files: Place, folder: Path) -> None:
    mark = hashlib.sha256(b"body {}").hexdigest()[:16]
    reply = files.ask(get(f"/assets/site.{mark}.css"))
    assert (reply.status, reply.body, reply.header("cache-control")) == (200, b"body {}", FOREVER)
    old = files.ask(get("/assets/site.0000000000000000.css"))
    assert (old.status, old.body, old.header("cache-control")) == (200, b"body {}", "no-cache"), (
        "an old page still works"
    )
    assert files.ask(get("/assets/a.0123456789abcdef.css")).body == b"its own name"
    assert files.ask(get(f"/assets/none.{mark}.css")).status == 404


def test_templates_name_files_by_their_content(tmp_path: Path) -> None:
    with Place(site_app(), tmp_path) as place:
        page = place.ask(get("/")).body.decode()
        css = (Path(__file__).parent / "site/static/css/site.css").read_bytes()
        address = f"/assets/css/site.{hashlib.sha256(css).hexdigest()[:16]}.css"
        assert f'href="{address}"' in page
        reply = place.ask(get(address))
        assert (reply.body, reply.header("cache-control")) == (css, FOREVER)


NEVER = [
    "/assets/.env",
    "/assets/%2eenv",
    "/assets/.git/config",
    "/assets/link-out",
    "/assets/folder-out/secret.txt",
    "/assets/link-env",
    "/assets/link-hidden/x.css",
    "/assets/pipe",
    "/assets/",
    "/assets",
    "/assets/deep",
    "/assets/nothing.css",
    "/assets-beside/x.css",
    "/static-beside/x.css",
    *(
        f"/assets/{dots}secret.txt"
        for dots in [
            "../",
            "..%2f",
            "%2e%2e/",
            "%2e%2e%2f",
            ".%2e/",
            "%252e%252e%252f",
            "..%5c",
            "..\\",
            "%c0%ae%c0%ae/",
            "..;/",
            "....//",
            "%2e%2e%5c",
            "..%00/",
            "deep/../../",
            "./../",
            "%uff0e%uff0e/",
            "..%ef%bc%8f",
            "//",
            "/",
            "%2f",
            "x/../../",
        ]
    ),
    "//assets/../secret.txt",
    "/assets%2f..%2fsecret.txt",
    "/assets/..%2f..%2f..%2f..%2fetc/passwd",
    "/assets//etc/passwd",
    "/assets/%2fetc/passwd",
    "/assets/site.css%00.png",
    "/assets/site.css/",
    "/assets/site.css%20",
    "/assets/site.css.",
    "/assets/C:%5cwindows",
    "/assets/" + "a" * 5000,
    "/assets/" + "a/" * 3000,
    "/assets/../static-beside/x.css",
]


@pytest.mark.parametrize("path", NEVER)
def test_what_is_never_served(files: Place, path: str) -> None:
    """The canaries in those files are looked for in every answer."""
    reply = files.ask(get(path))
    assert reply.status == 404, reply
    assert b"zqx7" not in reply.body
    assert b"root:" not in reply.body


def test_a_single_page_application(files: Place) -> None:
    for path in ("/", "/settings", "/settings/", "/users/7/edit"):
        reply = files.ask(get(path, HTML))
        assert (reply.status, reply.body) == (200, b"<title>App</title>"), path
        assert reply.header("cache-control") == "no-cache"
        assert "frame-ancestors 'none'" in str(reply.header("content-security-policy"))
        assert files.ask(get(path, HTML, ("if-none-match", str(reply.header("etag"))))).status == 304
    built = files.ask(get("/assets/index-1a2b.js"))
    assert (built.body, built.header("cache-control")) == (b"built", FOREVER), (
        "what one folder lacks, the next may have"
    )
    assert files.ask(get("/favicon.ico")).header("content-type") == "image/x-icon"


@pytest.mark.parametrize(
    "request_", [
        get("/missing.js", HTML), get("/settings"), get("/settings", ("accept", "*/*")), get("/users.json", HTML),
        Request("POST", "/settings", [HTML]), get("/rest/v1x", ("accept", "application/json")), get("/%2e%2e/x", HTML),
    ],
)  # fmt: skip
def test_what_is_missing_is_missing(files: Place, request_: Request) -> None:
    assert files.ask(request_).status == 404


def test_the_api_and_pages_come_first(files: Place) -> None:
    assert files.ask(get("/healthz", HTML)).body == b"ok\n"
    assert files.ask(get("/rest/v1/site_notes", HTML)).header("content-type") != "text/html; charset=utf-8"
    assert files.ask(get("/functions/v1/none", HTML)).code == "UC404"
    assert files.ask(get("/about", HTML)).status == 500, "its template is missing, and nothing else stands there"
    files.logs.clear()


def test_hashed_folders_of_an_application(tmp_path: Path) -> None:
    with Place(site_app(), tmp_path) as place:
        reply = place.ask(get("/app/assets/index-abc123.js"))
        assert (reply.status, reply.header("cache-control")) == (200, FOREVER)
        for path in ("/app", "/app/", "/app/anything", "/app/any/thing/"):
            assert place.ask(get(path, HTML)).status == 200, path
        assert place.ask(get("/app/", ("accept", "image/png"))).status == 404
        assert place.ask(get("/app//", HTML)).status == 404
        assert place.ask(get("/application", HTML)).status == 404


def test_a_file_that_changes_has_another_address(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "static/a.css").write_text("one")
    (tmp_path / "templates/p.html").write_text("{{ asset('a.css') }}")
    app = App(models=site_app().models)
    app.static("/s", tmp_path / "static")

    @app.page("/p", templates=tmp_path / "templates")
    async def page(ctx: Context) -> Page:
        return Page("p.html")

    def address(reply: Reply) -> str:
        assert reply.status == 200
        return reply.body.decode()

    with Place(app, tmp_path / "data") as place:
        before = address(place.ask(get("/p")))
        (tmp_path / "static/a.css").write_text("two, longer")
        after = address(place.ask(get("/p")))
        assert before != after
        assert place.ask(get(after)).header("cache-control") == FOREVER
        assert place.ask(get(before)).header("cache-control") == "no-cache"
