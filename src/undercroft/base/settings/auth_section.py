"""`[auth]`: who may sign in and how, which tokens are believed, and how our own are made.

The words are those of Supabase CLI's `config.toml`; the last ones of each section are ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from undercroft.base.secret import Secret
from undercroft.base.settings.auth_factors_section import AuthMfa, AuthPasskey, AuthWebAuthn
from undercroft.base.settings.auth_messages_section import AuthEmail, AuthSms
from undercroft.base.settings.organisations_section import AuthOrganisations
from undercroft.base.settings.saml_section import AuthSaml
from undercroft.base.settings.sections import Count, Section
from undercroft.base.settings.units import Seconds, read_table

Rate = Annotated[int, Field(ge=0)]


class AuthCaptcha(Section):
    """`[auth.captcha]`: proof that a person asks, for sign-ups, sign-ins by password, and whatever sends a mail or a
    message."""

    enabled: bool = False
    """Whether it is asked for; a call with the `service_role` key needs none."""
    provider: Literal["hcaptcha", "turnstile"] = "hcaptcha"
    """Whose it is: hCaptcha's or Cloudflare's."""
    secret: Secret | None = None
    """The secret that goes with the site's key there."""


class AuthWeb3Chain(Section):
    """`[auth.web3.ethereum]` and `[auth.web3.solana]`: signing in by the wallets of a chain."""

    enabled: bool = False
    """Whether they are taken."""


class AuthWeb3(Section):
    """`[auth.web3]`: signing in by a wallet, which signs a message that names `site_url` or another address to which
    people may come back."""

    ethereum: AuthWeb3Chain = AuthWeb3Chain()
    solana: AuthWeb3Chain = AuthWeb3Chain()


class AuthSessions(Section):
    """`[auth.sessions]`: how long somebody stays signed in."""

    timebox: Seconds = Field(default=0.0, ge=0)
    """Seconds after which a session ends, whatever happens in it; 0 for never."""
    inactivity_timeout: Seconds = Field(default=0.0, ge=0)
    """Seconds without a refresh after which it ends; 0 for never."""
    single_per_user: bool = False
    """Whether signing in ends the account's other sessions."""


class AuthRateLimit(Section):
    """`[auth.rate_limit]`: how often. Each is for one address (of IPv6: one /64) within five minutes, but for the mails
    and messages, which count all of them within an hour. 0 for no limit."""

    email_sent: Rate = 30
    """Mails within an hour, where they go through servers of your own."""
    sms_sent: Rate = 30
    """Messages within an hour."""
    anonymous_users: Rate = 30
    """Anonymous sign-ins within an hour."""
    token_refresh: Rate = 150
    """Refreshes."""
    sign_in_sign_ups: Rate = 30
    """Sign-ups and sign-ins."""
    token_verifications: Rate = 30
    """Codes and links that are tried."""
    web3: Rate = 30
    """Sign-ins by wallets."""
    oauth_requests: Rate = 300
    """Requests of apps for authorizations and tokens, where this is a provider."""
    oauth_registrations: Rate = 10
    """Apps that register themselves."""
    saml_assertions: Rate = 150
    """People who come back from the identity provider of their organisation."""
    account_attempts: Rate = 10
    """Passwords or codes that are tried on one account, from wherever."""


class AuthOAuthServer(Section):
    """`[auth.oauth_server]`: other apps sign people in by this one (OAuth 2.1, OpenID Connect)."""

    enabled: bool = False
    """Whether they can."""
    allow_dynamic_registration: bool = False
    """Whether an app may register itself, as those that speak the Model Context Protocol do."""
    authorization_url_path: str = "/oauth/consent"
    """Your page below `site_url` that asks people; `authorization_id` in its query says for what. Empty for the one of
    `[auth.ui]`."""


class AuthUi(Section):
    """`[auth.ui]`: pages at `/auth/ui`, on which people sign up and in and look after their account."""

    enabled: bool = False
    """Whether they are served. An app that has no pages needs none of them."""
    title: str = ""
    """What they call the app; by default its title."""
    logo: str = ""
    """The address of a picture at their head: a path of this server, or `https://…`."""
    accent: str = Field(default="#1f5c4d", pattern=r"^#[0-9a-fA-F]{6}$")
    """The colour of buttons and links, as `#rrggbb`. Where it cannot be read on the page, a shade of it is taken."""
    privacy_url: str = Field(default="", pattern=r"^(https?://\S+|/\S*)?$")
    """Your privacy policy: a path of this server, or an address."""
    terms_url: str = Field(default="", pattern=r"^(https?://\S+|/\S*)?$")
    """Your terms of use."""
    redirect_to: str = ""
    """Where people go who signed in and came for nothing else; by default their account at `/auth/ui/account`. A path
    of this server, or an address that people may come back to."""
    captcha_site_key: str = ""
    """The site's key of `[auth.captcha]`, which goes into the pages."""


class AuthExternal(Section):
    """`[auth.external.<name>]`: another place that people sign in by, as `google`, or an OpenID provider of your own as
    `"custom:<name>"`."""

    enabled: bool = False
    """Whether it is used."""
    client_id: str = ""
    """What the place knows the app by; of several (with commas) ID tokens are taken for each, the first one asks."""
    secret: Secret | None = None
    """The app's secret there. For Apple, the signed one, or `{"team_id": …, "key_id": …, "private_key": …}`."""
    redirect_uri: str = ""
    """Where the place sends people back to; by default `/callback` below `[auth] external_url`."""
    url: str = ""
    """The address of the place, where there are many: GitLab, Keycloak, a tenant of Azure; of your own, its issuer."""
    skip_nonce_check: bool = False
    """Whether ID tokens are taken whose nonce nobody knows: for apps that cannot set one."""
    email_optional: bool = False
    """Whether somebody may come without an address."""


class Auth(Section):
    """`[auth]`: who may sign in, which tokens are believed, and how our own are made."""

    enabled: bool = True
    """Whether `/auth/v1` is served."""
    site_url: str = "http://localhost:3000"
    """The address of your app, to which people come back from a mail or another place."""
    external_url: str | None = None
    """The address of `/auth/v1` as callers use it; by default `[api] external_url` with that path."""
    additional_redirect_urls: tuple[str, ...] = ()
    """Further addresses to which people may come back; `*` stands for a part between `.` and `/`, `**` for anything."""
    jwt_expiry: int = Field(default=3600, ge=1, le=604800)
    """Seconds for which a token made here is good; at most a week."""
    jwt_issuer: str = "undercroft"
    """The `iss` of tokens made here."""
    signing_keys_path: Path | None = None
    """Keys that sign, as `supabase gen signing-key` writes them; by default those of `undercroft keys`."""
    enable_refresh_token_rotation: bool = True
    """Whether a refresh gives a new refresh token, and the old one is good no more."""
    refresh_token_reuse_interval: Seconds = Field(default=10.0, ge=0)
    """Seconds in which the old one still gives the same new one: an app in several tabs refreshes in each of them."""
    enable_signup: bool = True
    """Whether accounts may be made by whoever comes."""
    enable_anonymous_sign_ins: bool = False
    """Whether an account may be made without an address, to get one later."""
    enable_manual_linking: bool = False
    """Whether a user may add an identity of another provider to the account."""
    minimum_password_length: int = Field(default=6, ge=6)
    """Characters of a password, at least; 15 are recommended where it is the only factor."""
    password_requirements: Literal[
        "", "letters_digits", "lower_upper_letters_digits", "lower_upper_letters_digits_symbols"
    ] = ""
    """Kinds of characters that a password must have."""
    jwt_secret: Secret | None = None
    """The HS256 key, at least 32 bytes; without it, the one made at first start in the data directory."""
    anon_key: Secret | None = None
    """Shown and accepted in place of the generated `anon` key; a token that `jwt_secret` signed."""
    service_role_key: Secret | None = None
    """Shown and accepted in place of the generated `service_role` key; a token that `jwt_secret` signed."""
    publishable_key: Secret | None = None
    """An opaque key (`sb_publishable_…`) that stands for the anonymous role."""
    secret_key: Secret | None = None
    """An opaque key (`sb_secret_…`) that stands for `service_role`."""
    email: AuthEmail = AuthEmail()
    sms: AuthSms = AuthSms()
    mfa: AuthMfa = AuthMfa()
    passkey: AuthPasskey = AuthPasskey()
    webauthn: AuthWebAuthn = AuthWebAuthn()
    captcha: AuthCaptcha = AuthCaptcha()
    web3: AuthWeb3 = AuthWeb3()
    sessions: AuthSessions = AuthSessions()
    rate_limit: AuthRateLimit = AuthRateLimit()
    oauth_server: AuthOAuthServer = AuthOAuthServer()
    ui: AuthUi = AuthUi()
    organisations: AuthOrganisations = AuthOrganisations()
    saml: AuthSaml = AuthSaml()
    external: Annotated[dict[str, AuthExternal], BeforeValidator(read_table)] = Field(default={})
    """Other places to sign in by, each in a section `[auth.external.<name>]` with `enabled`, `client_id`, `secret`,
    `redirect_uri`, `url`, `skip_nonce_check` and `email_optional`. In the environment: all of them as JSON."""

    jwt_secret_is_base64: bool = False
    """Whether `jwt_secret` is written in base64."""
    jwks: Secret | None = None
    """A JWK or a set of them, as JSON: further keys whose tokens are believed (RS256, ES256, EdDSA, HS256)."""
    jwks_file: Path | None = None
    """The same, in a file."""
    jwks_issuer: str | None = None
    """When set, a token that a key of the set verifies must carry exactly this `iss`."""
    jwt_audience: tuple[str, ...] = ()
    """When set, a token that names an audience must name one of these; one that names none is let pass."""
    jwt_leeway: int = Field(default=30, ge=0, le=300)
    """Seconds by which clocks may differ when `exp`, `nbf` and `iat` are checked."""
    jwt_role_claim: str = ".role"
    """Where in the claims the role stands, as a PostgREST path: `.app_metadata.roles[0]`."""
    jwt_cache_entries: int = Field(default=4096, ge=0)
    """Verified tokens remembered per worker until they expire; 0 remembers none."""
    encryption_key: Secret | None = None
    """What secrets in the database are sealed with, at least 32 characters; by default a key in the data directory."""
    older_encryption_keys: tuple[Secret, ...] = ()
    """Keys of before, the latest first: they still open what they sealed, until `undercroft keys reseal` is through."""
    breached_passwords: str = "common"
    """Passwords that are not taken since everybody has them: `common` for the list that comes along, a file of Have I
    Been Pwned (`SHA1:count` in each line, sorted), the address of a service that is asked by the beginnings of hashes
    (`https://api.pwnedpasswords.com/range`), or nothing for any password."""
    hashing: Count = 2
    """Passwords that are hashed at once, per worker; each takes 19 MiB and about 30 ms of a processor."""
    hashing_queue: Count = 64
    """Passwords that wait for that; one more is answered 503."""
