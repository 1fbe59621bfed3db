"""Passwords of all published leaks, asked for by the beginnings of their hashes: nobody is told one.

Protocol: https://haveibeenpwned.com/API/v3#SearchingPwnedPasswordsByRange (k-anonymity, with padding).
"""

from __future__ import annotations

from typing import Any

from undercroft.auth.backends.breached import digest, is_common
from undercroft.base.faults import Fault
from undercroft.pipeline.ports import Http

_PREFIX = 5
"""Letters of a hash that are sent: some thousand passwords share them."""
_TIMEOUT = 2.0
"""Seconds: somebody waits for it."""
_LIMIT = 512 * 1024
"""Bytes of an answer; with padding they are about 40,000."""


class BreachedRange:
    """Asks such a service, after the list that comes along. Where it does not answer, that list has to do."""

    def __init__(self, http: Http, address: str, log: Any) -> None:
        self._http = http
        self._address = address.rstrip("/")
        self._log = log

    async def __call__(self, password: str) -> bool:
        """Whether it was in a leak."""
        if is_common(password):
            return True
        hashed = digest(password).hex().upper()
        try:
            return hashed[_PREFIX:] in await self._suffixes(hashed[:_PREFIX])
        except (Fault, UnicodeDecodeError) as fault:  # an outage of others keeps nobody from signing up
            self._log.warning("passwords are not compared with all leaks", reason=str(fault)[:300])
            return False

    async def _suffixes(self, prefix: str) -> set[str]:
        """The rest of each hash that begins so. Raises `Fault`."""
        reply = await self._http.get(
            f"{self._address}/{prefix}", headers={"add-padding": "true"}, timeout=_TIMEOUT, limit=_LIMIT, attempts=1
        )
        if not reply.ok:
            raise Fault(f"the service answered {reply.status}")
        lines = (line.strip().upper().partition(":") for line in reply.body.decode("ascii").splitlines())
        return {suffix for suffix, _, count in lines if count != "0"}  # padding is said to be there no time
