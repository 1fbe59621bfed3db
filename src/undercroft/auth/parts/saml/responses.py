"""What an identity provider answers: verified by its certificates, and read off nothing but what they signed.

A response has one assertion, in its place, and signatures nowhere but where they belong; a signature signs the element
that holds it. So what is verified and what is read are one and the same (signature wrapping has no other element to
offer), and what is read is parsed anew from the very bytes that the signature was made over.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from undercroft.auth.parts.saml.documents import (
    PROTOCOL,
    SAML,
    SIGNATURE,
    Unreadable,
    children,
    lxml_etree,
    moment_of,
    parsed,
    text_of,
    xml_signatures,
)
from undercroft.auth.parts.saml.encryption import decrypted
from undercroft.auth.parts.saml.requests import pem_of
from undercroft.auth.types.saml import UNSPECIFIED_FORMAT, Asserted, Expected

SKEW = timedelta(seconds=90)
"""By how much clocks may differ."""
OLDEST = timedelta(minutes=15)
"""For how long after it was made an assertion is taken at most; assertions that were taken are known far longer."""
_SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_RESPONSE, _SIGNATURE = f"{{{PROTOCOL}}}Response", f"{{{SIGNATURE}}}Signature"
_ASSERTION, _ENCRYPTED = f"{{{SAML}}}Assertion", f"{{{SAML}}}EncryptedAssertion"
_ID_NAMES = frozenset({"id", "assertionid", "{http://www.w3.org/xml/1998/namespace}id"})
_METHODS = ("RSA_SHA256", "RSA_SHA384", "RSA_SHA512", "SHA256_RSA_MGF1", "SHA384_RSA_MGF1", "SHA512_RSA_MGF1",
            "ECDSA_SHA256", "ECDSA_SHA384", "ECDSA_SHA512")  # fmt: skip
_DIGESTS = ("SHA256", "SHA384", "SHA512")
_CANONICAL = frozenset({
    "http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "http://www.w3.org/2006/12/xml-c14n11",
})  # fmt: skip
_TRANSFORMS = _CANONICAL | {"http://www.w3.org/2000/09/xmldsig#enveloped-signature"}


def issuer_of(root: Any) -> str:
    """Who a response says that it is from, which nobody has verified: to know by whose certificates to do so. Raises
    `Unreadable`."""
    found = children(root, SAML, "Issuer") or [
        issuer for each in children(root, SAML, "Assertion") for issuer in children(each, SAML, "Issuer")
    ]
    if not found:
        raise Unreadable("it has no issuer")
    return text_of(found[0])


def asserted(root: Any, expected: Expected) -> Asserted:
    """What a response says of somebody. Raises `Unreadable` where it is not to be believed."""
    _check_shape(root)
    _check_response(root, expected)
    assertion = _verified(root, expected)
    return _read(assertion, expected)


# --- where things stand ---


def _check_shape(root: Any) -> None:
    if root.tag != _RESPONSE or root.get("Version") != "2.0":
        raise Unreadable("it is no response of SAML 2.0")
    plain, sealed = list(root.iter(_ASSERTION)), list(root.iter(_ENCRYPTED))
    if len(plain) + len(sealed) != 1 or (plain or sealed)[0].getparent() is not root:
        raise Unreadable("it has not one assertion in its place")
    _check_signatures(root, (root, *plain))


def _check_signatures(root: Any, holders: tuple[Any, ...]) -> None:
    """That there are signatures of these elements and of no others, one of each, and that an id names one element."""
    if any(signature.getparent() not in holders for signature in root.iter(_SIGNATURE)):
        raise Unreadable("it has a signature where none belongs")
    if any(len(children(each, SIGNATURE, "Signature")) > 1 for each in holders):
        raise Unreadable("it has several signatures of one element")
    ids = [value for element in root.iter("*") for name, value in element.attrib.items() if name.lower() in _ID_NAMES]
    if len(ids) != len(set(ids)):
        raise Unreadable("it has an id twice")
    if not all(each.get("ID") for each in holders):
        raise Unreadable("it has no ID")


def _check_response(root: Any, expected: Expected) -> None:
    """What the response itself says; whether it is signed or not, none of it may be wrong."""
    for issuer in children(root, SAML, "Issuer"):
        if text_of(issuer) != expected.provider.entity_id:
            raise Unreadable("it is of another issuer")
    codes = root.findall(f"{{{PROTOCOL}}}Status/{{{PROTOCOL}}}StatusCode")
    if len(codes) != 1 or codes[0].get("Value") != _SUCCESS:
        raise Unreadable("the identity provider let nobody in")
    destination = root.get("Destination")
    is_signed = bool(children(root, SIGNATURE, "Signature"))
    if destination != expected.recipient and (destination or is_signed):
        raise Unreadable("it is for another destination")
    if root.get("InResponseTo") is not None and root.get("InResponseTo") != expected.request_id:
        raise Unreadable("it answers another request")
    _check_age(root, expected.now)


def _check_age(element: Any, now: datetime) -> None:
    issued = moment_of(element.get("IssueInstant"))
    if issued is None or issued > now + SKEW or issued < now - OLDEST - SKEW:
        raise Unreadable("it was not made just now")


# --- who signed ---


def _verified(root: Any, expected: Expected) -> Any:
    """The assertion as it was signed, by itself or with the response. Every signature has to be good."""
    signed = _signed(root, root, "./", expected) if children(root, SIGNATURE, "Signature") else None
    held = children(root, SAML, "Assertion")
    if held:
        document, location, assertion = root, f"./{_ASSERTION}/", held[0]
    else:
        document = assertion = _decrypted(root if signed is None else signed, expected, is_signed=signed is not None)
        location = "./"
    if children(assertion, SIGNATURE, "Signature"):
        return _signed(document, assertion, location, expected)
    if signed is None:
        raise Unreadable("nobody signed it")
    return children(signed, SAML, "Assertion")[0] if held else parsed(lxml_etree().tostring(assertion))


def _decrypted(response: Any, expected: Expected, *, is_signed: bool) -> Any:
    """The assertion that a response holds encrypted."""
    if expected.key is None:
        raise Unreadable("it is encrypted")
    assertion = decrypted(children(response, SAML, "EncryptedAssertion")[0], expected.key, is_signed=is_signed)
    if list(assertion.iter(_ASSERTION)) != [assertion]:
        raise Unreadable("it has not one assertion in its place")
    _check_signatures(assertion, (assertion,))
    return assertion


def _signed(root: Any, element: Any, location: str, expected: Expected) -> Any:
    """What a signature signs: the element that holds it, parsed from the bytes that were verified."""
    signature = children(element, SIGNATURE, "Signature")[0]
    _check_signature(signature, element.get("ID"))
    signxml = xml_signatures()
    algorithms = signxml.algorithms
    config = signxml.SignatureConfiguration(
        require_x509=True, location=location, expect_references=1, verification_time=expected.now,
        signature_methods=frozenset(algorithms.SignatureMethod[name] for name in _METHODS),
        digest_algorithms=frozenset(algorithms.DigestAlgorithm[name] for name in _DIGESTS),
    )  # fmt: skip
    for certificate in expected.provider.certificates:
        try:
            result = signxml.XMLVerifier().verify(
                root, x509_cert=pem_of(certificate), id_attribute="ID", expect_config=config
            )
        except Exception:  # noqa: S112  # whatever goes wrong in reading a stranger's signature
            continue
        signed = parsed(result.signed_data)
        if signed.tag != element.tag or signed.get("ID") != element.get("ID"):
            raise Unreadable("its signature is of another element")
        return signed
    raise Unreadable("no certificate of the identity provider verifies its signature")


def _check_signature(signature: Any, its_id: str) -> None:
    """One reference, to the element that holds the signature, changed in no way but those that SAML names
    (saml-core-2.0, 5.4)."""
    references = signature.findall(f"{{{SIGNATURE}}}SignedInfo/{{{SIGNATURE}}}Reference")
    if len(references) != 1 or references[0].get("URI") != f"#{its_id}":
        raise Unreadable("its signature is of another element")
    transforms = [each.get("Algorithm") for each in references[0].iter(f"{{{SIGNATURE}}}Transform")]
    methods = [each.get("Algorithm") for each in signature.iter(f"{{{SIGNATURE}}}CanonicalizationMethod")]
    if not set(transforms) <= _TRANSFORMS or not set(methods) <= _CANONICAL or len(transforms) > 2:
        raise Unreadable("its signature is made in a way that is not taken")
    if children(signature, SIGNATURE, "Object"):
        raise Unreadable("its signature has objects in it")


# --- what it says ---


def _read(assertion: Any, expected: Expected) -> Asserted:
    if assertion.get("Version") != "2.0":
        raise Unreadable("it is no assertion of SAML 2.0")
    if [text_of(each) for each in children(assertion, SAML, "Issuer")] != [expected.provider.entity_id]:
        raise Unreadable("it is of another issuer")
    _check_age(assertion, expected.now)
    subjects = children(assertion, SAML, "Subject")
    if len(subjects) != 1:
        raise Unreadable("it has not one subject")
    _check_confirmed(children(subjects[0], SAML, "SubjectConfirmation"), expected)
    _check_conditions(children(assertion, SAML, "Conditions"), expected)
    statements = children(assertion, SAML, "AuthnStatement")
    if not statements:
        raise Unreadable("it does not say that somebody signed in")
    ends = [moment for each in statements if (moment := moment_of(each.get("SessionNotOnOrAfter"))) is not None]
    if ends and min(ends) <= expected.now:
        raise Unreadable("the session at the identity provider is over")
    name_ids = children(subjects[0], SAML, "NameID")
    if len(name_ids) > 1:
        raise Unreadable("it has several NameIDs")
    return Asserted(
        assertion.get("ID"),
        text_of(name_ids[0]) if name_ids else "",
        (name_ids[0].get("Format") or UNSPECIFIED_FORMAT) if name_ids else UNSPECIFIED_FORMAT,
        _attributes(assertion),
        min(ends, default=None),
    )


def _check_confirmed(confirmations: Iterable[Any], expected: Expected) -> None:
    """That whoever brings it may (saml-profiles-2.0, 4.1.4.3): one confirmation has to fit."""
    for confirmation in confirmations:
        if confirmation.get("Method") != _BEARER:
            continue
        for data in children(confirmation, SAML, "SubjectConfirmationData"):
            until = moment_of(data.get("NotOnOrAfter"))
            if (
                data.get("Recipient") == expected.recipient
                and data.get("InResponseTo") == expected.request_id
                and data.get("NotBefore") is None
                and until is not None
                and until + SKEW > expected.now
            ):
                return
    raise Unreadable("it is for another recipient, another request, or too old")


def _check_conditions(conditions: list[Any], expected: Expected) -> None:
    if len(conditions) != 1:
        raise Unreadable("it has not one set of conditions")
    found = conditions[0]
    since, until = moment_of(found.get("NotBefore")), moment_of(found.get("NotOnOrAfter"))
    if (since is not None and since - SKEW > expected.now) or (until is not None and until + SKEW <= expected.now):
        raise Unreadable("it is not valid now")
    restrictions = children(found, SAML, "AudienceRestriction")
    audiences = [{text_of(each) for each in children(one, SAML, "Audience")} for one in restrictions]
    if not audiences or any(expected.audience not in each for each in audiences):
        raise Unreadable("it is for another audience")


def _attributes(assertion: Any) -> dict[str, list[str]]:
    """Values by name, and by friendly name where no name is the same."""
    named: dict[str, list[str]] = {}
    friendly: dict[str, list[str]] = {}
    for statement in children(assertion, SAML, "AttributeStatement"):
        for attribute in children(statement, SAML, "Attribute"):
            values = [text_of(each) for each in children(attribute, SAML, "AttributeValue") if not len(each)]
            for names, name in ((named, attribute.get("Name")), (friendly, attribute.get("FriendlyName"))):
                if name:
                    names.setdefault(name, []).extend(values)
    return {**friendly, **named}
