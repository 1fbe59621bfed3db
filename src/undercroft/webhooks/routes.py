"""Webhooks over HTTP: `POST /webhooks/v1/<path>`. Who sends is known by the signature, and by nothing else."""

from __future__ import annotations

from urllib.parse import unquote

from undercroft.access.actor import ANONYMOUS, Actor
from undercroft.base.faults import Fault
from undercroft.web.actor import Identify
from undercroft.web.types import Answer, Hosting, Request
from undercroft.webhooks.errors import UnknownWebhookFault, WebhookMethodFault
from undercroft.webhooks.service.receiving import Inbox

_JSON = ((b"content-type", b"application/json"),)


class WebhooksRoom(Hosting):
    """The room behind the door."""

    cross_origin = False

    def __init__(self, inbox: Inbox, *, body_limit: int) -> None:
        self._inbox = inbox
        self._body_limit = body_limit

    def who(self, request: Request, identify: Identify) -> Actor:
        """Nobody: a credential that a sender brings along is not ours."""
        return ANONYMOUS

    def show(self, request: Request, fault: Fault, answer: Answer) -> Answer:
        """The fault as the data API tells it; a method that is not taken comes with the one that is."""
        if isinstance(fault, WebhookMethodFault):
            return answer._replace(headers=(*answer.headers, (b"allow", b"POST")))
        return answer

    async def __call__(self, request: Request) -> Answer:
        """Take an event. Raises `Fault`."""
        request.cors_told = True
        try:
            source = self._inbox.find(unquote(request.path.decode("ascii"), errors="strict"))
        except UnicodeDecodeError:
            raise UnknownWebhookFault("no webhook stands here") from None
        if request.method != "POST":
            raise WebhookMethodFault("events are sent by POST")
        request.body_limit = min(request.body_limit, self._body_limit)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        fresh = await self._inbox.receive(source, headers, await request.body())
        return Answer(200, _JSON, b'{"received":true}' if fresh else b'{"received":true,"duplicate":true}')
