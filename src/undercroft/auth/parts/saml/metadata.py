"""Metadata: what an identity provider says of itself, and what we do."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlsplit

from undercroft.auth.parts.redirects import is_sound
from undercroft.auth.parts.saml.documents import (
    METADATA,
    POST_BINDING,
    PROTOCOL,
    REDIRECT_BINDING,
    SIGNATURE,
    Unreadable,
    children,
    lxml_etree,
    moment_of,
    parsed,
    seconds_of,
    text_of,
)
from undercroft.auth.types.saml import FORMATS, IdentityProvider

_LONGEST = 1024
"""Characters of an entity id (saml-metadata-2.0, 2.2.1)."""
_SMALLEST_RSA = 2048
_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1"})


def read(raw: bytes) -> IdentityProvider:
    """The identity provider that a document describes. Raises `Unreadable`."""
    root = parsed(raw)
    if root.tag != f"{{{METADATA}}}EntityDescriptor":
        raise Unreadable("it describes no single entity")
    entity_id = (root.get("entityID") or "").strip()
    if not 0 < len(entity_id) <= _LONGEST or not entity_id.isprintable():
        raise Unreadable("it has no proper entityID")
    roles = [
        each for each in children(root, METADATA, "IDPSSODescriptor")
        if PROTOCOL in (each.get("protocolSupportEnumeration") or "").split()
    ]  # fmt: skip
    if len(roles) != 1:
        raise Unreadable("it describes no single identity provider of SAML 2.0")
    role = roles[0]
    redirect, post = _location(role, REDIRECT_BINDING), _location(role, POST_BINDING)
    if redirect is None and post is None:
        raise Unreadable("it has no SingleSignOnService by HTTP-Redirect or HTTP-POST at an https address")
    untils = [moment for each in (root, role) if (moment := moment_of(each.get("validUntil"))) is not None]
    caches = [seconds for each in (root, role) if (seconds := seconds_of(each.get("cacheDuration"))) is not None]
    return IdentityProvider(
        entity_id, _certificates(role), redirect, post, min(untils, default=None), min(caches, default=None)
    )


def _location(role: Any, binding: str) -> str | None:
    """Where people are sent to by a binding: the first address of those that are safe."""
    for service in children(role, METADATA, "SingleSignOnService"):
        location = (service.get("Location") or "").strip()
        if service.get("Binding") == binding and is_sound(location) and "#" not in location:
            url = urlsplit(location)
            if url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOOPBACK):
                return location
    return None


def _certificates(role: Any) -> tuple[str, ...]:
    """What it signs with. Raises `Unreadable` where there is nothing that is strong enough."""
    found: dict[str, None] = {}
    for descriptor in children(role, METADATA, "KeyDescriptor"):
        if descriptor.get("use") not in (None, "signing"):
            continue
        for element in descriptor.iterfind(
            f"{{{SIGNATURE}}}KeyInfo/{{{SIGNATURE}}}X509Data/{{{SIGNATURE}}}X509Certificate"
        ):
            found["".join(text_of(element).split())] = None
    strong = tuple(each for each in found if _is_strong(each))
    if not strong:
        raise Unreadable("it has no certificate to verify signatures with: RSA of 2048 bits, or a curve of NIST's")
    return strong


def _is_strong(certificate: str) -> bool:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    try:
        key = x509.load_der_x509_certificate(base64.b64decode(certificate, validate=True)).public_key()
    except Exception:  # parsers of X.509 raise what they like
        raise Unreadable("it has a certificate that cannot be read") from None
    if isinstance(key, RSAPublicKey):
        return key.key_size >= _SMALLEST_RSA
    return isinstance(key, EllipticCurvePublicKey) and key.curve.name in _CURVES


def written(entity_id: str, acs: str, certificate: str, *, encrypts: bool) -> bytes:
    """Our own metadata: who we are, what we sign with, and where responses are sent to."""
    etree = lxml_etree()
    root = etree.Element(f"{{{METADATA}}}EntityDescriptor", nsmap={None: METADATA, "ds": SIGNATURE}, entityID=entity_id)
    role = etree.SubElement(
        root, f"{{{METADATA}}}SPSSODescriptor", AuthnRequestsSigned="true", WantAssertionsSigned="true",
        protocolSupportEnumeration=PROTOCOL,
    )  # fmt: skip
    for use in ("signing", "encryption") if encrypts else ("signing",):
        descriptor = etree.SubElement(role, f"{{{METADATA}}}KeyDescriptor", use=use)
        data = etree.SubElement(etree.SubElement(descriptor, f"{{{SIGNATURE}}}KeyInfo"), f"{{{SIGNATURE}}}X509Data")
        etree.SubElement(data, f"{{{SIGNATURE}}}X509Certificate").text = certificate
    for name in FORMATS:
        etree.SubElement(role, f"{{{METADATA}}}NameIDFormat").text = name
    etree.SubElement(
        role, f"{{{METADATA}}}AssertionConsumerService", Binding=POST_BINDING, Location=acs, index="0", isDefault="true"
    )
    made: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return made
