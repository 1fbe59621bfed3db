"""Secrets as they are stored."""

from __future__ import annotations

import base64

import pytest

from undercroft.base.secret import Secret
from undercroft.webhooks.errors import SealFault
from undercroft.webhooks.parts.sealing import Sealer

KEY = Secret("k" * 48)


def sealer(key: Secret = KEY) -> Sealer:
    return Sealer(lambda: key)


def test_it_opens_what_it_sealed() -> None:
    sealed = sealer().seal(Secret("whsec_abc"), "ep_1")
    assert "abc" not in sealed
    assert b"whsec" not in base64.b64decode(sealed.removeprefix("v1."))
    assert sealer().open(sealed, "ep_1").reveal() == "whsec_abc"
    assert sealer().seal(Secret("whsec_abc"), "ep_1") != sealed


def test_it_opens_nothing_else() -> None:
    sealed = sealer().seal(Secret("whsec_abc"), "ep_1")
    with pytest.raises(SealFault, match="something else"):
        sealer().open(sealed, "ep_2")  # moved to the row of another endpoint
    with pytest.raises(SealFault, match="another key"):
        sealer(Secret("x" * 48)).open(sealed, "ep_1")
    raw = bytearray(base64.b64decode(sealed.removeprefix("v1.")))
    for at in range(4, len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 1
        with pytest.raises(SealFault):
            sealer().open("v1." + base64.b64encode(changed).decode(), "ep_1")
    for text in ("", "v1.", "v1.AAAA", "v2." + sealed[3:], sealed[:-5], "v1.é", sealed[3:]):
        with pytest.raises(SealFault):
            sealer().open(text, "ep_1")


def test_the_key_is_not_asked_for_before_it_is_needed() -> None:
    def never() -> Secret:
        raise AssertionError

    Sealer(never)


def test_nonces_differ() -> None:
    made = sealer()
    nonces = {base64.b64decode(made.seal(Secret("a"), "p").removeprefix("v1."))[4:16] for _ in range(1000)}
    assert len(nonces) == 1000
