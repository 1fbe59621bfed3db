"""The statements of webhooks, written once for both engines and compiled once for the one that is served."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from undercroft.sql.prepared import Prepared, prepare
from undercroft.webhooks.tables import (
    ATTEMPTS,
    DELIVERIES,
    ENDPOINTS,
    EVENTS,
    HANDLED,
    INBOX,
    NEW,
    STALE,
    WAITING,
)

ENDPOINT = ("id", "url", "events", "enabled", "description", "created", "disabled")
SEALED = ("uid", "secrets")
BATCH = 500
"""Rows that one statement of housekeeping takes at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Statements:
    """Every statement, ready for one engine."""

    add_endpoint: Prepared
    endpoints: Prepared
    endpoint: Prepared
    wanting: Prepared
    set_secrets: Prepared
    change_endpoint: Prepared
    remove_endpoint: Prepared
    disable: Prepared
    declared: Prepared
    add_declared: Prepared
    set_declared: Prepared
    add_event: Prepared
    event: Prepared
    add_delivery: Prepared
    add_deliveries: Prepared
    to_send: Prepared
    add_attempt: Prepared
    end_delivery: Prepared
    restart: Prepared
    deliveries: Prepared
    attempts: Prepared
    receive: Prepared
    received: Prepared
    newest: Prepared
    end_event: Prepared
    purge_events: Prepared
    purge_inbox: Prepared
    empty_inbox: Prepared


@cache
def statements(dialect: Dialect) -> Statements:
    """The statements as this engine reads them."""
    insert = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
    listed = _postgres_list if dialect.name == "postgresql" else _sqlite_list
    elements = {
        **_endpoints(),
        **_declared(insert),
        **_sending(listed("endpoints")),
        **_looking(),
        **_receiving(insert),
        **_purging(),
    }
    return Statements(**{each.name: prepare(elements[each.name], dialect) for each in fields(Statements)})


def _given(name: str, type_: Any = None) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=type_ or sa.BigInteger())


def _word(name: str) -> sa.BindParameter[Any]:
    return _given(name, sa.Text())


def _all(table: sa.Table, *names: str) -> dict[str, sa.BindParameter[Any]]:
    return {name: _given(name, table.c[name].type) for name in names}


def _endpoints() -> dict[str, sa.ClauseElement]:
    table = ENDPOINTS
    told = sa.select(*(table.c[name] for name in ENDPOINT))
    this = table.c.id == _given("id")
    added = sa.insert(table).values(_all(table, "uid", "url", "events", "secrets", "description", "created"))
    changed = sa.update(table).where(this)
    return {
        "add_endpoint": added.returning(table.c.id),
        "endpoints": told.order_by(table.c.id),
        "endpoint": sa.select(*(table.c[name] for name in (*ENDPOINT, *SEALED))).where(this),
        "wanting": sa.select(table.c.id, table.c.events).where(table.c.enabled).order_by(table.c.id),
        "set_secrets": changed.values(secrets=_word("secrets")).returning(table.c.id),
        "change_endpoint": changed.values(_all(table, "url", "events", "enabled", "description", "disabled")).returning(
            table.c.id
        ),
        "disable": changed.values(enabled=sa.false(), disabled=_word("disabled")).returning(table.c.id),
        "remove_endpoint": sa.delete(table).where(this).returning(table.c.id),
    }


def _declared(insert: Any) -> dict[str, sa.ClauseElement]:
    table = ENDPOINTS
    told = sa.select(
        *(table.c[name] for name in ("id", "uid", "url", "events", "enabled", "disabled", "secrets")),
    )
    given = _all(table, "uid", "url", "events", "secrets", "description", "created")
    added = insert(table).values(given).on_conflict_do_nothing(index_elements=[table.c.uid])
    changed = (
        sa.update(table).where(table.c.id == _given("id")).values(_all(table, "url", "events", "enabled", "disabled"))
    )
    return {
        "declared": told.where(table.c.uid.like(_word("mark"))),
        "add_declared": added.returning(table.c.id),
        "set_declared": changed.returning(table.c.id),
    }


def _sqlite_list(name: str) -> Any:
    """The numbers of a JSON list, as SQLite reads one."""
    return sa.select(sa.func.json_each(_word(name)).table_valued("value").c.value)


def _postgres_list(name: str) -> Any:
    """The same for PostgreSQL."""
    given = sa.cast(_word(name), postgresql.JSON)
    return sa.select(sa.cast(sa.func.json_array_elements_text(given).table_valued("value").c.value, sa.BigInteger))


def _sending(endpoints: Any) -> dict[str, sa.ClauseElement]:
    delivery, event, endpoint = DELIVERIES, EVENTS, ENDPOINTS
    joined = delivery.join(event, event.c.id == delivery.c.event_id).join(
        endpoint, endpoint.c.id == delivery.c.endpoint_id
    )
    to_send = sa.select(
        delivery.c.state, delivery.c.attempts, event.c.uid, event.c.body, endpoint.c.id, endpoint.c.url,
        endpoint.c.enabled, endpoint.c.uid.label("endpoint_uid"), endpoint.c.secrets,
    )  # fmt: skip
    this = delivery.c.id == _given("id")
    ended = _all(delivery, "state", "attempts", "due", "status", "finished")
    return {
        "add_event": sa.insert(event).values(_all(event, "uid", "event", "body", "created")).returning(event.c.id),
        "event": sa.select(event.c.id, event.c.event).where(event.c.id == _given("id")),
        "add_delivery": sa.insert(delivery)
        .values(_all(delivery, "event_id", "endpoint_id", "due", "created"))
        .returning(delivery.c.id),
        "add_deliveries": sa.insert(delivery)
        .from_select(
            ["event_id", "endpoint_id", "due", "created"],
            sa.select(_given("event_id"), endpoint.c.id, _given("now"), _given("now")).where(
                endpoint.c.id.in_(endpoints)
            ),
        )
        .returning(delivery.c.id, delivery.c.endpoint_id),
        "to_send": to_send.select_from(joined).where(this),
        "add_attempt": sa.insert(ATTEMPTS)
        .values(_all(ATTEMPTS, "delivery_id", "at", "status", "ms", "error", "answer"))
        .returning(ATTEMPTS.c.id),
        "end_delivery": sa.update(delivery)
        .where(this, delivery.c.state == WAITING, delivery.c.attempts == _given("before"))
        .values(ended)
        .returning(delivery.c.id),
        # Waiting ones too: a job that was lost is no reason to refuse. The number of attempts starts anew.
        "restart": sa.update(delivery)
        .where(this)
        .values(state=WAITING, attempts=0, due=_given("now"), finished=sa.null())
        .returning(delivery.c.id, delivery.c.endpoint_id),
    }


def _looking() -> dict[str, sa.ClauseElement]:
    delivery, event = DELIVERIES, EVENTS
    told = sa.select(
        delivery.c.id, event.c.id.label("event_id"), event.c.uid, event.c.event, delivery.c.endpoint_id,
        delivery.c.state, delivery.c.attempts, delivery.c.due, delivery.c.status, delivery.c.created,
    ).select_from(delivery.join(event, event.c.id == delivery.c.event_id))  # fmt: skip
    any_of = sa.or_
    chosen = told.where(
        any_of(_given("any_endpoint", sa.Boolean()), delivery.c.endpoint_id == _given("endpoint")),
        any_of(_given("any_event", sa.Boolean()), delivery.c.event_id == _given("event")),
        any_of(_given("any_state", sa.Boolean()), delivery.c.state == _word("state")),
    )
    log = sa.select(ATTEMPTS.c.at, ATTEMPTS.c.status, ATTEMPTS.c.ms, ATTEMPTS.c.error, ATTEMPTS.c.answer)
    return {
        "deliveries": chosen.order_by(delivery.c.id.desc()).limit(_given("most")),
        "attempts": log.where(ATTEMPTS.c.delivery_id == _given("id")).order_by(ATTEMPTS.c.id),
    }


def _receiving(insert: Any) -> dict[str, sa.ClauseElement]:
    inbox = INBOX
    given = _all(inbox, "source", "key", "event_id", "type", "body", "subject", "place", "timeless", "received")
    added = insert(inbox).values(given).on_conflict_do_nothing(index_elements=[inbox.c.source, inbox.c.key])
    newest = sa.select(sa.func.max(inbox.c.place)).where(
        inbox.c.source == _word("source"), inbox.c.subject == _word("subject"), inbox.c.state == HANDLED
    )
    words = ("source", "event_id", "type", "body", "subject", "place", "state", "received")
    return {
        "receive": added.returning(inbox.c.id),
        "received": sa.select(*(inbox.c[name] for name in words)).where(inbox.c.id == _given("id")),
        "newest": newest,
        "end_event": sa.update(inbox)
        .where(inbox.c.id == _given("id"), inbox.c.state == NEW)
        .values(state=_word("state"), finished=_given("now"))
        .returning(inbox.c.id),
    }


def _purging() -> dict[str, sa.ClauseElement]:
    before = _given("before")
    waits = sa.exists().where(DELIVERIES.c.event_id == EVENTS.c.id, DELIVERIES.c.state == WAITING)
    old = sa.select(EVENTS.c.id).where(EVENTS.c.created < before, ~waits).order_by(EVENTS.c.created)
    over = INBOX.c.state.in_([HANDLED, STALE])
    done = sa.select(INBOX.c.id).where(INBOX.c.received < before, over).order_by(INBOX.c.received)
    read, full = done.where(~INBOX.c.timeless), done.where(INBOX.c.timeless, sa.func.length(INBOX.c.body) > 0)
    return {
        "purge_events": sa.delete(EVENTS).where(EVENTS.c.id.in_(_some(old))).returning(EVENTS.c.id),
        "empty_inbox": sa.update(INBOX).where(INBOX.c.id.in_(_some(full))).values(body=b"").returning(INBOX.c.id),
        "purge_inbox": sa.delete(INBOX).where(INBOX.c.id.in_(_some(read))).returning(INBOX.c.id),
    }


def _some(ids: sa.Select[tuple[int]]) -> sa.Select[tuple[int]]:
    """Some of them, and none that another process is about to let go of."""
    return ids.limit(BATCH).with_for_update(skip_locked=True)
