"""The tables of webhooks: endpoints, events and deliveries that go out, and events that came in.

Moments are microseconds since 1970, UTC, by the house's clock. Secrets of endpoints are sealed (`parts/sealing`).
"""

from __future__ import annotations

import sqlalchemy as sa

from undercroft.models.base import house_metadata

METADATA = house_metadata()

WAITING, DELIVERED, FAILED, CANCELLED = "waiting", "delivered", "failed", "cancelled"
NEW, HANDLED, STALE = "new", "handled", "stale"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

ENDPOINTS = sa.Table(
    "webhook_endpoints",
    METADATA,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("uid", sa.Text, nullable=False, unique=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("events", sa.Text, nullable=False, server_default='["*"]'),
    sa.Column("secrets", sa.Text, nullable=False, server_default="[]"),
    sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    sa.Column("disabled", sa.Text),
    sa.Column("created", sa.BigInteger, nullable=False, server_default="0"),
)
"""Where events go. `secrets` is `[[sealed, until], …]`, the newest first; `until` is null for the one in force."""

EVENTS = sa.Table(
    "webhook_events",
    METADATA,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("uid", sa.Text, nullable=False, unique=True),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("webhook_events_created_idx", "created"),
)
"""What happened. `uid` is the `webhook-id`, `body` what is sent, to the byte."""

DELIVERIES = sa.Table(
    "webhook_deliveries",
    METADATA,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("event_id", sa.BigInteger, sa.ForeignKey(EVENTS.c.id, ondelete="CASCADE"), nullable=False),
    sa.Column("endpoint_id", sa.BigInteger, sa.ForeignKey(ENDPOINTS.c.id, ondelete="CASCADE"), nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default=WAITING),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due", sa.BigInteger),
    sa.Column("status", sa.Integer),
    sa.Column("created", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("finished", sa.BigInteger),
    sa.Index("webhook_deliveries_event_idx", "event_id"),
    sa.Index("webhook_deliveries_endpoint_idx", "endpoint_id", "id"),
)
"""Each event for each endpoint that wants it."""

ATTEMPTS = sa.Table(
    "webhook_attempts",
    METADATA,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("delivery_id", sa.BigInteger, sa.ForeignKey(DELIVERIES.c.id, ondelete="CASCADE"), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("status", sa.Integer),
    sa.Column("ms", sa.Integer, nullable=False, server_default="0"),
    sa.Column("error", sa.Text),
    sa.Column("answer", sa.Text, nullable=False, server_default=""),
    sa.Index("webhook_attempts_delivery_idx", "delivery_id", "id"),
)
"""The log of deliveries."""

INBOX = sa.Table(
    "webhook_inbox",
    METADATA,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False, server_default=""),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("subject", sa.Text),
    sa.Column("place", sa.BigInteger),
    sa.Column("timeless", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("state", sa.Text, nullable=False, server_default=NEW),
    sa.Column("received", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("finished", sa.BigInteger),
    sa.UniqueConstraint("source", "key"),
    sa.Index("webhook_inbox_subject_idx", "source", "subject", "place"),
    sa.Index("webhook_inbox_received_idx", "received"),
)
"""Events that came in. By `key` an event is known again; `subject` and `place` are what it is about, and its order.
Where `timeless`, the row stays once the event is over, without its body."""
