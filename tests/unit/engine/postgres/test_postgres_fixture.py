"""The PostgreSQL that tests get: a database of their own, empty, and gone afterwards."""

from __future__ import annotations

import psycopg
import pytest

from tests import postgres

pytestmark = pytest.mark.needs("postgres")


@pytest.mark.parametrize("_turn", [1, 2])
def test_each_test_has_an_empty_database(postgres_url: str, _turn: int) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE here (id integer)")


def test_a_database_is_gone_afterwards(postgres_server: str) -> None:
    with postgres.database(postgres_server) as url, psycopg.connect(url) as left_open:
        pass
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)
    assert left_open.closed
