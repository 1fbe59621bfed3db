"""supabase-js from npm, unmodified, verifies tokens by the server's public keys, and looks after accounts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compat.test_auth_js import HERE, RELEASES, world
from undercroft.auth.backends import signing_file
from undercroft.auth.parts.signing_keys import IN_USE, SigningKey, new_key

pytestmark = pytest.mark.needs("compat")


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, root: Path
) -> Iterator[dict[str, str]]:
    """A server that signs with a key of two parts."""
    folder = tmp_path_factory.mktemp("keys")
    signing_file.store(folder / "data", [SigningKey(new_key("ES256", 0.0).jwk, IN_USE)])
    server = None if request.param == "sqlite" else request.getfixturevalue("postgres_server")
    with world(folder, root, server, "false") as found:
        yield found


@pytest.mark.parametrize("release", RELEASES)
def test_a_token_is_verified_where_it_is(place: dict[str, str], release: str) -> None:
    command = ["node", "keys_run.mjs", release]
    ran = subprocess.run(
        command, cwd=HERE, input=json.dumps(place), capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.stdout == "fine", ran.stderr[-3000:]
