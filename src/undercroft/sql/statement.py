"""A compiled statement: its text, and for every parameter a function that fetches its value from the request.

Everything that depends on the shape of a request is done once; what is left per request is one call per parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.sql.elements import BindParameter

from undercroft.access.actor import Actor
from undercroft.access.claims import ClaimParameter
from undercroft.base.faults import Fault
from undercroft.catalog.kinds import kind_of
from undercroft.sql.bounds import one_of_its_words
from undercroft.sql.codecs import from_claim, json_encoder

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect
    from sqlalchemy.types import TypeEngine


class Given(NamedTuple):
    """What a request hands to a statement: the values of its slots, rows of its body, and results of earlier
    steps."""

    values: Sequence[str]
    actor: Actor
    row: Mapping[str, Any] | None = None
    carried: Mapping[str, Any] | None = None
    rows: Sequence[Mapping[str, Any]] = ()
    """Several rows of the body, for a statement that writes them together."""


Fetch = Callable[[Given], object]


class Handed(BindParameter[Any]):
    """A bound parameter whose value is fetched from what the request gives."""

    inherit_cache = True

    def __init__(self, name: str, fetch: Fetch, type_: TypeEngine[Any] | None = None) -> None:
        super().__init__(name, None, type_=type_ or sa.types.NullType(), unique=True)
        self.fetch = fetch

    def _with_binary_element_type(self, type_: TypeEngine[Any]) -> Handed:
        # The value is converted when it is fetched; the other side of a comparison has no say in it.
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """Text for the driver and the recipes of its positional parameters."""

    text: str
    template: tuple[object, ...]
    """The values of all parameters, with None where one is fetched."""
    fetches: tuple[tuple[int, Fetch], ...]
    """What is fetched for each request, with its place."""

    def arguments(self, given: Given) -> list[object]:
        """The driver's values for one request. Raises `ValueFault` for a text that is no value of its column's type."""
        values = list(self.template)
        for place, fetch in self.fetches:
            values[place] = fetch(given)
        return values


def compile_statement(element: sa.ClauseElement, dialect: Dialect) -> Statement:
    """Compile once, for good. Constants of policies and of the shape become part of the recipes."""
    text, parameters = compiled_parts(element, dialect)
    template: list[object] = []
    fetches: list[tuple[int, Fetch]] = []
    for place, (bind, constant) in enumerate(parameters):
        fetch = _recipe(bind, dialect)
        template.append(None if fetch is not None else constant)
        if fetch is not None:
            fetches.append((place, fetch))
    return Statement(text, tuple(template), tuple(fetches))


def compiled_parts(
    element: sa.ClauseElement, dialect: Dialect
) -> tuple[str, list[tuple[BindParameter[Any] | None, object]]]:
    """The text of a statement, and for each of its parameters what binds it and, for a constant, the driver's value."""
    compiled: Any = element.compile(dialect=dialect)
    if compiled.post_compile_params:
        # The members of IN lists. Asked by `render_postcompile`, SQLAlchemy would miss those in the RETURNING clause of
        # an INSERT, and want values for claims, which have none yet.
        bare = compiled.construct_params(escape_names=False, _no_postcompile=True, _check=False)
        compiled._process_parameters_for_postcompile(bare, _populate_self=True)
        compiled._render_postcompile = True
    constants = compiled.construct_params(_check=False)
    expanded = getattr(compiled, "_post_compile_expanded_state", None)  # the members of IN lists
    processors = {**compiled._bind_processors, **(expanded.processors if expanded is not None else {})}
    names = compiled.positiontup if compiled.positiontup is not None else list(compiled.params)
    parameters: list[tuple[BindParameter[Any] | None, object]] = []
    for name in names:
        bind = compiled.binds.get(name)
        if isinstance(bind, (Handed, ClaimParameter)):
            parameters.append((bind, None))
            continue
        value, process = constants[name], processors.get(name)
        parameters.append((bind, process(value) if process is not None and value is not None else value))
    return str(compiled), parameters


def _recipe(bind: BindParameter[Any] | None, dialect: Dialect) -> Fetch | None:
    """How a parameter's value is fetched; None for a constant."""
    if isinstance(bind, Handed):
        return bind.fetch
    return _claim_recipe(bind, dialect) if isinstance(bind, ClaimParameter) else None


def _claim_recipe(bind: ClaimParameter, dialect: Dialect) -> Fetch:
    read = _reader_of_claims(bind, dialect)

    def fetch_anew(actor: Actor) -> object:
        return read(bind.read(actor))

    # Parameters of one claim and type share what they made of it, for as long as the actor is remembered.
    key = repr((bind.name, bind.path, repr(bind.type), bind.many))  # a text knows its hash

    def fetch(given: Given) -> object:
        converted = given.actor.converted
        try:
            return converted[key]
        except KeyError:
            value = converted[key] = fetch_anew(given.actor)
            return value

    return fetch


def claim_value(bind: ClaimParameter, actor: Actor) -> Any:
    """A claim as a Python value of its parameter's type; None where it is absent or of another type."""
    return _converted(bind.read(actor), from_claim(kind_of(bind.type)))


def claim_list(bind: ClaimParameter, actor: Actor, dialect: Dialect) -> object:
    """A claim that is a list, as `auth.is_among` asks for it; None for any other."""
    return _reader_of_claims(bind, dialect)(bind.read(actor))


def _reader_of_claims(bind: ClaimParameter, dialect: Dialect) -> Callable[[Any], object]:
    process = bind.type.dialect_impl(dialect).bind_processor(dialect)
    convert = one_of_its_words(bind.type, from_claim(kind_of(bind.type)))

    def both(value: Any) -> object:
        converted = convert(value)
        return process(converted) if process is not None and converted is not None else converted

    if bind.many:
        # Each member as the column holds it; one of another type is NULL, so that no negation lets it in.
        return lambda value: _as_list([_converted(member, both) for member in value]) if type(value) is list else None
    return lambda value: _converted(value, both)


def _as_list(members: list[object]) -> str:
    return json_encoder.encode([None if isinstance(member, bytes) else member for member in members]).decode()


def _converted(value: Any, convert: Callable[[Any], Any]) -> Any:
    if value is None:
        return None
    try:
        return convert(value)
    except (Fault, LookupError, TypeError, ValueError, ArithmeticError):
        # A claim of another type matches nothing; it is the token's fault and no error of this request.
        return None


def processor_for(type_: TypeEngine[Any], dialect: Dialect, convert: Callable[[Any], Any]) -> Callable[[Any], object]:
    """`convert` (the caller's text or JSON to Python), then the driver's own form of it."""
    process = type_.dialect_impl(dialect).bind_processor(dialect)
    if process is None:
        return convert

    def both(value: Any) -> object:
        converted = convert(value)
        return None if converted is None else process(converted)

    return both
