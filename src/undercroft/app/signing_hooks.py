"""An app's hooks of signing in, wired: transactions and contexts for them, and mails and messages that they send."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from undercroft.access.actor import SERVICE
from undercroft.auth.service.hooks import Hooks
from undercroft.auth.service.room import Notify, Text
from undercroft.auth.types.hooks import AuthHook, HookName
from undercroft.base.clock import Clock
from undercroft.engine.types import Transaction
from undercroft.pipeline.context import Context
from undercroft.pipeline.run import Pipeline

_CODE = re.compile(r"\{\{-?\s*\.Code\s*-?\}\}")


def hooks_of(declared: Mapping[HookName, AuthHook], pipeline: Pipeline, clock: Clock, log: Any) -> Hooks | None:
    """The hooks of an app; None where it has none, and nothing is asked."""
    if not declared:
        return None

    def begin(read_only: bool) -> AbstractAsyncContextManager[Transaction]:
        return pipeline.logic(SERVICE, read_only=read_only)

    def context(transaction: Transaction) -> Context:
        return pipeline.context(SERVICE, transaction)

    return Hooks(declared, begin, context, pipeline.settings.hook_seconds, clock, log)


def notify_by(hooks: Hooks | None, otherwise: Notify) -> Notify:
    """How people are told by mail."""
    return hooks.mail if hooks is not None and "send_email" in hooks.known else otherwise


def text_by(hooks: Hooks | None, otherwise: Text | None, template: str) -> Text | None:
    """How people are told by a message; `template` is what all of them are made of."""
    if hooks is None or "send_sms" not in hooks.known:
        return otherwise
    around = re.compile(r"(\d+)".join(re.escape(part) for part in _CODE.split(template, maxsplit=1)), re.DOTALL)
    found = hooks

    async def send(transaction: Transaction, phone: str, text: str, channel: str | None) -> None:
        code = around.match(text)
        await found.text(transaction, phone, text, code[1] if code and code.groups() else "", channel)

    return send
