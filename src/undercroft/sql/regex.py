"""Regular expressions of callers: what PostgreSQL's dialect and RE2 both have, written so that both mean the same.

Each engine matches with its own library, in time that grows with the text. A pattern is read here first, and written
anew from what both know: classes of characters as plain ranges, letters of either case as brackets. What only one of
them has, or what they read differently, is refused by name.
Source: PostgreSQL's "POSIX regular expressions" page (its advanced form, the default); RE2's syntax page.
"""

from __future__ import annotations

from collections.abc import Iterator

from undercroft.sql.codecs import read_text
from undercroft.sql.errors import NotSupported, ValueFault

LONGEST = 1000
"""Characters of a pattern."""
MOST_COPIES = 1000
"""Atoms of a pattern with its counted repetitions written out."""
_DEEPEST = 100
_MOST_COUNTED = 255
_MOST_FOLDED = 2000

_CLASSES = {
    "d": "0-9", "w": "0-9A-Z_a-z", "s": "\t-\r ",
    "alpha": "A-Za-z", "digit": "0-9", "alnum": "0-9A-Za-z", "upper": "A-Z", "lower": "a-z", "space": "\t-\r ",
    "blank": "\t ", "punct": "!-/:-@[-`{-~", "xdigit": "0-9A-Fa-f", "word": "0-9A-Z_a-z", "cntrl": "\x01-\x1f\x7f",
    "graph": "!-~", "print": " -~",
}  # fmt: skip
"""Of ASCII, whatever the database's locale: the answer is the same everywhere."""
_CHARACTERS = {"a": "\a", "b": "\b", "B": "\\", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_REFUSED = {
    **dict.fromkeys("123456789", "back references"),
    **dict.fromkeys("mMyY", "word boundaries"),
    **dict.fromkeys("AZ", "the anchors \\A and \\Z (use ^ and $)"),
}
_SPECIAL = frozenset("\\^$.|?*+()[]{}")
_COUNTED = frozenset("*+?{")


def common_regex(text: str, *, fold: bool = False) -> str:
    r"""A caller's pattern for both engines; with `fold` it matches letters of either case.

    For RE2 the dot must match line ends. Raises `ValueFault` (2201B) for what is no regular expression or too large,
    `NotSupported` (0A000) for back references, look-around, word boundaries and what else the engines do not share.
    Linear.
    """
    pattern = read_text(text)
    if len(pattern) > LONGEST:
        raise _invalid(f"a pattern may have at most {LONGEST} characters")
    return _Reading(pattern, fold).whole()


def _invalid(why: str) -> ValueFault:
    return ValueFault(f"invalid regular expression: {why}", code="2201B")


def _refused(what: str) -> NotSupported:
    return NotSupported(
        f"{what} in regular expressions are not supported", hint="See the page on differences in the documentation."
    )


class _Reading:
    """One pattern while it is read from left to right."""

    def __init__(self, pattern: str, fold: bool) -> None:
        self._pattern = pattern
        self._fold = fold
        self._place = 0

    def whole(self) -> str:
        if self._pattern.startswith("***"):
            raise _refused("the directors ***: and ***=")
        written, _ = self._branches(0)
        if self._place < len(self._pattern):
            raise _invalid("parentheses () not balanced")
        return written

    def _branches(self, depth: int) -> tuple[str, int]:
        """Alternatives up to a closing parenthesis or the end, and how many copies they are worth."""
        if depth > _DEEPEST:
            raise _invalid("nested too deep")
        out: list[str] = []
        copies, last, quantifiable = 0, 0, False
        while self._place < len(self._pattern):
            char = self._pattern[self._place]
            if char == ")":
                break
            if char in _COUNTED and not (char == "{" and not self._is_count()):
                if not quantifiable:
                    raise _invalid("quantifier operand invalid")
                counted, times = self._quantifier()
                copies, quantifiable = copies + last * (times - 1), False
                out.append(counted)
            else:
                atom, last, quantifiable = self._atom(depth)
                copies += last
                out.append(atom)
            if copies > MOST_COPIES:
                raise _invalid("regular expression is too complex")
        return "".join(out), copies

    def _atom(self, depth: int) -> tuple[str, int, bool]:
        """The next atom, its copies, and whether a quantifier may follow it."""
        char = self._take()
        match char:
            case "(":
                return self._group(depth)
            case "[":
                return self._bracket(), 1, True
            case "\\":
                return self._escape(), 1, True
            case "." | "|" | "^" | "$":
                return char, 1, char == "."
            case _:
                return self._literal(char), 1, True

    def _group(self, depth: int) -> tuple[str, int, bool]:
        if self._pattern.startswith("?", self._place):
            if not self._pattern.startswith("?:", self._place):
                around = self._pattern[self._place : self._place + 2] in ("?=", "?!", "?<")
                raise _refused("look-around" if around else "options (?...)")
            self._place += 2
        inner, copies = self._branches(depth + 1)
        if not self._pattern.startswith(")", self._place):
            raise _invalid("parentheses () not balanced")
        self._place += 1
        return f"(?:{inner})", copies, True

    # --- repetition ---

    def _is_count(self) -> bool:
        """A brace begins a count only before a digit; elsewhere it stands for itself."""
        after = self._pattern[self._place + 1 : self._place + 2]
        return after.isascii() and after.isdigit()

    def _quantifier(self) -> tuple[str, int]:
        """A quantifier as both write it, and the copies that it makes. Lazy or greedy is the same for a yes or no."""
        char = self._take()
        written, times = char, 1
        if char == "{":
            end = self._pattern.find("}", self._place)
            low, comma, high = self._pattern[self._place : end].partition(",") if end >= 0 else ("", "", "x")
            if not all(_is_number(part) for part in (low, high) if part) or (high and not comma):
                raise _invalid("braces {} not balanced" if end < 0 else "invalid repetition count(s)")
            first, last = int(low), int(high) if high else int(low)
            if last > _MOST_COUNTED or first > last:
                raise _invalid("invalid repetition count(s)")
            self._place = end + 1
            written = "{" + low + comma + high + "}"
            times = max(last, 1)
        if self._pattern.startswith("?", self._place):
            self._place += 1
        if self._pattern[self._place : self._place + 1] in ("*", "+", "?") or (
            self._pattern.startswith("{", self._place) and self._is_count()
        ):
            raise _invalid("quantifier operand invalid")
        return written, times

    # --- characters ---

    def _take(self) -> str:
        char = self._pattern[self._place]
        self._place += 1
        return char

    def _literal(self, char: str) -> str:
        same = sorted(_cases(char)) if self._fold else [char]
        if len(same) > 1:
            return "[" + "".join(map(_in_bracket, same)) + "]"
        return "\\" + char if char in _SPECIAL else char

    def _escape(self) -> str:
        """What follows a backslash, outside brackets."""
        if self._place >= len(self._pattern):
            raise _invalid("invalid escape \\ sequence")
        char = self._pattern[self._place]
        if char in "dws":
            self._place += 1
            return f"[{_CLASSES[char]}]"
        if char in "DWS":
            self._place += 1
            return f"[^{_CLASSES[char.lower()]}]"
        return self._literal(self._escaped())

    def _escaped(self) -> str:
        """The one character that an escape stands for."""
        char = self._take()
        if char in _REFUSED:
            raise _refused(_REFUSED[char])
        if char in ("u", "U"):
            digits = self._pattern[self._place : self._place + (4 if char == "u" else 8)]
            self._place += len(digits)
            if len(digits) not in (4, 8) or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
                raise _invalid("invalid escape \\ sequence")
            return _character(int(digits, 16))
        if char.isascii() and not char.isalnum():
            return char
        if char in _CHARACTERS:
            return _CHARACTERS[char]
        if char in "cx0" or not char.isascii():
            raise _refused(f"escapes \\{char}")
        raise _invalid("invalid escape \\ sequence")

    # --- brackets ---

    def _bracket(self) -> str:
        """A bracket expression as ranges of single characters."""
        negated = self._pattern.startswith("^", self._place)
        self._place += negated
        ranges: list[tuple[str, str]] = []
        first = True
        while True:
            if self._place >= len(self._pattern):
                raise _invalid("brackets [] not balanced")
            if self._pattern[self._place] == "]" and not first:
                self._place += 1
                break
            first = False
            ranges += self._member()
        if self._fold:
            ranges = list(_folded(ranges))
        written = "".join(
            _in_bracket(low) if low == high else f"{_in_bracket(low)}-{_in_bracket(high)}" for low, high in ranges
        )
        return f"[{'^' if negated else ''}{written}]"

    def _member(self) -> list[tuple[str, str]]:
        """One character, range or class of a bracket expression."""
        if self._pattern.startswith("[:", self._place):
            end = self._pattern.find(":]", self._place)
            ranges = _CLASSES.get(self._pattern[self._place + 2 : end]) if end >= 0 else None
            if ranges is None or len(self._pattern[self._place + 2 : end]) == 1:
                raise _invalid("invalid character class")
            self._place = end + 2
            return list(_ranges(ranges))
        after = self._pattern[self._place + 1 : self._place + 2]
        if self._pattern.startswith("\\", self._place) and after in ("d", "w", "s"):
            self._place += 2
            return list(_ranges(_CLASSES[after]))
        low = self._single()
        if not self._pattern.startswith("-", self._place) or self._pattern.startswith("-]", self._place):
            return [(low, low)]
        self._place += 1
        high = self._single()
        if low > high:
            raise _invalid("invalid character range")
        return [(low, high)]

    def _single(self) -> str:
        if self._place >= len(self._pattern):
            raise _invalid("brackets [] not balanced")
        if self._pattern.startswith(("[.", "[=", "[:"), self._place):
            raise _refused("collating elements")
        char = self._take()
        if char != "\\":
            return char
        if self._place >= len(self._pattern):
            raise _invalid("invalid escape \\ sequence")
        if self._pattern[self._place] in "DWS":
            raise _refused("complements of classes inside brackets")
        if self._pattern[self._place] in "dws":
            raise _invalid("invalid character range")
        return self._escaped()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4


def _character(code: int) -> str:
    if not 0 < code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise _invalid("invalid escape \\ sequence")
    return chr(code)


def _in_bracket(char: str) -> str:
    return "\\" + char if char in "\\]^-[" else char


def _ranges(text: str) -> Iterator[tuple[str, str]]:
    """`A-Za-z_` as pairs of ends."""
    place = 0
    while place < len(text):
        is_range = text[place + 1 : place + 2] == "-"
        yield text[place], text[place + 2] if is_range else text[place]
        place += 3 if is_range else 1


def _cases(char: str) -> set[str]:
    """The letter in either case, where each case is one letter."""
    return {each for each in (char, char.lower(), char.upper()) if len(each) == 1 and each.lower() == char.lower()}


def _folded(ranges: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The same ranges, and the other case of every letter in them."""
    for low, high in ranges:
        yield low, high
        if ord(high) - ord(low) > _MOST_FOLDED:
            raise _refused("ranges of so many characters, with letters of either case,")
        for code in range(ord(low), ord(high) + 1):
            for other in _cases(chr(code)) - {chr(code)}:
                if not low <= other <= high:
                    yield other, other
