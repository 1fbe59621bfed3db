"""Mail templates of Supabase as templates of ours: Go's `{{ .ConfirmationURL }}` as `{{ confirmation_url }}`.

Understood are fields, `index`, comparisons, `and`, `or`, `not` and `if`: https://pkg.go.dev/text/template. What a field
does not hold is an empty text, as there.
"""

from __future__ import annotations

import re

from undercroft.base.faults import SetupFault

FIELDS = {
    "ConfirmationURL": "confirmation_url", "Token": "token", "TokenHash": "token_hash", "SiteURL": "site_url",
    "Email": "email", "NewEmail": "new_email", "SendingTo": "sending_to", "Data": "data", "RedirectTo": "redirect_to",
}  # fmt: skip
"""Variables of https://supabase.com/docs/guides/auth/auth-email-templates, and what they are here."""
_ACTION = re.compile(r"\{\{(-\s)?\s*(.*?)\s*(\s-)?\}\}", re.DOTALL)
_WORD = re.compile(r'\s*("(?:[^"\\]|\\.)*"|`[^`]*`|\(|\)|\||\.[\w.]*|[\w$]+|\S)')
_FIELD = re.compile(r"\.[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_TWO = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_FILTERS = frozenset({"html", "print", "urlquery"})


def translated(text: str, where: str) -> str:
    """A template of Go's in Jinja's words. Raises `SetupFault` for what is not understood; `where` says in which."""
    found, place, depth, trims = [], 0, 0, False
    for match in _ACTION.finditer(text):
        plain = text[place : match.start()].lstrip() if trims else text[place : match.start()]
        found.append(_plain(plain.rstrip() if match[1] else plain))
        written, change = _action(match[2], where)
        depth += change
        if depth < 0:
            raise _unknown("end", where)
        found.append(written)
        place, trims = match.end(), bool(match[3])
    if depth:
        raise SetupFault(f"{where}: an {{{{ if }}}} has no {{{{ end }}}}")
    found.append(_plain(text[place:].lstrip() if trims else text[place:]))
    return "".join(found)


def _plain(text: str) -> str:
    """What is no action, also to Jinja."""
    return re.sub(r"\{[%#]", lambda match: "{{ '" + match[0] + "' }}", text)


def _action(action: str, where: str) -> tuple[str, int]:
    """An action, and by how much it opens or closes."""
    if action.startswith("/*"):
        return "", 0
    words = _WORD.findall(action)
    match words:
        case ["end"]:
            return "{% endif %}", -1
        case ["else"]:
            return "{% else %}", 0
        case ["else", "if", *rest]:
            return f"{{% elif {_Reader(rest, where).whole()} %}}", 0
        case ["if", *rest]:
            return f"{{% if {_Reader(rest, where).whole()} %}}", 1
        case ["range" | "with" | "template" | "define" | "block" | "break" | "continue" | "", *_]:
            raise _unknown(action, where)
    return f"{{{{ {_Reader(words, where).whole()} }}}}", 0


class _Reader:
    """Reads the words of one action as an expression."""

    def __init__(self, words: list[str], where: str) -> None:
        self._words = list(words)
        self._where = where

    def whole(self) -> str:
        """The expression that all the words are."""
        found = self._pipeline()
        if self._words:
            raise _unknown(self._words[0], self._where)
        return found

    def _pipeline(self) -> str:
        found = self._call()
        while self._words[:1] == ["|"]:
            self._words.pop(0)
            name = self._words.pop(0) if self._words else ""
            if name not in _FILTERS:
                raise _unknown(f"| {name}", self._where)
            found = f"({found})|urlencode" if name == "urlquery" else found
        return found

    def _call(self) -> str:
        name = self._words[0] if self._words else ""
        if name in _TWO:
            self._words.pop(0)
            left, right = self._operand(), self._operand()
            return f"({left} {_TWO[name]} {right})"
        if name in ("and", "or"):
            self._words.pop(0)
            return "(" + f" {name} ".join(self._operands()) + ")"
        if name == "not":
            self._words.pop(0)
            return f"(not {self._operand()})"
        if name == "index":
            self._words.pop(0)
            base, *keys = self._operands()
            for key in keys:
                base = f"({base})[{key}]|default({{}})"
            return f"({base} or '')"
        if name in _FILTERS:
            self._words.pop(0)
        return self._operand()

    def _operands(self) -> list[str]:
        found = [self._operand()]
        while self._words and self._words[0] not in (")", "|"):
            found.append(self._operand())
        return found

    def _operand(self) -> str:
        word = self._words.pop(0) if self._words else ""
        if word == "(":
            found = self._pipeline()
            if self._words[:1] != [")"]:
                raise _unknown("(", self._where)
            self._words.pop(0)
            return f"({found})"
        if word.startswith(('"', "`")):
            return repr(word[1:-1].replace('\\"', '"'))
        if re.fullmatch(r"\d+|true|false", word):
            return word
        return self._field(word)

    def _field(self, word: str) -> str:
        if not _FIELD.fullmatch(word):
            raise _unknown(word, self._where)
        first, *inner = word[1:].split(".")
        if first not in FIELDS or (inner and first != "Data"):
            raise _unknown(word, self._where)
        if not inner:
            return f"({FIELDS[first]}|default(''))"
        found = FIELDS[first]
        for part in inner:
            found = f"({found})[{part!r}]|default({{}})"
        return f"({found} or '')"


def _unknown(what: str, where: str) -> SetupFault:
    return SetupFault(
        f"{where}: {{{{ {what} }}}} is not understood",
        hint=f"Known are {', '.join('.' + name for name in FIELDS)}, if, else, end, eq, ne, and, or, not, index.",
    )
