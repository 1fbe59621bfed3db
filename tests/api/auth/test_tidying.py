"""What is over does not stay: counts, ways in that were begun, codes that were sent."""

from __future__ import annotations

from tests.api.auth.mailed import Mail
from tests.api.auth.people import People
from undercroft.auth.store import Rows
from undercroft.auth.store.tidying import AT_ONCE, forget
from undercroft.auth.tables import FLOWS, ONE_TIME_TOKENS, RATES

SETTINGS = {"email_enable_confirmations": "true", "rate_limit_account_attempts": 1000}
PKCE = {"code_challenge": "c" * 43, "code_challenge_method": "s256"}


def let_go(house: People) -> bool:
    dialect, now = house.house.engine.dialect, house.clock.now()
    return bool(house.run(house.house.engine.write(lambda cursor: forget(Rows(cursor, dialect), dialect, now))))


def test_what_is_over_is_let_go(house: People) -> None:
    old, new = house.fresh_email(), house.fresh_email()
    house.ask("POST", "/signup", {"email": old, "password": "correct horse", **PKCE})
    house.ask("POST", "/verify", {"email": old, "token": "000000", "type": "email"})
    house.clock.advance(3 * 24 * 3600)
    house.ask("POST", "/signup", {"email": new, "password": "correct horse", **PKCE})
    house.ask("POST", "/verify", {"email": new, "token": "000000", "type": "email"})
    assert let_go(house) is False
    assert [row["relates_to"] for row in house.rows(ONE_TIME_TOKENS)] == [new]
    assert len(house.rows(FLOWS)) == 1
    assert [row["key"] for row in house.rows(RATES)] == [f"code:{new}"]
    body = {"email": new, "token": Mail(house, new).code, "type": "signup"}
    assert house.ask("POST", "/verify", body).status_code == 200


def test_it_goes_some_at_a_time(house: People) -> None:
    dialect = house.house.engine.dialect

    def many(rows: Rows) -> None:
        for place in range(AT_ONCE + 1):
            rows.add(RATES, key=f"old:{place}", window=1, count=1)

    house.run(house.house.engine.write(lambda cursor: many(Rows(cursor, dialect))))
    assert let_go(house) is True
    assert let_go(house) is False
    assert not [row for row in house.rows(RATES) if row["key"].startswith("old:")]
