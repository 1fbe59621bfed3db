"""Python functions that callers may call by name, and the hooks that run around writes, as values."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model
from sqlalchemy.orm import DeclarativeBase

from undercroft.base.faults import SetupFault

HookMoment = Literal["before", "after"]
HookVerb = Literal["insert", "update", "delete"]


@dataclass(frozen=True, slots=True)
class Hook:
    """Business logic around a write of one table: `async def hook(ctx, row)`."""

    table: str
    moment: HookMoment
    verb: HookVerb
    run: Callable[..., Any]
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function under `/rpc/<name>`. `returns` is the mapped class when it gives rows of a table, one or (`many`)
    several."""

    name: str
    run: Callable[..., Any]
    arguments: type[BaseModel]
    roles: frozenset[str]
    read_only: bool
    returns: type[Any] | None
    many: bool
    result: TypeAdapter[Any] | None
    """How any other result becomes JSON; None for a function that gives nothing."""
    doc: str | None
    source: str
    repeatable: bool = False
    """It may be run again where its transaction met another one."""
    gives: Any = None
    """The type of its result, as it is declared."""

    def allows(self, role: str, bypass: frozenset[str]) -> bool:
        return role in bypass or not self.roles or role in self.roles


def read_function(run: Callable[..., Any], *, name: str | None, roles: frozenset[str], read_only: bool) -> Function:
    """Read a function's signature. Raises `SetupFault` where it is no coroutine, or an argument has no type."""
    source = source_of(run)
    if not inspect.iscoroutinefunction(run):
        raise SetupFault(f"{source}: the function {run.__name__} must be declared with `async def`")
    hints = hints_of(run, source)
    returned = hints.pop("return", None)
    entity, many = _rows_of(returned)
    nothing = returned is None or returned is type(None)
    return Function(
        name=name or run.__name__,
        run=run,
        arguments=_arguments(run, hints, source),
        roles=roles,
        read_only=read_only,
        returns=entity,
        many=many,
        result=None if nothing or entity is not None else TypeAdapter(cast("Any", returned)),
        doc=inspect.getdoc(run),
        source=source,
        gives=returned,
    )


def hints_of(run: Callable[..., Any], source: str) -> dict[str, Any]:
    """The types in a signature, by name. Raises `SetupFault` for a name that is not known."""
    try:
        return get_type_hints(run, include_extras=True)
    except NameError as error:
        raise SetupFault(f"{source}: a type of {run.__name__} is not known: {error}") from error


def _arguments(run: Callable[..., Any], hints: Mapping[str, Any], source: str) -> type[BaseModel]:
    _, *parameters = inspect.signature(run).parameters.values()
    fields: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise SetupFault(f"{source}: {run.__name__} takes *{parameter.name}; callers name every argument")
        if parameter.name not in hints:
            raise SetupFault(f"{source}: the argument {parameter.name} of {run.__name__} needs a type")
        fields[parameter.name] = (
            hints[parameter.name],
            ... if parameter.default is parameter.empty else parameter.default,
        )
    return create_model(
        f"{run.__name__}_arguments", __config__=ConfigDict(extra="forbid", hide_input_in_errors=True), **fields
    )


def _rows_of(returned: Any) -> tuple[type[Any] | None, bool]:
    """`Post`, `Post | None` and `list[Post]` are rows of a table."""
    if get_origin(returned) is list:
        inner = get_args(returned)[0]
        return (inner, True) if _is_entity(inner) else (None, False)
    options = [option for option in get_args(returned) if option is not type(None)] or [returned]
    return (options[0], False) if len(options) == 1 and _is_entity(options[0]) else (None, False)


def _is_entity(value: Any) -> bool:
    return isinstance(value, type) and (issubclass(value, DeclarativeBase) or hasattr(value, "__mapper__"))


def source_of(function: Callable[..., Any]) -> str:
    """Where a function was declared: "app.py:31"."""
    code = getattr(function, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else repr(function)
