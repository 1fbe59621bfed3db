"""`[auth]`: who may sign in and how, which tokens are believed, and how our own are made.

The words are those of Supabase CLI's `config.toml`; the last ones of each section are ours.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator, Field, create_model

from undercroft.base.secret import Secret
from undercroft.base.settings.organisations_section import AuthOrganisations
from undercroft.base.settings.sections import Count, Port, Section
from undercroft.base.settings.units import Seconds

S = TypeVar("S", bound=Section)

OtpLength = Annotated[int, Field(ge=6, le=10)]
Expiry = Annotated[Seconds, Field(ge=1, le=86_400)]
Rate = Annotated[int, Field(ge=0)]


def _table(value: object) -> object:
    """A table as JSON, as a variable of the environment holds it."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else {}
    except ValueError:
        raise ValueError("is not JSON") from None


def _with_pass(section: type[S]) -> type[S]:
    """The section with its setting `pass`: no class can be written with one, for Python has the word for itself."""
    named: dict[str, object] = {"pass": (Secret | None, None)}
    made: type[S] = create_model(section.__name__, __base__=section, __module__=section.__module__, **named)  # type: ignore[call-overload]  # a field by name
    return made


@_with_pass
class AuthEmailSmtp(Section):
    """`[auth.email.smtp]`: a mail server, as Supabase CLI's file names it. It comes before `[mail] servers`."""

    enabled: bool = False
    """Whether it is used."""
    host: str = ""
    port: Port = 587
    """465 is spoken to with TLS from the first byte, any other with STARTTLS, a loopback address in the clear."""
    user: str = ""
    admin_email: str = ""
    """The sender of mails, where `[mail] sender` is not set."""
    sender_name: str = ""
    """The name beside it."""


class AuthEmailTemplate(Section):
    """`[auth.email.template.<name>]`: a mail in words of your own, with the variables that Supabase has."""

    subject: str | None = None
    """Its subject."""
    content_path: Path | None = None
    """The HTML, with `{{ .ConfirmationURL }}`, `{{ .Token }}` and the like."""


class AuthEmailTemplates(Section):
    """`[auth.email.template]`: the mails."""

    confirmation: AuthEmailTemplate = AuthEmailTemplate()
    recovery: AuthEmailTemplate = AuthEmailTemplate()
    magic_link: AuthEmailTemplate = AuthEmailTemplate()
    invite: AuthEmailTemplate = AuthEmailTemplate()
    email_change: AuthEmailTemplate = AuthEmailTemplate()
    reauthentication: AuthEmailTemplate = AuthEmailTemplate()


class AuthEmail(Section):
    """`[auth.email]`: signing in by e-mail."""

    enable_signup: bool = True
    """Whether an address may be signed up, and signed in with."""
    double_confirm_changes: bool = True
    """Whether a new address has to be confirmed at the old one, too."""
    enable_confirmations: bool = False
    """Whether an address has to be confirmed before somebody can sign in with it."""
    secure_password_change: bool = False
    """Whether a new password asks for a code from a mail, unless somebody signed in within the last day."""
    max_frequency: Seconds = Field(default=1.0, ge=0)
    """Seconds between two mails to one address."""
    otp_length: OtpLength = 6
    """Digits of a code in a mail."""
    otp_expiry: Expiry = 3600.0
    """Seconds for which the code and the link of a mail are good."""
    smtp: AuthEmailSmtp = AuthEmailSmtp()
    template: AuthEmailTemplates = AuthEmailTemplates()
    verify_by_get: bool = False
    """Whether opening the link of a mail is enough, without a button. Programs that look through mails open links, too:
    they would use them up, and be signed in."""


class AuthSmsTwilio(Section):
    """`[auth.sms.twilio]`: messages by Twilio, or by who speaks as it does."""

    enabled: bool = False
    """Whether it is used."""
    account_sid: str = ""
    """The account there."""
    message_service_sid: str = ""
    """The messaging service (`MG…`) that messages come from, or a number."""
    auth_token: Secret | None = None
    """The account's token."""
    url: str = "https://api.twilio.com"
    """Where it is called."""


class AuthSms(Section):
    """`[auth.sms]`: signing in by phone."""

    enable_signup: bool = False
    """Whether a phone number may be signed up, and signed in with."""
    enable_confirmations: bool = False
    """Whether a number has to be confirmed before somebody can sign in with it."""
    template: str = "Your code is {{ .Code }}"
    """The text of a message."""
    max_frequency: Seconds = Field(default=5.0, ge=0)
    """Seconds between two messages to one number."""
    otp_length: OtpLength = 6
    """Digits of a code in a message."""
    otp_expiry: Expiry = 60.0
    """Seconds for which it is good."""
    test_otp: Annotated[dict[str, str], BeforeValidator(_table)] = Field(default_factory=dict)
    """Numbers to which nothing is sent, and the code that is good for each: for tests and for reviews of app stores."""
    twilio: AuthSmsTwilio = AuthSmsTwilio()


class AuthMfaTotp(Section):
    """`[auth.mfa.totp]`: apps that show a code every 30 seconds."""

    enroll_enabled: bool = True
    """Whether one may be added."""
    verify_enabled: bool = True
    """Whether its codes are taken."""


class AuthMfaPhone(Section):
    """`[auth.mfa.phone]`: codes by SMS."""

    enroll_enabled: bool = False
    """Whether one may be added."""
    verify_enabled: bool = False
    """Whether its codes are taken."""
    otp_length: OtpLength = 6
    """Digits of a code."""
    template: str = "Your code is {{ .Code }}"
    """The text of a message."""
    max_frequency: Seconds = Field(default=5.0, ge=0)
    """Seconds between two messages to one number."""


class AuthMfaWebAuthn(Section):
    """`[auth.mfa.web_authn]`: security keys, and the ones that a phone or computer has in it."""

    enroll_enabled: bool = False
    """Whether one may be added."""
    verify_enabled: bool = False
    """Whether they are taken."""


class AuthMfa(Section):
    """`[auth.mfa]`: second factors."""

    max_enrolled_factors: Count = 10
    """Factors of one account, at most."""
    totp: AuthMfaTotp = AuthMfaTotp()
    phone: AuthMfaPhone = AuthMfaPhone()
    web_authn: AuthMfaWebAuthn = AuthMfaWebAuthn()


class AuthPasskey(Section):
    """`[auth.passkey]`: signing in with what a phone, a computer or a key holds, and nothing to remember."""

    enabled: bool = True
    """Whether passkeys may be added, and are taken."""
    max_passkeys_per_user: Count = 10
    """Passkeys of one account, at most."""


class AuthWebAuthn(Section):
    """`[auth.webauthn]`: for whom passkeys and security keys are made. What has been made is bound to `rp_id`."""

    rp_display_name: str = ""
    """The name that people read when they are asked; by default `rp_id`."""
    rp_id: str = ""
    """The domain, without scheme and port, and for it and all below it; by default the one of `site_url`."""
    rp_origins: tuple[str, ...] = ()
    """Addresses of pages that may ask for them, such as `https://app.example.com`; by default the one of `site_url`."""


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
    external: Annotated[dict[str, AuthExternal], BeforeValidator(_table)] = Field(default={})
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
