"""D13: whether an address has an account is seen by no answer to an ask for a mail, nor by how long it takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.api.auth.mailed import Mail
from tests.api.auth.people import Answer, People
from tests.security.auth.test_password_times import GAP, by_rank

SETTINGS = {
    "email_enable_confirmations": "true",
    "sms_enable_signup": "true",
    "sms_enable_confirmations": "true",
    "sms_test_otp": '{"15550001": "123456", "15550002": "123456"}',
}
SAMPLES = 60
APART = 0.3
"""By which part of one median the other may differ, where many processes share a processor. Where nothing is done for
nobody, it is half of it and more."""


def asks(email: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("/recover", {"email": email}),
        ("/otp", {"email": email, "create_user": False}),
        ("/magiclink", {"email": email, "create_user": False}),
        ("/otp", {"email": email}),
        ("/resend", {"type": "signup", "email": email}),
        ("/resend", {"type": "email_change", "email": email}),
        ("/verify", {"type": "email", "email": email, "token": "12345"}),
        ("/verify", {"type": "email_change", "email": email, "token": "12345"}),
    ]


def shown(answer: Answer) -> tuple[int, str, dict[str, str]]:
    """What a caller sees, but for what is of each request alone."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")}
    return answer.status_code, answer.text, headers


@pytest.fixture(scope="module")
def known(house: People) -> str:
    email = house.fresh_email()
    house.ask("POST", "/signup", {"email": email, "password": "correct horse"})
    house.ask("POST", "/verify", {"type": "signup", "email": email, "token": Mail(house, email).code})
    return email


@pytest.mark.parametrize("place", range(len(asks(""))))
def test_the_answer_is_the_same(house: People, known: str, place: int) -> None:
    path, body = asks(known)[place]
    nobody = f"nobody{place}@example.com"
    before = len(house.mails(nobody))
    there, not_there = house.ask("POST", path, body), house.ask("POST", path, {**body, "email": nobody})
    assert shown(there) == shown(not_there)
    if body.get("create_user", path != "/otp"):
        assert len(house.mails(nobody)) == before


def test_the_answer_is_the_same_for_a_number(house: People) -> None:
    house.ask("POST", "/otp", {"phone": "15550001"})
    house.ask("POST", "/verify", {"type": "sms", "phone": "15550001", "token": "123456"})
    for path, body in (
        ("/otp", {"create_user": False}),
        ("/resend", {"type": "sms"}),
        ("/resend", {"type": "phone_change"}),
        ("/verify", {"type": "sms", "token": "1"}),
    ):
        there = house.ask("POST", path, {**body, "phone": "15550001"})
        assert shown(there) == shown(house.ask("POST", path, {**body, "phone": "15550002"})), path


def test_signing_up_again_looks_like_signing_up(house: People, known: str) -> None:
    """Twice, too: ids stay, moments go on."""
    waiting, nobody = house.fresh_email(), house.fresh_email()
    password = {"password": "correct horse", "data": {"name": "Ada", "none": None}}
    house.ask("POST", "/signup", {"email": waiting, **password})
    seen = []
    for email in (known, waiting, nobody):
        house.clock.advance(1)
        first = house.ask("POST", "/signup", {"email": email, **password})
        house.clock.advance(1)
        second = house.ask("POST", "/signup", {"email": email, **password})
        texts = []
        for answer in (first, second):
            told = answer.json()
            assert answer.status_code == 200
            assert told["id"] == first.json()["id"] == told["identities"][0]["user_id"]
            assert told["identities"][0]["identity_id"] == first.json()["identities"][0]["identity_id"]
            assert told["created_at"] == house_moment(house, 0 if answer is second else 1)
            text = answer.text.replace(email, "EMAIL").replace(told["id"], "ID")
            text = text.replace(told["identities"][0]["identity_id"], "IDENTITY").replace(told["created_at"], "NOW")
            texts.append(text)
        seen.append(texts)
        assert told["id"][14] == "4"
        assert told["id"][19] in "89ab"
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][0] == seen[0][1]


def house_moment(house: People, ago: float) -> str:
    """A moment as answers tell it."""
    return (house.clock.now() - timedelta(seconds=ago)).isoformat().replace("+00:00", "Z")


WAYS = ("/recover", "/otp", "/resend", "/signup")


@pytest.mark.parametrize("path", WAYS)
def test_it_takes_as_long(
    house: People, known: str, path: str, rounds: Callable[[int, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked for in turns; of two addresses one has an account. Of passkeys nothing is asked by address."""
    waiting = house.fresh_email()
    house.ask("POST", "/signup", {"email": waiting, "password": "correct horse"})
    bodies: dict[str, dict[str, Any]] = {
        "/recover": {"email": known},
        "/otp": {"email": known, "create_user": False},
        "/resend": {"email": waiting, "type": "signup"},
        "/signup": {"email": known, "password": "correct horse"},
    }

    async def timed(email: str) -> float:
        begun = time.perf_counter()
        answer = await house.asking("POST", path, {**bodies[path], "email": email})
        seconds = time.perf_counter() - begun
        assert answer.status_code == 200
        return seconds

    async def measured(times: int) -> tuple[list[float], list[float]]:
        there, not_there = [], []
        for _ in range(times):
            there.append(await timed(bodies[path]["email"]))
            # Who signed up once is somebody the next time.
            not_there.append(await timed(house.fresh_email() if path == "/signup" else "somebody@example.com"))
        return there, not_there

    house.run(measured(3))  # what is done once
    times = rounds(SAMPLES, 300)
    there, not_there = house.run(measured(times))
    first, second = statistics.median(there), statistics.median(not_there)
    told = f"medians {(first - second) * 1000:+.2f} ms apart, p = {by_rank(there, not_there):.2f}"
    with capsys.disabled():
        print(f"\n  {path}: {2 * times} tries, {told}")
    assert abs(first - second) < (GAP if times == 300 else APART * first)
