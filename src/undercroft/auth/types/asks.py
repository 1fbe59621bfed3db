"""What callers ask for, as values: the bodies of GoTrue's published OpenAPI. What it does not name is let pass."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

Data = dict[str, Any]


class Security(Struct, frozen=True):
    """`gotrue_meta_security`."""

    captcha_token: str | None = None


class Ask(Struct, frozen=True, kw_only=True):
    """What any of them may hold."""

    gotrue_meta_security: Security | None = None

    @property
    def captcha(self) -> str | None:
        """The answer to a captcha, where there is one."""
        return self.gotrue_meta_security.captcha_token if self.gotrue_meta_security else None


class Pkce(Ask, frozen=True, kw_only=True):
    """An ask whose answer comes to a browser by a code, which only the one that asked can change for a session."""

    code_challenge: str | None = None
    code_challenge_method: str | None = None


class SignUp(Pkce, frozen=True, kw_only=True):
    """`POST /signup`."""

    email: str | None = None
    phone: str | None = None
    password: str | None = None
    data: Data | None = None
    channel: str | None = None


class PasswordGrant(Ask, frozen=True, kw_only=True):
    """`POST /token?grant_type=password`."""

    email: str | None = None
    phone: str | None = None
    password: str = ""


class RefreshGrant(Struct, frozen=True, kw_only=True):
    """`POST /token?grant_type=refresh_token`."""

    refresh_token: str = ""


class Web3Grant(Ask, frozen=True, kw_only=True):
    """`POST /token?grant_type=web3`."""

    chain: str = ""
    message: str = ""
    signature: str = ""


class CodeGrant(Struct, frozen=True, kw_only=True):
    """`POST /token?grant_type=pkce`."""

    auth_code: str = ""
    code_verifier: str = ""


class ChangeUser(Pkce, frozen=True, kw_only=True):
    """`PUT /user`."""

    email: str | None = None
    phone: str | None = None
    password: str | None = None
    current_password: str | None = None
    nonce: str | None = None
    data: Data | None = None
    app_metadata: Data | None = None
    channel: str | None = None


class Otp(Pkce, frozen=True, kw_only=True):
    """`POST /otp`, and `POST /magiclink`."""

    email: str | None = None
    phone: str | None = None
    create_user: bool = True
    data: Data | None = None
    channel: str | None = None


class Recover(Pkce, frozen=True, kw_only=True):
    """`POST /recover`."""

    email: str = ""


class Resend(Pkce, frozen=True, kw_only=True):
    """`POST /resend`."""

    type: str = ""
    email: str | None = None
    phone: str | None = None


class Verify(Ask, frozen=True, kw_only=True):
    """`POST /verify`."""

    type: str = ""
    token: str = ""
    token_hash: str = ""
    email: str | None = None
    phone: str | None = None
    redirect_to: str | None = None


class Invite(Struct, frozen=True, kw_only=True):
    """`POST /invite`."""

    email: str = ""
    data: Data | None = None


class GenerateLink(Struct, frozen=True, kw_only=True):
    """`POST /admin/generate_link`."""

    type: str = ""
    email: str = ""
    new_email: str | None = None
    password: str | None = None
    data: Data | None = None
    redirect_to: str | None = None


class AdminUser(Struct, frozen=True, kw_only=True):
    """`POST /admin/users` and `PUT /admin/users/{id}`."""

    id: str | None = None
    aud: str | None = None
    role: str | None = None
    email: str | None = None
    phone: str | None = None
    password: str | None = None
    password_hash: str | None = None
    email_confirm: bool | None = None
    phone_confirm: bool | None = None
    user_metadata: Data | None = None
    app_metadata: Data | None = None
    ban_duration: str | None = None
    nonce: str | None = None


class DeleteUser(Struct, frozen=True, kw_only=True):
    """`DELETE /admin/users/{id}`."""

    should_soft_delete: bool = False


class Enroll(Struct, frozen=True, kw_only=True):
    """`POST /factors`."""

    factor_type: str = ""
    friendly_name: str | None = None
    issuer: str | None = None
    phone: str | None = None


class Challenge(Struct, frozen=True, kw_only=True):
    """`POST /factors/{id}/challenge`."""

    channel: str | None = None
    webauthn: Data | None = None


class VerifyFactor(Struct, frozen=True, kw_only=True):
    """`POST /factors/{id}/verify`."""

    challenge_id: str = ""
    code: str | None = None
    webauthn: Data | None = None


class Nothing(Struct, frozen=True, kw_only=True):
    """A body that is not looked at."""

    more: Data = field(default_factory=dict)


class RecoveryCodes(Struct, frozen=True, kw_only=True):
    """`POST /factors/recovery-codes`."""

    friendly_name: str | None = None


class RecoveryCode(Struct, frozen=True, kw_only=True):
    """`POST /factors/recovery-codes/verify`."""

    code: str = ""


class StartPasskey(Ask, frozen=True, kw_only=True):
    """`POST /passkeys/registration/options` and `POST /passkeys/authentication/options`."""


class VerifyPasskey(Struct, frozen=True, kw_only=True):
    """`POST /passkeys/registration/verify` and `POST /passkeys/authentication/verify`."""

    challenge_id: str = ""
    credential: Data | None = None
    credential_response: Data | None = None


class ChangePasskey(Struct, frozen=True, kw_only=True):
    """`PATCH /passkeys/{id}`."""

    friendly_name: str = ""
