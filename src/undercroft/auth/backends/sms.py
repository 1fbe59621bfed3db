"""What carries messages to phones: Twilio, whoever speaks as it does, and the console while developing.

Protocol: https://www.twilio.com/docs/messaging/api/message-resource, version 2010-04-01.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from undercroft.base.faults import Fault
from undercroft.base.secret import Secret

if TYPE_CHECKING:
    from undercroft.pipeline.ports import Http


class NotSent(Fault):
    """A message that was not taken; what took it not is asked again where that may help."""

    default_code = "UC502"


class Sms(Protocol):
    """What carries messages off."""

    async def send(self, phone: str, text: str, channel: str | None) -> None:
        """Hand one message over. Raises `Fault` where that is to be tried again."""
        ...


@dataclass(frozen=True, slots=True)
class ConsoleSms:
    """Shows messages to whoever develops."""

    write: Callable[[str], object]

    async def send(self, phone: str, text: str, channel: str | None) -> None:
        """Show one."""
        self.write(f"--- {channel or 'sms'} to +{phone}\n{text}\n")


@dataclass(frozen=True, slots=True)
class Twilio:
    """Hands messages to Twilio's API."""

    http: Http
    account: str
    sender: str
    """A messaging service (`MG…`) or a number."""
    token: Secret
    url: str
    log: Callable[..., object]

    async def send(self, phone: str, text: str, channel: str | None) -> None:
        """Hand one over. Raises `Fault` where it may be taken later; what is refused for good is logged."""
        credentials = base64.b64encode(f"{self.account}:{self.token.reveal()}".encode()).decode()
        prefix = "whatsapp:" if channel == "whatsapp" else ""
        data = {"To": f"{prefix}+{phone}", "Body": text, "Channel": channel or "sms"}
        data["MessagingServiceSid" if self.sender.startswith("MG") else "From"] = self.sender
        reply = await self.http.post(
            f"{self.url.rstrip('/')}/2010-04-01/Accounts/{self.account}/Messages.json",
            data=data,
            headers={"authorization": f"Basic {credentials}"},
            attempts=1,
            redirects=0,
        )
        if reply.ok:
            return
        if reply.status == 429 or reply.status >= 500:
            raise NotSent(f"the provider of messages answered {reply.status}")
        # Its words may hold the number and the text: the status and its code say enough.
        self.log("message refused", status=reply.status, error=_code(reply.text))


def _code(text: str) -> str:
    import msgspec

    try:
        return str(msgspec.json.decode(text.encode()).get("code", ""))[:20]
    except (msgspec.DecodeError, AttributeError):
        return ""
