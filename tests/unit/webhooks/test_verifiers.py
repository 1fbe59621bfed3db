"""Verifiers, by the examples of those whose schemes they are."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as some

from undercroft.base.faults import Fault, SetupFault
from undercroft.base.secret import Secret
from undercroft.base.settings import Settings
from undercroft.webhooks.errors import SignatureFault
from undercroft.webhooks.parts.signing import read_secret, sign
from undercroft.webhooks.parts.verifiers import Verifier, github, standard_webhooks, stripe
from undercroft.webhooks.types import Incoming, Verified

NOW = 1_700_000_000.0
FIRST, SECOND, THIRD = "the first secret", "the second secret", "the third secret"
SECRETS = {"one": Secret(FIRST), "two": Secret(SECOND), "std": Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}
BODY = b'{"id": "evt_1", "type": "a.b"}'


def verified(verifier: Verifier, body: bytes, **headers: str) -> Verified:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return verifier.bound(SECRETS, "app.py:1")(Incoming(named, body, NOW, 300))


def test_github_s_own_example() -> None:
    """From "Validating webhook deliveries": the secret, the body, and the signature that they must give."""
    verifier = github(Secret("It's a Secret to Everybody"))
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = {"x_hub_signature_256": signature, "x_github_delivery": "d", "x_github_event": "push"}
    found = verified(verifier, b"Hello, World!", **headers)
    assert (found.id, found.type, found.timeless) == ("d", "push", True)
    assert found.key == "sha256:" + hashlib.sha256(b"Hello, World!").hexdigest()
    for name, wrong in (("x_hub_signature_256", "sha1=" + "a" * 40), ("x_github_delivery", ""), ("x_github_event", "")):
        with pytest.raises(SignatureFault):
            verified(verifier, b"Hello, World!", **headers | {name: wrong})
    with pytest.raises(SignatureFault):
        verified(verifier, b"Hello, World", **headers)


def standard(message_id: str, body: bytes, at: float = NOW) -> dict[str, str]:
    signature = sign(message_id, int(at), body, [read_secret(SECRETS["std"])])
    return {"webhook_id": message_id, "webhook_timestamp": str(int(at)), "webhook_signature": signature}


def test_standard_webhooks() -> None:
    verifier = standard_webhooks("std")
    assert verified(verifier, BODY, **standard("msg_1", BODY)) == Verified("msg_1", "a.b")
    for body in (b"", b"not json", b"[]", b'{"type": 1}'):
        assert verified(verifier, body, **standard("msg_1", body)) == Verified("msg_1", "")
    for wrong in (standard("m", BODY, NOW - 301), standard("m", BODY, NOW + 301), standard("m", b"x")):
        with pytest.raises(SignatureFault):
            verified(verifier, BODY, **wrong)


def test_where_a_part_ends_is_not_the_caller_s_choice() -> None:
    """`a.1700000000.5.x` may be read as the id "a", or as the id "a.1700000000" with another time and body."""
    body = b"1700000000.x"
    moved = {**standard("a", body), "webhook_id": f"a.{int(NOW)}"}
    with pytest.raises(SignatureFault, match="signature"):
        verified(standard_webhooks("std"), b"x", **moved)


def stripe_header(secret: str, at: float = NOW, body: bytes = BODY) -> str:
    return f"t={int(at)},v1=" + hmac.digest(secret.encode(), b"%d." % at + body, "sha256").hex()


def test_stripe_takes_any_of_its_secrets_and_any_signature() -> None:
    verifier = stripe("one", "two")
    for header in (
        stripe_header(FIRST), stripe_header(SECOND), stripe_header(SECOND) + ",v1=" + "a" * 64,
        stripe_header(FIRST) + ",v0=abc", stripe_header(FIRST).replace(",", ", "),
    ):  # fmt: skip
        assert verified(verifier, BODY, stripe_signature=header) == Verified("evt_1", "a.b")
    for wrong in (stripe_header(THIRD), stripe_header(FIRST, NOW - 301), stripe_header(FIRST, NOW + 301)):
        with pytest.raises(SignatureFault):
            verified(verifier, BODY, stripe_signature=wrong)


def test_nothing_is_read_before_it_is_believed() -> None:
    with pytest.raises(SignatureFault):
        verified(stripe("one"), b"not json", stripe_signature=stripe_header(THIRD, body=b"not json"))
    with pytest.raises(Fault) as caught:
        verified(stripe("one"), b"not json", stripe_signature=stripe_header(FIRST, body=b"not json"))
    assert caught.value.code == "UC400"


@given(some.text(max_size=300))
def test_no_header_at_all_breaks_a_verifier(header: str) -> None:
    for verifier, name in ((stripe("one"), "stripe_signature"), (github("one"), "x_hub_signature_256")):
        with pytest.raises(SignatureFault):
            verified(verifier, BODY, **{name: header})
    for changed in ("webhook_id", "webhook_timestamp", "webhook_signature"):
        headers = {"webhook_id": "m", "webhook_timestamp": str(int(NOW)), "webhook_signature": "v1,x", changed: header}
        with pytest.raises(SignatureFault):
            verified(standard_webhooks("std"), BODY, **headers)


def test_secrets_by_name() -> None:
    with pytest.raises(SetupFault, match=r'app.py:1: there is no secret "three"'):
        stripe("one", "three").bound(SECRETS, "app.py:1")
    with pytest.raises(SetupFault, match=r"app.py:1: .*whsec_"):
        standard_webhooks("one").bound(SECRETS, "app.py:1")


@pytest.mark.parametrize("verifier", [stripe, github, standard_webhooks])
@pytest.mark.parametrize("secret", ["", "x", " " * 40, "fifteen bytes.."])
def test_a_secret_that_can_be_guessed_is_none(verifier: Callable[..., Verifier], secret: str) -> None:
    """With an empty one, whoever sends an event could sign it."""
    with pytest.raises(SetupFault, match=r"^app\.py:1: "):
        verifier(Secret(secret)).bound({}, "app.py:1")
    with pytest.raises(SetupFault, match=r"^app\.py:1: "):
        verifier("std", "old").bound(SECRETS | {"old": Secret(secret)}, "app.py:1")


@pytest.mark.parametrize("secret", ["", "x", "fifteen bytes.."])
def test_the_settings_refuse_it_too(secret: str) -> None:
    with pytest.raises(SetupFault, match="stripe"):
        Settings.load(None, {"UNDERCROFT_WEBHOOKS_SECRETS": f"stripe={secret},github={FIRST}"})
    loaded = Settings.load(None, {"UNDERCROFT_WEBHOOKS_SECRETS": f"stripe={SECOND},github={FIRST}"})
    assert loaded.webhooks.secrets == {"stripe": Secret(SECOND), "github": Secret(FIRST)}
