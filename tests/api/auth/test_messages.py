"""Codes by message: stored with the transaction, handed over by a job, in Twilio's protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from typing import Any

import pytest

from tests.api.auth.mailed import code_of
from tests.api.auth.people import People
from undercroft.auth.backends.sms import ConsoleSms, NotSent, Twilio
from undercroft.auth.tasks import SEND, Messages
from undercroft.base.secret import Secret
from undercroft.models.calls import Headers, Reply

SETTINGS = {
    "sms_enable_signup": "true",
    "sms_enable_confirmations": "true",
    "sms_max_frequency": "0",
    "sms_template": "{{ .Code }} is your code",
    "sms_twilio_enabled": "true",
    "sms_twilio_account_sid": "AC1",
    "sms_twilio_message_service_sid": "MG1",
    "sms_twilio_auth_token": "secret",
}


class Calls:
    """Stands for calls to other machines."""

    def __init__(self, status: int = 201, body: bytes = b"{}") -> None:
        self.made: list[tuple[str, dict[str, Any]]] = []
        self.answer = Reply(status, Headers([]), body, "")

    async def post(self, url: str, **options: Any) -> Reply:
        self.made.append((url, options))
        return self.answer


def twilio(calls: Calls, log: Any = print, sender: str = "MG1") -> Twilio:
    return Twilio(calls, "AC1", sender, Secret("secret"), "https://api.twilio.com", log)  # type: ignore[arg-type]


def stored(house: People) -> list[dict[str, Any]]:
    """The arguments of the messages that wait, the oldest first."""
    name = '"undercroft.jobs"' if house.house.engine.dialect.name == "sqlite" else "undercroft.jobs"
    statement = f"SELECT name, arguments FROM {name} ORDER BY id"
    found = house.run(house.house.engine.write(lambda cursor: cursor.all(statement)))
    return [json.loads(row[1]) if isinstance(row[1], str) else row[1] for row in found if row[0] == SEND]


def handed_over(house: People, arguments: dict[str, Any]) -> str:
    """What the job would say, sent through a stand-in."""
    said: list[str] = []
    room, ports = house.house.people, house.house.pipeline.ports
    assert room is not None
    run = Messages(ConsoleSms(said.append), room.sealing, lambda: ports.enqueue).job.run  # type: ignore[arg-type,return-value]
    house.run(run(None, **arguments))
    return said[0]


def test_a_code_comes_by_message(house: People) -> None:
    answer = house.ask("POST", "/otp", {"phone": "+49 30 1234567"})
    assert answer.text == "{}"
    arguments = stored(house)[-1]
    assert arguments["phone"] == "49301234567"
    said = handed_over(house, arguments)
    found = re.search(r"^(\d{6}) is your code$", said, re.MULTILINE)
    assert found is not None, said
    assert found[1] not in json.dumps(arguments)
    body = {"type": "sms", "phone": "+49301234567", "token": found[1]}
    assert house.ask("POST", "/verify", body).json()["user"]["phone"] == "49301234567"


def test_signing_up_by_a_number(house: People) -> None:
    password = {"phone": "+15550123", "password": "correct horse"}
    assert house.ask("POST", "/signup", password).json()["phone"] == "15550123"
    assert code_of(house.ask("POST", "/token?grant_type=password", password)) == "phone_not_confirmed"
    code = re.search(r"\d{6}", handed_over(house, stored(house)[-1]).splitlines()[1])
    assert code is not None
    house.clock.advance(61)
    body = {"type": "sms", "phone": "+15550123", "token": code[0]}
    assert code_of(house.ask("POST", "/verify", body)) == "otp_expired"
    assert house.ask("POST", "/resend", {"type": "sms", "phone": "+15550123"}).text == "{}"
    code = re.search(r"\d{6}", handed_over(house, stored(house)[-1]).splitlines()[1])
    assert code is not None
    assert house.ask("POST", "/verify", {**body, "token": code[0]}).status_code == 200
    assert house.ask("POST", "/token?grant_type=password", password).status_code == 200


def test_a_message_in_twilios_protocol() -> None:
    calls = Calls()
    asyncio.run(twilio(calls).send("15550001", "123456 is your code", None))
    ((url, options),) = calls.made
    assert url == "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json"
    assert options["data"] == {
        "To": "+15550001", "Body": "123456 is your code", "Channel": "sms", "MessagingServiceSid": "MG1"
    }  # fmt: skip
    scheme, _, credentials = options["headers"]["authorization"].partition(" ")
    assert (scheme, base64.b64decode(credentials)) == ("Basic", b"AC1:secret")
    asyncio.run(twilio(calls, sender="+15559999").send("15550001", "x", "whatsapp"))
    data = calls.made[1][1]["data"]
    assert (data["From"], data["To"], "MessagingServiceSid" in data) == ("+15559999", "whatsapp:+15550001", False)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_be_taken_later_is_tried_again(status: int) -> None:
    with pytest.raises(NotSent):
        asyncio.run(twilio(Calls(status)).send("15550001", "x", None))


def test_what_is_refused_for_good_is_logged_without_its_words() -> None:
    told: list[Any] = []
    calls = Calls(400, b'{"code": 21211, "message": "The number +15550001 is not valid: 123456"}')
    asyncio.run(twilio(calls, lambda *words, **more: told.append((words, more))).send("15550001", "123456", None))
    assert told == [(("message refused",), {"status": 400, "error": "21211"})]
