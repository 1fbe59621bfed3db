"""What was answered to requests that brought a key. Moments are microseconds since 1970, UTC, by the house's clock."""

from __future__ import annotations

import sqlalchemy as sa

from undercroft.models.base import house_metadata

METADATA = house_metadata()

IDEMPOTENCY = sa.Table(
    "idempotency",
    METADATA,
    sa.Column("scope", sa.Text, primary_key=True),  # whose key it is, hashed
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("request", sa.Text, nullable=False),  # what was asked, hashed
    sa.Column("status", sa.Integer, nullable=False, server_default="0"),
    sa.Column("headers", sa.Text, nullable=False, server_default="[]"),
    sa.Column("body", sa.LargeBinary),
    sa.Column("created", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("expires", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("idempotency_expires_idx", "expires"),
)
"""A row comes and goes with the write that it answers for: its key is what decides between two requests of one key."""
