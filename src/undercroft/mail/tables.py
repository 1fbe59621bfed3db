"""The tables of mail: what is to be sent and what became of it, and who is not to be written to.

Moments are microseconds since 1970, UTC, by the house's clock.
"""

from __future__ import annotations

import sqlalchemy as sa

from undercroft.models.base import house_metadata

METADATA = house_metadata()

WAITING, SENDING, SENT, SUPPRESSED, FAILED = "waiting", "sending", "sent", "suppressed", "failed"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

MAILS = sa.Table(
    "mails",
    METADATA,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("key", sa.Text, unique=True),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("reply_to", sa.Text),
    sa.Column("unsubscribe", sa.Text),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("html", sa.Text, nullable=False, server_default=""),
    sa.Column("text", sa.Text, nullable=False, server_default=""),
    sa.Column("attachments", sa.Text, nullable=False, server_default="[]"),
    sa.Column("state", sa.Text, nullable=False, server_default=WAITING),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("lease", sa.Text),
    sa.Column("leased_until", sa.BigInteger),
    sa.Column("tried", sa.BigInteger),
    sa.Column("claimed", sa.BigInteger),
    sa.Column("server", sa.Text),
    sa.Column("answer", sa.Text),
    sa.Column("created", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("finished", sa.BigInteger),
    sa.Index("mails_address_idx", "address", "claimed"),
    sa.Index("mails_finished_idx", "finished"),
    sqlite_autoincrement=True,  # a job that was late must not find another mail behind its number
)
"""One row for each mail to one recipient; `address` is the recipient's, by which it is counted and suppressed.

`created` is the moment for which it was asked, `tried` that of the first try, `claimed` that of the last.
"""

SUPPRESSIONS = sa.Table(
    "mail_suppressions",
    METADATA,
    sa.Column("address", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.Column("created", sa.BigInteger, nullable=False, server_default="0"),
)
"""Addresses to which nothing is sent: they bounced, complained, or the app says so."""
