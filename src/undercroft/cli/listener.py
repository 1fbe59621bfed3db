"""The socket that a server listens on: opened before the app is loaded, and handed to every worker.

So a wrong address is told at once, requests that come while an app starts (or is loaded again) wait instead of being
refused, and all servers and workers are given the same thing.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from typing import TYPE_CHECKING

from undercroft.base.faults import SetupFault

if TYPE_CHECKING:
    from pathlib import Path

    from undercroft.base.settings import Settings

BACKLOG = 2048
"""Connections that may wait to be taken."""


def listen(settings: Settings) -> socket.socket:
    """The listening socket that the settings ask for. Raises `SetupFault`."""
    server = settings.server
    if server.unix_socket is not None:
        return _listen_unix(server.unix_socket, int(server.unix_socket_mode, 8))
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    try:
        listener = socket.create_server((server.host, settings.api.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise _refused(error, f"{server.host}:{settings.api.port}", settings) from None
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket, settings: Settings) -> str:
    """The address to call, as somebody on this machine would write it."""
    if listener.family == socket.AF_UNIX:
        return f"unix:{settings.server.unix_socket}"
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"{'https' if settings.api.tls.enabled else 'http'}://{host}:{port}"


def close_listener(listener: socket.socket, settings: Settings) -> None:
    """Close it, and remove a Unix socket's file."""
    if listener.family == socket.AF_UNIX and settings.server.unix_socket is not None:
        settings.server.unix_socket.unlink(missing_ok=True)
    listener.close()


def _listen_unix(path: Path, mode: int) -> socket.socket:
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~mode)  # never, not even for a moment, open to more than `mode`
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise SetupFault(f"the socket {path} cannot be made: {error.strerror or error}") from None
    finally:
        os.umask(before)
    path.chmod(mode)
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def _remove_stale(path: Path) -> None:
    """Remove the socket of a server that is gone. Raises `SetupFault` for a living one, and for any other file."""
    try:
        kind = path.stat().st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(kind):
        raise SetupFault(f"{path} is there and is not a socket", hint="Choose another path for --unix-socket.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise SetupFault(f"another process listens on {path}", hint="Stop it, or choose another path.")


def _refused(error: OSError, address: str, settings: Settings) -> SetupFault:
    if error.errno == errno.EADDRINUSE:
        return SetupFault(
            f"{address} is in use by another process",
            hint="Stop it, or choose another port; --port 0 takes a free one.",
        )
    if error.errno == errno.EACCES:
        return SetupFault(f"this user may not listen on {address}", hint="Ports below 1024 need a privilege.")
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return SetupFault(
        f"cannot listen on {address}: {reason}", hint=f"Is {settings.server.host} an address of this machine?"
    )
