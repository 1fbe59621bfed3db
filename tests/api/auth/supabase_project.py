"""A database as a Supabase project has it, as far as accounts go, with some people in it.

Columns: as its documentation and the dumps that people publish have them, in 2026 and (`OLD`) in 2022.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import bcrypt
import psycopg

SCHEMA = """
CREATE SCHEMA auth;
CREATE TYPE auth.factor_type AS ENUM ('totp', 'webauthn', 'phone');
CREATE TYPE auth.factor_status AS ENUM ('unverified', 'verified');
CREATE TABLE auth.users (
    instance_id uuid, id uuid PRIMARY KEY, aud varchar(255), role varchar(255), email varchar(255),
    encrypted_password varchar(255), email_confirmed_at timestamptz, invited_at timestamptz,
    confirmation_token varchar(255), confirmation_sent_at timestamptz, recovery_token varchar(255),
    recovery_sent_at timestamptz, email_change_token_new varchar(255), email_change varchar(255),
    email_change_sent_at timestamptz, last_sign_in_at timestamptz, raw_app_meta_data jsonb, raw_user_meta_data jsonb,
    is_super_admin boolean, created_at timestamptz, updated_at timestamptz, phone text UNIQUE DEFAULT NULL,
    phone_confirmed_at timestamptz, phone_change text DEFAULT '', phone_change_token varchar(255) DEFAULT '',
    phone_change_sent_at timestamptz,
    confirmed_at timestamptz GENERATED ALWAYS AS (LEAST(email_confirmed_at, phone_confirmed_at)) STORED,
    email_change_token_current varchar(255) DEFAULT '', email_change_confirm_status smallint DEFAULT 0,
    banned_until timestamptz, reauthentication_token varchar(255) DEFAULT '', reauthentication_sent_at timestamptz,
    is_sso_user boolean NOT NULL DEFAULT false, deleted_at timestamptz, is_anonymous boolean NOT NULL DEFAULT false
);
CREATE TABLE auth.identities (
    provider_id text NOT NULL, user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
    identity_data jsonb NOT NULL, provider text NOT NULL, last_sign_in_at timestamptz, created_at timestamptz,
    updated_at timestamptz, email text GENERATED ALWAYS AS (lower(identity_data ->> 'email')) STORED,
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), UNIQUE (provider_id, provider)
);
CREATE TABLE auth.mfa_factors (
    id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE, friendly_name text,
    factor_type auth.factor_type NOT NULL, status auth.factor_status NOT NULL, created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL, secret text, phone text, last_challenged_at timestamptz UNIQUE,
    web_authn_credential jsonb, web_authn_aaguid uuid, last_webauthn_challenge_data jsonb
);
CREATE TABLE auth.sessions (id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE);
ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.identities ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.mfa_factors ENABLE ROW LEVEL SECURITY;
"""
OLD = """
CREATE SCHEMA auth;
CREATE TABLE auth.users (
    instance_id uuid, id uuid UNIQUE NOT NULL, aud varchar(255), role varchar(255), email varchar(255) UNIQUE,
    encrypted_password varchar(255), confirmed_at timestamptz, invited_at timestamptz,
    confirmation_token varchar(255), confirmation_sent_at timestamptz, recovery_token varchar(255),
    recovery_sent_at timestamptz, last_sign_in_at timestamptz, raw_app_meta_data jsonb, raw_user_meta_data jsonb,
    is_super_admin bool, created_at timestamptz, updated_at timestamptz
);
CREATE TABLE auth.identities (
    id text NOT NULL, user_id uuid NOT NULL REFERENCES auth.users (id), identity_data jsonb NOT NULL,
    provider text NOT NULL, last_sign_in_at timestamptz, created_at timestamptz, updated_at timestamptz,
    PRIMARY KEY (provider, id)
);
"""
MADE = "2023-05-06 07:08:09.123456+02"
PASSWORD = "correct horse"
SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def hashed(password: str = PASSWORD) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


class Project:
    """The database of a project."""

    def __init__(self, url: str, schema: str = SCHEMA) -> None:
        self.url = url
        self.run(schema)

    def run(self, statement: str, *values: Any) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode(), values or None)

    def add(self, table: str, **columns: Any) -> str:
        """A row; its id."""
        given = {"id": str(uuid4()), "created_at": MADE, "updated_at": MADE} | columns
        if table == "auth.sessions":
            given = {"id": given["id"], "user_id": given["user_id"]}
        values = [json.dumps(value) if isinstance(value, dict) else value for value in given.values()]
        places = ", ".join("%s" for _ in values)
        self.run(f"INSERT INTO {table} ({', '.join(given)}) VALUES ({places})", *values)
        return str(given["id"])

    def person(self, email: str | None, **columns: Any) -> str:
        """An account as GoTrue makes it."""
        given: dict[str, Any] = {
            "instance_id": "00000000-0000-0000-0000-000000000000", "aud": "authenticated", "role": "authenticated",
            "email": email, "encrypted_password": hashed(), "email_confirmed_at": MADE, "confirmation_token": "",
            "recovery_token": "left", "raw_app_meta_data": {"provider": "email", "providers": ["email"]},
            "raw_user_meta_data": {"nick": "Ada", "ünï": [1, None]},
        }  # fmt: skip
        return self.add("auth.users", **given | columns)

    def identity(self, user_id: str, provider: str, subject: str, data: dict[str, Any]) -> str:
        return self.add(
            "auth.identities", user_id=user_id, provider=provider, provider_id=subject,
            identity_data={"sub": subject, **data}, last_sign_in_at=MADE,
        )  # fmt: skip

    def factor(self, user_id: str, kind: str = "totp", **columns: Any) -> str:
        given = {"factor_type": kind, "status": "verified", "friendly_name": kind, "secret": SEED}
        return self.add("auth.mfa_factors", user_id=user_id, **given | columns)
