"""The tables of people, as a project of Supabase has them: the schema `auth`, with its names of tables and columns.

What a database of theirs holds can be put into these. Three things differ: secrets that are sent to people are stored
hashed, secrets of factors and providers sealed, and confirmations stand in `one_time_tokens` alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from undercroft.access.actor import AUTHENTICATED
from undercroft.models.base import Model, Timestamp, Uuid

METADATA = Model.metadata

_JSON = sa.JSON(none_as_null=True)
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _table(name: str, *parts: Any, **options: Any) -> sa.Table:
    return sa.Table(name, METADATA, *parts, schema="auth", **options)


def _made() -> list[sa.Column[Any]]:
    return [
        sa.Column("created_at", Timestamp, server_default=sa.func.now()),
        sa.Column("updated_at", Timestamp, server_default=sa.func.now()),
    ]


def _id() -> sa.Column[Any]:
    return sa.Column("id", Uuid, primary_key=True, default=uuid4)


def _of(table: sa.Table, name: str, *, nullable: bool = False, index: bool = True) -> sa.Column[Any]:
    """A row of that table, with which this one goes."""
    return sa.Column(name, Uuid, sa.ForeignKey(table.c.id, ondelete="CASCADE"), nullable=nullable, index=index)


def _text(name: str, default: str | None = None) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, server_default=default)


USERS = _table(
    "users",
    _id(),
    _text("aud", AUTHENTICATED),
    sa.Column("role", sa.Text, nullable=False, server_default=AUTHENTICATED),
    _text("email"),
    _text("encrypted_password"),
    sa.Column("email_confirmed_at", Timestamp),
    sa.Column("invited_at", Timestamp),
    sa.Column("confirmation_sent_at", Timestamp),
    sa.Column("recovery_sent_at", Timestamp),
    _text("email_change", ""),
    sa.Column("email_change_sent_at", Timestamp),
    sa.Column("email_change_confirm_status", sa.SmallInteger, server_default="0"),
    sa.Column("last_sign_in_at", Timestamp),
    sa.Column("raw_app_meta_data", _JSON),
    sa.Column("raw_user_meta_data", _JSON),
    sa.Column("is_super_admin", sa.Boolean),
    *_made(),
    sa.Column("phone", sa.Text, unique=True),
    sa.Column("phone_confirmed_at", Timestamp),
    _text("phone_change", ""),
    sa.Column("phone_change_sent_at", Timestamp),
    sa.Column("banned_until", Timestamp),
    sa.Column("reauthentication_sent_at", Timestamp),
    sa.Column("is_sso_user", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("deleted_at", Timestamp),
    sa.Column("is_anonymous", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("users_email_partial_key", "email", unique=True, sqlite_where=sa.text("is_sso_user = 0"),
             postgresql_where=sa.text("is_sso_user = false")),
    sa.Index("users_created_at_idx", "created_at"),
)  # fmt: skip

IDENTITIES = _table(
    "identities",
    _id(),
    sa.Column("provider_id", sa.Text, nullable=False),
    _of(USERS, "user_id"),
    sa.Column("identity_data", _JSON, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("last_sign_in_at", Timestamp),
    *_made(),
    _text("email"),
    sa.UniqueConstraint("provider_id", "provider", name="identities_provider_id_provider_unique"),
    sa.Index("identities_email_idx", "email"),
)
"""By which ways somebody comes in. `email` is the lower-case one of `identity_data`."""

SESSIONS = _table(
    "sessions",
    _id(),
    _of(USERS, "user_id"),
    *_made(),
    sa.Column("factor_id", Uuid),
    _text("aal", "aal1"),
    sa.Column("not_after", Timestamp),
    sa.Column("refreshed_at", Timestamp),
    _text("user_agent"),
    _text("ip"),
    _text("tag"),
    sa.Column("oauth_client_id", Uuid, index=True),
    _text("refresh_token_hmac_key"),
    sa.Column("refresh_token_counter", sa.BigInteger, server_default="0"),
    _text("scopes"),
)
"""Devices that are signed in. The refresh token in force is made of the last three: see `parts/refresh.py`."""

AMR = _table(
    "mfa_amr_claims",
    _id(),
    _of(SESSIONS, "session_id", index=False),
    *_made(),
    sa.Column("authentication_method", sa.Text, nullable=False),
    sa.UniqueConstraint("session_id", "authentication_method", name="mfa_amr_claims_session_id_method_key"),
)
"""How somebody came into a session."""

REFRESH_TOKENS = _table(
    "refresh_tokens",
    sa.Column("id", _BIG, primary_key=True, autoincrement=True),
    sa.Column("token", sa.Text, unique=True),
    _text("user_id"),
    sa.Column("revoked", sa.Boolean),
    *_made(),
    _text("parent"),
    _of(SESSIONS, "session_id", nullable=True),
)
"""Tokens that were taken over from elsewhere, each good for one refresh. None is written here."""

FACTORS = _table(
    "mfa_factors",
    _id(),
    _of(USERS, "user_id"),
    _text("friendly_name"),
    sa.Column("factor_type", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    *_made(),
    _text("secret"),
    _text("phone"),
    sa.Column("last_challenged_at", Timestamp),
    sa.Column("web_authn_credential", _JSON),
    sa.Column("web_authn_credential_id", sa.Text, unique=True),
    sa.Column("web_authn_aaguid", Uuid),
    sa.Column("last_step", sa.BigInteger, server_default="0"),
)
"""`secret` is sealed; `last_step` is the time step of the last code (RFC 6238, 5.2), or a key's count of signatures."""

CHALLENGES = _table(
    "mfa_challenges",
    _id(),
    _of(FACTORS, "factor_id"),
    sa.Column("created_at", Timestamp, server_default=sa.func.now()),
    sa.Column("verified_at", Timestamp),
    _text("ip_address", ""),
    _text("otp_code"),
    sa.Column("web_authn_session_data", _JSON),
)

ONE_TIME_TOKENS = _table(
    "one_time_tokens",
    _id(),
    _of(USERS, "user_id", index=False),
    sa.Column("token_type", sa.Text, nullable=False),
    sa.Column("token_hash", sa.Text, nullable=False, index=True),
    sa.Column("relates_to", sa.Text, nullable=False, index=True),
    *_made(),
    _text("details"),
    sa.Column("attempts", sa.SmallInteger, nullable=False, server_default="0"),
    sa.UniqueConstraint("user_id", "token_type", name="one_time_tokens_user_id_token_type_key"),
)
"""Codes and links that were sent: one of each kind for an account. `details` is what else was asked for with it,
`attempts` how many wrong codes were tried on it."""

FLOWS = _table(
    "flow_state",
    _id(),
    sa.Column("user_id", Uuid),
    _text("auth_code"),
    _text("code_challenge_method"),
    _text("code_challenge"),
    _text("provider_type"),
    _text("provider_access_token"),
    _text("provider_refresh_token"),
    *_made(),
    _text("authentication_method"),
    sa.Column("auth_code_issued_at", Timestamp),
    _text("details"),
    sa.Index("flow_state_auth_code_idx", "auth_code"),
    sa.Index("flow_state_created_at_idx", "created_at"),
)
"""Ways in that go over another place: what was asked for when they began (`details`), and the code at their end."""

AUDIT = _table(
    "audit_log_entries",
    _id(),
    sa.Column("payload", _JSON),
    sa.Column("created_at", Timestamp, server_default=sa.func.now()),
    sa.Column("ip_address", sa.Text, nullable=False, server_default=""),
    sa.Index("audit_log_entries_created_at_idx", "created_at"),
)

SSO_PROVIDERS = _table(
    "sso_providers",
    _id(),
    sa.Column("resource_id", sa.Text, unique=True),
    *_made(),
    sa.Column("disabled", sa.Boolean),
)

SSO_DOMAINS = _table(
    "sso_domains",
    _id(),
    _of(SSO_PROVIDERS, "sso_provider_id"),
    sa.Column("domain", sa.Text, nullable=False, unique=True),
    *_made(),
)

SAML_PROVIDERS = _table(
    "saml_providers",
    _id(),
    _of(SSO_PROVIDERS, "sso_provider_id"),
    sa.Column("entity_id", sa.Text, nullable=False, unique=True),
    sa.Column("metadata_xml", sa.Text, nullable=False),
    _text("metadata_url"),
    sa.Column("attribute_mapping", _JSON),
    _text("name_id_format"),
    *_made(),
)

SAML_RELAY_STATES = _table(
    "saml_relay_states",
    _id(),
    _of(SSO_PROVIDERS, "sso_provider_id"),
    sa.Column("request_id", sa.Text, nullable=False),
    _text("for_email"),
    _text("redirect_to"),
    *_made(),
    _of(FLOWS, "flow_state_id", nullable=True),
)

OAUTH_CLIENTS = _table(
    "oauth_clients",
    _id(),
    _text("client_secret_hash"),
    sa.Column("registration_type", sa.Text, nullable=False),
    sa.Column("redirect_uris", sa.Text, nullable=False),
    sa.Column("grant_types", sa.Text, nullable=False),
    _text("client_name"),
    _text("client_uri"),
    _text("logo_uri"),
    *_made(),
    sa.Column("deleted_at", Timestamp),
    sa.Column("client_type", sa.Text, nullable=False, server_default="confidential"),
    _text("token_endpoint_auth_method"),
)

OAUTH_AUTHORIZATIONS = _table(
    "oauth_authorizations",
    _id(),
    sa.Column("authorization_id", sa.Text, nullable=False, unique=True),
    _of(OAUTH_CLIENTS, "client_id"),
    _of(USERS, "user_id", nullable=True),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    _text("state"),
    _text("resource"),
    _text("code_challenge"),
    _text("code_challenge_method"),
    _text("nonce"),
    sa.Column("response_type", sa.Text, nullable=False, server_default="code"),
    sa.Column("status", sa.Text, nullable=False, server_default="pending"),
    sa.Column("authorization_code", sa.Text, unique=True),
    sa.Column("created_at", Timestamp, server_default=sa.func.now()),
    sa.Column("expires_at", Timestamp, nullable=False),
    sa.Column("approved_at", Timestamp),
    _of(SESSIONS, "session_id", nullable=True),
    _text("prompt"),
    sa.Column("max_age", sa.BigInteger),
    sa.Index("oauth_authorizations_expires_at_idx", "expires_at"),
)
"""What apps ask people for; codes are hashed. `session_id`: in which somebody approved, then what came of the code."""

OAUTH_CONSENTS = _table(
    "oauth_consents",
    _id(),
    _of(USERS, "user_id"),
    _of(OAUTH_CLIENTS, "client_id"),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("granted_at", Timestamp, server_default=sa.func.now()),
    sa.Column("revoked_at", Timestamp),
    sa.UniqueConstraint("user_id", "client_id", name="oauth_consents_user_client_unique"),
)

CUSTOM_PROVIDERS = _table(
    "custom_oauth_providers",
    _id(),
    sa.Column("identifier", sa.Text, nullable=False, unique=True),
    sa.Column("provider_type", sa.Text, nullable=False),
    sa.Column("settings", _JSON, nullable=False),
    _text("client_secret"),
    *_made(),
)
"""Providers that were added while running. `client_secret` is sealed."""

CREDENTIALS = _table(
    "webauthn_credentials",
    _id(),
    _of(USERS, "user_id"),
    sa.Column("credential_id", sa.Text, nullable=False, unique=True),
    sa.Column("public_key", sa.Text, nullable=False),
    _text("attestation_type"),
    sa.Column("aaguid", Uuid),
    sa.Column("sign_count", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("transports", _JSON),
    sa.Column("backup_eligible", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("backed_up", sa.Boolean, nullable=False, server_default=sa.false()),
    _text("friendly_name"),
    *_made(),
    sa.Column("last_used_at", Timestamp),
)
"""Passkeys. Bytes are base64url."""

CREDENTIAL_CHALLENGES = _table(
    "webauthn_challenges",
    _id(),
    _of(USERS, "user_id", nullable=True),
    sa.Column("challenge_type", sa.Text, nullable=False),
    sa.Column("session_data", _JSON, nullable=False),
    sa.Column("created_at", Timestamp, server_default=sa.func.now()),
    sa.Column("expires_at", Timestamp, nullable=False, index=True),
)

RECOVERY_CODES = _table(
    "mfa_recovery_codes",
    _id(),
    _of(USERS, "user_id"),
    sa.Column("code_hash", sa.Text, nullable=False),
    sa.Column("used_at", Timestamp),
    sa.Column("created_at", Timestamp, server_default=sa.func.now()),
    sa.UniqueConstraint("user_id", "code_hash", name="mfa_recovery_codes_user_id_code_hash_key"),
)

RATES = _table(
    "rate_limits",
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("window", sa.BigInteger, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
)
"""How often something happened in a window of time, for all processes."""

REVOCATIONS = _table(
    "revoked_sessions",
    sa.Column("id", _BIG, primary_key=True, autoincrement=True),
    sa.Column("session_id", Uuid, nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Index("revoked_sessions_created_at_idx", "created_at"),
)
"""Sessions whose access tokens live on: every process reads what is new here, and believes those no more."""


TABLES = tuple(table for table in METADATA.tables.values() if table.schema == "auth")
"""All of them."""


class User(Model):
    """A user: `auth.users`. It lies outside the schemas that the data API serves, so only logic and policies reach
    it."""

    __tablename__ = "users"
    __table__ = USERS
    __mapper_args__ = {  # noqa: RUF012  # SQLAlchemy's own spelling
        "include_properties": [
            "id", "email", "phone", "role", "raw_app_meta_data", "raw_user_meta_data", "email_confirmed_at",
            "phone_confirmed_at", "last_sign_in_at", "banned_until", "is_anonymous", "created_at", "updated_at",
            "deleted_at",
        ]
    }  # fmt: skip

    id: Mapped[UUID]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    role: Mapped[str]
    raw_app_meta_data: Mapped[dict[str, Any] | None]
    raw_user_meta_data: Mapped[dict[str, Any] | None]
    email_confirmed_at: Mapped[datetime | None]
    phone_confirmed_at: Mapped[datetime | None]
    last_sign_in_at: Mapped[datetime | None]
    banned_until: Mapped[datetime | None]
    is_anonymous: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
