"""Several workers on one socket: a parent that starts them, replaces one that died, and passes the end on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from undercroft.cli.telling import WRONG, warn
from undercroft.cli.worker import ORDER, READ_AGAIN, Order

if TYPE_CHECKING:
    from undercroft.base.settings import Settings
    from undercroft.cli.options import ServeOptions

_TICK = 0.2
_TOO_SOON = 5.0
"""Seconds: a worker that dies younger than this would die again."""
_GRACE = 5.0
"""Seconds past the drain after which a worker is killed."""

Child = subprocess.Popen[bytes]


def spawn(order: Order, listener: socket.socket) -> Child:
    """Start a worker that inherits the listening socket."""
    order = msgspec.structs.replace(order, descriptor=listener.fileno())
    environment = {**os.environ, ORDER: order.written()}
    inherited = [listener.fileno()] + ([order.ready] if order.ready is not None else [])
    with _held_back():
        return subprocess.Popen([sys.executable, "-m", "undercroft.cli.worker"], env=environment, pass_fds=inherited)


@contextmanager
def _held_back() -> Iterator[None]:
    """A worker is asked to read again only once it listens: until then such a signal would end it."""
    if sys.platform == "win32":
        yield
        return
    asking = [getattr(signal, name) for name in READ_AGAIN]
    signal.pthread_sigmask(signal.SIG_BLOCK, asking)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, asking)


def pass_on_requests_to_read(children: list[Child]) -> None:
    """Have every worker told what this process is."""

    def on_signal(number: int, frame: object) -> None:
        for child in children:
            if child.poll() is None:
                child.send_signal(number)

    for name in READ_AGAIN:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), on_signal)


def end(children: list[Child], seconds: float) -> None:
    """Ask them to end, wait for at most `seconds`, then insist."""
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + seconds
    for child in children:
        try:
            child.wait(max(deadline - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


class Stopped(Exception):
    """A signal asked this process to end."""


def stop_on_signals() -> None:
    """Have SIGTERM and SIGINT raise `Stopped`, once: while ending, further ones are ignored."""

    def on_signal(number: int, frame: object) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        raise Stopped

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, on_signal)


def serve_with_workers(options: ServeOptions, settings: Settings, listener: socket.socket) -> int:
    """Keep `[server] workers` alive until a signal comes; the exit status.

    The first one starts alone: it fills an empty database and makes the keys.
    """
    stop_on_signals()
    children: list[Child] = []
    births: list[float] = []
    pass_on_requests_to_read(children)
    try:
        reading, writing = os.pipe()
        children.append(spawn(Order(options=options, ready=writing), listener))
        births.append(time.monotonic())
        os.close(writing)
        with open(reading, "rb") as pipe:  # noqa: PTH123  # it is a descriptor
            pipe.read(1)  # nothing, where the worker has ended
        for index in range(1, settings.server.workers):
            children.append(spawn(Order(options=options, index=index, greet=False), listener))
            births.append(time.monotonic())
        while True:
            time.sleep(_TICK)
            for index, child in enumerate(children):
                status = child.poll()
                if status is None:
                    continue
                if status == WRONG or time.monotonic() - births[index] < _TOO_SOON:
                    return status if status > 0 else 1
                warn(f"worker {index} ended ({status}) and is started again")
                children[index] = spawn(Order(options=options, index=index, greet=False), listener)
                births[index] = time.monotonic()
    except Stopped:
        return 0
    finally:
        end(children, settings.server.drain + _GRACE)
