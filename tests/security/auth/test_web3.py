"""Messages that wallets signed: for others, before, too long ago, in other words, or not at all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.api.auth.people import SITE, Answer, People
from tests.api.auth.wallets import PATH, EthereumWallet, N, SolanaWallet, Wallet, message, shown, signed, told
from undercroft.auth.tables import IDENTITIES, SESSIONS, USERS

SETTINGS = {
    "web3_ethereum_enabled": True, "web3_solana_enabled": True,
    "additional_redirect_urls": "https://*.preview.example.com/**,app://back",
}  # fmt: skip
WALLETS = [EthereumWallet, SolanaWallet]


def refused(house: People, answer: Answer, why: str = "") -> None:
    assert answer.status_code == 400, answer.text
    assert answer.json()["error_code"] == "invalid_credentials"
    assert why in answer.json()["msg"], answer.text


@pytest.fixture
def unchanged(house: People) -> Any:
    """Nobody came in meanwhile."""
    before = [len(house.rows(table)) for table in (USERS, SESSIONS, IDENTITIES)]
    yield
    assert [len(house.rows(table)) for table in (USERS, SESSIONS, IDENTITIES)] == before


@pytest.mark.parametrize("kind", WALLETS)
@pytest.mark.usefixtures("unchanged")
def test_a_message_for_another_app(house: People, kind: type[Wallet]) -> None:
    for domain, uri in [
        ("evil.example", "https://evil.example/"),
        ("app.example.com", "https://evil.example/"),
        ("evil.example", f"{SITE}/"),
        ("app.example.com:443", f"{SITE}/"),
        ("app.example.com.evil.example", "https://app.example.com.evil.example/"),
        ("app.example.com", "https://app.example.com@evil.example/"),
        ("app.example.com", "http://app.example.com/"),
        ("http://app.example.com", f"{SITE}/"),
        ("app.example.com", f"{SITE}/../in"),
        ("a.b.preview.example.com", "https://a.b.preview.example.com/"),
        ("back", "app://back"),
        ("app.example.com", "app.example.com"),
    ]:
        refused(house, shown(house, kind(), domain=domain, URI=uri))


def test_a_message_for_an_address_that_is_allowed(house: People) -> None:
    at = {"domain": "one.preview.example.com", "URI": "https://one.preview.example.com/a"}
    assert shown(house, SolanaWallet(), **at).status_code == 200


@pytest.mark.parametrize("kind", WALLETS)
def test_a_message_is_good_once(house: People, kind: type[Wallet]) -> None:
    wallet = kind()
    body = signed(house, wallet)
    assert house.ask("POST", PATH, body).status_code == 200
    for again in (body, {**body, "signature": _otherwise(wallet, body["signature"])}):
        refused(house, house.ask("POST", PATH, again), "used before")
    house.clock.advance(601)
    refused(house, house.ask("POST", PATH, body), "too long ago")


def _otherwise(wallet: Wallet, signature: str) -> str:
    """The same signature, spelled in another way."""
    if isinstance(wallet, SolanaWallet):
        return signature.replace("-", "+").replace("_", "/") + "=="
    v = int(signature[-2:], 16)
    return signature[:2] + signature[2:-2].upper() + f"{v - 27:02x}"


def test_many_messages_of_one_wallet_at_once_make_one_account(house: People) -> None:
    wallet = SolanaWallet()
    bodies = [signed(house, wallet, Nonce=f"abcdefgh{count}") for count in range(16)]
    answers = house.together(*(house.asking("POST", PATH, body) for body in bodies))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["user"]["id"] for answer in answers}) == 1


@pytest.mark.parametrize("kind", WALLETS)
@pytest.mark.usefixtures("unchanged")
def test_a_message_of_another_time(house: People, kind: type[Wallet]) -> None:
    now = house.clock.now()
    for fields, why in [
        ({"Issued At": told(now - timedelta(seconds=600))}, "too long ago"),
        ({"Issued At": told(now + timedelta(seconds=31))}, "in the future"),
        ({"Expiration Time": told(now)}, "has expired"),
        ({"Expiration Time": told(now - timedelta(days=1)), "Not Before": told(now)}, "has expired"),
        ({"Not Before": told(now + timedelta(seconds=60))}, "not good yet"),
        ({"Issued At": "2026-06-01"}, "cannot be read"),
        ({"Issued At": "2026-13-01T12:00:00Z"}, "cannot be read"),
        ({"Issued At": "0001-01-01T00:00:00+23:00"}, "cannot be read"),
        ({"Issued At": "2026-06-01T12:00:00"}, "cannot be read"),
        ({"Expiration Time": "never"}, "cannot be read"),
    ]:
        refused(house, shown(house, kind(), **fields), why)


@pytest.mark.parametrize("kind", WALLETS)
@pytest.mark.usefixtures("unchanged")
def test_a_signature_of_somebody_else(house: People, kind: type[Wallet]) -> None:
    wallet, other = kind(), kind()
    body = signed(house, wallet)
    text, right = body["message"], body["signature"]
    wrong = [
        other.sign(text), wallet.sign(text + " "), "", "0x", "0x" + "00" * 65, "A" * 86, right[:-2], right + "00",
        f" {right}", right + "\n", "é" * 86, "0x" + "f" * 130, "\u0661" * 132,
    ]  # fmt: skip
    for signature in wrong:
        refused(house, house.ask("POST", PATH, {**body, "signature": signature}), "another signature")


@pytest.mark.usefixtures("unchanged")
def test_the_other_signature_that_says_the_same(house: People) -> None:
    """(r, n - s) is as good by the curve: of both, one is taken."""
    body = signed(house, EthereumWallet())
    r, s, v = body["signature"][2:66], int(body["signature"][66:130], 16), int(body["signature"][130:], 16)
    for twin in (f"0x{r}{N - s:064x}{55 - v:02x}", f"0x{r}{s + N:064x}{v:02x}"[:132], f"0x{r}{s:064x}{v + 2:02x}"):
        refused(house, house.ask("POST", PATH, {**body, "signature": twin}), "another signature")


@pytest.mark.usefixtures("unchanged")
def test_a_message_of_another_chain(house: People) -> None:
    ether, solana = EthereumWallet(), SolanaWallet()
    refused(house, house.ask("POST", PATH, {**signed(house, ether), "chain": "solana"}), "does not begin")
    refused(house, house.ask("POST", PATH, {**signed(house, solana), "chain": "ethereum"}), "does not begin")
    text = message(house, ether).replace("Ethereum", "Solana")
    refused(house, house.ask("POST", PATH, {"chain": "solana", "message": text, "signature": ether.sign(text)}))
    for network in ("0x1", "01", "solana:mainnet", "-1", "1 ", None, "9" * 79):
        refused(house, shown(house, ether, **{"Chain ID": network}))
    for network in ("eip155:1", "", "main net", "é"):
        refused(house, shown(house, solana, **{"Chain ID": network}))


@pytest.mark.parametrize("kind", WALLETS)
@pytest.mark.usefixtures("unchanged")
def test_a_message_has_one_reading(house: People, kind: type[Wallet]) -> None:
    """Nothing that a statement or a field says is taken for another field, and nothing hides."""
    wallet = kind()
    good = message(house, wallet)
    fields = f"URI: {SITE}/\nVersion: 1\nChain ID: {wallet.network}\nIssued At: {told(house.clock.now())}"
    wrong = [
        message(house, wallet, statement=f"Welcome\n{fields}\n"),
        message(house, wallet, statement=f"Welcome\n\n{fields}"),
        message(house, wallet, statement="Welcome\nback"),
        message(house, wallet, statement="x" * 1001),
        *(
            message(house, wallet, statement=f"Welcome{hidden}back")
            for hidden in ("\r", "\t", "\x00", "\x85", "\u2028", "\u202e", "\u200b", "\ufeff", "\u00a0")
        ),
        good.replace("\n", "\r\n"), good + "\n", good + f"\nURI: {SITE}/", good + "\nVersion: 1", "\n" + good,
        good + "\nissued at: 1", good.replace("Version: 1", "Version: 2"), good.replace("Version: 1", "Version:1"),
        good.replace("Version: 1", "Version: 1 "), good.replace("\nVersion: 1", ""), good + "\nResources:\nnone",
        good.replace("\nIssued At", "\n\nIssued At"), good + "\nResources:" + "\n- https://a.b/" * 21,
        good.replace("app.example.com wants", "APP.example.com  wants"), good.replace("app.", "аpp."),
        good.replace(f"URI: {SITE}/in", f"URI: {SITE}/é"), good + "\nNonce: short", good + "\nNonce: " + "ä" * 9,
        message(house, wallet, address=wallet.address + " "), message(house, wallet, address=wallet.address[:-1]),
        message(house, wallet, address="\u0660" * len(wallet.address)), good.replace("1", "\u0661"),
        "", "\n" * 9, "x" * 9000, good + "\nRequest ID: " + "x" * 9000,
    ]  # fmt: skip
    for text in wrong:
        refused(house, house.ask("POST", PATH, {"chain": kind.chain, "message": text, "signature": wallet.sign(text)}))
    answer = house.ask("POST", PATH, {"chain": kind.chain, "message": [good], "signature": {}})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed")
    raw = b'{"chain": "solana", "message": "\\ud800", "signature": "\\udfff"}'
    assert house.ask("POST", PATH, raw, headers={"content-type": "application/json"}).status_code == 400
    if kind is EthereumWallet:
        jumbled = message(house, wallet).split("\n")
        jumbled[5], jumbled[6] = jumbled[6], jumbled[5]
        text = "\n".join(jumbled)
        refused(house, house.ask("POST", PATH, {"chain": "ethereum", "message": text, "signature": wallet.sign(text)}))


def test_a_statement_that_looks_like_a_field_is_a_statement(house: People) -> None:
    user = shown(house, SolanaWallet(), statement="URI: https://evil.example/").json()["user"]
    assert user["user_metadata"]["custom_claims"]["statement"] == "URI: https://evil.example/"


def test_nobody_takes_over_an_account_by_a_wallet_of_that_name(house: People) -> None:
    """Metadata that says it is a wallet's makes nobody its owner."""
    wallet = EthereumWallet()
    subject = f"web3:ethereum:{wallet.address}"
    made = house.ask("POST", "/signup", {
        "email": house.fresh_email(), "password": "correct horse",
        "data": {"sub": subject, "custom_claims": {"address": wallet.address}},
    }).json()  # fmt: skip
    assert shown(house, wallet).json()["user"]["id"] != made["user"]["id"]


def test_who_is_banned_stays_out(house: People) -> None:
    wallet = SolanaWallet()
    user = shown(house, wallet).json()["user"]
    house.ask("PUT", f"/admin/users/{user['id']}", {"ban_duration": "24h"}, token=house.service)
    answer = shown(house, wallet, Nonce="abcdefgh1")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "user_banned")
