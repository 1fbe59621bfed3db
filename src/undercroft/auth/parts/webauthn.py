"""WebAuthn (https://www.w3.org/TR/webauthn-3/): what a browser is asked for, and whether what it answers holds.

The library checks the challenge, origin, RP id, type, presence, verification and signature; here are the ones it
leaves out: nothing from a page within another, and no keys or texts so long that looking at them takes a while.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from undercroft.auth.errors import AuthFault
from undercroft.base.faults import SetupFault

T = TypeVar("T")

_TIMEOUT = 300_000
"""Milliseconds in which a browser should have answered."""
_LONGEST = 65_536
"""Characters of an answer, at most."""
_LONGEST_KEY = 1_100
"""Bytes of a public key, at most: RSA of 8192 bits."""


@dataclass(frozen=True, slots=True)
class Party:
    """For whom credentials are made."""

    id: str
    """The domain."""
    name: str
    origins: tuple[str, ...]
    """Pages that may ask for them."""


class Credential(NamedTuple):
    """What was made: bytes as base64url."""

    id: str
    public_key: str
    signs: int
    aaguid: str
    transports: list[str]
    backup_eligible: bool
    backed_up: bool


class Shown(NamedTuple):
    """A credential that was shown, and its signature is right."""

    signs: int
    backed_up: bool


def party_of(site_url: str, rp_id: str, name: str, origins: Iterable[str]) -> Party:
    """For whom, by the settings; what they leave open follows from the site's address. Raises `SetupFault`."""
    from urllib.parse import urlsplit

    site = urlsplit(site_url)
    domain = rp_id or (site.hostname or "")
    if not domain:
        raise SetupFault("[auth.webauthn] rp_id is not set, and [auth] site_url has no domain")
    return Party(domain, name or domain, tuple(origins) or (f"{site.scheme}://{site.netloc}",))


def creation(
    party: Party, user: Mapping[str, Any], taken: Iterable[str], *, discoverable: bool
) -> tuple[dict[str, Any], str]:
    """`PublicKeyCredentialCreationOptionsJSON`, and the challenge in it. Raises `AuthFault`."""
    w = _library()
    name = user["email"] or user["phone"] or user["id"]
    s = w.helpers.structs
    needs = s.UserVerificationRequirement.REQUIRED if discoverable else s.UserVerificationRequirement.PREFERRED
    key = s.ResidentKeyRequirement.REQUIRED if discoverable else s.ResidentKeyRequirement.DISCOURAGED
    options = w.generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=user["id"].encode(),
        user_name=name,
        user_display_name=name,
        timeout=_TIMEOUT,
        authenticator_selection=s.AuthenticatorSelectionCriteria(resident_key=key, user_verification=needs),
        exclude_credentials=_described(taken),
    )
    return json.loads(w.options_to_json(options)), w.helpers.bytes_to_base64url(options.challenge)


def request(party: Party, allowed: Iterable[str], *, verified: bool) -> tuple[dict[str, Any], str]:
    """`PublicKeyCredentialRequestOptionsJSON`, and the challenge in it; none is named where any is allowed.

    Raises `AuthFault`.
    """
    w = _library()
    needs = w.helpers.structs.UserVerificationRequirement
    options = w.generate_authentication_options(
        rp_id=party.id,
        timeout=_TIMEOUT,
        allow_credentials=_described(allowed) or None,
        user_verification=needs.REQUIRED if verified else needs.PREFERRED,
    )
    return json.loads(w.options_to_json(options)), w.helpers.bytes_to_base64url(options.challenge)


def created(party: Party, challenge: str, answer: Mapping[str, Any], *, verified: bool) -> Credential:
    """The credential that a browser made for a challenge. Raises `AuthFault` `webauthn_verification_failed`."""
    w = _library()
    text = _text(answer)

    def check() -> Credential:
        found = w.verify_registration_response(
            credential=text,
            expected_challenge=w.base64url_to_bytes(challenge),
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            require_user_verification=verified,
        )
        _refuse_frames(answer)
        if len(found.credential_public_key) > _LONGEST_KEY:
            raise ValueError("a public key of that length")
        return Credential(
            w.helpers.bytes_to_base64url(found.credential_id),
            w.helpers.bytes_to_base64url(found.credential_public_key),
            found.sign_count,
            found.aaguid,
            _transports(answer),
            found.credential_device_type.value == "multi_device",
            found.credential_backed_up,
        )

    return _checked(check)


def shown(party: Party, challenge: str, public_key: str, answer: Mapping[str, Any], *, verified: bool) -> Shown:
    """Whether a browser signed a challenge with a key. Its count is told, and is for the caller to compare.

    Raises `AuthFault` `webauthn_verification_failed`.
    """
    w = _library()
    text = _text(answer)

    def check() -> Shown:
        found = w.verify_authentication_response(
            credential=text,
            expected_challenge=w.base64url_to_bytes(challenge),
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            credential_public_key=w.base64url_to_bytes(public_key),
            # A count that fell is an alarm of its own: of the caller's, who compares with what is stored by then.
            credential_current_sign_count=0,
            require_user_verification=verified,
        )
        _refuse_frames(answer)
        return Shown(found.new_sign_count, found.credential_backed_up)

    return _checked(check)


def named(answer: Mapping[str, Any]) -> str:
    """The id of the credential that an answer speaks of, as it is stored. Raises `AuthFault`."""
    found = answer.get("id")
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST:
        raise refused()
    return found.rstrip("=")


def handle(answer: Mapping[str, Any]) -> str | None:
    """Whose it is, as the authenticator says."""
    w = _library()

    def check() -> str:
        return str(w.base64url_to_bytes(answer["response"]["userHandle"]).decode())

    try:
        return _checked(check)
    except AuthFault:
        return None


def refused() -> AuthFault:
    """Of an answer that does not hold, for whatever reason."""
    return AuthFault("webauthn_verification_failed", "Credential verification failed")


def _refuse_frames(answer: Mapping[str, Any]) -> None:
    data = json.loads(_library().base64url_to_bytes(answer["response"]["clientDataJSON"]))
    if data.get("crossOrigin") not in (None, False) or data.get("topOrigin") is not None:
        raise ValueError("from a page within another")


def _transports(answer: Mapping[str, Any]) -> list[str]:
    found = answer["response"].get("transports")
    return [each for each in found if isinstance(each, str)][:8] if isinstance(found, list) else []


def _described(ids: Iterable[str]) -> list[Any]:
    w = _library()
    return [w.helpers.structs.PublicKeyCredentialDescriptor(id=w.base64url_to_bytes(each)) for each in ids]


def _text(answer: Mapping[str, Any]) -> str:
    text = json.dumps(answer)
    if len(text) > _LONGEST:
        raise refused()
    return text


def _checked(check: Callable[[], T]) -> T:
    """Whatever goes wrong in reading what a stranger sent is a refusal."""
    try:
        return check()
    except Exception:  # parsers of CBOR, COSE and X.509 raise what they like
        raise refused() from None


def _library() -> Any:
    try:
        import webauthn
        import webauthn.helpers.structs
    except ImportError:
        raise AuthFault("feature_disabled", "Passkeys need: pip install undercroft[webauthn]") from None
    return webauthn
