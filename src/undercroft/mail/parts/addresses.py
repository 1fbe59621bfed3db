"""Addresses as people write them, checked before they reach a header or an envelope.

Source: RFC 5321 (4.1.2 and 4.5.3), RFC 5322 (3.4), RFC 6531 for letters beyond ASCII. Quoted local parts and address
literals are refused: no mailbox needs them, and they are where parsers disagree.
"""

from __future__ import annotations

import re

from undercroft.mail.errors import AddressFault
from undercroft.mail.types import Address

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NAMED = re.compile(r'(?P<name>\s*"(?:[^"\\]|\\.)*"\s*|[^<>]*)<(?P<bare>[^<>]*)>')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u00a1-\U0010ffff]+")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LONGEST = 320


def address_of(text: str) -> Address:
    """`ada@example.com` or `Ada Lovelace <ada@example.com>`, read. Raises `AddressFault`."""
    check_header("an address", text)
    stripped = text.strip()
    named = _NAMED.fullmatch(stripped)
    name = _name(named["name"]) if named else ""
    bare = named["bare"].strip() if named else stripped
    local, at, domain = bare.rpartition("@")
    if not at or not _is_local(local) or len(bare) > _LONGEST:
        raise _wrong(text)
    return Address(name, local, _domain(domain, text))


def check_header(what: str, text: str) -> str:
    """The text, where it stays within the one line of a header. Raises `AddressFault`."""
    if _CONTROL.search(text):
        raise AddressFault(f"{what} must not hold line ends or other control characters")
    return text


def _name(text: str) -> str:
    stripped = text.strip()
    quoted = _QUOTED.fullmatch(stripped)
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else stripped


def _is_local(local: str) -> bool:
    if not 0 < len(local.encode("utf-8", "replace")) <= 64:
        return False
    return all(_ATOM.fullmatch(atom) for atom in local.split("."))


def _domain(domain: str, text: str) -> str:
    """The domain in ASCII."""
    try:
        found = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise _wrong(text) from None
    if len(found) > 253 or not all(_LABEL.fullmatch(label) for label in found.split(".")):
        raise _wrong(text)
    return found


def _wrong(text: str) -> AddressFault:
    shown = text if len(text) <= 80 else text[:77] + "…"
    return AddressFault(f'"{shown}" is no mail address', hint="As in ada@example.com, or Ada <ada@example.com>.")
