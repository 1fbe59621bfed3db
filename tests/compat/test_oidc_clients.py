"""Clients of OpenID Connect that others wrote, unmodified: openid-client from npm, with supabase-js for the person, and
authlib. Signed is by ES256, and both check it.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import OAuth2Client  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.compat.test_auth_js import world
from undercroft.auth.parts.signing_keys import new_key

HERE = Path(__file__).parent
BACK = "https://client.example.com/callback"


def scenario_names() -> list[str]:
    """The names in the order of the file, read as text: collecting tests must not need Node."""
    return re.findall(r'^ {2}async "([^"]+)"\(', (HERE / "oidc_run.mjs").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def provider(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, root: Path
) -> Iterator[dict[str, str]]:
    """A server that is a provider."""
    server = None if request.param == "sqlite" else request.getfixturevalue("postgres_server")
    folder = tmp_path_factory.mktemp("provider")
    keys = folder / "signing_keys.json"
    keys.write_text(json.dumps([dict(new_key("ES256", 0).jwk)]), encoding="utf-8")
    keys.chmod(0o600)
    more = {
        "oauth_server_enabled": "true",
        "oauth_server_allow_dynamic_registration": "true",
        "signing_keys_path": keys,
    }
    with world(folder, root, server, "false", **more) as made:
        yield made


@pytest.fixture(scope="module")
def results(provider: dict[str, str]) -> Mapping[str, str | None]:
    """What came of each scenario, by name."""
    command = ["node", "oidc_run.mjs"]
    ran = subprocess.run(
        command, cwd=HERE, input=json.dumps(provider), capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    found: dict[str, str | None] = json.loads(ran.stdout)
    return found


@pytest.mark.needs("compat")
@pytest.mark.parametrize("name", scenario_names())
def test_openid_client(results: Mapping[str, str | None], name: str) -> None:
    assert results[name] is None, results[name]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_authlib(provider: dict[str, str], method: str) -> None:
    """An app is let in, refreshes, reads who it is, and gives up what it has."""
    place = f"{provider['url']}/auth/v1"
    described = httpx.get(f"{place}/.well-known/openid-configuration").json()
    assert described["id_token_signing_alg_values_supported"] == ["ES256"]
    body = {"client_name": "Reader", "redirect_uris": [BACK], "token_endpoint_auth_method": method}
    made = httpx.post(described["registration_endpoint"], json=body).json()
    person = httpx.post(
        f"{place}/signup", json={"email": f"authlib-{method}@example.com", "password": "correct horse"}
    ).json()
    signed = {"authorization": f"Bearer {person['access_token']}"}
    with OAuth2Client(
        made["client_id"],
        made.get("client_secret"),
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        scope="openid email",
        redirect_uri=BACK,
        code_challenge_method="S256",
        token_endpoint=described["token_endpoint"],
    ) as app:
        verifier = "v" * 64
        address, state = app.create_authorization_url(
            described["authorization_endpoint"], code_verifier=verifier, nonce="n-0S6_WzA2Mj"
        )
        asked = httpx.get(address)
        its_id = httpx.URL(asked.headers["location"]).params["authorization_id"]
        decided = httpx.post(
            f"{place}/oauth/authorizations/{its_id}/consent", json={"action": "approve"}, headers=signed
        )
        back = decided.json()["redirect_url"]
        told: dict[str, Any] = app.fetch_token(
            described["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier
        )
        keys = KeySet.import_key_set(httpx.get(described["jwks_uri"]).json())
        identity = jwt.decode(told["id_token"], keys, algorithms=["ES256"])
        jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": described["issuer"]},
            aud={"essential": True, "value": made["client_id"]},
            nonce={"essential": True, "value": "n-0S6_WzA2Mj"},
            sub={"essential": True, "value": person["user"]["id"]},
        ).validate(identity.claims)
        assert app.get(described["userinfo_endpoint"]).json()["email"] == person["user"]["email"]
        fresh = app.refresh_token(described["token_endpoint"])
        assert fresh["refresh_token"] != told["refresh_token"]
        given_up = app.revoke_token(described["revocation_endpoint"], fresh["refresh_token"])
        assert given_up.status_code == 200
        with pytest.raises(OAuthError, match="invalid_grant"):
            app.refresh_token(described["token_endpoint"], fresh["refresh_token"])
