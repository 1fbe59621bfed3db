"""`undercroft serve` and `undercroft dev` as functions: an example, or a script of one's own, may call them too."""

from __future__ import annotations

from undercroft.base.faults import SetupFault
from undercroft.cli.listener import close_listener, listen
from undercroft.cli.options import ServeOptions, read_settings
from undercroft.cli.telling import WRONG, tell_fault


def serve(options: ServeOptions) -> int:
    """Serve until SIGTERM or Ctrl-C; the exit status: 0, or 2 where app, settings or address are wrong (and told)."""
    try:
        settings = read_settings(options)
        listener = listen(settings)
    except SetupFault as fault:
        tell_fault(fault)
        return WRONG
    try:
        if options.dev:
            from undercroft.cli.dev import develop

            return develop(options, listener)
        if settings.server.workers > 1:
            from undercroft.cli.workers import serve_with_workers

            return serve_with_workers(options, settings, listener)
        from undercroft.cli.worker import Order, run

        return run(Order(options=options), listener)
    except SetupFault as fault:
        tell_fault(fault)
        return WRONG
    finally:
        close_listener(listener, settings)
