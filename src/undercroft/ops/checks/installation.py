"""Checks of the settings and of what the process stands on."""

from __future__ import annotations

from collections.abc import Iterator

from undercroft.base.findings import Finding, Severity
from undercroft.base.settings import Settings
from undercroft.engine.sqlite.library import Library

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def check_settings(settings: Settings, *, reflected: bool) -> Iterator[Finding]:
    """UC105: settings that are fine on a desk and not on a street. `reflected`: there is no app file."""
    api, server = settings.api, settings.server

    def unsafe(severity: Severity, subject: str, message: str, advice: str) -> Finding:
        return Finding("UC105", severity, subject, message, advice)

    if api.tx_end.startswith("rollback"):
        yield unsafe("error", "[api] tx_end", f'"{api.tx_end}" undoes every write', 'Take "commit"; this is for tests.')
    elif api.tx_end == "commit-allow-override":
        yield unsafe(
            "note", "[api] tx_end", "callers may have their writes undone, and so try what others did", 'Take "commit".'
        )
    if api.anon == "read" and reflected:
        yield unsafe(
            "warning",
            "[api] anon",
            '"read" shows every row of every table and view to anybody',
            "Write an app file with policies, unless the whole database is meant for the public.",
        )
    if api.max_rows is None:
        yield unsafe("warning", "[api] max_rows", "one request may ask for every row", "Set it to 1000 or so.")
    if api.plan:
        yield unsafe("warning", "[api] plan", "callers may see query plans, and time by them", "Leave it off.")
    if api.aggregates and api.anon_role is not None:
        yield unsafe(
            "note", "[api] aggregates", "callers may sum up whole tables", "Make sure that the tables are small enough."
        )
    if not server.cors_allowed_origins:
        yield unsafe(
            "note",
            "[server] cors_allowed_origins",
            "pages of every origin may call (without cookies, so they need a token of their own)",
            'Name your pages, as in ["https://app.example.org"].',
        )
    if server.host not in _LOOPBACK and not api.tls.enabled and server.unix_socket is None:
        yield unsafe(
            "note",
            "[server] host",
            f"{server.host} is open to the network, without TLS",
            "Set [api.tls], or put a proxy with TLS before it.",
        )


def check_library(library: Library) -> Iterator[Finding]:
    """UC106: the guarded mode of an SQLite library."""
    if library.guarded:
        yield Finding(
            "UC106",
            "warning",
            f"SQLite {library.version_text}",
            f"SQLite {library.version_text} ({library.name}) can corrupt a database that two connections write at "
            "once: guarded mode is on, with one worker only",
            "Install pysqlite3, or a Python with SQLite 3.51.3 or later.",
        )
