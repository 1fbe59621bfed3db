"""What our pages say of a fault, in words for whoever typed something. Others are told as the API tells them."""

from __future__ import annotations

from undercroft.auth.errors import AuthFault

_WORDS = {
    "access_denied": "You did not let that happen, or it was refused.",
    "anonymous_provider_disabled": "Type an address and a password.",
    "bad_code_verifier": "This link was asked for in another browser. Sign in here.",
    "bad_oauth_callback": "The other place did not sign you in.",
    "bad_oauth_state": "This took too long, or began in another browser. Try again.",
    "captcha_failed": "We could not tell that you are a person. Try again.",
    "email_address_invalid": "This is no email address that can be used.",
    "email_exists": "This address cannot be used.",
    "email_not_confirmed": "Confirm your address first: there is a mail for you, with a code.",
    "email_provider_disabled": "Email is not taken here.",
    "flow_state_expired": "This link is too old. Ask for another one.",
    "flow_state_not_found": "This link was used, or is too old. Ask for another one.",
    "identity_already_exists": "That account is linked to somebody already.",
    "insufficient_aal": "Sign in with your second factor first.",
    "invalid_credentials": "The address or the password is wrong.",
    "mfa_challenge_expired": "This took too long. Try again.",
    "mfa_factor_name_conflict": "You have one of that name already.",
    "mfa_ip_address_mismatch": "Your network changed meanwhile. Try again.",
    "mfa_recovery_codes_locked": "Too many tries. Wait a few minutes.",
    "mfa_verification_failed": "That code is wrong, or was used.",
    "oauth_authorization_not_found": "This request is over, or was meant for somebody else. Begin again in the app.",
    "otp_expired": "That code or link is wrong, was used, or is too old.",
    "over_email_send_rate_limit": "There was a mail just now. Wait a moment before you ask for another one.",
    "over_request_rate_limit": "Too many tries. Wait a few minutes.",
    "over_sms_send_rate_limit": "There was a message just now. Wait a moment before you ask for another one.",
    "phone_exists": "This number cannot be used.",
    "phone_not_confirmed": "Confirm your number first.",
    "phone_provider_disabled": "Phone numbers are not taken here.",
    "provider_disabled": "That place is not used here.",
    "provider_email_needs_verification": "Confirm your address first: there is a mail for you.",
    "reauthentication_needed": "Type the code from the mail, too.",
    "reauthentication_not_valid": "That code is wrong, or too old.",
    "request_timeout": "This took too long. Try again.",
    "same_password": "This is the password that you have.",
    "session_expired": "You were signed out. Sign in again.",
    "session_not_found": "You were signed out. Sign in again.",
    "signup_disabled": "Nobody can sign up here at present.",
    "sms_send_failed": "The message could not be sent.",
    "sso_provider_not_found": "No organisation signs in here with this address.",
    "too_many_enrolled_mfa_factors": "You have as many as there may be. Take one away first.",
    "too_many_passkeys": "You have as many as there may be. Take one away first.",
    "unexpected_failure": "Something went wrong. Try again.",
    "user_already_exists": "There is an account with this address. Sign in.",
    "user_banned": "This account is closed at present.",
    "webauthn_challenge_expired": "This took too long. Try again.",
    "webauthn_challenge_not_found": "This was used already. Try again.",
    "webauthn_credential_exists": "This key is yours already.",
    "webauthn_verification_failed": "The key was not accepted. Try again.",
}


def said(fault: AuthFault) -> str:
    """A fault in words for people."""
    return _WORDS.get(fault.code, fault.message)


def told_by_code(code: str) -> str:
    """What a code in an address stands for; of one that nobody knows, as little as can be said. The words that come
    with it are not looked at: anybody may have written them."""
    return _WORDS.get(code, "Something went wrong. Try again.")


_PLACES = {
    "apple": "Apple", "azure": "Microsoft", "bitbucket": "Bitbucket", "discord": "Discord", "facebook": "Facebook",
    "figma": "Figma", "github": "GitHub", "gitlab": "GitLab", "google": "Google", "keycloak": "Keycloak",
    "linkedin": "LinkedIn", "linkedin_oidc": "LinkedIn", "notion": "Notion", "slack": "Slack", "slack_oidc": "Slack",
    "spotify": "Spotify", "twitch": "Twitch", "twitter": "X", "workos": "WorkOS", "x": "X", "zoom": "Zoom",
}  # fmt: skip


def place_name(name: str) -> str:
    """What people call a place."""
    return _PLACES.get(name) or name.removeprefix("custom:").replace("_", " ").replace("-", " ").title()
