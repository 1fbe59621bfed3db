"""An ask as lines that a person reads: what was asked for, level by level, with the values in their places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from undercroft.query.ask import (
    Ask,
    Condition,
    EmbedAsk,
    Field,
    Filter,
    OrderTerm,
    Page,
    ReadAsk,
    SelectField,
    SelectItem,
    SelectStar,
    Slot,
    WriteAsk,
)


def asked_lines(ask: ReadAsk | WriteAsk, values: Sequence[str]) -> tuple[str, ...]:
    """The tree of a request. `values` are what its slots index."""
    return tuple(_lines(ask, values))


def _lines(ask: ReadAsk | WriteAsk, values: Sequence[str]) -> Iterator[str]:
    if isinstance(ask, WriteAsk):
        yield f"{ask.verb} {ask.table}" + (f" ({', '.join(ask.columns)})" if ask.columns else "")
        if ask.on_conflict or ask.resolution:
            yield f"  on conflict: {', '.join(ask.on_conflict) or 'the primary key'}, {ask.resolution or 'fail'}"
        if ask.returning:
            yield f"  return: {ask.returning}"
    else:
        yield f"read {ask.table}"
    if ask.count:
        yield f"  count: {ask.count}"
    yield from _node(ask.ask, values, "  ")


def _node(ask: Ask, values: Sequence[str], indent: str) -> Iterator[str]:
    plain = [_selected(item) for item in ask.select if not isinstance(item, EmbedAsk)]
    if plain:
        yield f"{indent}select: {', '.join(plain)}"
    for condition in ask.conditions:
        yield f"{indent}where: {condition_text(condition, values)}"
    if ask.order:
        yield f"{indent}order: {', '.join(_order(term) for term in ask.order)}"
    if ask.limit is not None:
        yield f"{indent}limit: {ask.limit.rows if isinstance(ask.limit, Page) else _value(ask.limit, values)}"
    if ask.offset is not None:
        yield f"{indent}offset: {_value(ask.offset, values)}"
    for item in ask.select:
        if isinstance(item, EmbedAsk):
            yield indent + _embed(item)
            yield from _node(item.ask, values, indent + "  ")


def _embed(embed: EmbedAsk) -> str:
    name = f"{embed.alias}: {embed.relation}" if embed.alias else embed.relation
    words = ["spread" if embed.spread else "embed", name]
    words += [f"by {embed.hint}"] if embed.hint else []
    words += [f"({embed.join})"] if embed.join else []
    return " ".join(words)


def _selected(item: SelectItem) -> str:
    if not isinstance(item, SelectField):
        return "*" if isinstance(item, SelectStar) else f"({getattr(item, 'alias', '')})"
    text = field_text(item.field) if item.field else ""
    text += f"::{item.cast}" if item.cast else ""
    text = f"{item.aggregate}({text or '*'})" if item.aggregate else text
    text += f"::{item.aggregate_cast}" if item.aggregate_cast else ""
    return f"{text} as {item.alias}" if item.alias else text


def field_text(field: Field) -> str:
    """A column with its JSON path."""
    return field.name + "".join(f"{'->>' if step.as_text else '->'}{step.key}" for step in field.json)


def condition_text(condition: Condition, values: Sequence[str]) -> str:
    """A condition on one line."""
    if isinstance(condition, Filter):
        word = f"{condition.operator}({condition.quantifier})" if condition.quantifier else condition.operator
        word += f"({condition.language})" if condition.language else ""
        value = (
            str(condition.is_value).replace("_", " ") if condition.value is None else _value(condition.value, values)
        )
        return f"{field_text(condition.field)} {'not ' if condition.negated else ''}{word} {value}"
    inner = f" {condition.operator} ".join(condition_text(term, values) for term in condition.terms)
    return f"not ({inner})" if condition.negated else f"({inner})"


def _order(term: OrderTerm) -> str:
    text = f"{term.relation}({field_text(term.field)})" if term.relation else field_text(term.field)
    return " ".join(
        [text, *([term.direction] if term.direction else []), *([f"nulls {term.nulls}"] if term.nulls else [])]
    )


def _value(slot: Slot, values: Sequence[str]) -> str:
    return repr(values[slot]) if 0 <= slot < len(values) else "?"
