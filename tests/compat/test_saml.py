"""Signing in by identity providers of SAML 2.0 that others wrote: samlify from npm, through supabase-js, unmodified.

They verify our requests by our metadata; requests by address and by form, responses that are signed, assertions that
are encrypted, in both flows, on both engines.
"""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.compat.test_auth_js import HERE, RELEASES, world

pytestmark = pytest.mark.needs("compat")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def key_pair() -> dict[str, str]:
    key, name = rsa.generate_private_key(65537, 2048), x509.Name([])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = builder.serial_number(1).not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {"key": pem, "certificate": made.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()}


@pytest.fixture(scope="module")
def environment() -> Iterator[pytest.MonkeyPatch]:
    """Of the servers."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def given(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    root: Path,
    environment: pytest.MonkeyPatch,
) -> Iterator[dict[str, str]]:
    """A house, and identity providers beside it."""
    server = None if request.param == "sqlite" else request.getfixturevalue("postgres_server")
    port = free_port()
    more = {"saml_enabled": True, "saml_allow_encrypted_assertions": True}
    environment.setenv("UNDERCROFT_OUTGOING_ALLOW", f"127.0.0.1:{port}")
    with world(tmp_path_factory.mktemp("saml"), root, server, "false", **more) as made:
        asked = json.dumps({"port": port, "sp": f"{made['url']}/auth/v1/saml/metadata", **key_pair()})
        command = ["node", "saml_idp.mjs"]
        with subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as idp:
            try:
                assert idp.stdin is not None
                assert idp.stdout is not None
                idp.stdin.write(asked)
                idp.stdin.close()
                assert idp.stdout.readline().strip() == "ready"
                yield {**made, "idp": f"http://127.0.0.1:{port}"}
            finally:
                idp.kill()


@pytest.mark.parametrize("release", RELEASES)
def test_people_of_organisations_sign_in(given: dict[str, str], release: str) -> None:
    ran = subprocess.run(
        ["node", "saml_run.mjs", release], cwd=HERE, input=json.dumps(given), capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert (ran.stdout, ran.returncode) == ("done", 0), ran.stderr[-3000:]
