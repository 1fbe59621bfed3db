"""Webhooks with real processes: a server, the command line beside it, a receiver, and a server that is killed."""

from __future__ import annotations

import http.server
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook

from tests.e2e.processes import APP, Served, app_in, served, undercroft

TOLD = APP + '\n\napp.notify(Note, "insert")\n'
ALLOW = {"UNDERCROFT_OUTGOING_ALLOW": "127.0.0.1:*", "UNDERCROFT_WEBHOOKS_HTTPS_ONLY": "false"}


class Catcher:
    """A receiver on a thread, as slow as it is told to be."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.arrived = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        catcher = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                catcher.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                catcher.arrived.set()
                catcher.go_on.wait(60)
                try:
                    self.send_response(200)
                    self.end_headers()
                except OSError:
                    pass  # whoever sent it is dead

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"


@pytest.fixture
def catcher() -> Iterator[Catcher]:
    made = Catcher()
    made.thread.start()
    yield made
    made.go_on.set()
    made.server.shutdown()
    made.server.server_close()
    made.thread.join()


@contextmanager
def serving(folder: Path, port: int) -> Iterator[Served]:
    settings = {**ALLOW, "UNDERCROFT_JOBS_LEASE": "1s"}
    with served("serve", "--port", str(port), cwd=folder, url=f"http://127.0.0.1:{port}", **settings) as server:
        yield server.ready()


def kill(pid: int) -> None:
    """A process with its children, all at once as far as that can be."""
    family = [pid]
    for parent in family:
        tasks = Path(f"/proc/{parent}/task").glob("*/children")
        family += [int(child) for each in tasks for child in each.read_text().split()]
    for each in family:
        os.kill(each, signal.SIGKILL)


def cli(folder: Path, *words: str, code: int = 0) -> Any:
    done = undercroft("webhooks", *words, "--json", cwd=folder, code=code, **ALLOW)
    return json.loads(done.stdout)


def post(url: str, text: str) -> None:
    with httpx2.Client() as client:
        assert client.post(f"{url}/rest/v1/notes", json={"text": text}).status_code == 201


def test_the_command_line_beside_a_server(tmp_path: Path, catcher: Catcher, free_port: int) -> None:
    folder = app_in(tmp_path, TOLD)
    with serving(folder, free_port) as server:
        made = cli(folder, "add", catcher.url, "--event", "notes.*", "--description", "mine")
        assert made["secret"].startswith("whsec_")
        post(server.url, "hello")
        server.until(lambda: len(catcher.got) == 1, "a delivery")
        headers, body = catcher.got[0]
        event = Webhook(made["secret"]).verify(body, headers)
        assert (event["type"], event["data"]["text"]) == ("notes.inserted", "hello")
        rotated = cli(folder, "rotate", "1")["secret"]
        assert rotated != made["secret"]
        assert cli(folder, "secret", "1")["secret"] == rotated
        server.until(lambda: cli(folder, "deliveries", "--state", "delivered"), "its record")
        (delivery,) = cli(folder, "deliveries")
        assert (delivery["status"], delivery["attempts"]) == (200, 1)
        assert [each["status"] for each in cli(folder, "log", str(delivery["id"]))] == [200]
        undercroft("webhooks", "replay", str(delivery["id"]), cwd=folder, code=0, **ALLOW)
        server.until(lambda: len(catcher.got) == 2, "the replay")
        again, same = catcher.got[1]
        assert (same, again["webhook-id"]) == (body, headers["webhook-id"])
        for secret in (made["secret"], rotated):
            Webhook(secret).verify(same, again)
        assert cli(folder, "change", "1", "--disable")["enabled"] is False
        assert "off" in undercroft("webhooks", "list", cwd=folder, code=0, **ALLOW).stdout
        refused = cli(folder, "add", "http://169.254.169.254/", code=2)
        assert refused["error"]["code"] == "UC470"
        undercroft("webhooks", "remove", "1", cwd=folder, code=0, **ALLOW)
        assert cli(folder, "list") == []


def test_a_server_that_is_killed_in_a_delivery_makes_it_again(tmp_path: Path, catcher: Catcher, free_port: int) -> None:
    folder = app_in(tmp_path, TOLD)
    with serving(folder, free_port) as server:
        secret = cli(folder, "add", catcher.url)["secret"]
        catcher.go_on.clear()
        post(server.url, "hello")
        server.until(catcher.arrived.is_set, "a delivery that hangs")
        kill(server.process.pid)
        server.ended()
    catcher.go_on.set()
    with serving(folder, free_port) as server:
        server.until(lambda: len(catcher.got) == 2, "the delivery again")
        (first, body), (second, same) = catcher.got
        assert (first["webhook-id"], body) == (second["webhook-id"], same)
        Webhook(secret).verify(same, second)
        server.until(lambda: cli(folder, "deliveries", "--state", "delivered"), "its record")
