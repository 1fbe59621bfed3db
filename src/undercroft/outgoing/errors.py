"""How a call to another machine may fail. No message holds a path, a query, a header or an address inside: whoever
asked the app may read it."""

from __future__ import annotations

from undercroft.base.faults import Fault


class OutgoingFault(Fault):
    """A call that failed: no connection, or an answer that is none."""

    default_code = "UC502"


class Refused(OutgoingFault):
    """A URL that calls may not go to. `reason` is for the log: it may name an address inside."""

    default_code = "UC470"

    def __init__(self, reason: str, *, told: bool = False) -> None:
        super().__init__(
            "calls to this address are not allowed",
            details=reason if told else None,
            hint=None if told else "The log says why. [outgoing] allow names machines inside that may be called.",
        )
        self.reason = reason


class TooLate(OutgoingFault):
    """A time limit of a call."""

    default_code = "UC504"


class Crowded(TooLate):
    """No place was free: other calls had them all. It says nothing of the machine that was to be called."""


class Final(OutgoingFault):
    """An answer that is refused, and would be again: longer than allowed, a redirect too many, or one that would
    take the body elsewhere."""


class Resting(OutgoingFault):
    """A machine that failed several times in a row is left alone for a while."""

    default_code = "UC503"


class BadStatus(OutgoingFault):
    """An answer with a status that was not wanted (`raise_for_status`)."""


def malformed(reason: str) -> Refused:
    """A URL that is refused for how it is written, which its writer may be told."""
    return Refused(reason, told=True)


def unreachable(origin: str, why: str) -> OutgoingFault:
    return OutgoingFault(f"no connection to {origin}", details=why)


def broken(origin: str, why: str) -> OutgoingFault:
    return OutgoingFault(f"{origin} gave no proper answer", details=why)


def too_late(origin: str, seconds: float) -> TooLate:
    return TooLate(f"{origin} did not answer in {seconds:g} seconds")


def crowded(host: str, seconds: float) -> Crowded:
    return Crowded(f"other calls left none to {host} begin in {seconds:g} seconds")


def too_large(origin: str, limit: int) -> Final:
    return Final(f"the answer of {origin} is longer than {limit} bytes")


def too_far(origin: str) -> Final:
    return Final(f"{origin} redirects, after as many redirects as are followed")


def elsewhere(origin: str) -> Final:
    return Final(f"{origin} redirects to another origin, where the body is not sent", hint="resend=True sends it.")


def resting(origin: str, seconds: float) -> Resting:
    return Resting(f"{origin} failed several times and is not called for now", retry_after=max(1, int(seconds + 0.999)))


def bad_status(origin: str, status: int) -> BadStatus:
    return BadStatus(f"{origin} answered {status}")
