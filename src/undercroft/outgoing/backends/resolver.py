"""The system's own resolver, on threads of its own: names that are slow to resolve, perhaps on purpose, must not take
those on which long reads are made."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

THREADS = 16


class SystemResolver:
    """See `types.Resolver`."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    async def __call__(self, host: str, port: int) -> list[str]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="resolve")
        return await asyncio.get_running_loop().run_in_executor(self._threads, resolve, host, port)

    def close(self) -> None:
        """Let go of the threads; one that still asks ends by itself."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)


def resolve(host: str, port: int) -> list[str]:
    """Every address of a name. Blocks. Raises `OSError` where there is none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(_spelled(address) for _, _, _, _, address in found))


def _spelled(address: tuple[object, ...]) -> str:
    """An address with its zone, where it has one: such are never public."""
    text = str(address[0])
    zone = address[3] if len(address) > 3 else 0
    return f"{text}%{zone}" if zone and "%" not in text else text
