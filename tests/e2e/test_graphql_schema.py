"""The schema of a database that decides for itself, as one of its roles may use it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.processes import undercroft

with suppress(ImportError):  # the driver is an extra
    from tests.e2e import existing

pytestmark = [pytest.mark.needs("postgres")]


def test_the_schema_of_a_role(postgres_url: str, tmp_path: Path) -> None:
    existing.make_roles(postgres_url)
    clerk = existing.GUESTS[2]
    existing.run(
        postgres_url,
        'CREATE TABLE "Thing" (id serial PRIMARY KEY, name text NOT NULL, secret text)',
        f"GRANT USAGE ON SCHEMA public TO {clerk}",
        f'GRANT SELECT (id, name), INSERT (name) ON "Thing" TO {clerk}',
    )
    command = ("graphql", "schema", "--database", existing.as_authenticator(postgres_url), "--role")
    told = undercroft(*command, clerk, cwd=tmp_path).stdout
    assert "  name: String!\n" in told
    assert "insertIntoThingCollection" in told
    assert "secret" not in told
    assert "updateThingCollection" not in told
    assert 'role "nobody there" does not exist' in undercroft(*command, "nobody there", cwd=tmp_path, code=2).stderr
