"""One process that serves: opens the app, answers requests, and on SIGTERM finishes what it began.

`undercroft serve` runs it directly; as `python -m undercroft.cli.worker` it is the child of `workers` or `dev`, which
hand it the socket and the arguments.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from undercroft.base.faults import SetupFault
from undercroft.cli.drain import Drain
from undercroft.cli.listener import url_of
from undercroft.cli.options import Opened, ServeOptions, open_app, read_settings
from undercroft.cli.servers import Server, make_server
from undercroft.cli.telling import WRONG, tell_fault
from undercroft.web.log import configure_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from undercroft.app import House

ORDER = "UNDERCROFT_WORKER"
"""The variable in which a parent process hands an `Order` to a worker."""
READ_AGAIN: Final[dict[str, Literal["schema", "config"]]] = {"SIGUSR1": "schema", "SIGUSR2": "config"}
"""Signals by which somebody asks for it."""
_AFTERWARDS = 1.0
"""Seconds that a server gets, past the drain, to let go of its connections."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is to do."""

    options: ServeOptions
    descriptor: int = -1
    """The listening socket, where it is inherited."""
    index: int = 0
    greet: bool = True
    """Whether to print URLs and keys: not by every worker, and not again after a reload."""
    ready: int | None = None
    """A pipe to write a byte to when it serves."""

    def written(self) -> str:
        """The order as text, for the environment."""
        return msgspec.json.encode(self, enc_hook=str).decode()

    @classmethod
    def read(cls, text: str) -> Order:
        """The order that `written` gave."""
        return msgspec.json.decode(text, type=cls, dec_hook=lambda kind, value: kind(value))


def run(order: Order, listener: socket.socket) -> int:
    """Serve until a signal comes; the exit status. What is wrong with app and settings is told, not raised."""
    try:
        settings = read_settings(order.options)
        configure_log(settings.log)
        opened = open_app(order.options, settings)
        with asyncio.Runner(loop_factory=fastest_loop()) as runner:
            return runner.run(_live(order, opened, listener))
    except SetupFault as fault:
        tell_fault(fault)
        return WRONG
    except KeyboardInterrupt:
        return 0


def fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where there is one: a tenth less of processor time for each request. None for asyncio's own."""
    try:
        import uvloop
    except ImportError:  # on Windows, and on interpreters other than CPython
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _live(order: Order, opened: Opened, listener: socket.socket) -> int:
    import structlog

    log, stopping, hurry = structlog.get_logger(), asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (hurry if stopping.is_set() else stopping).set()

    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, on_signal)
    house = build_house(order.options, opened)
    _heed_requests_to_read(house)
    drain = Drain(opened.app, log)
    server = make_server(order.options.server, drain, listener, opened.settings.api.tls)
    admin = await _admin(order, house)
    await opened.app.start()
    serving = asyncio.create_task(server.serve())
    try:
        if order.greet:
            from undercroft.cli.greeting import greet

            greet(order.options, opened, house, url_of(listener, opened.settings))
        if order.ready is not None:
            os.write(order.ready, b".")
            os.close(order.ready)
        log.info("ready", worker=order.index, pid=os.getpid(), url=url_of(listener, opened.settings))
        await _first(serving, asyncio.ensure_future(stopping.wait()))
        if not serving.done():
            leaving = asyncio.create_task(_leave(server, serving, drain, house, log))
            await _first(leaving, asyncio.ensure_future(hurry.wait()))
        else:
            serving.result()
    finally:
        house.outside.ready = False
        if admin is not None:
            admin.close()
        if number := await drain.cut_off():
            log.warning("cut off", requests=number)
        await opened.app.stop()
    log.info("stopped", worker=order.index)
    return 0


def build_house(options: ServeOptions, opened: Opened) -> House:
    """Build the app, and in `dev` bring its database to the models.

    Raises `SetupFault`, which names the line of the app file where one is to blame.
    """
    from undercroft.app import build

    app = opened.app
    app.migrations = opened.migrations
    app.read_settings = lambda: read_settings(options)
    try:
        house = build(app, opened.settings, dev=options.dev)
    except SetupFault as fault:
        if opened.folder is None:
            raise
        from undercroft.cli.loading import told_by_line

        raise told_by_line(fault, opened.folder) from fault
    app.house = house
    if options.dev and not app.existing:
        from undercroft.cli.migrating import bring_up

        bring_up(opened, options)
    return house


async def _admin(order: Order, house: House) -> asyncio.Server | None:
    """The server that tells of one worker how all are, where the settings ask for it."""
    postgrest = house.settings.postgrest
    if postgrest.admin_port is None or order.index > 0:
        return None
    from undercroft.cli.admin import serve_admin

    host = postgrest.admin_host or house.settings.server.host
    return await serve_admin(host, postgrest.admin_port, house.outside.is_ready)


def _heed_requests_to_read(house: House) -> None:
    """SIGUSR1 has the schema read again, SIGUSR2 the settings, as PostgREST has them."""
    loop = asyncio.get_running_loop()
    for name, what in READ_AGAIN.items():
        if hasattr(signal, name):  # not on Windows
            number = getattr(signal, name)
            loop.add_signal_handler(number, house.read_again, what)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])  # a parent of several holds it back until now


async def _leave(server: Server, serving: asyncio.Task[None], drain: Drain, house: House, log: Any) -> None:
    """Not ready any more; what is in work is answered; then the door is closed.

    Half of the time new requests are still taken, for those who have not noticed yet that we are not ready.
    """
    house.outside.ready = False
    seconds = house.settings.server.drain
    log.info("draining", running=drain.running, seconds=seconds)
    began = asyncio.get_running_loop().time()
    await drain.wait(seconds / 2)
    server.stop()
    left = seconds - (asyncio.get_running_loop().time() - began)
    await drain.wait(max(left, 0.0))
    if not drain.running:
        await asyncio.wait([serving], timeout=_AFTERWARDS)


async def _first(*tasks: asyncio.Future[Any]) -> None:
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for each in pending - {tasks[0]}:
        each.cancel()


def main() -> None:
    """Carry out the order that the parent process left in the environment."""
    order = Order.read(os.environ.pop(ORDER))
    status = run(order, socket.socket(fileno=order.descriptor))
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of a request that would not end must not keep the process: it has said what it had to say.
    os._exit(status)


if __name__ == "__main__":
    main()
