"""Contestants as processes: one granian worker each, on a free port, and what its processor time is."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parents[1]
TICK = os.sysconf("SC_CLK_TCK")
PATIENCE = 120.0
"""Seconds that a server may take to answer its first request, or to stop."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    name: str
    url: str
    process: int

    def cpu(self) -> float:
        """Seconds of processor time of the process and its children, on all threads (Linux: /proc)."""
        return sum(_ticks(process) for process in _family(self.process)) / TICK

    def get(self, path: str, headers: Mapping[str, str]) -> bytes:
        """The body of one answer. Raises `urllib.error.HTTPError` for any but a good one."""
        with urlopen(Request(self.url + path, headers=dict(headers)), timeout=PATIENCE) as answer:
            body: bytes = answer.read()
            return body


@contextmanager
def serving(name: str, target: str, environment: Mapping[str, str]) -> Iterator[Server]:
    """Serve an ASGI application, `module:name`, with one worker until the block ends."""
    port = _free_port()
    command = [sys.executable, "-m", *granian(target), "--port", str(port)]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    surroundings = {**os.environ, **environment, "PYTHONPATH": os.pathsep.join(paths)}
    process = subprocess.Popen(command, cwd=ROOT, env=surroundings, stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        _await(url, process)
        yield Server(name, url, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()


def granian(target: str) -> list[str]:
    """The command, less its port: the same for every contestant."""
    return ["granian", "--interface", "asgi", "--no-ws", "--workers", "1", "--log-level", "warning", target]


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            urlopen(url + "/", timeout=PATIENCE).close()
            return
        except HTTPError:
            return
        except (URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not answer")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _family(process: int) -> list[int]:
    """A process and all that came of it."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (fields := _stat(int(folder.name))):
            parents[int(folder.name)] = int(fields[1])
    found = [process]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def _ticks(process: int) -> int:
    fields = _stat(process)
    return sum(int(each) for each in fields[11:13])  # utime, stime: proc(5)


def _stat(process: int) -> list[str]:
    """The fields of /proc/N/stat from the third on; none where the process is gone."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()
