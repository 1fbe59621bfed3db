"""Signatures of Standard Webhooks, beside the package of the specification's authors."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some
from standardwebhooks import Webhook

from undercroft.base.secret import Secret
from undercroft.webhooks.errors import WebhookFault
from undercroft.webhooks.parts.signing import MOST_SIGNATURES, make_secret, matches, read_secret, sign

SECRET = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
KEY = read_secret(SECRET)


@given(some.text(max_size=200), some.integers(0, 2**31), some.from_regex(r"msg_[a-z0-9]{1,30}", fullmatch=True))
def test_the_package_signs_the_same(body: str, timestamp: int, message_id: str) -> None:
    theirs = Webhook(SECRET.reveal()).sign(message_id, datetime.fromtimestamp(timestamp, UTC), body)
    assert sign(message_id, timestamp, body.encode("utf-8", "surrogatepass"), [KEY]) == theirs


def test_known_answer() -> None:
    """The example of the specification's own libraries."""
    body = b'{"test": 2432232314}'
    signature = sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, [KEY])
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_fits() -> None:
    other = read_secret(make_secret(os.urandom))
    both = sign("m", 1, b"x", [KEY, other])
    assert len(both.split(" ")) == 2
    for keys in ([KEY], [other], [KEY, other]):
        assert matches("m", 1, b"x", both, keys)
    assert not matches("m", 1, b"y", both, [KEY])
    assert not matches("m", 2, b"x", both, [KEY])
    assert not matches("n", 1, b"x", both, [KEY])
    assert not matches("m", 1, b"x", both, [])
    assert not matches("m", 1, b"x", both.replace("v1,", "v1a,"), [KEY])
    assert not matches("m", 1, b"x", "", [KEY])
    assert not matches("m", 1, b"x", both.replace("v1,", "v1,é"), [KEY])
    assert matches("m", 1, b"x", "v1a,zzz v2,aaa " + both, [other])
    assert not matches("m", 1, b"x", "v1,a " * MOST_SIGNATURES + both, [KEY])


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_!!!", "whsec_" + "A" * 31, "whsec_QUJD", "whsec_" + "QUJD" * 30, "é"]
)
def test_secrets_that_are_none(text: str) -> None:
    with pytest.raises(WebhookFault) as caught:
        read_secret(Secret(text))
    assert len(text) < 7 or text not in str(caught.value)


def test_new_secrets() -> None:
    made = {make_secret(os.urandom).reveal() for _ in range(100)}
    assert len(made) == 100
    assert all(len(read_secret(Secret(each))) == 32 for each in made)
