"""The verbs of an app file for webhooks: events that come in, and changes of tables that are events."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from typing import Any

from undercroft.base.faults import Fault, SetupFault
from undercroft.models.declarations import table_of
from undercroft.models.functions import HookVerb, source_of
from undercroft.models.jobs import Span, span
from undercroft.pipeline.context import Context
from undercroft.webhooks.parts.names import check_name
from undercroft.webhooks.parts.verifiers import Verifier
from undercroft.webhooks.types import Inbound, Notification, OrderedBy, Verify, WebhookEvent

Handler = Callable[[Context, WebhookEvent], Awaitable[Any]]
_PATH = re.compile(r"(/[A-Za-z0-9_-]{1,100}){1,5}")
_PAST: dict[HookVerb, str] = {"insert": "inserted", "update": "updated", "delete": "deleted"}


class WebhookDeclarations:
    """What an app declared of webhooks, in the order of its file."""

    def __init__(self) -> None:
        super().__init__()
        self.inbounds: list[Inbound] = []
        self.notifications: list[Notification] = []

    def webhook(
        self,
        path: str,
        *,
        verify: Verifier | Verify,
        ordered_by: OrderedBy | None = None,
        retries: int = 10,
        timeout: Span = 60.0,
    ) -> Callable[[Handler], Handler]:
        """Take events at `/webhooks/v1<path>`, and have the decorated coroutine handle each of them once.

        An event is answered when it is stored; the coroutine runs afterwards, as a job, as the service, in the
        transaction that marks the event as handled.

        Args:
            verify: `stripe("name")`, `github("name")`, `standard_webhooks("name")` (names of `[webhooks.secrets]`), or
                a function of an `Incoming` that gives a `Verified`, and raises or gives None for what it does not
                believe.
            ordered_by: what an event is about, and its place among the events about that: a number or a moment. One
                that is older than the newest that was handled is stored as stale and not handled.
            retries: how often the coroutine is run again where it fails.
            timeout: for one run.

        Raises:
            SetupFault: where the path or the coroutine is wrong; it names the line.
        """

        def declare(handler: Handler) -> Handler:
            source = source_of(handler)
            if not _PATH.fullmatch(path):
                raise SetupFault(f"{source}: a webhook's path is /letters-digits-and_, not {path!r}")
            if not inspect.iscoroutinefunction(handler):
                raise SetupFault(f"{source}: the webhook {path} must be declared with `async def`")
            if not callable(verify) and not isinstance(verify, Verifier):
                raise SetupFault(f"{source}: verify= is a verifier, such as stripe(…), or a function")
            if isinstance(verify, Verifier) and not verify.secrets:
                raise SetupFault(f"{source}: the verifier of {path} knows no secret")
            self.inbounds.append(Inbound(path, handler, verify, ordered_by, span(timeout), retries, source))
            return handler

        return declare

    def notify(
        self,
        table: Any,
        *verbs: HookVerb,
        event: str | None = None,
        payload: Callable[[Any], Any] | None = None,
        to: str | None = None,
    ) -> None:
        """Publish an event at each change of a table: `posts.inserted`, `posts.updated`, `posts.deleted`, or `event`.

        Every endpoint that asks for it gets it. Writes of such a table are made row by row, as with any hook.

        Args:
            payload: makes the event's data of the row; left out, it is the row's columns without those that are hidden
                from anybody.
            to: an endpoint that is to be there for it: a URL, or a name of `[webhooks.endpoints]`.

        Raises:
            SetupFault: for a verb or a name that is none.
        """
        name = table_of(table).name
        source = f"app.notify({name})"
        for verb in verbs or tuple(_PAST):
            if verb not in _PAST:
                raise SetupFault(f'{source}: "{verb}" is no change: {", ".join(_PAST)}')
            try:
                named = check_name(event or f"{name}.{_PAST[verb]}")
            except Fault as fault:
                raise SetupFault(f"{source}: {fault.message}") from None
            self.notifications.append(Notification(name, verb, named, payload, source, to))
