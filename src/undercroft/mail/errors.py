"""This room's faults: those of the code that asks for a mail, and what became of one that was handed over."""

from __future__ import annotations

from undercroft.base.faults import Fault


class AddressFault(Fault):
    """Not an address that a mail can be sent to, or a header that would become two."""

    default_code = "22023"


class TooLargeFault(Fault):
    """A mail that is larger than the settings allow."""

    default_code = "54000"


class TemplateFault(Fault):
    """A template that is not there, that is wrong, or that was not given what it names."""

    default_code = "UC550"


class NoMailFault(Fault):
    """Nothing to send mails with, or nobody to send them as."""

    default_code = "UC551"


class Refused(Exception):
    """A server said no for good. `bounce`: there is no such mailbox, and nothing should be sent there again.

    `brief` is what logs are told: a server's own words may name the recipient, and stay with the mail.
    """

    def __init__(self, answer: str, *, bounce: bool = False, brief: str = "") -> None:
        super().__init__(answer)
        self.answer = answer
        self.bounce = bounce
        self.brief = brief


class NotNow(Exception):
    """No server took the message this time. `after`: seconds after which another try makes sense, where known.

    `brief` is what logs are told, as of `Refused`.
    """

    def __init__(self, answer: str, *, after: float | None = None, brief: str = "") -> None:
        super().__init__(answer)
        self.answer = answer
        self.after = after
        self.brief = brief
