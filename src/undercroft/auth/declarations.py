"""The verb of an app file for signing in: the hooks that are asked on the way, which `build` reads once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from undercroft.auth.types.hooks import NAMES, AuthHook, HookName
from undercroft.base.faults import SetupFault, closest
from undercroft.models.functions import source_of

F = TypeVar("F", bound=Callable[..., Any])


class AuthDeclarations:
    """What an app declared of signing in."""

    def __init__(self) -> None:
        super().__init__()
        self.auth_hooks: dict[HookName, AuthHook] = {}

    def auth_hook(self, name: HookName, *, read_only: bool = False) -> Callable[[F], F]:
        """Have the decorated coroutine asked when people sign up and in: `async def hook(ctx, event)`.

        The names and what they are told are those of Supabase's auth hooks (https://supabase.com/docs/guides/auth/
        auth-hooks). A `read_only` one sees a snapshot, and holds up nobody who writes.

        Raises:
            SetupFault: for a name that is none, one that is taken, and what is no coroutine.
        """

        def declare(function: F) -> F:
            source = source_of(function)
            if name not in NAMES:
                near = closest(name, NAMES)
                meant = f' (did you mean "{near}"?)' if near else ""
                raise SetupFault(f'{source}: no hook is called "{name}"{meant}')
            if not inspect.iscoroutinefunction(function):
                raise SetupFault(f"{source}: the hook {function.__name__} must be declared with `async def`")
            if name in self.auth_hooks:
                raise SetupFault(f"{source}: {name} is already declared at {self.auth_hooks[name].source}")
            self.auth_hooks[name] = AuthHook(name, function, read_only, source)
            return function

        return declare
