"""For several processes on one SQLite file: a datagram on a Unix socket, one for each worker, beside the database.

Sockets stand in a folder `<database>.workers`, private to the user. One that nobody listens on any more is removed by
whoever notices. Where no socket can be made, as in a folder whose file system has none, workers look by themselves.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

_LONGEST = 100
"""Bytes of a path that the system takes for a socket, with room to spare."""
_RELIST = 0.2
"""Seconds for which the list of sockets is kept."""


class Neighbours:
    """Implements `Announcer`."""

    def __init__(self, database: Path, log: Any) -> None:
        self._folder = database.resolve().with_name(database.name + ".workers")
        self._log = log
        self._heard: Callable[[], None] = lambda: None
        self._name: str | None = None
        self._socket: socket.socket | None = None
        self._sending: socket.socket | None = None
        self._others: list[str] = []
        self._listed = float("-inf")

    async def start(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        name, made = uuid4().hex[:12], socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        made.setblocking(False)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with self._reached(name) as address:
                made.bind(address)
        except OSError as error:
            made.close()
            self._log.warning("jobs: other processes are not heard", why=str(error))
            return
        self._name, self._socket = name, made
        asyncio.get_running_loop().add_reader(made.fileno(), self._hear)

    async def stop(self) -> None:
        self._heard = lambda: None
        made, self._socket = self._socket, None
        if made is not None:
            asyncio.get_running_loop().remove_reader(made.fileno())
            made.close()
            with suppress(OSError):
                (self._folder / str(self._name)).unlink()
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.close()

    def tell(self) -> None:
        self._heard()
        for name in self._neighbours():
            self._send(name)

    async def say(self) -> None:
        self._listed = float("-inf")
        self.tell()

    def _hear(self) -> None:
        made = self._socket
        with suppress(OSError):
            while made is not None and made.recv(1):
                """However many there are, they mean one thing."""
        self._heard()

    def _neighbours(self) -> list[str]:
        now = asyncio.get_running_loop().time()
        if now - self._listed > _RELIST:
            self._listed = now
            try:
                self._others = [each.name for each in self._folder.iterdir() if each.name != self._name]
            except OSError:
                self._others = []
        return self._others

    def _send(self, name: str) -> None:
        if self._sending is None:
            self._sending = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._sending.setblocking(False)
        try:
            with self._reached(name) as address:
                self._sending.sendto(b".", address)
        except BlockingIOError:
            return  # it has been told so often already
        except (ConnectionRefusedError, FileNotFoundError):
            self._others = [each for each in self._others if each != name]
            with suppress(OSError):
                (self._folder / name).unlink()
        except OSError as error:
            self._log.warning("jobs: another process is not told", why=str(error))

    @contextmanager
    def _reached(self, name: str) -> Iterator[str]:
        """An address that is short enough: where the path is not, it goes by way of an open folder."""
        path = str(self._folder / name)
        if len(os.fsencode(path)) <= _LONGEST:
            yield path
            return
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{folder}/{name}"
        finally:
            os.close(folder)
