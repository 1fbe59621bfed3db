"""What a server's answer means: try another server, try later, or never again.

Source: RFC 5321 (4.2) for the first digit, RFC 3463 and the registry of enhanced codes for the rest.
"""

from __future__ import annotations

import re
from typing import Literal

from undercroft.base.harmless import harmless

Stage = Literal["connect", "login", "sender", "recipient", "content"]
Meaning = Literal["server", "later", "refused", "bounced"]
"""server: it is not well or not for us, another may be. later: it will not now. refused, bounced: never; bounced, since
there is no such mailbox."""

_ENHANCED = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})\b")
_NO_MAILBOX = frozenset({(1, 1), (1, 2), (1, 3), (1, 6), (1, 10), (2, 1)})
"""Bad mailbox, bad domain, bad syntax, moved away, null MX; mailbox disabled."""
MOST_TOLD = 500
"""Characters of an answer that are kept."""
_GOING = 421
_TOO_LARGE = 552
"""Its size is told with the sender (RFC 1870), so that this may come before the recipient."""


def meaning(stage: Stage, code: int, text: str) -> Meaning:
    """What an answer with this code (three digits) means at this stage of a conversation."""
    if stage in ("connect", "login") or code == _GOING or not 400 <= code < 600:
        return "server"
    if code < 500:
        return "later"
    if stage == "recipient" and says_no_mailbox(text):
        return "bounced"
    # Who refuses the sender refuses us, not the message: another server may know us.
    return "server" if stage == "sender" and code != _TOO_LARGE else "refused"


def says_no_mailbox(text: str) -> bool:
    """Whether an answer's enhanced code says that there is no such mailbox: `5.1.1 User unknown`."""
    found = _ENHANCED.match(text)
    return found is not None and found[1] == "5" and (int(found[2]), int(found[3])) in _NO_MAILBOX


def brief(code: int, text: str) -> str:
    """The codes of an answer, without its words: `550 5.1.1`."""
    found = _ENHANCED.match(text)
    return f"{code} {found[0].strip()}" if found else str(code)


def told(answer: str) -> str:
    """What a server said, so that every log, database and terminal takes it; its lines are one."""
    return harmless(answer[:MOST_TOLD])
