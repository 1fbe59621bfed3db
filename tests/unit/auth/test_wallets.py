"""The arithmetic of wallets, by examples that others published."""

from __future__ import annotations

import pytest

from undercroft.auth.parts import ethereum, solana

# EIP-55's own examples.
ADDRESSES = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_capitals(address: str) -> None:
    assert ethereum.checksummed(address.lower()) == address
    assert ethereum.is_address(address)
    assert ethereum.is_address(address.lower())


def test_a_slip_is_noticed() -> None:
    assert not ethereum.is_address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD")


def test_personal_sign() -> None:
    """The example of web3.js's documentation of `eth.accounts.sign`."""
    signature = (
        "0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd"
        "6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c"
    )
    assert ethereum.is_signed("Some data", signature, "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23")
    assert not ethereum.is_signed("Some datA", signature, "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23")
    assert not ethereum.is_signed("Some data", signature[:-1] + "b", "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23")


def test_keys_at_infinity_and_off_the_curve_are_none() -> None:
    """r = x(G) and s = z, so that sR = zG: what would be recovered is no point. And an r that is no x of a point."""
    x = 0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798
    assert ethereum._recovered(7, x, 7, 0) is None
    assert ethereum._recovered(7, 5, 7, 0) is None
    assert ethereum._recovered(7, x, 8, 0) is not None


def test_base58() -> None:
    assert solana.key_of("11111111111111111111111111111111") == bytes(32)  # the system program
    assert solana.key_of("So11111111111111111111111111111111111111112") is not None
    for text in ("", "1" * 31, "1" * 33, "0" * 32, "So1111111111111111111111111111111111111111l"):
        assert solana.key_of(text) is None
