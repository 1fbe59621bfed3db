"""The text twin of an HTML mail: what somebody reads whose program shows no HTML, and what filters compare."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_SILENT = frozenset({"head", "style", "script", "title", "template", "noscript", "svg"})
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "figure", "footer", "form",
    "header", "main", "nav", "section", "table", "tbody", "tfoot", "thead", "tr",
})  # fmt: skip
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "figcaption"})
_UNSEEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|mso-hide\s*:\s*all)", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\r\n\f]+")
_INVISIBLE = re.compile("[\u00ad\u200b\u200c\u200d\u2060\ufeff]")
"""Soft hyphens and joiners: fillers of previews, and traps in a text."""
_RULE = "-" * 40


def text_of(html: str) -> str:
    """The words of an HTML document as plain text, with its links, lists and tables; it ends with a line end."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    """Writes as it reads: lines, and behind them an open one."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._open = ""
        self._silent: list[str] = []
        """Elements within one that nobody sees, from the outermost."""
        self._lists: list[int | None] = []
        """The next number of each open list; None for bullets."""
        self._indents: list[str] = []
        """What lines begin with in each open item."""
        self._mark = ""
        """What the first line of an item begins with."""
        self._hrefs: list[tuple[str, int, int]] = []
        """Each open link: its target, and where its words begin."""
        self._quotes = 0
        self._pre = 0

    # --- what the parser calls ---

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if self._silent or tag in _SILENT or "hidden" in given or _UNSEEN.search(given.get("style", "")):
            if tag not in _VOID:
                self._silent.append(tag)
        elif tag == "a":
            self._hrefs.append((given.get("href", ""), len(self._lines), len(self._open)))
        elif tag in ("ul", "ol"):
            self._begin_list(tag, given.get("start", "1"))
        elif tag == "li":
            self._begin_item()
        elif tag in ("td", "th"):
            self._open = self._open.rstrip() + "  " if self._open.strip() else ""
        elif tag in _PARAGRAPHS:
            self._paragraph()
            self._pre += tag == "pre"
        elif tag in _BLOCKS:
            self._end_line()
            self._quotes += tag == "blockquote"
        else:
            self._void(tag, given)

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            if tag in self._silent:
                while self._silent.pop() != tag:
                    pass
        elif tag == "a" and self._hrefs:
            self._end_link(*self._hrefs.pop())
        elif tag in ("ul", "ol") and self._lists:
            self._end_list()
        elif tag == "li":
            self._end_line()
            self._end_items()
        elif tag in _PARAGRAPHS:
            self._paragraph()
            self._pre -= tag == "pre" and self._pre > 0
        elif tag in _BLOCKS:
            self._end_line()
            if tag == "blockquote":
                self._end_quote()
            elif tag == "table":
                self._paragraph()

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if not self._pre:
            self._say(data)
            return
        *whole, last = data.split("\n")
        for line in whole:
            self._open += line
            self._end_line(keep=True)
        self._open += last

    # --- writing ---

    def _void(self, tag: str, given: dict[str, str]) -> None:
        if tag == "br":
            self._end_line(keep=True)
        elif tag == "hr":
            self._paragraph()
            self._open = _RULE
            self._paragraph()
        elif tag == "img":
            self._say(given.get("alt", ""))

    def _say(self, words: str) -> None:
        spoken = _SPACES.sub(" ", _INVISIBLE.sub("", words))
        if spoken.startswith(" ") and (not self._open or self._open.endswith(" ")):
            spoken = spoken[1:]
        self._open += spoken

    def _end_link(self, href: str, line: int, column: int) -> None:
        """Where it leads, behind its words; a link whose words are its target says it once."""
        words = self._open[column:].strip() if line == len(self._lines) else self._open.strip()
        target = href.strip()
        if target and not target.startswith("#") and words not in (target, target.removeprefix("mailto:")):
            self._open = self._open.rstrip() + (f" ({target})" if words else target)

    def _end_line(self, *, keep: bool = False) -> None:
        """Close the open line, if there is anything on it; `keep`: also where there is not."""
        line, self._open = self._open.rstrip(), ""
        if line or keep:
            outer = self._indents[:-1] if self._mark else self._indents
            begin = (outer[-1] if outer else "") + self._mark
            self._lines.append(("> " * self._quotes + begin + line).rstrip())
            self._mark = ""

    def _paragraph(self) -> None:
        """Close the open line, and leave one empty behind it."""
        self._end_line()
        if self._lines and self._lines[-1].strip("> ") and not self._lists:
            self._lines.append(("> " * self._quotes).rstrip())

    def _end_quote(self) -> None:
        while self._lines and self._lines[-1] and not self._lines[-1].strip("> "):
            self._lines.pop()
        self._quotes = max(self._quotes - 1, 0)
        self._paragraph()

    # --- lists ---

    def _begin_list(self, tag: str, start: str) -> None:
        if self._lists:
            self._end_line()
        else:
            self._paragraph()
        first = int(start) if start.isdecimal() and len(start) < 9 else 1
        self._lists.append(None if tag == "ul" else first)

    def _end_list(self) -> None:
        self._end_line()
        self._lists.pop()
        self._end_items()
        self._paragraph()

    def _begin_item(self) -> None:
        self._end_line()
        self._end_items()
        number = self._lists[-1] if self._lists else None
        self._mark = "- " if number is None else f"{number}. "
        if number is not None:
            self._lists[-1] = number + 1
        self._indents.append((self._indents[-1] if self._indents else "") + " " * len(self._mark))

    def _end_items(self) -> None:
        """Items end with the next one of their list, or with the list."""
        del self._indents[max(len(self._lists) - 1, 0) :]
        self._mark = ""

    def text(self) -> str:
        """Everything that was read."""
        self._end_line()
        joined = re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines))
        return joined.strip("\n") + "\n"
