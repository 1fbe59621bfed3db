"""This room's faults: of tokens, with PostgREST's codes and texts (group 3 of its errors), and of `/auth/v1`, with
GoTrue's. Clients compare both.

Those of tokens answer 401 but PGRST300, which is a 500; a 401 carries `WWW-Authenticate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from undercroft.base.faults import Fault, SetupFault


class TokenFault(Fault):
    """Not a token that we believe: malformed, wrongly signed, or of a kind that is not taken."""

    default_code = "PGRST301"


class ClaimsFault(Fault):
    """A token of ours whose claims do not hold: expired, too early, for somebody else, or unreadable."""

    default_code = "PGRST303"


class EndedFault(ClaimsFault):
    """A token that would be good, were its session not over: its owner signed out, or was made to."""

    def __init__(self) -> None:
        super().__init__("JWT expired", details="The session of this JWT has ended")


class AnonymousFault(Fault):
    """A request without a token where there is no anonymous role."""

    default_code = "PGRST302"

    def __init__(self) -> None:
        super().__init__("Anonymous access is disabled")


class NoKeyFault(Fault):
    """A token came, and the server has nothing to check it with."""

    default_code = "PGRST300"
    is_told = True

    def __init__(self) -> None:
        super().__init__("Server lacks JWT secret")


class UnknownRoleFault(Fault):
    """A good token for a role that the app does not know; PostgreSQL's SQLSTATE and text for `SET ROLE`."""

    default_code = "22023"

    def __init__(self, role: str) -> None:
        super().__init__(f'role "{role}" does not exist')


class KeyFault(SetupFault):
    """A key, key set, secret or key file that must not be used; found at start."""

    default_code = "UC003"


class AuthFault(Fault):
    """A refusal of `/auth/v1`, with GoTrue's code for it and the status that goes with it there."""

    default_code = "unexpected_failure"

    def __init__(
        self, code: str, message: str, *, status: int | None = None, more: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message, code=code, retry_after=retry_after)
        self.status = status or STATUSES.get(code, 400)
        self.more = more or {}
        """What else is told, such as `weak_password`."""


class OAuthFault(AuthFault):
    """A refusal of the provider, with the names of RFC 6749 (4.1.2.1, 5.2) and its kin; `state` and more go along."""

    def __init__(self, error: str, description: str, *, status: int = 400, code: str | None = None) -> None:
        told = {"error": error, "error_description": description}
        super().__init__(code or error, description, status=status, more=told)
        self.error = error


STATUSES = {
    "anonymous_provider_disabled": 422, "bad_code_verifier": 400, "bad_json": 400, "bad_jwt": 403,
    "bad_oauth_callback": 400, "bad_oauth_state": 400, "captcha_failed": 400, "conflict": 409,
    "email_address_invalid": 400, "email_address_not_authorized": 400, "email_conflict_identity_not_deletable": 422,
    "email_exists": 422, "email_not_confirmed": 400, "email_provider_disabled": 400, "feature_disabled": 422,
    "flow_state_expired": 403, "flow_state_not_found": 404, "hook_payload_over_size_limit": 422, "hook_timeout": 422,
    "identity_already_exists": 422, "identity_not_found": 404, "insufficient_aal": 401,
    "insufficient_scope": 403, "invalid_credentials": 400,
    "invite_not_found": 404, "manual_linking_disabled": 404, "mfa_challenge_expired": 422,
    "mfa_factor_name_conflict": 422, "mfa_factor_not_found": 404, "mfa_ip_address_mismatch": 422,
    "mfa_phone_enroll_not_enabled": 422,
    "mfa_recovery_codes_locked": 429, "mfa_recovery_codes_sole_factor": 422,
    "mfa_phone_verify_not_enabled": 422, "mfa_totp_enroll_not_enabled": 422,
    "mfa_totp_verify_not_enabled": 422, "mfa_verification_failed": 422, "mfa_verification_rejected": 403,
    "mfa_verified_factor_exists": 422, "mfa_webauthn_enroll_not_enabled": 422,
    "mfa_webauthn_verify_not_enabled": 422, "no_authorization": 401, "not_admin": 403, "not_found": 404,
    "oauth_authorization_not_found": 404, "oauth_client_not_found": 404, "oauth_consent_not_found": 404,
    "oauth_provider_not_supported": 400, "otp_disabled": 422, "otp_expired": 403, "over_email_send_rate_limit": 429,
    "over_request_rate_limit": 429, "over_sms_send_rate_limit": 429, "passkey_disabled": 404,
    "phone_exists": 422, "phone_not_confirmed": 400,
    "phone_provider_disabled": 400, "provider_disabled": 422, "provider_email_needs_verification": 422,
    "reauthentication_needed": 401, "reauthentication_not_valid": 422, "refresh_token_already_used": 400,
    "refresh_token_not_found": 400, "request_timeout": 504, "same_password": 422, "saml_assertion_no_email": 422,
    "saml_assertion_no_user_id": 422, "saml_entity_id_mismatch": 400, "saml_idp_already_exists": 422,
    "saml_idp_not_found": 404, "saml_metadata_fetch_failed": 422, "saml_provider_disabled": 404,
    "saml_relay_state_expired": 403, "saml_relay_state_not_found": 404, "session_expired": 400,
    "session_not_found": 403, "signup_disabled": 422, "single_identity_not_deletable": 422, "sms_send_failed": 422,
    "sso_domain_already_exists": 422, "sso_provider_not_found": 404, "too_many_enrolled_mfa_factors": 422,
    "too_many_passkeys": 422,
    "unexpected_audience": 403, "unexpected_failure": 500, "user_already_exists": 422, "user_banned": 400,
    "user_not_found": 404, "user_sso_managed": 422, "validation_failed": 400, "weak_password": 422,
    "web3_provider_disabled": 422, "web3_unsupported_chain": 400, "webauthn_challenge_expired": 400,
    "webauthn_challenge_not_found": 400, "webauthn_credential_exists": 422, "webauthn_credential_not_found": 404,
    "webauthn_verification_failed": 400,
}  # fmt: skip
"""GoTrue's error codes (https://supabase.com/docs/guides/auth/debugging/error-codes) and their usual statuses."""


def wrong_credentials() -> AuthFault:
    """Of an account that is not there, and of a wrong password, in the same words."""
    return AuthFault("invalid_credentials", "Invalid login credentials")


def validation_failed(message: str) -> AuthFault:
    """What was asked for makes no sense."""
    return AuthFault("validation_failed", message)


def otp_expired() -> AuthFault:
    """A code or link that is unknown, used or too old, in the same words."""
    return AuthFault("otp_expired", "Token has expired or is invalid")


def user_missing(message: str = "User not found") -> AuthFault:
    """An account that is not there."""
    return AuthFault("user_not_found", message)
