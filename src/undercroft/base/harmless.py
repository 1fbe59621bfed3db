"""Words that somebody else wrote, before a terminal or a line of a log shows them."""

from __future__ import annotations


def harmless(text: str, *, keep: str = "") -> str:
    """Without what a terminal would obey: escapes, and signs that turn the line around.

    Line ends and other spaces are blanks, except for those in `keep`.
    """
    if text.isprintable():
        return text
    return "".join(char if char in keep or char.isprintable() else " " if char.isspace() else "\ufffd" for char in text)
