"""The verb of an app file for functions: a list that `build` reads once."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from typing import Any, TypeVar, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

from undercroft.base.faults import SetupFault
from undercroft.functions.parts.results import ANYTHING
from undercroft.functions.types import LONGEST_NAME, Endpoint, Event, Reply
from undercroft.models.declarations import Roles, roles_of
from undercroft.web.handlers import Handler, read_handler
from undercroft.web.methods import read_methods, read_timeout

F = TypeVar("F", bound=Callable[..., Any])

_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST_NAME}}}")
_UNTYPED = (inspect.Signature.empty, None, type(None), Any, Reply, Event)
_STREAMED = (AsyncIterator, AsyncIterable, AsyncGenerator)


class FunctionDeclarations:
    """What an app declared of functions, in the order of its file."""

    def __init__(self) -> None:
        super().__init__()
        self.endpoints: list[Endpoint] = []

    def function(
        self,
        *,
        methods: Iterable[str] = ("POST",),
        to: Roles = None,
        public: bool = False,
        name: str | None = None,
        timeout: float | None = None,
    ) -> Callable[[F], F]:
        """Serve the decorated coroutine at `/functions/v1/<name>`, by the name that it has in Python or `name`.

        Its first parameter is the context. The one named `body` takes the body as its type says, one of the type
        `WebRequest` the whole request, and the others are taken from the query.

        Args:
            methods: those that it takes; HEAD comes with GET.
            to: the roles that may call it; everybody when left out.
            public: a credential that is not believed is no reason to refuse: the caller is anonymous then.
            timeout: seconds until its answer begins; as `[server] handler_timeout` says when left out.

        Raises:
            SetupFault: where the coroutine or an option is wrong; it names the line.
        """

        def declare(run: F) -> F:
            handler = read_handler(run, payload="body")
            if handler.errors is not None:
                raise SetupFault(f"{handler.source}: only a page is told what is wrong with a form")
            found = Endpoint(
                name=name or run.__name__,
                handler=handler,
                methods=read_methods(methods, handler.source),
                roles=roles_of(to),
                public=public,
                timeout=read_timeout(timeout, handler.source),
                result=_result(handler),
            )
            if not _NAME.fullmatch(found.name):
                raise SetupFault(f"{handler.source}: a function's name has letters, digits, _ and -, not {found.name}")
            self.endpoints.append(found)
            return run

        return declare


def _result(handler: Handler) -> TypeAdapter[Any]:
    """How what it gives becomes JSON: by the type that it declares, where that is one of values."""
    returned = handler.returned
    members = [returned, *get_args(returned)]
    if any(member in _UNTYPED or get_origin(member) in _STREAMED for member in members):
        return ANYTHING
    try:
        return TypeAdapter(returned)
    except (PydanticUserError, NameError) as error:
        told = str(error).splitlines()[0]
        raise SetupFault(f"{handler.source}: what {handler.run.__name__} gives cannot be JSON: {told}") from error
