"""Messages to phones, wired: what carries them, and the job that hands them over."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from undercroft.auth import SealingKeys
from undercroft.auth.backends.sms import ConsoleSms, Sms, Twilio
from undercroft.auth.tasks import Messages
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings
from undercroft.base.settings.auth_messages_section import AuthSmsTwilio
from undercroft.pipeline.ports import Enqueue, not_here
from undercroft.pipeline.run import Pipeline


def messages_of(settings: Settings, pipeline: Pipeline, log: Any, *, dev: bool) -> Messages | None:
    """Messages as the settings say; None where there is nothing to send them with. Raises `SetupFault`."""
    sms = _sms(settings.auth.sms.twilio, pipeline, log, dev=dev)
    if sms is None:
        return None

    def enqueue() -> Enqueue:
        if pipeline.ports.enqueue is None:  # set later, as the jobs of all rooms are known
            raise not_here("a message")
        return pipeline.ports.enqueue

    @cache
    def keys() -> SealingKeys:
        return SealingKeys(settings.auth, settings.database.data)

    return Messages(sms, lambda: keys().ring(), enqueue)


def _sms(given: AuthSmsTwilio, pipeline: Pipeline, log: Any, *, dev: bool) -> Sms | None:
    if not given.enabled:
        return ConsoleSms(sys.stdout.write) if dev else None
    if not (given.account_sid and given.message_service_sid and given.auth_token):
        raise SetupFault("[auth.sms.twilio] enabled = true needs account_sid, message_service_sid and auth_token")
    if pipeline.ports.http is None:
        raise not_here("a message")
    return Twilio(
        pipeline.ports.http, given.account_sid, given.message_service_sid, given.auth_token, given.url, log.warning
    )
