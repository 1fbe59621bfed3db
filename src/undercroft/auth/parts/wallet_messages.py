"""What a wallet signs to sign somebody in, read strictly: EIP-4361, and the same for Solana.

https://eips.ethereum.org/EIPS/eip-4361, and https://github.com/phantom/sign-in-with-solana for what wallets write for
Solana; auth-js writes fields in an order of its own there. A message has one reading or none: control characters, a
field that comes twice, and an empty line where none belongs are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

ETHEREUM, SOLANA = "ethereum", "solana"
LONGEST = 8192
"""Characters of a message, at most."""
_LONGEST_STATEMENT = 1000
_MOST_RESOURCES = 20
_FIRST = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<domain>[a-z0-9._-]{1,253}(?::[0-9]{1,5})?|\[[0-9a-f:.]{2,45}\](?::[0-9]{1,5})?)"
    r" wants you to sign in with your (?P<chain>Ethereum|Solana) account:",
    re.ASCII,
)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_ADDRESSES = {ETHEREUM: re.compile(r"0x[0-9a-fA-F]{40}"), SOLANA: re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")}
_NETWORKS = {
    ETHEREUM: re.compile(r"[1-9][0-9]{0,77}"),
    SOLANA: re.compile(r"(?:solana:)?[A-Za-z0-9_-]{1,32}"),
}
_FIELDS = {
    "URI": re.compile(r"[!-~]{1,2048}"),
    "Version": re.compile(r"1"),
    "Chain ID": re.compile(r"[!-~]{1,80}"),
    "Nonce": re.compile(r"[A-Za-z0-9]{8,256}"),
    "Issued At": _MOMENT,
    "Expiration Time": _MOMENT,
    "Not Before": _MOMENT,
    "Request ID": re.compile(r"[!-~]{0,256}"),
}
"""By their names, in the order of EIP-4361."""
_RESOURCE = re.compile(r"- [!-~]{1,2048}")


@dataclass(frozen=True, slots=True)
class Message:
    """What was signed."""

    chain: str
    scheme: str | None
    """Of the page that asked, where it is named."""
    domain: str
    """The host of the page that asked, with its port where that is none of the usual ones."""
    address: str
    statement: str
    uri: str
    network: str
    """The chain's id, as `1` or `solana:mainnet`; empty where a message of Solana names none."""
    issued_at: datetime
    expires_at: datetime | None
    not_before: datetime | None


class Unreadable(ValueError):
    """A text that is no such message; it says why."""


def read_message(text: str, chain: str) -> Message:
    """The message of a chain. Raises `Unreadable`."""
    if len(text) > LONGEST:
        raise Unreadable("it is too long")
    lines = text.split("\n")
    if not all(line.isprintable() for line in lines):
        raise Unreadable("it holds characters that cannot be seen")
    found = _FIRST.fullmatch(lines[0])
    if found is None or found["chain"].lower() != chain or len(lines) < 5 or lines[2]:
        raise Unreadable("it does not begin as one")
    if not _ADDRESSES[chain].fullmatch(lines[1]):
        raise Unreadable("its second line is no address")
    statement, rest = _parted(lines[3:])
    given = _fields(rest, in_order=chain == ETHEREUM)
    network = given.get("Chain ID", "")
    if (network or chain == ETHEREUM) and not _NETWORKS[chain].fullmatch(network):
        raise Unreadable("Chain ID is missing, or is none")
    return Message(
        chain, found["scheme"], found["domain"], lines[1], statement, given["URI"], network,
        _moment(given["Issued At"]), _when(given, "Expiration Time"), _when(given, "Not Before"),
    )  # fmt: skip


def _parted(lines: list[str]) -> tuple[str, list[str]]:
    """The statement, and the lines of the fields: those after an empty one, up to the end."""
    if not lines[0]:
        return "", lines[1:]
    if len(lines) > 1 and not lines[1]:
        if len(lines[0]) > _LONGEST_STATEMENT:
            raise Unreadable("its statement is too long")
        return lines[0], lines[2:]
    return "", lines


def _fields(lines: list[str], *, in_order: bool) -> dict[str, str]:
    """The fields by name. Raises `Unreadable` for one that is unknown, comes twice, or is not spelled as it should."""
    found: dict[str, str] = {}
    names, at = list(_FIELDS), -1
    for place, line in enumerate(lines):
        if line in ("Resources:", "Resources"):
            _check_resources(lines[place + 1 :])
            break
        name, colon, value = line.partition(": ")
        if line == "Request ID:":  # an empty one, whose space an editor took
            name, colon, value = "Request ID", ": ", ""
        if not colon or name not in _FIELDS or name in found or not _FIELDS[name].fullmatch(value):
            raise Unreadable(f"this line of it cannot be read: {line[:80]}")
        if in_order and names.index(name) < at:
            raise Unreadable(f"{name} is not where it belongs")
        at = names.index(name)
        found[name] = value
    if missing := next((name for name in ("URI", "Version", "Issued At") if name not in found), None):
        raise Unreadable(f"{missing} is missing")
    return found


def _check_resources(lines: list[str]) -> None:
    if len(lines) > _MOST_RESOURCES or not all(_RESOURCE.fullmatch(line) for line in lines):
        raise Unreadable("its resources cannot be read")


def _when(given: dict[str, str], name: str) -> datetime | None:
    return _moment(given[name]) if name in given else None


def _moment(text: str) -> datetime:
    """RFC 3339; what is finer than a microsecond is left out."""
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable(f"{text[:40]} is no moment") from None
