"""`undercroft serve` as a real process on both servers: it starts, says what it should, answers, drains, ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import ssl
import stat
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.e2e.processes import APP, app_in, running, served, undercroft
from undercroft.engine.sqlite.library import has_wal_reset_fault

SERVERS = ("granian", "uvicorn")
each_server = pytest.mark.parametrize("server", SERVERS)


def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@each_server
def test_it_serves_tells_the_keys_once_and_ends_with_0(tmp_path: Path, free_port: int, server: str) -> None:
    words = ("serve", "--port", str(free_port), "--server", server)
    with served(*words, cwd=app_in(tmp_path), url=url(free_port)) as process:
        process.ready()
        keys = json.loads(undercroft("keys", "--json", cwd=tmp_path).stdout)
        with httpx2.Client(base_url=process.url, headers={"apikey": keys["anon"]}) as client:
            assert client.get("/healthz").text == "ok\n"
            assert client.get("/readyz").json() == {"ready": True}
            assert client.post("/rest/v1/notes", json={"text": "hello"}).status_code == 201
            assert client.get("/rest/v1/notes?select=text").json() == [{"text": "hello"}]
            assert client.get(f"/rest/v1/notes?select=text&apikey={keys['service_role']}").status_code == 400
            assert client.get("/docs").status_code == 200
        assert process.stop() == 0
    printed = "".join(process.out)
    assert keys["anon"] in printed
    assert keys["service_role"] in printed
    assert f"{process.url}/rest/v1" in printed
    log = "".join(process.err)
    assert keys["anon"] not in log
    assert keys["service_role"] not in log
    assert [line["event"] for line in process.logs if line["event"] != "request"] == ["ready", "draining", "stopped"]
    requests = [line for line in process.logs if line["event"] == "request"]
    assert [(line["method"], line["path"], line["status"], line["role"]) for line in requests] == [
        ("POST", "/notes", 201, "anon"),
        ("GET", "/notes", 200, "anon"),
        ("GET", "/notes", 400, "anon"),
    ]
    assert len({line["id"] for line in requests}) == 3
    with served(*words, cwd=tmp_path, url=url(free_port)) as again:  # the second time nothing secret is printed
        again.ready()
        assert again.stop() == 0
    assert keys["service_role"] not in again.text


@each_server
def test_what_was_accepted_is_answered_and_readiness_goes_first(tmp_path: Path, free_port: int, server: str) -> None:
    words = ("serve", "--port", str(free_port), "--server", server)
    with served(*words, cwd=app_in(tmp_path), url=url(free_port)) as process:
        process.ready()
        answers: list[httpx2.Response] = []
        asking = threading.Thread(
            target=lambda: answers.append(httpx2.get(f"{process.url}/rest/v1/rpc/slow?seconds=1.5", timeout=20))
        )
        asking.start()
        time.sleep(0.4)
        process.signal()
        process.until(lambda: any(line["event"] == "draining" for line in process.logs), "draining")
        during = httpx2.get(f"{process.url}/readyz")
        assert (during.status_code, during.json()) == (503, {"ready": False})
        assert during.headers["connection"] == "close"
        asking.join()
        assert [(answer.status_code, answer.json()) for answer in answers] == [(200, "done")]
        assert process.ended() == 0
        assert [line["running"] for line in process.logs if line["event"] == "draining"] == [1]


@each_server
def test_a_request_that_does_not_end_is_cut_off_after_the_drain(tmp_path: Path, free_port: int, server: str) -> None:
    words = ("serve", "--port", str(free_port), "--server", server)
    env = {"UNDERCROFT_SERVER_DRAIN": "1s"}
    with served(*words, cwd=app_in(tmp_path), url=url(free_port), **env) as process:
        process.ready()
        with socket.create_connection(("127.0.0.1", free_port)) as connection:
            connection.sendall(b"GET /rest/v1/rpc/slow?seconds=20 HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.4)
            began = time.monotonic()
            process.signal()
            assert process.ended(15) == 0
            assert 0.9 < time.monotonic() - began < 8
        assert [line["requests"] for line in process.logs if line["event"] == "cut off"] == [1]


def test_a_second_signal_does_not_wait(tmp_path: Path, free_port: int) -> None:
    with served("serve", "--port", str(free_port), cwd=app_in(tmp_path), url=url(free_port)) as process:
        process.ready()
        with socket.create_connection(("127.0.0.1", free_port)) as connection:
            connection.sendall(b"GET /rest/v1/rpc/slow?seconds=20 HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.4)
            process.signal(signal.SIGINT)
            process.until(lambda: any(line["event"] == "draining" for line in process.logs), "draining")
            began = time.monotonic()
            process.signal(signal.SIGINT)
            assert process.ended(15) == 0
            assert time.monotonic() - began < 4


@each_server
def test_a_unix_socket(tmp_path: Path, server: str) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as stale:  # one that a killed server left behind
        stale.bind(str(path))
    words = ("serve", "--unix-socket", str(path), "--server", server)
    with (
        served(*words, cwd=app_in(tmp_path / "app"), url="http://x") as process,
        httpx2.Client(transport=httpx2.HTTPTransport(uds=str(path)), base_url="http://x") as client,
    ):
        process.ready(client)
        assert client.get("/rest/v1/notes").json() == []
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert f"unix:{path}" in "".join(process.out)
        other = undercroft("serve", "--unix-socket", str(path), cwd=tmp_path / "app", code=2)
        assert "another process listens" in other.stderr
        assert process.stop() == 0
    assert not path.exists()


@each_server
def test_tls(tmp_path: Path, free_port: int, server: str) -> None:
    certificate, key = make_certificate(tmp_path)
    words = ("serve", "--port", str(free_port), "--server", server, "--tls-cert", certificate, "--tls-key", key)
    trusted = ssl.create_default_context(cafile=certificate)
    with (
        served(*words, cwd=app_in(tmp_path / "app"), url=f"https://127.0.0.1:{free_port}") as process,
        httpx2.Client(base_url=process.url, verify=trusted) as client,
    ):
        process.ready(client)
        assert client.get("/rest/v1/notes").json() == []
        assert f"https://127.0.0.1:{free_port}/rest/v1" in "".join(process.out)
        assert process.stop() == 0


def test_tls_files_that_do_not_fit(tmp_path: Path, free_port: int) -> None:
    certificate, _ = make_certificate(tmp_path)
    words = ("serve", "--port", str(free_port), "--tls-cert", certificate)
    folder = app_in(tmp_path / "app")
    assert "cert_path and key_path" in undercroft(*words, cwd=folder, code=2).stderr
    assert "TLS files cannot be used" in undercroft(*words, "--tls-key", certificate, cwd=folder, code=2).stderr
    assert "cannot be read" in undercroft(*words, "--tls-key", "none.pem", cwd=folder, code=2).stderr


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = undercroft("serve", "--port", str(port), cwd=app_in(tmp_path), code=2)
    assert f"127.0.0.1:{port} is in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_workers_share_the_work_and_are_replaced(tmp_path: Path, free_port: int) -> None:
    words = ("serve", "--port", str(free_port), "--workers", "2")
    with served(*words, cwd=app_in(tmp_path), url=url(free_port)) as process:

        def ready() -> set[int]:
            return {line["pid"] for line in process.logs if line["event"] == "ready"}

        process.until(lambda: len(ready()) == 2, "two workers")
        assert "".join(process.out).count("service_role key") == 1
        for number in range(4):
            assert httpx2.post(f"{process.url}/rest/v1/notes", json={"text": str(number)}).status_code == 201
        seen = {httpx2.get(f"{process.url}/rest/v1/rpc/pid").json() for _ in range(30)}
        assert seen <= ready()
        time.sleep(5)  # a worker that dies younger than that takes all of them with it
        os.kill(min(ready()), signal.SIGKILL)
        process.until(lambda: len(ready()) == 3, "a new worker")
        assert len(httpx2.get(f"{process.url}/rest/v1/notes").json()) == 4
        assert process.stop() == 0
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(process.url)


def test_a_library_that_must_be_alone_refuses_a_second_worker(tmp_path: Path, free_port: int) -> None:
    shadow = tmp_path / "shadow" / "pysqlite3"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text("raise ImportError('not here')")
    words = ("serve", "--port", str(free_port), "--workers", "2")
    env = {"PYTHONPATH": str(shadow.parent)}
    with served(*words, cwd=app_in(tmp_path / "app"), url=url(free_port), **env) as process:
        if has_wal_reset_fault(sqlite3.sqlite_version_info):
            assert process.ended(60) == 2
            assert "can corrupt a file that two of them write" in process.text
            assert "Run one worker" in process.text
        else:
            process.ready()


def test_an_existing_database(tmp_path: Path, free_port: int) -> None:
    database = sqlite3.connect(tmp_path / "shop.db")
    database.executescript(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO items VALUES (1, 'tea')"
    )
    database.close()
    words = ("serve", "--port", str(free_port), "--database", "sqlite:///shop.db")
    with served(*words, cwd=tmp_path, url=url(free_port)) as process:
        process.ready()
        assert httpx2.get(f"{process.url}/rest/v1/items").status_code == 404
        secret = json.loads(undercroft("keys", "--json", cwd=tmp_path).stdout)["service_role"]
        assert httpx2.get(f"{process.url}/rest/v1/items", headers={"apikey": secret}).json()[0]["name"] == "tea"
        assert process.stop() == 0
    with served(*words, "--anon", "read", cwd=tmp_path, url=url(free_port)) as process:
        process.ready()
        assert httpx2.get(f"{process.url}/rest/v1/items?select=name").json() == [{"name": "tea"}]


def test_a_changed_model_is_refused_until_it_is_migrated(tmp_path: Path, free_port: int) -> None:
    folder = app_in(tmp_path)
    with served("serve", "--port", str(free_port), cwd=folder, url=url(free_port)) as process:
        process.ready()
    app_in(tmp_path, APP.replace("    text: Mapped[str]\n", "    text: Mapped[str]\n    more: Mapped[str | None]\n"))
    done = undercroft("serve", "--port", str(free_port), cwd=folder, code=2)
    assert "notes.more" in done.stderr
    assert "undercroft migrate make" in done.stderr


# ---------------------------------------------------------------- beside other applications

FASTAPI = """
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
"""
MOUNTED = (
    APP
    + FASTAPI
    + """
@asynccontextmanager
async def lifespan(application):
    print("other starts", flush=True)
    yield {"word": "from the start"}
    print("other ends", flush=True)

other = FastAPI(lifespan=lifespan)

@other.get("/hello")
async def hello(request: Request) -> dict[str, str]:
    return {"root": request.scope["root_path"], "word": request.state.word}

@other.get("/crash")
async def crash():
    raise RuntimeError("this and that")

app.mount("/other", other)
"""
)
AROUND = (
    APP
    + FASTAPI
    + """
outer = FastAPI()
outer.mount("/inner", app)

@outer.get("/hello")
async def hello():
    return "hello"
"""
)


@each_server
def test_a_fastapi_application_inside(tmp_path: Path, free_port: int, server: str) -> None:
    words = ("serve", "--port", str(free_port), "--server", server)
    with served(*words, cwd=app_in(tmp_path, MOUNTED), url=url(free_port)) as process:
        process.ready()
        assert httpx2.get(f"{process.url}/other/hello").json() == {"root": "/other", "word": "from the start"}
        assert httpx2.get(f"{process.url}/other/none").status_code == 404
        assert httpx2.get(f"{process.url}/rest/v1/notes").json() == []
        assert httpx2.get(f"{process.url}/other/crash").status_code == 500
        assert process.stop() == 0
    assert [line for line in process.out if line.startswith("other")] == ["other starts\n", "other ends\n"]
    (crash,) = [line for line in process.logs if line["event"] == "crash"]
    assert crash["path"] == "/other/crash"
    assert "RuntimeError: this and that" in crash["exception"]


@pytest.mark.parametrize(
    "command",
    [("granian", "--interface", "asgi", "--no-log"), ("uvicorn", "--log-level", "warning")],
    ids=SERVERS,
)
def test_inside_a_fastapi_application(tmp_path: Path, free_port: int, command: tuple[str, ...]) -> None:
    """Nobody announces the start to a mounted application: the first request is it."""
    words = [sys.executable, "-m", *command, "--port", str(free_port), "app:outer"]
    with running(words, cwd=app_in(tmp_path, AROUND), url=url(free_port)) as process:

        def answers() -> bool:
            try:
                return httpx2.get(f"{process.url}/hello").status_code == 200
            except httpx2.HTTPError:
                return False

        process.until(answers, "an answer")
        assert httpx2.post(f"{process.url}/inner/rest/v1/notes", json={"text": "in"}).status_code == 201
        assert httpx2.get(f"{process.url}/inner/rest/v1/notes?select=text").json() == [{"text": "in"}]
        assert httpx2.get(f"{process.url}/inner/readyz").json() == {"ready": True}
        assert httpx2.get(f"{process.url}/rest/v1/notes").status_code == 404


def make_certificate(folder: Path) -> tuple[str, str]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "undercroft test")])
    now = datetime.now(UTC)
    address: Any = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return str(folder / "cert.pem"), str(folder / "key.pem")
