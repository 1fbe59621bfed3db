"""Signing in by wallets of Ethereum and Solana."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.auth.people import People, people
from tests.api.auth.wallets import PATH, EthereumWallet, SolanaWallet, Wallet, shown, signed
from undercroft.auth.tables import AMR, IDENTITIES, USERS

SETTINGS = {"web3_ethereum_enabled": True, "web3_solana_enabled": True, "enable_manual_linking": True}
WALLETS = [EthereumWallet, SolanaWallet]


@pytest.mark.parametrize("kind", WALLETS)
def test_a_wallet_has_one_account(house: People, kind: type[Wallet]) -> None:
    wallet = kind()
    answer = shown(house, wallet)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    user, subject = told["user"], f"web3:{wallet.chain}:{wallet.address}"
    assert user["email"] == ""
    assert user["app_metadata"] == {"provider": "web3", "providers": ["web3"]}
    (identity,) = user["identities"]
    assert (identity["provider"], identity["id"]) == ("web3", subject)
    assert identity["identity_data"] == user["user_metadata"] == {
        "sub": subject, "email_verified": False, "phone_verified": False,
        "custom_claims": {
            "address": wallet.address, "chain": wallet.chain, "network": wallet.network,
            "domain": "app.example.com", "statement": "I accept the terms",
        },
    }  # fmt: skip
    assert [each["authentication_method"] for each in house.rows(AMR) if each["session_id"]][-1] == "web3"
    assert house.ask("GET", "/user", token=told["access_token"]).json()["id"] == user["id"]
    house.clock.advance(1)
    again = shown(house, wallet, statement=None, Nonce="abcdefgh12345678").json()
    assert again["user"]["id"] == user["id"]
    assert house.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": again["refresh_token"]}).is_success
    assert len(house.rows(IDENTITIES, provider="web3", provider_id=subject)) == 1


def test_an_address_of_ethereum_is_one_in_any_case(house: People) -> None:
    wallet = EthereumWallet(0x4646464646464646464646464646464646464646464646464646464646464646)
    assert wallet.address == "0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f"  # the key of EIP-155's example
    with_capitals = "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F"
    ids = {shown(house, wallet, address=each).json()["user"]["id"] for each in (wallet.address, with_capitals)}
    assert len(ids) == 1
    slip = shown(house, wallet, address=with_capitals[:-1] + "f")
    assert (slip.status_code, slip.json()["error_code"]) == (400, "invalid_credentials")


def test_as_wallets_and_auth_js_write_them(house: People) -> None:
    """Without a statement by EIP-4361, with everything that may follow; of Solana in any order."""
    ether, solana = EthereumWallet(), SolanaWallet()
    now = house.clock.now().isoformat()
    lines = [
        "https://app.example.com wants you to sign in with your Ethereum account:", ether.address, "", "",
        "URI: https://app.example.com/in?a=b", "Version: 1", "Chain ID: 137", "Nonce: 32891756",
        f"Issued At: {now}", f"Expiration Time: {now.replace('2026', '2027')}", f"Not Before: {now}",
        "Request ID: some-id", "Resources:", "- ipfs://bafybei/", "- https://example.com/my-web2-claim.json",
    ]  # fmt: skip
    assert shown(house, ether, "\n".join(lines)).status_code == 200
    lines = [
        "app.example.com wants you to sign in with your Solana account:", solana.address, "", "Grüße – 你好", "",
        "Version: 1", "URI: https://app.example.com/", f"Issued At: {now}", "Chain ID: solana:devnet",
        "Nonce: 32891756", "Request ID: 7", "Resources", "- https://example.com/",
    ]  # fmt: skip
    assert shown(house, solana, "\n".join(lines)).json()["user"]["user_metadata"]["custom_claims"]["statement"] == (
        "Grüße – 你好"
    )
    least = [*lines[:3], *lines[5:8]]
    assert shown(house, solana, "\n".join(least)).json()["user"]["user_metadata"]["custom_claims"]["network"] == ""


def test_what_is_off_is_refused(server: str | None, tmp_path: Path) -> None:
    wallet = EthereumWallet()
    with people(tmp_path, server, web3_solana_enabled=True, enable_signup=False) as house:
        answer = shown(house, wallet)
        assert (answer.status_code, answer.json()["error_code"]) == (422, "web3_provider_disabled")
        answer = house.ask("POST", PATH, {**signed(house, wallet), "chain": "bitcoin"})
        assert (answer.status_code, answer.json()["error_code"]) == (400, "web3_unsupported_chain")
        answer = shown(house, SolanaWallet())
        assert (answer.status_code, answer.json()["error_code"]) == (422, "signup_disabled")
        assert house.rows(USERS) == []


def test_so_often_and_no_more(server: str | None, tmp_path: Path) -> None:
    with people(tmp_path, server, web3_solana_enabled=True, rate_limit_web3=3) as house:
        wallet = SolanaWallet()
        codes = [shown(house, wallet, Nonce=f"abcdefgh{count}").status_code for count in range(4)]
        assert codes == [200, 200, 200, 429]
        assert house.ask("POST", PATH, signed(house, wallet, Nonce="another1"), ip="192.0.2.9").status_code == 200
