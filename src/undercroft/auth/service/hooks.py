"""An app's hooks, asked on the way of signing up and in. Names, payloads and answers: Supabase's auth hooks.

One that tells of an account or of a mail runs in the transaction that makes it: both are there, or neither. The others
run in one of their own, when that of the sign-in is done. What fails refuses, and says nothing of the inside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import msgspec

from undercroft.auth.errors import AuthFault
from undercroft.auth.parts.claims import Claims
from undercroft.auth.parts.shapes import user_shape
from undercroft.auth.store import Record
from undercroft.auth.types import Caller
from undercroft.auth.types.hooks import (
    AccessTokenEvent,
    AuthHook,
    EmailData,
    EmailEvent,
    EventMetadata,
    FactorEvent,
    HookName,
    PasswordEvent,
    SmsData,
    SmsEvent,
    UserEvent,
)
from undercroft.base.clock import Clock
from undercroft.base.faults import Fault
from undercroft.engine.errors import CANCELED, DatabaseFault
from undercroft.engine.types import Transaction

CALLER: ContextVar[Caller] = ContextVar("caller")
"""Who sent the request that is answered."""
MOST_CLAIMS = 5 * 1024
"""Bytes of claims: a token of more than 8 KiB is believed by nobody."""
KEPT = ("iss", "sub", "session_id", "iat", "exp")
"""Claims that a hook leaves as they are: by these tokens are revoked and end."""
_REQUIRED: dict[str, type | tuple[type, ...]] = {
    "aud": (str, list), "exp": int, "iat": int, "sub": str, "email": str, "phone": str, "role": str, "aal": str,
    "session_id": str, "is_anonymous": bool,
}  # fmt: skip
_ACTIONS = {"confirmation": "signup", "magic_link": "magiclink"}
"""What Supabase calls the occasion of a mail, by the template where that has another name."""


class Rejected(NamedTuple):
    """A hook's no to a password or a factor."""

    message: str
    log_out: bool


@dataclass(frozen=True, slots=True, eq=False)
class Hooks:
    """Those of an app, and how they are run."""

    known: Mapping[HookName, AuthHook]
    begin: Callable[[bool], AbstractAsyncContextManager[Transaction]]
    """A transaction for an app's code, read-only or not."""
    context: Callable[[Transaction], Any]
    """What an app's code is handed."""
    seconds: float
    """For one call."""
    clock: Clock
    log: Any

    @property
    def follow_accounts(self) -> bool:
        """Whether any is asked when an account is made."""
        return "before_user_created" in self.known or "after_user_created" in self.known

    # --- tokens ---

    async def claims(self, claims: Claims, method: str) -> Claims:
        """What a token says, by the app's word. Raises `AuthFault`."""
        if "custom_access_token" not in self.known:
            return claims
        event = AccessTokenEvent(UUID(claims["sub"]), deepcopy(claims), method)
        answer = await self._asked("custom_access_token", event)
        told = answer or event.claims
        if "sub" not in told and isinstance(told.get("claims"), dict):
            told = told["claims"]
        return self._checked(claims, told)

    def _checked(self, before: Claims, told: Claims) -> Claims:
        try:
            raw = msgspec.json.encode(told)
            found: Claims = msgspec.json.decode(raw)
        except (TypeError, ValueError) as error:
            raise self._failed("custom_access_token", error) from None
        wrong = [name for name, kind in _REQUIRED.items() if not isinstance(found.get(name), kind)]
        wrong += [name for name in KEPT if found.get(name) != before.get(name)]
        if wrong:
            reason = f"claims it must keep: {', '.join(sorted(set(wrong)))}"
            raise self._failed("custom_access_token", ValueError(reason))
        if len(raw) > MOST_CLAIMS:
            raise AuthFault("hook_payload_over_size_limit", f"Claims of a token are at most {MOST_CLAIMS} bytes")
        return found

    # --- accounts ---

    async def account_made(self, transaction: Transaction, user: Record) -> None:
        """Tell of a new account, in the transaction that makes it. Raises `AuthFault`, which undoes that."""
        for name in ("before_user_created", "after_user_created"):
            if name in self.known:
                caller = CALLER.get(Caller())
                metadata = EventMetadata(uuid4(), self.clock.now(), name.replace("_", "-"), caller.ip)
                await self._within(transaction, name, UserEvent(metadata, user_shape(user, [])))

    # --- tries ---

    async def password_tried(self, user_id: str, valid: bool) -> Rejected | None:
        """Whether the app refuses a password that was tried. Raises `AuthFault`."""
        if "password_verification_attempt" not in self.known:
            return None
        answer = await self._asked("password_verification_attempt", PasswordEvent(UUID(user_id), valid))
        return self._decided(answer, "Further password verification attempts will be rejected.", log_out=False)

    async def factor_tried(self, user_id: str, factor: Record, valid: bool) -> Rejected | None:
        """Whether the app refuses a factor that was tried. Raises `AuthFault`."""
        if "mfa_verification_attempt" not in self.known:
            return None
        event = FactorEvent(UUID(factor["id"]), factor["factor_type"], UUID(user_id), valid)
        answer = await self._asked("mfa_verification_attempt", event)
        return self._decided(answer, "Further MFA verification attempts will be rejected.", log_out=True)

    def _decided(self, answer: dict[str, Any], usual: str, *, log_out: bool) -> Rejected | None:
        if answer.get("decision", "continue") == "continue":
            return None
        return Rejected(str(answer.get("message") or usual), log_out or bool(answer.get("should_logout_user")))

    # --- what is sent ---

    async def mail(self, transaction: Transaction, template: str, to: str, data: Mapping[str, Any]) -> None:
        """Have the app send a mail. Raises `AuthFault`."""
        user = {
            "email": data.get("email", ""),
            "new_email": data.get("new_email", ""),
            "user_metadata": data.get("data", {}),
        }
        given = EmailData(
            token=str(data.get("token", "")),
            token_hash=str(data.get("token_hash", "")),
            redirect_to=str(data.get("redirect_to", "")),
            email_action_type=_ACTIONS.get(template, template),
            site_url=str(data.get("site_url", "")),
            confirmation_url=str(data.get("confirmation_url", "")),
        )
        await self._within(transaction, "send_email", EmailEvent(to, user, given))

    async def text(self, transaction: Transaction, phone: str, text: str, code: str, channel: str | None) -> None:
        """Have the app send a message. Raises `AuthFault`."""
        event = SmsEvent({"phone": phone}, SmsData(code, text, channel or "sms"))
        await self._within(transaction, "send_sms", event)

    # --- running them ---

    async def _asked(self, name: HookName, event: object) -> dict[str, Any]:
        """Ask in a transaction of its own."""
        hook = self.known[name]
        try:
            async with self.begin(hook.read_only) as transaction:
                return await self._run(name, lambda: hook.run(self.context(transaction), event))
        except DatabaseFault as fault:
            if fault.code != CANCELED:
                raise
            raise self._late(name) from None  # the transaction's own limit came first

    async def _within(self, transaction: Transaction, name: HookName, event: object) -> dict[str, Any]:
        """Ask within a transaction that is under way; what the hook's session holds is written before it goes on."""
        hook, context = self.known[name], self.context(transaction)

        async def run() -> Any:
            answer = await hook.run(context, event)
            if context.opened is not None:
                await context.opened.flush()
            return answer

        return await self._run(name, run)

    async def _run(self, name: HookName, run: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self.seconds):
                answer = await run()
        except TimeoutError:
            raise self._late(name) from None
        except DatabaseFault as fault:
            raise (self._late(name) if fault.code == CANCELED else self._failed(name, fault)) from None
        except AuthFault:
            raise
        except Fault as fault:
            raise _refused(fault.message, _status(fault.code)) from None
        except Exception as error:
            raise self._failed(name, error) from None
        if answer is None:
            return {}
        if not isinstance(answer, dict):
            raise self._failed(name, TypeError(f"it gave {type(answer).__name__}, and not a dict"))
        if said := answer.get("error"):
            given = said if isinstance(said, dict) else {"message": said}
            raise _refused(str(given.get("message") or "Refused"), given.get("http_code"))
        return answer

    def _late(self, name: HookName) -> AuthFault:
        self.log.warning("auth_hook_late", hook=name, source=self.known[name].source, seconds=self.seconds)
        return AuthFault("hook_timeout", f"Failed to reach hook within maximum time of {self.seconds:f} seconds")

    def _failed(self, name: HookName, error: BaseException) -> AuthFault:
        self.log.error("auth_hook_failed", hook=name, source=self.known[name].source, exc_info=error)
        return AuthFault("unexpected_failure", f"Error running hook: {name}", status=500)


def _refused(message: str, status: object) -> AuthFault:
    """The app's own no. GoTrue has no code for it."""
    is_one = isinstance(status, int) and 400 <= status < 500
    return AuthFault("unknown", message, status=status if is_one else 403)  # type: ignore[arg-type]  # an int, as looked at


def _status(code: str) -> int | None:
    """The status that an app chose by a code of the form `PTnnn`."""
    return int(code[2:]) if code.startswith("PT") and code[2:].isdigit() else None
