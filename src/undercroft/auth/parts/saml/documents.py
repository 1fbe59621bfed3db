"""XML from strangers: bounded, without a document type, and read in one way.

A document is taken as UTF-8 and nothing else, so that no other encoding hides a declaration from who looks for it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from undercroft.auth.errors import AuthFault

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
REDIRECT_BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST_BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
LARGEST = 256 * 1024
"""Bytes of a document."""
_MOST, _DEEPEST, _WIDEST = 5000, 40, 100
"""Elements of it, one within another, and attributes of one."""
_DECLARATION = re.compile(r"\s*<\?xml\b[^>]*>")
_ENCODING = re.compile(r"""encoding\s*=\s*["']utf-?8["']""", re.IGNORECASE)
_DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?")


class Unreadable(ValueError):
    """A document that is not taken; the text says why."""


def lxml_etree() -> Any:
    """`lxml.etree`. Raises `AuthFault` where the extra is not installed."""
    try:
        from lxml import etree  # type: ignore[import-untyped]
    except ImportError:
        raise _not_installed() from None
    return etree


def xml_signatures() -> Any:
    """`signxml`. Raises `AuthFault` where the extra is not installed."""
    try:
        import signxml
        import signxml.algorithms
    except ImportError:
        raise _not_installed() from None
    return signxml


def _not_installed() -> AuthFault:
    return AuthFault("feature_disabled", "SAML needs: pip install undercroft[saml]")


def parsed(raw: bytes) -> Any:
    """The root of a document, without comments. Raises `Unreadable`."""
    return _root(raw, comments=False)


def parsed_whole(raw: bytes) -> Any:
    """The same with its comments, as signatures are made over it. Raises `Unreadable`."""
    return _root(raw, comments=True)


def _root(raw: bytes, *, comments: bool) -> Any:
    if len(raw) > LARGEST:
        raise Unreadable("it is too long")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("it is not in UTF-8") from None
    head = _DECLARATION.match(text)
    if head is not None:
        if "encoding" in head[0] and not _ENCODING.search(head[0]):
            raise Unreadable("it is not in UTF-8")
        text = text[head.end() :]
    if "<!DOCTYPE" in text or "<!ENTITY" in text or "<?" in text:
        raise Unreadable("it has a document type, or instructions")
    etree = lxml_etree()
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        attribute_defaults=False, huge_tree=False, remove_comments=not comments, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError:
        raise Unreadable("it is no XML") from None
    _check_size(root, etree)
    return root


def _check_size(root: Any, etree: Any) -> None:
    info = etree.ElementTree(root).docinfo
    if info.internalDTD is not None or info.externalDTD is not None:
        raise Unreadable("it has a document type")
    count, held, depth = 0, [(root, 1)], 0
    while held:
        element, depth = held.pop()
        count += 1
        if element.tag is etree.Entity:
            raise Unreadable("it has entities")
        if count > _MOST or depth > _DEEPEST or len(element.attrib) > _WIDEST:
            raise Unreadable("it is too large")
        held.extend((child, depth + 1) for child in element)


def children(element: Any, namespace: str, name: str) -> list[Any]:
    """The elements of a name right below another."""
    found: list[Any] = element.findall(f"{{{namespace}}}{name}")
    return found


def text_of(element: Any) -> str:
    """The whole text of an element that holds nothing else. Raises `Unreadable`."""
    if len(element):
        raise Unreadable("a text has elements in it")
    return (element.text or "").strip()


def moment_of(text: str | None) -> datetime | None:
    """A moment (xs:dateTime), which is in UTC where it names no zone. Raises `Unreadable`."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text.strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable("a moment cannot be read") from None


def seconds_of(text: str | None) -> float | None:
    """A length of time (xs:duration), with months of 30 days; None where there is none, or it cannot be read."""
    found = _DURATION.fullmatch((text or "").strip())
    if text is None or found is None or not any(found.groups()):
        return None
    years, months, days, hours, minutes, seconds = (int(each or 0) for each in found.groups())
    try:
        return timedelta(
            days=years * 365 + months * 30 + days, hours=hours, minutes=minutes, seconds=seconds
        ).total_seconds()
    except OverflowError:
        return None


def told(moment: datetime) -> str:
    """A moment as documents write it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
