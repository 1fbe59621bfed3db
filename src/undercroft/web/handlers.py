"""Coroutines of an app that answer a request themselves: where each of their arguments comes from.

The first parameter is the context. Of the others, one of the type `WebRequest` is the whole request, the one named
`body` (of a page: `form`) is its body as the type says, one named in the path is a segment of it, and any other is
taken from the query. What is wrong with a signature is said when the app file is read.
"""

from __future__ import annotations

import inspect
import types
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUserError

from undercroft.base.faults import Fault, SetupFault
from undercroft.models.functions import hints_of, source_of
from undercroft.web.forms import MULTIPART, URLENCODED, Form, Upload
from undercroft.web.received import WebRequest

_SHOWN = 20
"""Mistakes that are told at once."""


class FormErrors(dict[str, str]):
    """What is wrong with a form, by the name of the field ("" where nothing is), and what was typed: for showing it
    again.
    """

    def __init__(self, errors: Mapping[str, str] | None = None, typed: Mapping[str, str] | None = None) -> None:
        super().__init__(errors or {})
        self._typed = dict(typed or {})

    def __missing__(self, name: str) -> str:
        return ""

    def typed(self, name: str, default: str = "") -> str:
        """What was typed into a field."""
        return self._typed.get(name, default)


@dataclass(frozen=True, slots=True)
class Payload:
    """The parameter that takes the body."""

    name: str
    kind: Literal["bytes", "text", "form", "typed"]
    adapter: TypeAdapter[Any] | None
    fields: Mapping[str, Any]
    """The types of the fields, where it takes an object."""
    optional: bool
    """Whether it may be None."""
    has_default: bool


@dataclass(frozen=True, slots=True, eq=False)
class Handler:
    """A coroutine, or an asynchronous generator, and where its arguments come from."""

    run: Callable[..., Any]
    source: str
    doc: str | None
    texts: type[BaseModel]
    """What comes from the path and from the query."""
    payload: Payload | None
    request: str | None
    """The parameter that takes the whole request,"""
    errors: str | None
    """and the one that takes what is wrong with the form."""
    returned: Any
    """The type that it declares to give; `inspect.Signature.empty` where it declares none."""
    streams: bool
    """It is a generator."""

    async def arguments(
        self, request: WebRequest, segments: Mapping[str, str] | None = None, *, bodiless: bool = False
    ) -> dict[str, Any]:
        """The values to call it with. `bodiless`: whatever body there is counts for nothing.

        Raises:
            Fault: 22P02 for what is not of its type, UC415 for another media type, PGRST102 where the body cannot be
                read.
        """
        values = read_texts(self.texts, request, segments or {}) if self.texts.model_fields else {}
        if self.request is not None:
            values[self.request] = request
        if self.payload is None:
            return values
        if self.errors is not None:
            values[self.errors] = FormErrors()
        if bodiless:
            return values if self.payload.has_default else values | {self.payload.name: None}
        if self.errors is None:
            return values | await read_payload(self.payload, request)
        try:
            return values | await read_payload(self.payload, request)
        except Mistakes as mistakes:
            form = await request.form()
            typed = {name: value for name, value in form if isinstance(value, str)}
            return values | {self.payload.name: None, self.errors: FormErrors(mistakes.by_field(), typed)}


class Mistakes(Fault):
    """Values that are not of their types."""

    default_code = "22P02"

    def __init__(self, place: str, error: ValidationError) -> None:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        told = [{"place": _place(place, each["loc"]), "message": each["msg"]} for each in found[:_SHOWN]]
        super().__init__(f"invalid argument {told[0]['place']}: {told[0]['message']}", details=told)
        self._by_field = {str(each["loc"][0]) if each["loc"] else "": each["msg"] for each in reversed(found)}

    def by_field(self) -> dict[str, str]:
        """The first mistake of each field."""
        return dict(self._by_field)


def read_handler(run: Callable[..., Any], *, payload: str, segments: Collection[str] = ()) -> Handler:
    """Read a signature; `payload` is the name of the parameter for the body, `segments` are those of the path.

    Raises `SetupFault` where it is no coroutine, or an argument has no type or one that cannot come from there.
    """
    source = source_of(run)
    streams = inspect.isasyncgenfunction(run)
    name = getattr(run, "__name__", repr(run))
    if not streams and not inspect.iscoroutinefunction(run):
        raise SetupFault(f"{source}: {name} must be declared with `async def`")
    hints = hints_of(run, source)
    returned = hints.pop("return", inspect.Signature.empty)
    parameters = list(inspect.signature(run).parameters.values())
    if not parameters:
        raise SetupFault(f"{source}: the first argument of {name} is the context: async def {name}(ctx: Context)")
    fields: dict[str, Any] = {}
    found: dict[str, Any] = {"payload": None, "request": None, "errors": None}
    for parameter in parameters[1:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise SetupFault(f"{source}: {name} takes *{parameter.name}; every argument has a name of its own")
        if parameter.name not in hints:
            raise SetupFault(f"{source}: the argument {parameter.name} of {name} needs a type")
        hint = hints[parameter.name]
        if hint is WebRequest:
            found["request"] = parameter.name
        elif hint is FormErrors:
            found["errors"] = parameter.name
        elif parameter.name == payload:
            found["payload"] = _payload_of(parameter, hint, source)
        else:
            fields[parameter.name] = (hint, ... if parameter.default is parameter.empty else parameter.default)
    if missing := [segment for segment in segments if segment not in fields]:
        raise SetupFault(f"{source}: the path of {name} has {{{missing[0]}}}, and it takes no argument of that name")
    if found["errors"] is not None and found["payload"] is None:
        raise SetupFault(f"{source}: {name} takes the errors of a form, and no `{payload}`")
    return Handler(
        run=run,
        source=source,
        doc=inspect.getdoc(run),
        texts=_texts_of(name, fields, source),
        returned=returned,
        streams=streams,
        **found,
    )


def _texts_of(name: str, fields: dict[str, Any], source: str) -> type[BaseModel]:
    config = ConfigDict(extra="ignore", hide_input_in_errors=True, protected_namespaces=())
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # that `copy` is also a model's own name
            return create_model(f"{name}_texts", __config__=config, **fields)
    except (PydanticUserError, NameError) as error:
        raise SetupFault(f"{source}: {name} has an argument that a query cannot give: {_first_line(error)}") from error


def _payload_of(parameter: inspect.Parameter, hint: Any, source: str) -> Payload:
    members, optional = _members(hint)
    plain = members[0] if len(members) == 1 else None
    has_default = parameter.default is not parameter.empty
    for kind, cls in (("bytes", bytes), ("text", str), ("form", Form)):
        if plain is cls:
            return Payload(parameter.name, kind, None, {}, optional, has_default)  # type: ignore[arg-type]  # as above
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(hint)
    except (PydanticUserError, NameError) as error:
        raise SetupFault(f"{source}: {parameter.name} cannot be read from a body: {_first_line(error)}") from error
    return Payload(parameter.name, "typed", adapter, _fields_of(plain), optional, has_default)


# --- reading ---


def read_texts(model: type[BaseModel], request: WebRequest, segments: Mapping[str, str]) -> dict[str, Any]:
    """Arguments from the path and the query. Raises `Mistakes`."""
    values: dict[str, Any] = {}
    for name, text in request.query:
        info = model.model_fields.get(name)
        if info is not None:
            _put(values, name, text, info.annotation)
    try:
        checked = model.model_validate({**values, **segments})
    except ValidationError as error:
        raise Mistakes("", error) from None
    return {name: getattr(checked, name) for name in model.model_fields}


async def read_payload(payload: Payload, request: WebRequest) -> dict[str, Any]:
    """The argument that takes the body; nothing where there is none and it has a default. Raises as `arguments`."""
    if payload.kind == "bytes":
        return {payload.name: await request.body()}
    if payload.kind == "text":
        return {payload.name: await request.text()}
    if (payload.has_default or payload.optional) and not await request.body():
        return {} if payload.has_default else {payload.name: None}
    if payload.kind == "form":
        return {payload.name: await request.form()}
    return {payload.name: await _read_typed(payload, request)}


async def _read_typed(payload: Payload, request: WebRequest) -> Any:
    if payload.adapter is None:
        raise AssertionError("what is typed has an adapter")
    kind = request.media_type
    try:
        if kind in (URLENCODED, MULTIPART):
            return payload.adapter.validate_python(shaped(await request.form(), payload.fields))
        if kind in ("", "application/json") or kind.endswith("+json"):
            return payload.adapter.validate_json(await request.body())
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise Fault("The body is not valid JSON", code="PGRST102") from None
        raise Mistakes(payload.name, error) from None
    raise Fault(f"The media type {kind} is not taken here", code="UC415", hint="Send it as application/json.")


def shaped(form: Iterable[tuple[str, str | Upload]], fields: Mapping[str, Any]) -> dict[str, Any]:
    """A form as an object: lists where the fields are lists. A browser sends an empty text for every field that nobody
    filled in: that is None where None may be, and nothing where a text may not be.
    """
    values: dict[str, Any] = {}
    for name, value in form:
        annotation = fields.get(name, str)
        members, optional = _members(annotation)
        if value == "" and optional:
            values.setdefault(name, None)
        elif value != "" or str in members or Any in members:
            _put(values, name, value, annotation)
    return values


def _put(values: dict[str, Any], name: str, value: Any, annotation: Any) -> None:
    if _takes_many(annotation):
        values.setdefault(name, []).append(value)
    else:
        values[name] = value


# --- types ---


def _members(annotation: Any) -> tuple[list[Any], bool]:
    """The types of a union less None, and whether None was among them."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        found = [_members(member) for member in get_args(annotation)]
        members = [inner for inners, _ in found for inner in inners if inner is not type(None)]
        return members, any(optional for _, optional in found) or type(None) in get_args(annotation)
    return [annotation], False


def _takes_many(annotation: Any) -> bool:
    kinds = [get_origin(member) or member for member in _members(annotation)[0]]
    return any(isinstance(kind, type) and issubclass(kind, (list, tuple, set, frozenset)) for kind in kinds)


def _fields_of(cls: Any) -> dict[str, Any]:
    """The types of an object's fields by the names under which they are sent."""
    if isinstance(cls, type) and issubclass(cls, BaseModel):
        return {info.alias or name: info.annotation for name, info in cls.model_fields.items()}
    if is_dataclass(cls) or hasattr(cls, "__required_keys__"):
        return get_type_hints(cls)
    return {}


def _place(first: str, location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in (first, *location) if part != "")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
