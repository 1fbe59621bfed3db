"""Who somebody is, and what is kept of them, by an assertion and an app's mapping of attributes.

A mapping names the attribute (`name`), or several of which the first that is there counts (`names`), for each claim;
`default` stands in for one that is not there, `array` keeps all its values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from undercroft.auth.errors import AuthFault, validation_failed
from undercroft.auth.parts.addresses import email_of
from undercroft.auth.types.people import Person
from undercroft.auth.types.saml import EMAIL_FORMAT, TRANSIENT_FORMAT, Asserted

SUBJECT_ID = "urn:oasis:names:tc:SAML:attribute:subject-id"
_EMAILS = (
    "urn:oid:0.9.2342.19200300.100.1.3", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
    "http://schemas.xmlsoap.org/claims/EmailAddress", "mail", "Mail", "email", "emailAddress",
)  # fmt: skip
"""By which names addresses go."""
_STANDARD = frozenset({
    "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
    "website", "gender", "birthdate", "zoneinfo", "locale", "phone", "full_name", "avatar_url", "user_name", "slug",
})  # fmt: skip
"""Claims that stand by themselves; others are `custom_claims`."""
_RESERVED = frozenset({"sub", "iss", "email_verified", "phone_verified", "custom_claims"})
_LONGEST, _MOST = 512, 100


def check_mapping(mapping: object) -> dict[str, Any]:
    """A mapping as it is stored. Raises `AuthFault`."""
    if not isinstance(mapping, dict) or set(mapping) - {"keys"} or not isinstance(mapping.get("keys", {}), dict):
        raise validation_failed('attribute_mapping is {"keys": {"<claim>": {"name": "<attribute>"}}}')
    keys = mapping.get("keys", {})
    written = json.dumps(mapping)
    if len(keys) > _MOST or len(written) > _LONGEST * _MOST or "\\u0000" in written:
        raise validation_failed("attribute_mapping is too long")
    for claim, one in keys.items():
        if claim in _RESERVED:
            raise validation_failed(f"attribute_mapping cannot set {claim}")
        if not isinstance(one, dict) or set(one) - {"name", "names", "default", "array"}:
            raise validation_failed(f"attribute_mapping of {claim[:100]} has name, names, default and array")
        names = one.get("names", [])
        if not isinstance(one.get("name", ""), str) or not isinstance(one.get("array", False), bool):
            raise validation_failed(
                f"attribute_mapping of {claim[:100]} has a text as name, and array is true or false"
            )
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            raise validation_failed(f"attribute_mapping of {claim[:100]} has a list of texts as names")
    return {"keys": keys} if keys else {}


def person_of(told: Asserted, issuer: str, mapping: Mapping[str, Any]) -> Person:
    """Whom an assertion is about. Raises `AuthFault` where it does not say by what they are known, and where to reach
    them."""
    subject = _subject(told)
    if not subject:
        message = "SAML Assertion did not contain a persistent Subject Identifier attribute or Subject NameID"
        raise AuthFault("saml_assertion_no_user_id", f"{message} uniquely identifying this user")
    claims = _claims(told, mapping)
    email = claims.pop("email", None) or _email(told)
    email = email_of(email) if isinstance(email, str) else None
    if email is None:
        raise AuthFault("saml_assertion_no_email", "SAML Assertion does not contain an email address")
    data = {name: value for name, value in claims.items() if name in _STANDARD}
    data |= {"iss": issuer, "sub": subject, "email": email, "email_verified": True, "phone_verified": False}
    custom = {name: value for name, value in claims.items() if name not in _STANDARD}
    return Person(subject, email, verified=True, data={**data, "custom_claims": custom} if custom else data)


def _subject(told: Asserted) -> str:
    """What somebody is known by at their identity provider, and stays known by."""
    found = next((value for value in told.attributes.get(SUBJECT_ID, ()) if value), "")
    if not found and told.name_id_format != TRANSIENT_FORMAT:
        found = told.name_id
    return found if len(found) <= _LONGEST and found.isprintable() else ""


def _email(told: Asserted) -> str:
    found = (value for name in _EMAILS for value in told.attributes.get(name, ()) if value)
    return next(found, told.name_id if told.name_id_format == EMAIL_FORMAT else "")


def _claims(told: Asserted, mapping: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for claim, one in (mapping.get("keys") or {}).items():
        names = [name for name in (one.get("name"), *one.get("names", ())) if name]
        values = next((held for name in names if (held := told.attributes.get(name))), None)
        if values:
            found[claim] = values if one.get("array") else values[0]
        elif one.get("default") is not None:
            found[claim] = one["default"]
    return found
