"""Names in the query string: identifiers, quoted identifiers, JSON paths."""

from __future__ import annotations

import re
from typing import NamedTuple

from undercroft.query.ask import Field, JsonStep
from undercroft.rest.errors import ParseFault, RequestFault, parse_fault
from undercroft.rest.parts.limits import MOST_JSON_STEPS

FIELD_NAME = "field name (* or [a..z0..9_$])"
JSON_KEY = "any non reserved character different from: .,>()"

_IDENTIFIER = re.compile(r"[\w $]+(?:-(?!>)[\w $]+)*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_INDEX = re.compile(r"(-?[0-9]{1,18})(?=->|::|[.,)]|\Z)")
_KEY = re.compile(r"(?:[^-:.,>()]|-(?!>))+")
_SPACES = re.compile(r"[ \t]*")


class Source(NamedTuple):
    """A parameter's text and what it is called in messages."""

    what: str
    text: str
    lead: int = 0

    def fault(self, place: int, expecting: str = "") -> ParseFault:
        return parse_fault(self.what, self.text, place, expecting, self.lead)

    def skip(self, place: int) -> int:
        """The index of the first character that is no blank."""
        found = _SPACES.match(self.text, place)
        return found.end() if found else place

    def at(self, place: int, char: str) -> bool:
        return self.text.startswith(char, place)


def unescape(text: str) -> str:
    """The inside of a quoted text, without its backslashes."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def quoted_end(text: str, place: int) -> int | None:
    """Where the quoted text that begins at `place` ends, if it does."""
    found = _QUOTED.match(text, place)
    return found.end() if found else None


def read_name(source: Source, place: int) -> tuple[str, int]:
    """An identifier, quoted or plain, and the index after it. Blanks around a plain one do not count."""
    text = source.text
    start = source.skip(place)
    if text.startswith('"', start):
        found = _QUOTED.match(text, start)
        if not found:
            raise source.fault(len(text), '"\\""')
        return unescape(found[1]), source.skip(found.end())
    found = _IDENTIFIER.match(text, start)
    name = found[0].strip(" ") if found else ""
    if not found or not name:
        raise source.fault(start if not found else found.end(), FIELD_NAME)
    return name, found.end()


def read_json_path(source: Source, place: int) -> tuple[tuple[JsonStep, ...], int]:
    """`->a->0->>b`, from the first arrow on; an empty path where there is none."""
    text = source.text
    steps: list[JsonStep] = []
    while text.startswith("->", place):
        as_text = text.startswith(">", place + 2)
        place += 3 if as_text else 2
        if len(steps) >= MOST_JSON_STEPS:
            raise RequestFault(f"A JSON path may have at most {MOST_JSON_STEPS} arrows")
        index = _INDEX.match(text, place)
        if index:
            steps.append(JsonStep(int(index[1]), as_text))
            place = index.end()
            continue
        if text.startswith('"', place):
            found = _QUOTED.match(text, place)
            if not found:
                raise source.fault(len(text), '"\\""')
            steps.append(JsonStep(unescape(found[1]), as_text))
        else:
            found = _KEY.match(text, place)
            if not found:
                raise source.fault(place, f'"-", digit or {JSON_KEY}')
            steps.append(JsonStep(found[0], as_text))
        place = found.end()
    return tuple(steps), place


def read_field(source: Source, place: int) -> tuple[Field, int]:
    """A column and its JSON path."""
    name, place = read_name(source, place)
    if not source.text.startswith("->", place):
        return Field(name), place
    steps, place = read_json_path(source, place)
    return Field(name, steps), place


def read_path(source: Source) -> tuple[tuple[str, ...], Field]:
    """The name of a filter parameter: `embed.embed.column->path`, as the embeds and the field."""
    names: list[str] = []
    place = 0
    while True:
        name, place = read_name(source, place)
        names.append(name)
        if not source.at(place, "."):
            break
        place += 1
    steps, place = read_json_path(source, place)
    if place < len(source.text):
        raise source.fault(place, '".", "->" or end of input')
    return tuple(names[:-1]), Field(names[-1], steps)


def read_names(source: Source, most: int) -> tuple[str, ...]:
    """`a,"b,c",d`: the columns and on_conflict parameters, of at most so many names; each counts once."""
    names: list[str] = []
    place = 0
    while True:
        name, place = read_name(source, place)
        names.append(name)
        if len(names) > most:
            raise RequestFault(f"A list of columns may name at most {most}")
        if place >= len(source.text):
            return tuple(dict.fromkeys(names))
        if not source.at(place, ","):
            raise source.fault(place, '"," or end of input')
        place += 1
