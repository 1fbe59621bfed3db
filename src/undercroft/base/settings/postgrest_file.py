"""Reads PostgREST's configuration file and `PGRST_*` variables into a mapping of its setting names.

The format is `name = value` by lines: texts in double quotes, numbers, `true` and `false`, lists in brackets; `#`
starts a comment, `$(NAME)` in a text stands for a variable of the environment and `$$` for a dollar sign.
Protocol: PostgREST's "configuration" page.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from undercroft.base.settings.problems import Problem, SettingsFault

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "PGRST_"
APP_SETTINGS = "app.settings."

_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")
_WORD = re.compile(r"[A-Za-z]+")
_WORDS = {"true": True, "on": True, "false": False, "off": False}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
_VARIABLE = re.compile(r"\$(\$|\([A-Za-z_][A-Za-z0-9_]*\)|)")


def read_conf(text: str, name: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings of a configuration file called `name`. Raises `SettingsFault` with the line that is wrong."""
    return _Reading(text, name, environ).all()


def read_variables(environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings that the environment gives: `PGRST_DB_URI` is `db-uri`."""
    found: dict[str, Any] = {}
    for variable, value in environ.items():
        if variable.startswith(PREFIX):
            name = variable.removeprefix(PREFIX).lower()
            setting = name.removeprefix("app_settings_")
            found[APP_SETTINGS + setting if setting != name else name.replace("_", "-")] = value
    return found


class _Reading:
    """The state of reading one file."""

    def __init__(self, text: str, name: str, environ: Mapping[str, str]) -> None:
        self.text = text
        self.name = name
        self.environ = environ
        self.at = 0
        self.found: dict[str, Any] = {}

    def all(self) -> dict[str, Any]:
        self.group("")
        if self.at < len(self.text):
            raise self.problem("a setting's name was expected")
        return self.found

    def group(self, above: str) -> None:
        """Settings up to the end, or the brace that ends a group."""
        while named := self.take(_NAME):
            name = above + named[0]
            if self.sign("{"):
                self.group(name + ".")
                if not self.sign("}"):
                    raise self.problem('"}" was expected')
            elif self.sign("="):
                self.found[name] = self.value()
            else:
                raise self.problem(f'"=" was expected after {name}')

    def value(self) -> Any:
        if text := self.take(_TEXT):
            return self.filled(text[1])
        if number := self.take(_NUMBER):
            return float(number[0]) if set(number[0]) & set(".eE") else int(number[0])
        if self.sign("["):
            return self.items()
        word = self.take(_WORD)
        if word is None or word[0] not in _WORDS:
            raise self.problem("a value was expected: a text in double quotes, a number, true or false")
        return _WORDS[word[0]]

    def items(self) -> list[Any]:
        found: list[Any] = []
        while not self.sign("]"):
            if found and not self.sign(","):
                raise self.problem('"," or "]" was expected')
            found.append(self.value())
        return found

    def filled(self, raw: str) -> str:
        """The text behind what stands between the quotes."""

        def variable(match: re.Match[str]) -> str:
            inner = match[1]
            if inner == "$":
                return "$"
            if not inner:
                raise self.problem('a "$" in a text is written "$$", or begins "$(NAME)"')
            if inner[1:-1] not in self.environ:
                raise self.problem(f"no such environment variable: {inner[1:-1]}")
            return self.environ[inner[1:-1]]

        def escaped(match: re.Match[str]) -> str:
            kind = match[1]
            if kind[0] == "u" and len(kind) == 5:
                return chr(int(kind[1:], 16))
            if kind not in _ESCAPES:
                raise self.problem(f'"\\{kind}" is no escape')
            return _ESCAPES[kind]

        # What a variable holds is taken as it is: its backslashes are no escapes.
        pieces = re.split(r"(\$\$|\$\([A-Za-z_][A-Za-z0-9_]*\)|\$)", raw)
        return "".join(
            _VARIABLE.sub(variable, piece) if piece.startswith("$") else _ESCAPE.sub(escaped, piece) for piece in pieces
        )

    # --- the signs ---

    def skip(self) -> None:
        blank = _BLANK.match(self.text, self.at)
        if blank:
            self.at = blank.end()

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        self.skip()
        match = pattern.match(self.text, self.at)
        if match:
            self.at = match.end()
        return match

    def sign(self, char: str) -> bool:
        self.skip()
        if not self.text.startswith(char, self.at):
            return False
        self.at += 1
        return True

    def problem(self, message: str) -> SettingsFault:
        line = self.text.count("\n", 0, self.at) + 1
        return SettingsFault([Problem(f"{self.name}:{line}", message)])
