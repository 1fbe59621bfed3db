"""The whole server, killed while clients write over HTTP: what was answered with 201 is there when it is up again."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from undercroft.engine.sqlite.library import choose

CLIENTS = 16
APP = textwrap.dedent(
    '''
    """Marks: anybody may leave one."""

    from sqlalchemy.orm import Mapped, mapped_column

    from undercroft import App, Model

    app = App()


    class Mark(Model):
        __tablename__ = "marks"
        id: Mapped[int] = mapped_column(primary_key=True)
        word: Mapped[str]


    @app.policy(Mark, "insert", "select")
    def everybody(mark):
        """Everybody may."""
        return True
    '''
)
EARLY = textwrap.dedent(
    """

    async def answer_before_the_commit(self, work, *, rollback=False, local=None):
        import asyncio

        from undercroft.pipeline.write import Written

        async def later():
            await asyncio.sleep(0.05)
            await write(self, work, rollback=rollback)

        writing = asyncio.ensure_future(later())
        pending.add(writing)
        writing.add_done_callback(pending.discard)
        return Written(1, 1)


    from undercroft.engine import SQLiteEngine

    pending = set()
    write = SQLiteEngine.write
    SQLiteEngine.write = answer_before_the_commit
    """
)


class Server:
    """`undercroft serve` on a socket of its own, so that no other test's port is in the way."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "s"
        self.socket.unlink(missing_ok=True)
        command = [sys.executable, "-m", "undercroft", "serve", "app.py", "--unix-socket", str(self.socket)]
        self.log = (folder / "log").open("ab")
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=self.log, stderr=self.log, start_new_session=True, env=os.environ
        )

    async def ready(self, client: httpx2.AsyncClient) -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if self.process.poll() is not None:
                pytest.fail(f"the server ended with {self.process.returncode}")
            try:
                if (await client.get("/readyz")).status_code == 200:
                    return
            except httpx2.TransportError:
                await asyncio.sleep(0.05)
        pytest.fail("the server is not ready")

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()


async def one_life(folder: Path, life: int, seconds: float, acked: set[int]) -> None:
    """Start the server, write with all clients, kill it; what was answered joins `acked`."""
    server = Server(folder)
    try:
        transport = httpx2.AsyncHTTPTransport(uds=str(server.socket))
        async with httpx2.AsyncClient(transport=transport, base_url="http://x", timeout=5) as client:
            await server.ready(client)

            async def write(number: int) -> None:
                for turn in range(100_000):
                    key = (life * CLIENTS + number) * 100_000 + turn
                    try:
                        answer = await client.post("/rest/v1/marks", json={"id": key, "word": "x" * 50})
                    except httpx2.TransportError:
                        return
                    if answer.status_code == 201:
                        acked.add(key)

            before, end = len(acked), time.monotonic() + 10
            writers = [asyncio.ensure_future(write(number)) for number in range(CLIENTS)]
            while len(acked) == before and time.monotonic() < end:  # noqa: ASYNC110 -- a set has no event
                await asyncio.sleep(0.01)
            await asyncio.sleep(seconds)
            server.kill()
            await asyncio.gather(*writers)
    finally:
        if server.process.poll() is None:
            server.kill()


def stored(folder: Path) -> tuple[set[int], str]:
    """What the database holds, and what SQLite says of its integrity."""
    connection = choose("auto").module.connect(str(folder / ".undercroft" / "data.db"))
    try:
        keys = {key for (key,) in connection.execute("SELECT id FROM marks")}
        return keys, connection.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        connection.close()


def test_a_killed_server_has_lost_nothing_that_it_answered(
    tmp_path: Path, rounds: Callable[[int, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "app.py").write_text(APP)
    chance, acked, kills = random.Random(1), set[int](), rounds(4, 100)
    for life in range(kills):
        before = len(acked)
        asyncio.run(one_life(tmp_path, life, 0.02 + chance.random() * 0.35, acked))
        assert len(acked) > before
        keys, integrity = stored(tmp_path)
        assert integrity == "ok"
        assert not acked - keys, f"lost after life {life}: {sorted(acked - keys)[:5]}"
    with capsys.disabled():
        print(f"\n  kill -9 of the server: {kills} kills, {len(acked)} answers, 0 lost")


def test_an_answer_before_the_commit_is_noticed(tmp_path: Path) -> None:
    """The control: the same experiment on a server that answers too early."""
    (tmp_path / "app.py").write_text(APP + EARLY)
    acked: set[int] = set()
    for life in range(10):
        asyncio.run(one_life(tmp_path, life, 0.3, acked))
        if acked - stored(tmp_path)[0]:
            return
    pytest.fail("answers before the commit went unnoticed")
