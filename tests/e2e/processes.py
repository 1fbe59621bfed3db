"""Real processes for the tests: `undercroft …` run to its end, or served until a test has seen enough."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0
APP = '''
"""An app for tests."""
import asyncio
import os

from sqlalchemy.orm import Mapped, mapped_column

from undercroft import App, Context, Model

app = App(title="Notes")


class Note(Model):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


@app.policy(Note, "select", "insert")
def everybody(note):
    """Notes are for everybody."""
    return True


@app.rpc(read_only=True)
async def slow(ctx: Context, seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"


@app.rpc(read_only=True)
async def pid(ctx: Context) -> int:
    return os.getpid()
'''


def environment(**more: str) -> dict[str, str]:
    """This process's, without what would colour or configure the one under test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("UNDERCROFT_", "PYTEST"))}
    if kept.pop("PYTHONDONTWRITEBYTECODE", None):  # each start would compile SQLAlchemy anew
        kept["PYTHONPYCACHEPREFIX"] = str(ROOT / ".pytest_cache" / "bytecode")
    return {**kept, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", **more}


def undercroft(*words: str, cwd: Path, code: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, and insist on its exit status."""
    command = [sys.executable, "-m", "undercroft", *words]
    done = subprocess.run(
        command, cwd=cwd, env=environment(**more), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def app_in(folder: Path, text: str = APP) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "app.py").write_text(text, encoding="utf-8")
    return folder


class Served:
    """A server process: what it printed so far, and a client for it."""

    def __init__(self, command: list[str], *, cwd: Path, url: str, env: Mapping[str, str]) -> None:
        self.url = url
        self.out: list[str] = []
        self.err: list[str] = []
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
        )
        streams = ((self.process.stdout, self.out), (self.process.stderr, self.err))
        self._readers = [threading.Thread(target=_collect, args=pair, daemon=True) for pair in streams]
        for reader in self._readers:
            reader.start()

    @property
    def logs(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.err) if line.startswith("{")]

    @property
    def text(self) -> str:
        return "".join(self.out) + "".join(self.err)

    def until(self, true: Any, what: str, seconds: float = START_SECONDS) -> None:
        """Wait for something; a process that ended meanwhile fails the test with what it said."""
        deadline = time.monotonic() + seconds
        while not true():
            if self.process.poll() is not None:
                self._join()
                assert true(), f"ended with {self.process.returncode} before {what}:\n{self.text}"
                return
            assert time.monotonic() < deadline, f"no {what} after {seconds} s:\n{self.text}"
            time.sleep(0.02)

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.logs if line["event"] == event]

    def ready(self, client: httpx2.Client | None = None) -> Served:
        self.until(lambda: self.logged("ready"), "readiness")
        answer = client.get("/readyz") if client else httpx2.get(f"{self.url}/readyz")
        assert answer.status_code == 200
        return self

    def answering(self, path: str) -> Served:
        """Wait until it answers there: `dev` logs no readiness."""

        def answers() -> bool:
            try:
                return httpx2.get(f"{self.url}{path}").status_code == 200
            except httpx2.TransportError:
                return False

        self.until(answers, "an answer")
        return self

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def ended(self, seconds: float = 30) -> int:
        """The exit status, once it has ended by itself."""
        code = self.process.wait(seconds)
        self._join()
        return code

    def stop(self) -> int:
        self.signal()
        return self.ended()

    def _join(self) -> None:
        for reader in self._readers:
            reader.join(5)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def _collect(stream: Any, into: list[str]) -> None:
    with contextlib.suppress(ValueError):  # closed
        into.extend(iter(stream.readline, ""))


@contextlib.contextmanager
def served(*words: str, cwd: Path, url: str, **more: str) -> Iterator[Served]:
    """`undercroft WORDS`, killed at the end if it is still there."""
    with running([sys.executable, "-m", "undercroft", *words], cwd=cwd, url=url, **more) as process:
        yield process


@contextlib.contextmanager
def running(command: list[str], *, cwd: Path, url: str, **more: str) -> Iterator[Served]:
    """The same for any command."""
    process = Served(command, cwd=cwd, url=url, env=environment(**more))
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.signal()
            try:
                process.ended(15)
            except subprocess.TimeoutExpired:
                process.process.kill()
                process.ended()
