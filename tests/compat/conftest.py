"""The club, served by a process of its own on a port of its own, and the keys by which clients call it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.compat.club import ADA, GRACE, app, fill
from undercroft import auth
from undercroft.app import build
from undercroft.base.settings import Settings

PATIENCE = 30
"""Seconds for a server to be ready, on a busy machine."""


class Served(NamedTuple):
    """A running server, and who may call it as what."""

    url: str
    anon: str
    service: str
    user: str
    other: str


def serve(folder: Path, root: Path) -> Iterator[Served]:
    """The club with its rows, until the generator is closed."""
    environment = {"UNDERCROFT_DATABASE_DATA": str(folder / "data")}
    house = build(app, Settings.load(None, environment))
    fill(house)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port), "tests.compat.club:app"]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=root, env={**os.environ, **environment}, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(url, server, folder / "server.log")
            users = [
                auth.sign({"role": "authenticated", "sub": who, "exp": int(time.time()) + 3600}, house.keys.signing)
                for who in (ADA, GRACE)
            ]
            yield Served(url, house.keys.anon, house.keys.service_role.reveal(), *users)
        finally:
            server.terminate()
            try:
                server.wait(timeout=15)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Served]:
    """A server for the tests of one module."""
    yield from serve(tmp_path_factory.mktemp("club"), root)
