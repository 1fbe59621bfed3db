"""The log of a process: JSON lines for machines, coloured lines for people, and never a secret in either.

Whoever owns the process calls `configure_log` once: the command line does. Mounted in somebody else's application we
leave logging alone, and our lines go where that application sends structlog's.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from undercroft.base.settings import Log

_SECRET = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"  # a token
    r"|sb_secret_[\w-]+"
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"  # a password in an address
    r"|(?<=apikey=)[^&\s\"']+"
)
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What steers a terminal, or the direction in which it writes; lines and tabs are ours as well."""
_NOISY = ("uvicorn.error", "watchfiles", "asyncio")


def configure_log(settings: Log, stream: TextIO | None = None) -> None:
    """Send structlog's lines, and those of the standard library's loggers, to `stream` (standard error)."""
    with _rich_hidden():
        import structlog
    out = stream or sys.stderr
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    pretty = settings.format == "pretty" or (settings.format == "auto" and out.isatty())
    stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S" if pretty else "iso", utc=not pretty, key="time")
    first: list[Any] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, stamp]
    last: list[Any] = [structlog.processors.format_exc_info, hide_secrets, spell_unseen]
    if pretty:
        plain = structlog.dev.plain_traceback
        last.append(structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=plain, timestamp_key="time"))
    else:
        last.append(structlog.processors.JSONRenderer(_json))
    structlog.configure(
        processors=[*first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    only_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=first, processors=[only_meta, *last])  # same shape
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def hide_secrets(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace what looks like a token, a secret key or a password in an address, wherever it stands in the line."""
    for name, value in event.items():
        if isinstance(value, str) and _SECRET.search(value):
            event[name] = _SECRET.sub("(secret)", value)
    return event


def spell_unseen(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Spell out what would steer a terminal: paths and messages are callers' words."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], value)
    return event


def _json(value: Any, **_: Any) -> str:
    return msgspec.json.encode(value, enc_hook=repr).decode()


@contextmanager
def _rich_hidden() -> Iterator[None]:
    """structlog loads rich for tracebacks that we do not use: a sixth of the start and 10 MB of every worker."""
    if "structlog" in sys.modules or "rich" in sys.modules:
        yield
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # how Python marks a module that must not be found
    try:
        yield
    finally:
        del sys.modules["rich"]
