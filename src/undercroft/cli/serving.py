"""`undercroft serve` and `undercroft dev` as functions: an example, or a script of one's own, may call them too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undercroft.base.faults import SetupFault
from undercroft.cli.listener import close_listener, listen
from undercroft.cli.options import ServeOptions, read_settings
from undercroft.cli.telling import WRONG, tell_fault, warn

if TYPE_CHECKING:
    from undercroft.base.settings import Settings


def serve(options: ServeOptions) -> int:
    """Serve until SIGTERM or Ctrl-C; the exit status: 0, or 2 where app, settings or address are wrong (and told)."""
    try:
        settings = read_settings(options)
        wait_for_database(settings)
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


def wait_for_database(settings: Settings) -> None:
    """A server of PostgreSQL's may come up after ours, and nothing listens until then."""
    from undercroft.app import SQLITE
    from undercroft.app.databases import is_served

    url = settings.database.url.reveal() if settings.database.url else SQLITE
    if url.startswith(SQLITE) or not is_served(settings):
        return
    try:
        from undercroft.engine.postgres.waiting import wait_until_there
    except ImportError:
        return  # whoever needs the driver says what to install

    def tell(reason: str, seconds: float) -> None:
        warn(f"the database cannot be reached, trying again in {seconds:.0f} s (Ctrl-C to stop): {reason}")

    wait_until_there(url, tell)
