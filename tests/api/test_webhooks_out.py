"""Events that are sent to others, through a real HTTP server that verifies them with the `standardwebhooks` package."""

# ruff: noqa: PT012
# The whole of a transaction is what raises here.

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from tests import postgres
from tests.api.webhook_house import HookBase, Invoice, WebhookHouse, webhook_house
from tests.receiver import Answered, Got, receiving
from undercroft import App
from undercroft.base.clock import ManualClock
from undercroft.base.faults import Fault, SetupFault
from undercroft.base.secret import Secret
from undercroft.jobs.service.tidying import Tidying
from undercroft.webhooks.parts.schedule import ATTEMPTS, WAITS

pytestmark = pytest.mark.anyio
Server = str | None


def believed(got: Got, secret: Secret) -> Any:
    """What the package of the specification's authors says of a request. Raises where it does not believe it."""
    return Webhook(secret.reveal()).verify(got.body, got.headers)


async def test_an_event_is_signed_as_the_package_verifies_it(tmp_path: Path, server: Server) -> None:
    async with receiving() as receiver, webhook_house(tmp_path, server) as house:
        endpoint = await house.add(receiver.url + "/hooks?x=1", "invoice.*")
        event = await house.publish("invoice.paid", {"number": 7, "to": "Zoë"})
        await house.settled()
        (got,) = receiver.got
        assert (got.method, got.target) == ("POST", "/hooks?x=1")
        assert got.headers["content-type"] == "application/json"
        found = believed(got, await house.secret(endpoint))
        assert found["type"] == "invoice.paid"
        assert found["data"] == {"number": 7, "to": "Zoë"}
        assert abs(time.time() - int(got.headers["webhook-timestamp"])) < 30
        assert got.headers["webhook-id"].startswith("msg_")
        with pytest.raises(WebhookVerificationError):
            believed(Got(got.method, got.target, got.headers, got.body + b" "), await house.secret(endpoint))
        async with house.endpoints() as endpoints:
            (delivery,) = await endpoints.deliveries(event=event)
            assert (delivery.state, delivery.attempts, delivery.status) == ("delivered", 1, 200)
            assert delivery.message_id == got.headers["webhook-id"]
            (attempt,) = await endpoints.attempts(delivery.id)
            assert (attempt.status, attempt.error, attempt.answer) == (200, None, "ok")
            assert 0 <= attempt.ms < 10_000


async def test_what_is_undone_is_never_delivered(tmp_path: Path, server: Server) -> None:
    async with receiving() as receiver, webhook_house(tmp_path, server) as house:
        await house.add(receiver.url)
        with pytest.raises(ZeroDivisionError):
            async with house.calling() as ctx:
                await ctx.publish("invoice.paid", {})
                raise ZeroDivisionError
        for table in ("webhook_events", "webhook_deliveries", "jobs"):
            assert await house.rows(table, "id") == []
        await asyncio.sleep(0.2)
        assert receiver.connections == 0


async def test_changes_of_a_table_are_events(tmp_path: Path, server: Server) -> None:
    async with receiving() as receiver, webhook_house(tmp_path, server) as house:
        await house.add(receiver.url, "invoices.*", "invoice.void")
        rows = "/rest/v1/invoices"
        assert (await house.request("POST", rows, json=[{"id": 1, "amount": 5}, {"id": 2, "amount": 6}])).is_success
        refused = await house.request("POST", rows, json=[{"id": 3, "amount": 5}, {"id": 4, "amount": -1}])
        assert refused.status_code == 400
        assert (await house.request("PATCH", f"{rows}?id=eq.1", json={"note": "late"})).is_success
        assert (await house.request("DELETE", f"{rows}?id=eq.2")).is_success
        await house.settled()
        assert len(await house.rows("webhook_events", "id")) == 5
        told = sorted((json.loads(got.body) for got in receiver.got), key=lambda each: each["type"])
        assert [(each["type"], each["data"]) for each in told if each["type"] != "invoices.inserted"] == [
            ("invoice.void", {"number": 2}),
            ("invoices.deleted", {"id": 2, "amount": 6, "note": "none"}),
            ("invoices.updated", {"id": 1, "amount": 5, "note": "late"}),
        ]
        inserted = [each["data"] for each in told if each["type"] == "invoices.inserted"]
        assert sorted(inserted, key=lambda data: data["id"]) == [
            {"id": 1, "amount": 5, "note": "none"},
            {"id": 2, "amount": 6, "note": "none"},
        ]


async def test_each_endpoint_gets_what_it_asks_for(tmp_path: Path, server: Server) -> None:
    async with receiving() as one, receiving() as two, receiving() as off, webhook_house(tmp_path, server) as house:
        await house.add(one.url, "invoice.paid", "user.*")
        second = await house.add(two.url)
        third = await house.add(off.url)
        async with house.endpoints() as endpoints:
            await endpoints.change(third, enabled=False)
        for name in ("invoice.paid", "invoice.sent", "user", "user.a.b", "users.a"):
            await house.publish(name, None)
        await house.settled()
        names = [sorted(json.loads(got.body)["type"] for got in each.got) for each in (one, two, off)]
        assert names == [
            ["invoice.paid", "user.a.b"],
            ["invoice.paid", "invoice.sent", "user", "user.a.b", "users.a"],
            [],
        ]
        ids = {got.headers["webhook-id"] for got in two.got}
        assert len(ids) == 5
        assert {got.headers["webhook-id"] for got in one.got} < ids
        with pytest.raises(WebhookVerificationError):
            believed(one.got[0], await house.secret(second))


@pytest.mark.parametrize("name", ["", "a b", "a..b", ".a", "a.", "a-b", "é", "*", "a.*", "a" * 101])
async def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    async with webhook_house(tmp_path, None) as house:
        with pytest.raises(Fault) as caught:
            await house.publish(name, None)
        assert caught.value.code == "22023"
        assert await house.rows("webhook_events", "id") == []


@pytest.mark.parametrize(
    ("url", "events", "code"),
    [
        ("http://169.254.169.254/", ("*",), "UC470"), ("http://localhost:1/", ("a",), None),
        ("ftp://example.com/", ("*",), "UC470"), ("http://a:b@example.com/", ("*",), "UC470"),
        ("https://example.com/", (), "22023"), ("https://example.com/", ("a b",), "22023"),
        ("https://example.com:22/", ("*",), None),
    ],
)  # fmt: skip
async def test_endpoints_that_are_none(tmp_path: Path, url: str, events: tuple[str, ...], code: str | None) -> None:
    """Those that only their addresses can tell are refused when they are called."""
    async with webhook_house(tmp_path, None) as house, house.endpoints() as endpoints:
        if code is None:
            assert (await endpoints.add(url, events)).enabled
            return
        with pytest.raises(Fault) as caught:
            await endpoints.add(url, events)
        assert caught.value.code == code


async def test_https_is_asked_for(tmp_path: Path) -> None:
    async with webhook_house(tmp_path, None, webhooks_https_only="true") as house, house.endpoints() as endpoints:
        assert (await endpoints.add("https://example.com/")).url == "https://example.com/"
        with pytest.raises(Fault, match="not allowed") as caught:
            await endpoints.add("http://example.com/")
    assert caught.value.details == "endpoints are reached by https, see [webhooks] https_only"
    with pytest.raises(SetupFault, match=r"notify\(\w+\): .*see \[webhooks\] https_only"):
        async with webhook_house(tmp_path, None, app=declaring("http://example.com/"), webhooks_https_only="true"):
            pass


async def test_a_name_that_turns_inside_is_not_called(tmp_path: Path, server: Server) -> None:
    async with webhook_house(tmp_path, server, outgoing_allow="10.9.9.9") as house:
        endpoint = await house.add("http://localhost:1/")
        await house.publish("a", None)
        await house.settled()
        async with house.endpoints() as endpoints:
            (delivery,) = await endpoints.deliveries(endpoint=endpoint)
            (attempt,) = await endpoints.attempts(delivery.id)
        assert (delivery.state, delivery.status, attempt.status) == ("waiting", None, None)
        assert attempt.error == "calls to this address are not allowed"


# --- endpoints of the app's file ---


def declaring(*to: str) -> App:
    app = App(HookBase, title="Books")
    for each in to:
        app.notify(Invoice, "insert", "update", to=each)

    @app.policy(Invoice, "select", "insert", "update")
    def anyone(invoice: Any) -> Any:
        """For the test everybody keeps the books."""
        return invoice.id == invoice.id

    return app


async def test_an_endpoint_of_the_app_s_file(tmp_path: Path, server: Server) -> None:
    secret = Secret("whsec_" + "QUJD" * 8)
    async with receiving() as one, receiving() as two, kept_database(server) as url:
        given = url | {"webhooks_endpoints": f"books={one.url}/x", "webhooks_secrets": f"books={secret.reveal()}"}
        app = declaring("books", two.url)
        async with webhook_house(tmp_path, None, app=app, given=given) as house:
            assert (await house.request("POST", "/rest/v1/invoices", json={"id": 1, "amount": 1})).is_success
            await house.settled()
            assert believed(one.got[0], secret)["type"] == "invoices.inserted"
            async with house.endpoints() as endpoints:
                listed = {each.url: each for each in await endpoints.list()}
            assert listed[one.url + "/x"].events == ("invoices.inserted", "invoices.updated")
            assert believed(two.got[0], await house.secret(listed[two.url].id))
            before = await house.secret(listed[two.url].id)
        named = [((two.url,), [False, True]), (("books", two.url), [True, True]), (("books",), [True, False])]
        for names, states in named:
            async with webhook_house(tmp_path, None, app=declaring(*names), given=given) as house:
                async with house.endpoints() as endpoints:
                    found = {each.url: each.enabled for each in await endpoints.list()}
                assert [found[one.url + "/x"], found[two.url]] == states
                assert await house.secret(listed[two.url].id) == before
                async with house.endpoints() as endpoints:
                    await endpoints.change(listed[one.url + "/x"].id, description="looked at")


async def test_another_secret_in_the_settings_takes_effect(tmp_path: Path, server: Server) -> None:
    """It signs from the next start on, and for a while the one before does too."""
    old, new, clock = Secret("whsec_" + "QUJD" * 8), Secret("whsec_" + "REVG" * 8), ManualClock()
    async with receiving() as receiver, kept_database(server) as url:

        async def signatures(secret: Secret | None) -> int:
            """Of one event, sent by an app that has the secret in its settings."""
            named = "" if secret is None else f"books={secret.reveal()}"
            given = url | {"webhooks_endpoints": f"books={receiver.url}", "webhooks_secrets": named}
            async with webhook_house(tmp_path, None, app=declaring("books"), given=given, clock=clock) as house:
                await house.publish("invoices.inserted", {"number": 7})
                await house.settled()
            return len(receiver.got[-1].headers["webhook-signature"].split())

        def believes(secret: Secret) -> bool:
            got = receiver.got[-1]
            signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
            key = base64.b64decode(secret.reveal().removeprefix("whsec_"))
            mac = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
            return f"v1,{mac}" in got.headers["webhook-signature"].split()

        assert await signatures(old) == 1
        assert believes(old)
        assert await signatures(new) == 2
        assert believes(new)
        assert believes(old)
        assert await signatures(new) == 2, "the same secret is no rotation"
        assert await signatures(None) == 2, "without a secret in the settings the stored one holds"
        clock.advance(86_400 + 1)
        assert await signatures(new) == 1
        assert believes(new)


async def test_what_somebody_turned_off_stays_off(tmp_path: Path) -> None:
    for enabled in (True, False):
        app = declaring("https://example.com/")
        async with webhook_house(tmp_path, None, app=app) as house, house.endpoints() as endpoints:
            (found,) = await endpoints.list()
            assert found.enabled is enabled
            await endpoints.change(found.id, enabled=False)


@pytest.mark.parametrize("to", ["nobody", "http://169.254.169.254/", "ftp://example.com", "http://a:b@example.com/"])
async def test_endpoints_of_the_app_s_file_that_are_none(tmp_path: Path, to: str) -> None:
    with pytest.raises(SetupFault):
        async with webhook_house(tmp_path, None, app=declaring(to)):
            pass


@asynccontextmanager
async def kept_database(server: Server) -> AsyncIterator[dict[str, str]]:
    """One database for several starts."""
    if server is None:
        yield {}
        return
    with postgres.database(server) as url:
        yield {"database_url": url}


# --- what fails ---


def house_at(folder: Path, server: Server, clock: ManualClock) -> AbstractAsyncContextManager[WebhookHouse]:
    """A house that soon sees that its clock was moved."""
    return webhook_house(folder, server, clock=clock, jobs_poll="0.05")


async def test_the_schedule_to_its_end(tmp_path: Path, server: Server) -> None:
    clock = ManualClock()
    wrong: Answered = (500, {}, b"no\0" + b"x" * 5000)
    async with receiving(lambda got: wrong) as receiver, house_at(tmp_path, server, clock) as house:
        endpoint = await house.add(receiver.url)
        await house.publish("a", 1)
        for attempt in range(1, ATTEMPTS + 1):
            await house.settled()
            assert len(receiver.got) == attempt
            if attempt < ATTEMPTS:
                clock.advance(WAITS[attempt - 1] * 0.85)
                await asyncio.sleep(0.15)
                assert len(receiver.got) == attempt, "it came too early"
                clock.advance(WAITS[attempt - 1] * 0.3)
                await house.until(partial(_came, receiver.got, attempt + 1))
        async with house.endpoints() as endpoints:
            (delivery,) = await endpoints.deliveries(endpoint=endpoint, state="failed")
            log = await endpoints.attempts(delivery.id)
        assert (delivery.attempts, delivery.due) == (ATTEMPTS, None)
        assert len(log) == ATTEMPTS
        assert log[0].answer == "no\ufffd" + "x" * 1021
        assert await house.rows("jobs", "id", "WHERE name = 'undercroft.deliver_webhook'") == []
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert len({got.body for got in receiver.got}) == 1
    assert len({got.headers["webhook-signature"] for got in receiver.got}) == ATTEMPTS


async def _came(got: list[Got], many: int) -> bool:
    return len(got) >= many


async def test_no_place_for_a_delivery_is_no_attempt(tmp_path: Path, server: Server) -> None:
    """Both endpoints are of one machine, to which one connection may go."""
    hanging, begun = asyncio.Event(), asyncio.Event()

    async def hang(got: Got) -> Answered:
        begun.set()
        await hanging.wait()
        return 200, {}, b""

    given = {"outgoing_connections": "2", "outgoing_connect_timeout": "0.2"}
    async with receiving(hang) as slow, receiving() as other, webhook_house(tmp_path, server, given=given) as house:
        await house.add(slow.url, "a")
        waits = await house.add(other.url, "b")
        await house.publish("a", 1)
        await asyncio.wait_for(begun.wait(), 10)
        await house.publish("b", 1)
        await asyncio.sleep(1)
        assert await house.rows("webhook_attempts", "id") == []
        assert other.got == []
        hanging.set()
        await house.until(lambda: _came(other.got, 1))
        await house.settled()
        async with house.endpoints() as endpoints:
            (delivery,) = await endpoints.deliveries(endpoint=waits)
        assert (delivery.state, delivery.attempts) == ("delivered", 1)


async def test_an_endpoint_that_recovers(tmp_path: Path, server: Server) -> None:
    clock = ManualClock()
    answers = [(503, {"retry-after": "60"}, b""), (302, {"location": "/elsewhere"}, b""), (204, {}, b"")]
    async with (
        receiving(lambda got: answers[len(receiver.got) - 1]) as receiver,
        house_at(tmp_path, server, clock) as house,
    ):
        await house.add(receiver.url)
        await house.publish("a", 1)
        await house.settled()
        clock.advance(59)
        await asyncio.sleep(0.2)
        assert len(receiver.got) == 1
        clock.advance(2)
        await house.until(lambda: _came(receiver.got, 2))
        await house.settled()
        clock.advance(6 * 60)
        await house.until(lambda: _came(receiver.got, 3))
        await house.settled()
        assert await house.rows("webhook_deliveries", "state, attempts, status") == [("delivered", 3, 204)]
        assert await house.rows("webhook_attempts", "status") == [(204,), (302,), (503,)]
    assert {got.target for got in receiver.got} == {"/"}


async def test_an_endpoint_that_is_gone(tmp_path: Path, server: Server) -> None:
    async with receiving(lambda got: (410, {}, b"")) as receiver, webhook_house(tmp_path, server) as house:
        endpoint = await house.add(receiver.url)
        first = await house.publish("a", 1)
        await house.settled()
        await house.publish("a", 2)
        await house.settled()
        assert len(receiver.got) == 1
        async with house.endpoints() as endpoints:
            found = await endpoints.get(endpoint)
            assert (found.enabled, found.disabled) == (False, "it answered 410 Gone")
            (delivery,) = await endpoints.deliveries()
            assert (delivery.event_id, delivery.state) == (first, "failed")
            again = await endpoints.change(endpoint, enabled=True)
            assert (again.enabled, again.disabled) == (True, None)


async def test_one_that_hangs_does_not_hold_up_the_others(tmp_path: Path, server: Server) -> None:
    released = asyncio.Event()

    async def hang(got: Got) -> Answered:
        await released.wait()
        return 200, {}, b""

    async with receiving(hang) as slow, receiving() as quick, webhook_house(tmp_path, server) as house:
        await house.add(slow.url)
        await house.add(quick.url)
        for number in range(20):
            await house.publish("a", number)
        await house.until(lambda: _came(quick.got, 20))
        assert slow.connections == 1, "one at a time"
        released.set()
        await house.until(lambda: _came(slow.got, 20))
        await house.settled()


async def test_one_that_fails_again_and_again_is_left_alone_for_a_while(tmp_path: Path, server: Server) -> None:
    """Its backlog would take the worker's places, one after the other."""
    clock = ManualClock()
    answers: list[Answered] = [(500, {}, b""), (204, {}, b"")]
    async with (
        receiving(lambda got: answers[len(receiver.got) > 4]) as receiver,
        house_at(tmp_path, server, clock) as house,
    ):
        await house.add(receiver.url)
        async with house.calling() as ctx:
            for number in range(10):
                await ctx.publish("a", number)
        await house.settled()
        assert len(receiver.got) == 3
        assert len(await house.rows("webhook_attempts", "id")) == 3, "what is not sent is no attempt"
        clock.advance(46)  # one is let through, and fails
        await house.until(partial(_came, receiver.got, 4))
        await house.settled()
        assert len(receiver.got) == 4
        for _ in range(4):
            clock.advance(400)
            await asyncio.sleep(0.1)
            await house.settled()
        assert await house.rows("webhook_deliveries", "state, count(*)", "GROUP BY state") == [("delivered", 10)]


async def test_nothing_is_held_while_an_endpoint_is_waited_for(tmp_path: Path, server: Server) -> None:
    released = asyncio.Event()

    async def hang(got: Got) -> Answered:
        await released.wait()
        return 200, {}, b""

    async with receiving(hang) as slow, webhook_house(tmp_path, server) as house:
        await house.add(slow.url, "a")
        await house.publish("a", 1)
        await house.until(lambda: _came(slow.got, 1))
        started = time.monotonic()
        assert (await house.request("POST", "/rest/v1/invoices", json={"id": 1, "amount": 1})).is_success
        assert time.monotonic() - started < 5
        released.set()
        await house.settled()


# --- again, and with other secrets ---


async def test_replay_sends_the_same_again(tmp_path: Path, server: Server) -> None:
    async with receiving() as receiver, receiving() as other, webhook_house(tmp_path, server) as house:
        await house.add(receiver.url)
        event = await house.publish("a", {"n": 1})
        await house.settled()
        late = await house.add(other.url, "nothing")
        async with house.endpoints() as endpoints:
            (delivery,) = await endpoints.deliveries()
            await endpoints.replay(delivery.id)
            await endpoints.send(event, late)
        await house.settled()
        first, second = receiver.got
        assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
        assert (other.got[0].body, other.got[0].headers["webhook-id"]) == (first.body, first.headers["webhook-id"])
        assert believed(other.got[0], await house.secret(late))["data"] == {"n": 1}
        async with house.endpoints() as endpoints:
            assert [each.state for each in await endpoints.deliveries()] == ["delivered", "delivered"]
            assert len(await endpoints.attempts(delivery.id)) == 2
            for wrong in (endpoints.replay(999), endpoints.send(999, late), endpoints.send(event, 999)):
                with pytest.raises(Fault, match="999"):
                    await wrong


async def test_rotation_signs_with_both_for_a_while(tmp_path: Path, server: Server) -> None:
    clock = ManualClock()
    async with receiving() as receiver, webhook_house(tmp_path, server, clock=clock) as house:
        endpoint = await house.add(receiver.url)
        old = await house.secret(endpoint)
        async with house.endpoints() as endpoints:
            new = await endpoints.rotate(endpoint, overlap=3600)
        assert old != new
        assert await house.secret(endpoint) == new
        for passed in (0, 3590, 20):
            clock.advance(passed)
            await house.publish("a", passed)
            await house.settled()
        both, still, after = receiver.got
        assert [len(got.headers["webhook-signature"].split(" ")) for got in receiver.got] == [2, 2, 1]
        for got, secrets in ((both, (old, new)), (still, (old, new)), (after, (new,))):
            for secret in secrets:
                assert signed(got, secret)
        assert not signed(after, old)
        async with house.endpoints() as endpoints:
            await endpoints.rotate(endpoint, overlap=0)
        await house.publish("a", 3)
        await house.settled()
        assert not signed(receiver.got[-1], new)


def signed(got: Got, secret: Secret) -> bool:
    """As the package signs it; its own look at the time would refuse a clock that a test moves."""
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(int(got.headers["webhook-timestamp"]), UTC)
    signature = Webhook(secret.reveal()).sign(got.headers["webhook-id"], moment, got.body.decode())
    return signature in got.headers["webhook-signature"].split(" ")


async def test_secrets_are_not_in_the_database(tmp_path: Path, server: Server) -> None:
    given = Secret("whsec_" + "QUJD" * 8)
    async with webhook_house(tmp_path, server) as house:
        endpoint = await house.add("https://example.com/", secret=given)
        assert await house.secret(endpoint) == given
        stored = repr(await house.rows("webhook_endpoints", "*"))
        assert "QUJDQUJD" not in stored
        assert "ABCABC" not in stored
        (sealing,) = (tmp_path / "data").glob("sealing.key")
        sealing.write_text("x" * 64)
    if server is None:
        async with webhook_house(tmp_path, server) as house:
            with pytest.raises(Fault) as caught:
                await house.secret(endpoint)
            assert caught.value.code == "UC520"


async def test_a_secret_that_cannot_be_opened_is_told_in_the_log(tmp_path: Path) -> None:
    async with receiving() as receiver:
        async with webhook_house(tmp_path, None) as house:
            await house.add(receiver.url)
        (tmp_path / "data" / "sealing.key").write_text("x" * 64)
        async with webhook_house(tmp_path, None) as house:
            await house.publish("a", 1)
            await house.settled()
            async with house.endpoints() as endpoints:
                (delivery,) = await endpoints.deliveries()
                (attempt,) = await endpoints.attempts(delivery.id)
        assert (delivery.state, attempt.error) == ("waiting", "a stored secret was sealed with another key")
        assert receiver.connections == 0


async def test_an_endpoint_that_is_removed_takes_its_deliveries_along(tmp_path: Path, server: Server) -> None:
    async with receiving() as receiver, webhook_house(tmp_path, server) as house:
        endpoint = await house.add(receiver.url)
        await house.publish("a", 1)
        await house.settled()
        async with house.endpoints() as endpoints:
            assert [each.id for each in await endpoints.list()] == [endpoint]
            await endpoints.remove(endpoint)
            assert await endpoints.list() == []
            with pytest.raises(Fault):
                await endpoints.remove(endpoint)
        for table in ("webhook_deliveries", "webhook_attempts"):
            assert await house.rows(table, "id") == []
        assert len(await house.rows("webhook_events", "id")) == 1


async def test_no_caller_sees_any_of_it(tmp_path: Path, server: Server) -> None:
    async with webhook_house(tmp_path, server) as house:
        for table in ("webhook_endpoints", "webhook_events", "webhook_inbox", "undercroft.webhook_endpoints"):
            assert (await house.request("GET", f"/rest/v1/{table}")).status_code == 404


async def test_old_events_go(tmp_path: Path, server: Server) -> None:
    clock = ManualClock()
    async with receiving() as receiver, webhook_house(tmp_path, server, clock=clock, webhooks_keep="100s") as house:
        await house.add(receiver.url, "a")
        await house.publish("a", 1)
        await house.settled()
        clock.advance(60)
        await house.publish("a", 2)
        await house.settled()
        clock.advance(60)
        (tidying,) = [part for part in house.house.running if isinstance(part, Tidying)]
        await tidying.stop()
        tidying.first = 0.0
        await tidying.start()  # nobody publishes any more, and nobody sends anything in
        async with asyncio.timeout(10):
            while len(await house.rows("webhook_events", "id")) != 1:  # noqa: ASYNC110  # the database tells nobody
                await asyncio.sleep(0.01)
        assert len(await house.rows("webhook_attempts", "id")) == 1
