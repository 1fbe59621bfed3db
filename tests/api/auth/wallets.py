"""Wallets of Ethereum and Solana, and the messages that they sign, as auth-js writes them."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from Crypto.Hash import keccak
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from tests.api.auth.people import SITE, Answer, People
from undercroft.auth.parts import ethereum

N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
LETTERS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
PATH = "/token?grant_type=web3"


def hashed(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()


class EthereumWallet:
    """A key, and its address in lower case."""

    chain, name, network = "ethereum", "Ethereum", "1"

    def __init__(self, secret: int | None = None) -> None:
        self._key = ec.derive_private_key(secret, ec.SECP256K1()) if secret else ec.generate_private_key(ec.SECP256K1())
        numbers = self._key.public_key().public_numbers()
        self.address = "0x" + hashed(numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big"))[12:].hex()

    def sign(self, text: str) -> str:
        """`personal_sign`. Which of two points it was is found by trying."""
        raw = text.encode()
        digest = hashed(b"\x19Ethereum Signed Message:\n%d" % len(raw) + raw)
        r, s = decode_dss_signature(self._key.sign(digest, ec.ECDSA(Prehashed(SHA256()))))
        s = min(s, N - s)
        tries = (f"0x{r:064x}{s:064x}{v:02x}" for v in (27, 28))
        return next(each for each in tries if ethereum.is_signed(text, each, self.address))


class SolanaWallet:
    """A key, and its address."""

    chain, name, network = "solana", "Solana", "mainnet"

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        number, self.address = int.from_bytes(self._key.public_key().public_bytes_raw(), "big"), ""
        while number:
            number, digit = divmod(number, 58)
            self.address = LETTERS[digit] + self.address

    def sign(self, text: str) -> str:
        return base64.urlsafe_b64encode(self._key.sign(text.encode())).decode().rstrip("=")


Wallet = EthereumWallet | SolanaWallet


def told(moment: datetime) -> str:
    """As JavaScript's `toISOString`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def message(house: People, wallet: Wallet, **given: Any) -> str:
    """What a page of ours asks a wallet to sign. A field of None is left out, `first` and `last` stand around."""
    said = {
        "domain": "app.example.com", "address": wallet.address, "statement": "I accept the terms",
        "URI": f"{SITE}/in", "Version": "1", "Chain ID": wallet.network, "Nonce": None,
        "Issued At": told(house.clock.now()), "Expiration Time": None, "Not Before": None,
    } | given  # fmt: skip
    fields = [f"{name}: {said[name]}" for name in list(said)[3:] if said[name] is not None]
    statement = ["", said["statement"], ""] if said["statement"] else [""]
    first = f"{said['domain']} wants you to sign in with your {wallet.name} account:"
    return "\n".join([first, said["address"], *statement, *fields])


def signed(house: People, wallet: Wallet, text: str | None = None, **given: Any) -> dict[str, Any]:
    """The body of a sign-in."""
    text = message(house, wallet, **given) if text is None else text
    return {"chain": wallet.chain, "message": text, "signature": wallet.sign(text)}


def shown(house: People, wallet: Wallet, text: str | None = None, **given: Any) -> Answer:
    """A sign-in."""
    return house.ask("POST", PATH, signed(house, wallet, text, **given))
