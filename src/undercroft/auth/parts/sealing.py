"""Secrets of this room in the database: each is sealed for its table, its column and its row."""

from __future__ import annotations

from typing import NamedTuple

from undercroft.base.sealing import SealingRing


class Sealed(NamedTuple):
    """A column that holds sealed texts."""

    table: str
    column: str

    def seal(self, ring: SealingRing, row_id: str, value: str) -> str:
        """A value as it is stored in a row."""
        return ring.seal(value, self.table, self.column, row_id)

    def open(self, ring: SealingRing, row_id: str, sealed: str) -> str:
        """The value of a row. Raises `SealedFault`."""
        return ring.open(sealed, self.table, self.column, row_id)


FACTOR_SECRET = Sealed("auth.mfa_factors", "secret")
"""Seeds of time-based codes."""
PROVIDER_TOKEN = Sealed("auth.flow_state", "provider_access_token")
PROVIDER_REFRESH_TOKEN = Sealed("auth.flow_state", "provider_refresh_token")
"""What another place gave for somebody's account there."""
CLIENT_SECRET = Sealed("auth.custom_oauth_providers", "client_secret")
"""What we are known by at a provider."""

SEALED = (FACTOR_SECRET, PROVIDER_TOKEN, PROVIDER_REFRESH_TOKEN, CLIENT_SECRET)
"""All of them, for the change of the key."""
