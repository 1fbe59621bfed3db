"""The two HTTP servers behind one face: granian, and uvicorn for those who prefer it.

Either is given a listening socket and an application that is already started, runs on our loop, and leaves signals
to us: so both drain in the same way.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
from typing import TYPE_CHECKING, Any, Protocol

from undercroft.base.faults import SetupFault
from undercroft.cli.listener import BACKLOG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from undercroft.base.settings import ApiTls
    from undercroft.cli.options import ServerName
    from undercroft.web.types import ASGIApp


class Server(Protocol):
    """An HTTP server."""

    async def serve(self) -> None:
        """Take connections until `stop`, then answer what was taken."""
        ...

    def stop(self) -> None:
        """Take no more connections; `serve` ends when the last request is answered."""
        ...


def make_server(name: ServerName, application: ASGIApp, listener: socket.socket, tls: ApiTls) -> Server:
    """The server of that name. Raises `SetupFault` where it is not installed, or the certificate is not good."""
    if tls.enabled:
        check_certificate(tls)
    return _granian(application, listener, tls) if name == "granian" else _uvicorn(application, listener, tls)


def check_certificate(tls: ApiTls) -> None:
    """Raises `SetupFault` where the files are missing or do not belong together; a server only says that it failed."""
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(str(tls.cert_path), str(tls.key_path))
    except ssl.SSLError as error:
        raise SetupFault(
            f"the TLS files cannot be used: {error.reason or error}",
            hint=f"{tls.cert_path} must be a PEM certificate and {tls.key_path} its unencrypted private key.",
        ) from None
    except OSError as error:
        raise SetupFault(f"a TLS file cannot be read: {error.strerror} ({error.filename or tls.cert_path})") from None


def _granian(application: ASGIApp, listener: socket.socket, tls: ApiTls) -> Server:
    import logging

    from granian._granian import SocketHolder
    from granian.constants import HTTPModes, Interfaces, SSLProtocols
    from granian.server.embed import Server as Granian

    # Its handle closes the descriptor that it was given, so it gets one of its own.
    make_handle: Any = SocketHolder  # its stub does not know the arguments
    handle = make_handle(os.dup(listener.fileno()), listener.family == socket.AF_UNIX, BACKLOG)

    class OnSocket(Granian):
        def _init_shared_socket(self) -> None:
            self._shd = handle

    logging.getLogger("_granian").setLevel(logging.CRITICAL + 1)
    server: Server = OnSocket(
        application,
        interface=Interfaces.ASGINL,
        http=HTTPModes.auto,
        backlog=BACKLOG,
        log_enabled=False,
        ssl_cert=tls.cert_path if tls.enabled else None,
        ssl_key=tls.key_path if tls.enabled else None,
        ssl_protocol_min=SSLProtocols.tls12,
    )
    return server


def _uvicorn(application: ASGIApp, listener: socket.socket, tls: ApiTls) -> Server:
    if importlib.util.find_spec("uvicorn") is None:
        raise SetupFault("uvicorn is not installed", hint="pip install 'undercroft[uvicorn]'")
    import uvicorn

    class OnSocket(uvicorn.Server):
        async def serve(self, sockets: list[socket.socket] | None = None) -> None:
            await super().serve([listener])

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

        def stop(self) -> None:
            self.should_exit = True

    config: Any = uvicorn.Config(
        application,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_certfile=tls.cert_path if tls.enabled else None,
        ssl_keyfile=tls.key_path if tls.enabled else None,
    )
    return OnSocket(config)
