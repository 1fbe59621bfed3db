"""The faults of a REST request: codes of PostgREST's documentation (`references/errors`), never a status."""

from __future__ import annotations

from undercroft.base.faults import Fault

_SHOWN = 300
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


class RequestFault(Fault):
    """Anything wrong with the request itself, before a name is looked up."""

    default_code = "PGRST100"


class ParseFault(RequestFault):
    """A query parameter that is not of the dialect's grammar; the message says where."""

    default_code = "PGRST100"


class BodyFault(RequestFault):
    """A body that is not of its content type, or a content type that is not read."""

    default_code = "PGRST102"


class RangeFault(RequestFault):
    """A range that no result could satisfy. `total` is the number of rows, where it is known."""

    default_code = "PGRST103"

    def __init__(self, details: str, total: int | None = None) -> None:
        super().__init__("Requested range not satisfiable", details=details)
        self.total = total


class PutFault(RequestFault):
    """A PUT whose filters are not exactly its primary key."""

    default_code = "PGRST105"


class SchemaFault(RequestFault):
    """A profile header that names a schema which is not served."""

    default_code = "PGRST106"


class MediaFault(RequestFault):
    """No media type of the Accept header can be produced."""

    default_code = "PGRST107"


class EmbedFault(RequestFault):
    """A filter, order or limit for an embed that the select does not hold."""

    default_code = "PGRST108"


class SingularFault(RequestFault):
    """One object was wanted, and the result is not of one row."""

    default_code = "PGRST116"


class MethodFault(RequestFault):
    """An HTTP method that no resource knows."""

    default_code = "PGRST117"


class PreferenceFault(RequestFault):
    """A preference that is not known, under `handling=strict`."""

    default_code = "PGRST122"


class PathFault(RequestFault):
    """A path that names neither a table nor a function."""

    default_code = "PGRST125"


class TooLarge(RequestFault):
    """The body is over a named limit."""

    default_code = "UC413"


class UrlTooLong(RequestFault):
    """The path and query are over a named limit."""

    default_code = "UC414"


def wrong_verb() -> MethodFault:
    return MethodFault("Only GET, HEAD and POST verbs are allowed for RPC", code="PGRST101")


def writing_by_get() -> MethodFault:
    return MethodFault(
        "cannot execute a writing function in a read-only transaction",
        code="25006",
        hint="Call it by POST, or declare it with read_only=True.",
    )


def shown(text: str) -> str:
    """The text as a message may echo it: bounded, so that an answer is never as long as an attack."""
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def quoted(char: str) -> str:
    """One character between double quotes, escaped as PostgREST's parser shows it."""
    if char in _ESCAPES:
        return f'"{_ESCAPES[char]}"'
    return f'"{char}"' if " " <= char <= "~" else f'"\\{ord(char)}"'


def parse_fault(what: str, text: str, place: int, expecting: str, lead: int = 0) -> ParseFault:
    """`"failed to parse <what> (<text>)" (line 1, column N)`, with what stood at the index `place` of the text.

    `lead` is the number of characters that the parser had read before `text` began.
    """
    found = quoted(text[place]) if place < len(text) else "end of input"
    details = f"unexpected {found}" + (f" expecting {expecting}" if expecting else "")
    line = text.count("\n", 0, place) + 1
    column = place - text.rfind("\n", 0, place) + (lead if line == 1 else 0)
    return ParseFault(f'"failed to parse {what} ({shown(text)})" (line {line}, column {column})', details=details)
