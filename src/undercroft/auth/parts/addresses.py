"""E-mail addresses and phone numbers in the one spelling in which they are stored and compared."""

from __future__ import annotations

import re
import unicodedata

_LONGEST = 255
_LOCAL = re.compile(r"[^\s@\"(),:;<>\[\\\]\x00-\x1f\x7f]{1,64}")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_PHONE = re.compile(r"[1-9][0-9]{1,14}")


def email_of(text: str) -> str | None:
    """An address as it is stored; None for what is none.

    Letters that look or sort alike are one and the same (NFKC, casefold; the domain by IDNA), so that nobody signs up
    as somebody else, and mail goes to what is stored, never to what was typed.
    """
    found = unicodedata.normalize("NFKC", text.strip()).casefold()
    found = unicodedata.normalize("NFC", found)
    local, at, domain = found.rpartition("@")
    if not at or len(found) > _LONGEST or not _LOCAL.fullmatch(local) or ".." in f".{local}.":
        return None
    try:
        domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    labels = domain.split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    return f"{local}@{domain}"


def phone_of(text: str) -> str | None:
    """A number in E.164 without its `+`, as Supabase stores it; None for what is none."""
    found = re.sub(r"[\s()\-.]", "", text.strip()).removeprefix("+")
    return found if _PHONE.fullmatch(found) else None
