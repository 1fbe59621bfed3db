"""Waiting for a server that is not there yet: where both are started at once, ours may be the faster one.

Protocol: PostgREST's "connection pool" page ("automatic recovery"): again after 1, 2, 4 … 32 seconds, for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg

from undercroft.engine.postgres.connecting import connect_once

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 32.0
_FOR_NOW = ("the database system is", "too many clients", "remaining connection slots")
"""What a server refuses with, that will not refuse later."""
_OF_OURS = ("SSL", "certificate")


def wait_until_there(
    url: str, tell: Callable[[str, float], None], *, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Return once the server takes connections, or refuses for good: whoever connects in earnest will be told why.

    It blocks. `tell` is told why it is still waited, and for how many seconds.
    """
    pause = FIRST_PAUSE
    while (reason := _out_of_reach(url)) is not None:
        tell(reason, pause)
        sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _out_of_reach(url: str) -> str | None:
    try:
        connect_once(url).close()
    except psycopg.OperationalError as error:
        said = " ".join(str(error).split())
        return said if is_for_now(said) else None
    except psycopg.Error:
        return None
    return None


def is_for_now(said: str) -> bool:
    """Whether a connection that failed in these words may succeed later; a wrong password, say, never will."""
    if "FATAL" in said:
        return any(words in said for words in _FOR_NOW)
    return not any(word in said for word in _OF_OURS)
