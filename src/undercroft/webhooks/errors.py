"""What this room refuses. A sender of an event that is not believed learns nothing but that."""

from __future__ import annotations

from undercroft.base.faults import Fault, SetupFault


class WebhookFault(Fault):
    """An event name, an endpoint or a delivery that is none."""

    default_code = "22023"


class SignatureFault(Fault):
    """An event that came in without a signature that we believe. `reason` is for the log."""

    default_code = "UC401"

    def __init__(self, reason: str) -> None:
        super().__init__("the signature of this event does not hold")
        self.reason = reason


class UnknownWebhookFault(Fault):
    """No webhook stands at this path."""

    default_code = "UC404"


class WebhookMethodFault(Fault):
    """A webhook that is called by another verb than POST."""

    default_code = "UC405"


class SealFault(Fault):
    """A stored secret that this installation's key does not open."""

    default_code = "UC520"


def unreadable_event(reason: str) -> Fault:
    """A believed event without what every event has."""
    return Fault(f"the event cannot be read: {reason}", code="UC400")


def no_such(what: str, number: int) -> WebhookFault:
    return WebhookFault(f"there is no {what} {number}")


def no_secret(name: str, source: str) -> SetupFault:
    return SetupFault(
        f'{source}: there is no secret "{name}"',
        hint=f'Write {name} = "env({name.upper()}_SECRET)" below [webhooks.secrets].',
    )
