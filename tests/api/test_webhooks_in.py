"""Events that others send: believed or refused, stored once, handled once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook

from tests.api.webhook_house import GITHUB, STANDARD, STRIPE, STRIPE_OLD, WebhookHouse, invoice_app, webhook_house
from undercroft import App
from undercroft.app.webhooking import room_of
from undercroft.base.clock import ManualClock
from undercroft.base.faults import SetupFault
from undercroft.webhooks import stripe
from undercroft.webhooks.service.tidying import tidy

pytestmark = pytest.mark.anyio
Server = str | None


def stripe_header(body: bytes, at: float, *secrets: str) -> str:
    """As Stripe's "Verify webhook signatures manually" describes the header."""
    moment = str(int(at))
    made = [hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={moment}", *(f"v1={each}" for each in made), "v0=" + "0" * 64])


async def from_stripe(house: WebhookHouse, event: Any, *secrets: str, at: float | None = None) -> httpx2.Response:
    body = json.dumps(event).encode()
    now = datetime.now(UTC).timestamp() if at is None else at
    headers = {"stripe-signature": stripe_header(body, now, *(secrets or (STRIPE,))), "authorization": "Bearer theirs"}
    return await house.request("POST", "/webhooks/v1/stripe", content=body, headers=headers)


async def from_partner(house: WebhookHouse, number: str, event: Any, at: datetime | None = None) -> httpx2.Response:
    """Signed by the package of the specification's authors."""
    moment = at or datetime.now(UTC)
    body = json.dumps(event)
    headers = {
        "webhook-id": number,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(STANDARD).sign(number, moment, body),
    }
    return await house.request("POST", "/webhooks/v1/partner/orders", content=body.encode(), headers=headers)


async def from_github(house: WebhookHouse, delivery: str, body: bytes, secret: str = GITHUB) -> httpx2.Response:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"x-hub-signature-256": f"sha256={signature}", "x-github-delivery": delivery, "x-github-event": "push"}
    return await house.request("POST", "/webhooks/v1/github", content=body, headers=headers)


def paid(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"evt_{number}", "type": "invoice.paid", "created": 1, **more}


async def nothing_stored(house: WebhookHouse) -> bool:
    return not await house.rows("webhook_inbox", "id") and not await house.rows("jobs", "id")


async def test_an_event_is_handled_once(tmp_path: Path, server: Server) -> None:
    async with webhook_house(tmp_path, server) as house:
        first = await from_stripe(house, paid(1))
        assert (first.status_code, first.json()) == (200, {"received": True})
        again = await asyncio.gather(*(from_stripe(house, paid(1)) for _ in range(10)))
        assert {(each.status_code, each.json().get("duplicate")) for each in again} == {(200, True)}
        await house.settled()
        assert (await from_stripe(house, paid(1))).json() == {"received": True, "duplicate": True}
        assert (await from_stripe(house, paid(2))).json() == {"received": True}
        await house.settled()
        assert await house.payments() == [("evt_1", "invoice.paid"), ("evt_2", "invoice.paid")]
        stored = await house.rows("webhook_inbox", "source, event_id, type, state, body", "ORDER BY id")
        assert [row[:4] for row in stored] == [("/stripe", f"evt_{n}", "invoice.paid", "handled") for n in (1, 2)]
        assert bytes(stored[0][4]) == json.dumps(paid(1)).encode()


async def test_those_that_come_at_once_are_stored_once(tmp_path: Path, server: Server) -> None:
    async with webhook_house(tmp_path, server) as house:
        replies = await asyncio.gather(*(from_stripe(house, paid(1)) for _ in range(20)))
        assert [each.status_code for each in replies] == [200] * 20
        assert sum("duplicate" not in each.json() for each in replies) == 1
        await house.settled()
        assert await house.payments() == [("evt_1", "invoice.paid")]


async def test_a_handler_that_fails_leaves_nothing_and_is_run_again(tmp_path: Path, server: Server) -> None:
    async with webhook_house(tmp_path, server) as house:
        await from_stripe(house, paid(1, fails=True))
        await house.until(lambda: _dead(house))
        assert await house.payments() == []
        assert await house.rows("webhook_inbox", "state") == [("new",)]
        assert await house.rows("jobs", "name, attempts") == [("undercroft.handle_webhook.stripe", 3)]


async def _dead(house: WebhookHouse) -> bool:
    return bool(await house.rows("jobs", "id", "WHERE state = 'dead'"))


@pytest.mark.parametrize("secrets", [(STRIPE,), (STRIPE_OLD,), ("wrong", STRIPE), (STRIPE, STRIPE_OLD)])
async def test_any_of_the_secrets(tmp_path: Path, secrets: tuple[str, ...]) -> None:
    async with webhook_house(tmp_path, None) as house:
        assert (await from_stripe(house, paid(1), *secrets)).status_code == 200


async def test_what_is_not_believed(tmp_path: Path, server: Server) -> None:
    clock = ManualClock()
    now = clock.timestamp()
    body = json.dumps(paid(1)).encode()
    good = stripe_header(body, now, STRIPE)
    headers: list[dict[str, str]] = [
        {},
        {"stripe-signature": ""},
        {"stripe-signature": "t=1,v1="},
        {"stripe-signature": good.replace("v1=", "v0=")},
        {"stripe-signature": good.replace("t=", "t=0")},
        {"stripe-signature": good.replace("t=", "t= ")},
        {"stripe-signature": good + f",t={int(now) + 1}"},
        {"stripe-signature": good.split(",")[1]},
        {"stripe-signature": good.split(",")[0]},
        {"stripe-signature": stripe_header(body, now, "wrong")},
        {"stripe-signature": stripe_header(body + b" ", now, STRIPE)},
        {"stripe-signature": stripe_header(body, now - 301, STRIPE)},
        {"stripe-signature": stripe_header(body, now + 301, STRIPE)},
        {"stripe-signature": "t=" + "9" * 30 + ",v1=" + "a" * 64},
        {"stripe-signature": good.replace("v1=", "v1=é")},
        {"stripe-signature": "t=1," * 2000},
        {"authorization": "Bearer x", "x-hub-signature-256": good},
    ]
    async with webhook_house(tmp_path, server, clock=clock) as house:
        for each in headers:
            encoded = [(name.encode(), value.encode("latin-1")) for name, value in each.items()]
            reply = await house.request("POST", "/webhooks/v1/stripe", content=body, headers=encoded)
            assert (reply.status_code, reply.json()["code"]) == (401, "UC401"), each
            assert reply.json()["message"] == "the signature of this event does not hold"
            assert reply.json()["details"] is reply.json()["hint"] is None
        assert await nothing_stored(house)
        for at in (now - 299, now + 299):
            event = paid(int(at))
            assert (await from_stripe(house, event, at=at)).status_code == 200


async def test_what_is_believed_and_cannot_be_read(tmp_path: Path, server: Server) -> None:
    async with webhook_house(tmp_path, server) as house:
        for body in (
            b"",
            b"{",
            b"[]",
            b'"x"',
            b"{}",
            b'{"id": 1, "type": "a"}',
            b'{"id": "", "type": "a"}',
            b"\xff\xfe",
            b"[" * 20_000,
            b'{"id": "a\\u0000", "type": "a"}',
            b'{"id": "a", "type": "\\ud800"}',
            b'{"id": "' + b"a" * 9000 + b'", "type": "a"}',
        ):
            header = stripe_header(body, datetime.now(UTC).timestamp(), STRIPE)
            reply = await house.request(
                "POST", "/webhooks/v1/stripe", content=body, headers={"stripe-signature": header}
            )
            assert (reply.status_code, reply.json()["code"]) == (400, "UC400"), body
        assert await nothing_stored(house)


async def test_paths_methods_and_sizes(tmp_path: Path, server: Server) -> None:
    async with webhook_house(tmp_path, server, webhooks_body_limit="2KiB") as house:
        for path in ("", "/", "/none", "/stripe/", "/Stripe", "/stripe/x", "/partner", "/%2fstripe", "/%ff"):
            assert (await house.request("POST", f"/webhooks/v1{path}", content=b"")).status_code == 404, path
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            reply = await house.request(method, "/webhooks/v1/stripe")
            assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
        assert (await from_stripe(house, paid(1, long="x" * 2000))).status_code == 413
        assert await nothing_stored(house)
        reply = await from_stripe(house, paid(1))
        assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
        assert "access-control-allow-origin" not in reply.headers


async def test_github(tmp_path: Path, server: Server) -> None:
    async with webhook_house(tmp_path, server) as house:
        body = b'{"after": "1"}'
        assert (await from_github(house, "d-1", body)).json() == {"received": True}
        assert (await from_github(house, "d-1", body)).json()["duplicate"]
        # The id is not under the signature: whoever caught a body could send it under another one.
        assert (await from_github(house, "d-2", body)).json()["duplicate"]
        assert (await from_github(house, "d-2", b'{"after": "2"}')).json() == {"received": True}
        assert (await from_github(house, "d-3", body, "wrong")).status_code == 401
        await house.settled()
        assert await house.payments() == [("d-1", "push"), ("d-2", "push")]


async def test_a_verifier_of_one_s_own(tmp_path: Path, server: Server) -> None:
    async with webhook_house(tmp_path, server) as house:
        body = bytes(range(256))
        path, headers = "/webhooks/v1/own", {"x-token": "open sesame", "x-id": "7"}
        for lacking in ({"x-id": "7"}, {"x-token": "open sesame"}):
            assert (await house.request("POST", path, content=body, headers=lacking)).status_code == 401
        assert await nothing_stored(house)
        assert (await house.request("POST", path, content=body, headers=headers)).json() == {"received": True}
        await house.settled()
        assert await house.payments() == [("7", body.hex())]


async def test_events_out_of_order(tmp_path: Path, server: Server) -> None:
    async with webhook_house(tmp_path, server) as house:

        async def send(number: int, what: str, created: Any) -> httpx2.Response:
            reply = await from_partner(house, f"m{number}", {"object": what, "created": created})
            await house.settled()
            return reply

        for number, (what, created) in enumerate([("a", 10), ("b", 5), ("a", 9), ("a", 10), ("a", 11), ("b", 6)]):
            assert (await send(number, what, created)).status_code == 200
        assert await house.payments() == [("m0", "10"), ("m1", "5"), ("m3", "10"), ("m4", "11"), ("m5", "6")]
        assert await house.rows("webhook_inbox", "event_id", "WHERE state = 'stale'") == [("m2",)]
        assert (await send(2, "a", 9)).json()["duplicate"]
        for wrong in ("soon", [1], None, 2**70):
            assert (await send(99, "a", wrong)).status_code == 400
        missing = await from_partner(house, "m100", {"created": 1})
        assert (missing.status_code, missing.json()["code"]) == (400, "UC400")


async def test_many_at_once_about_one_thing_end_with_the_newest(tmp_path: Path, server: Server) -> None:
    async with webhook_house(tmp_path, server) as house:
        order = [(n * 7) % 20 for n in range(20)]
        events = [from_partner(house, f"m{n}", {"object": "a", "created": n}) for n in order]
        assert {reply.status_code for reply in await asyncio.gather(*events)} == {200}
        await house.settled()
        handled = [int(what) for _, what in await house.payments()]
        assert handled == sorted(handled)
        assert handled[-1] == 19
        states = await house.rows("webhook_inbox", "state, count(*)", "GROUP BY state ORDER BY state")
        assert sum(count for _, count in states) == 20
        assert dict(states)["handled"] == len(handled)


async def test_the_window_is_the_clock_s(tmp_path: Path) -> None:
    clock = ManualClock()
    async with webhook_house(tmp_path, None, clock=clock) as house:
        sent = clock.now()
        clock.advance(299)
        assert (await from_partner(house, "m1", {"object": "a", "created": 1}, sent)).status_code == 200
        clock.advance(2)
        assert (await from_partner(house, "m2", {"object": "a", "created": 1}, sent)).status_code == 401


async def test_what_is_signed_for_ever_is_known_for_ever(tmp_path: Path, server: Server) -> None:
    """GitHub signs no time: an event that somebody caught must not be new again once the inbox was tidied."""
    clock = ManualClock()
    async with webhook_house(tmp_path, server, clock=clock, jobs_poll="0.05") as house:
        assert (await from_github(house, "d1", b'{"a": 1}')).json() == {"received": True}
        assert (await from_stripe(house, paid(1), at=clock.timestamp())).json() == {"received": True}
        await house.settled()
        clock.advance(31 * 86_400)
        room = room_of(house.house.settings, house.house.pipeline, clock)
        assert await tidy(room) == 2
        assert await house.rows("webhook_inbox", "event_id, state, length(body)") == [("d1", "handled", 0)]
        assert await tidy(room) == 0
        assert (await from_github(house, "d2", b'{"a": 1}')).json() == {"received": True, "duplicate": True}
        await house.settled()
        assert [what for _, what in await house.payments()].count("push") == 1


# --- at the start ---


@pytest.mark.parametrize("secrets", ["other=a secret of its own", ""])
async def test_a_secret_that_is_not_there_stops_the_start(tmp_path: Path, secrets: str) -> None:
    with pytest.raises(SetupFault, match='no secret "stripe"'):
        async with webhook_house(tmp_path, None, webhooks_secrets=secrets):
            pass


async def test_two_of_one_path_stop_the_start(tmp_path: Path) -> None:
    app = invoice_app()

    @app.webhook("/stripe", verify=stripe("stripe"))
    async def twice(ctx: Any, event: Any) -> None:
        pass

    with pytest.raises(SetupFault, match="already declared"):
        async with webhook_house(tmp_path, None, app=app):
            pass


@pytest.mark.parametrize("path", ["", "stripe", "/", "/a b", "/a/", "//a", "/é", "/a/../b", "/" + "a" * 101])
def test_paths_that_are_none(path: str) -> None:
    async def handler(ctx: Any, event: Any) -> None: ...

    with pytest.raises(SetupFault, match="path"):
        App().webhook(path, verify=stripe("stripe"))(handler)


def test_declarations_that_are_none() -> None:
    async def handler(ctx: Any, event: Any) -> None: ...

    with pytest.raises(SetupFault, match="async def"):
        App().webhook("/a", verify=stripe("stripe"))(lambda ctx, event: None)  # type: ignore[arg-type,return-value]
    with pytest.raises(SetupFault, match="verifier"):
        App().webhook("/a", verify="stripe")(handler)  # type: ignore[arg-type]
    with pytest.raises(SetupFault, match="no secret"):
        App().webhook("/a", verify=stripe())(handler)


async def test_secrets_are_never_logged(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with webhook_house(tmp_path, None) as house:
        await from_stripe(house, paid(1))
        await from_stripe(house, paid(2), "wrong")
        await house.settled()
    told = "".join(capfd.readouterr())
    assert "no signature fits" in told
    for secret in (STRIPE, STRIPE_OLD, GITHUB, STANDARD, base64.b64encode(STRIPE.encode()).decode()):
        assert secret not in told
