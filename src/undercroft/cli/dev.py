"""`undercroft dev`: a child serves, this process watches the files and starts the child anew when one changes.

The socket stays open in between, so that a browser waits for the new version instead of being refused.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from undercroft.cli.telling import paint, say
from undercroft.cli.worker import Order
from undercroft.cli.workers import Child, Stopped, end, spawn, stop_on_signals

if TYPE_CHECKING:
    import socket

    from watchfiles import Change

    from undercroft.cli.options import ServeOptions

_SUFFIXES = frozenset({".py", ".toml"})
_SETTLE = 100
"""Milliseconds: an editor that writes three files has us start once."""
_LOOK = 500
"""Milliseconds between two looks whether the child is still there."""
_DRAIN = 3.0
"""Seconds that a request gets to finish before the new version starts."""


def develop(options: ServeOptions, listener: socket.socket) -> int:
    """Serve, and serve anew after every change, until Ctrl-C; the exit status. Raises `AppFileFault`: no such file."""
    from watchfiles import DefaultFilter, watch

    folder = _folder(options)
    usual = DefaultFilter()

    def wanted(change: Change, path: str) -> bool:
        return Path(path).suffix in _SUFFIXES and ".undercroft" not in Path(path).parts and usual(change, path)

    stop_on_signals()
    child: Child | None = None
    mourned, greet = False, True
    try:
        child = spawn(Order(options=options), listener)
        for changes in watch(
            folder,
            watch_filter=wanted,
            debounce=_SETTLE,
            rust_timeout=_LOOK,
            yield_on_timeout=True,
            raise_interrupt=False,
        ):
            if changes:
                names = sorted({Path(path).name for _, path in changes})
                say(f"{paint('changed:', 'green', sys.stdout)} {', '.join(names)}")
                greet = greet and child.poll() is not None  # once it was seen to run, it has been printed
                end([child], _DRAIN)
                child, mourned = spawn(Order(options=options, greet=greet), listener), False
            elif child.poll() is not None and not mourned:
                mourned = True
                say(paint("Waiting for a change of the files.", "dim", sys.stdout))
        return 0
    except Stopped:
        return 0
    finally:
        if child is not None:
            end([child], _DRAIN)


def _folder(options: ServeOptions) -> Path:
    """What is watched: the folder of the app file, or where we are."""
    if options.app is None and options.database is not None:
        return Path.cwd()
    from undercroft.cli.loading import find_target

    target = find_target(options.app, Path.cwd())
    return target.file.parent if target.file is not None else target.root
