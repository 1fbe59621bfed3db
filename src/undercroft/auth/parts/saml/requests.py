"""What an identity provider is asked: who somebody is. Each request is signed, by either binding."""

from __future__ import annotations

import base64
import hashlib
import html
import secrets
import zlib
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from undercroft.auth.parts.saml.documents import (
    POST_BINDING,
    PROTOCOL,
    SAML,
    SIGNATURE,
    lxml_etree,
    told,
    xml_signatures,
)

RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_SEND = "document.forms[0].submit()"
_SEND_HASH = base64.b64encode(hashlib.sha256(_SEND.encode()).digest()).decode()


class Asking(NamedTuple):
    """A request for who somebody is (saml-core-2.0, 3.4.1)."""

    id: str
    now: datetime
    issuer: str
    destination: str
    acs: str
    name_id_format: str | None


def new_id() -> str:
    """128 bits, as an XML id."""
    return f"_{secrets.token_hex(16)}"


def redirected(asking: Asking, relay_state: str, key: Any) -> str:
    """The address to which somebody is sent with a request (saml-bindings-2.0, 3.4.4.1)."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflate.compress(lxml_etree().tostring(_request(asking))) + deflate.flush()
    said = urlencode(
        {"SAMLRequest": base64.b64encode(packed).decode(), "RelayState": relay_state, "SigAlg": RSA_SHA256}
    )
    signature = base64.b64encode(key.sign(said.encode("ascii"), PKCS1v15(), SHA256())).decode()
    joined = "&" if urlsplit(asking.destination).query else "?"
    return f"{asking.destination.rstrip('?')}{joined}{said}&{urlencode({'Signature': signature})}"


def posted(
    asking: Asking, relay_state: str, key: Any, certificate: str
) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
    """The headers and the page whose form takes somebody there with a request (saml-bindings-2.0, 3.5.4)."""
    signxml, etree = xml_signatures(), lxml_etree()
    signer = signxml.XMLSigner(
        signature_algorithm="rsa-sha256", digest_algorithm="sha256", c14n_algorithm=_EXCLUSIVE
    )  # fmt: skip
    signed = signer.sign(_request(asking, signs=True), key=key, cert=[pem_of(certificate)], reference_uri=asking.id)
    sent = base64.b64encode(etree.tostring(signed)).decode()
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(value)}">'
        for name, value in (("SAMLRequest", sent), ("RelayState", relay_state))
    )
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f'</head><body><main><h1>Sign in</h1><form method="post" action="{html.escape(asking.destination)}">{hidden}'
        f'<button type="submit">Go on to your organisation</button></form></main><script>{_SEND}</script></body></html>'
    )
    policy = (
        f"default-src 'none'; script-src 'sha256-{_SEND_HASH}'; form-action https: {_origin(asking.destination)}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", policy.encode("ascii", "replace")),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"x-robots-tag", b"noindex, nofollow"),
    ), page.encode()


def pem_of(certificate: str) -> str:
    """A certificate as PEM."""
    lines = "\n".join(certificate[start : start + 64] for start in range(0, len(certificate), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def _request(asking: Asking, *, signs: bool = False) -> Any:
    etree = lxml_etree()
    root = etree.Element(
        f"{{{PROTOCOL}}}AuthnRequest", nsmap={"samlp": PROTOCOL, "saml": SAML},
        ID=asking.id, Version="2.0", IssueInstant=told(asking.now), Destination=asking.destination,
        AssertionConsumerServiceURL=asking.acs, ProtocolBinding=POST_BINDING,
    )  # fmt: skip
    etree.SubElement(root, f"{{{SAML}}}Issuer").text = asking.issuer
    if signs:  # where the schema wants the signature: signxml puts it in this one's place
        etree.SubElement(root, f"{{{SIGNATURE}}}Signature", nsmap={"ds": SIGNATURE}, Id="placeholder")
    policy = etree.SubElement(root, f"{{{PROTOCOL}}}NameIDPolicy", AllowCreate="true")
    if asking.name_id_format is not None:
        policy.set("Format", asking.name_id_format)
    return root


def _origin(address: str) -> str:
    url = urlsplit(address)
    return f"{url.scheme}://{url.netloc}"
