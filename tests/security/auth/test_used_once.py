"""D9, rows 19 and 42: whatever of people is good once, of many who try at once one has it; and none is forgotten here.

Which lines of the code use something up is read from the code: one that is new asks for a row in `once.py`, or for a
word here on why it guards no secret. Servers that are killed meanwhile: `tests/reliability/test_auth_killed.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import undercroft.auth
from tests.api.auth.once import KINDS, SETTINGS
from tests.api.auth.places import Round, way
from undercroft.auth.service import verifying

MANY = 64
NO_SECRET = {
    "authorizing.revoke": "a grant that somebody ends",
    "custom_providers.remove": "a place that the service takes away",
    "factors.gone": "a factor that somebody takes away",
    "passkeys._gone": "a passkey that somebody takes away",
    "recovery_codes.made": "codes that are replaced by new ones",
    "recovery_codes.removed": "codes that somebody takes away",
    "sso_providers._renewed": "metadata that are replaced by newer ones",
    "sessions.ended": "a session that ends, which is told once",
    "sessions.marked": "a proof that is written down, or its moment",
}
COUNTED = "sessions.refreshed"
"""A refresh token is no row: the session's count says which one is in force."""


@pytest.fixture(scope="module")
def trip(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Round]:
    with way(tmp_path_factory.mktemp("once"), server, **SETTINGS) as made:
        yield made


@pytest.mark.parametrize("name", KINDS)
def test_d9_of_many_at_once_one_has_it(trip: Round, name: str) -> None:
    """64 of them."""
    once = KINDS[name].begin(trip, MANY)
    assert once.effects() == 0
    answers = trip.house.together(*(once.attempt(number) for number in range(MANY)))
    assert {answer.status_code for answer in answers} <= {200, 302, 303, 400, 403, 404, 422}
    assert [once.won(answer) for answer in answers].count(True) == 1, [answer.text[:200] for answer in answers[:3]]
    assert once.effects() == 1
    assert not once.won(trip.house.run(once.attempt(0)))


def used_up() -> set[str]:
    """Where the code asks whether a row was there to be taken or changed: `module.function`."""
    found = set()
    for path in Path(undercroft.auth.__file__).parent.rglob("service/**/*.py"):
        for function in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            told = {id(node.value) for node in ast.walk(function) if isinstance(node, ast.Expr)}
            calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and id(node) not in told]
            if any(_uses_up(call.func) for call in calls):
                found.add(f"{path.stem}.{function.name}")
    return found


def _uses_up(called: ast.expr) -> bool:
    if isinstance(called, ast.Name):
        return called.id in ("stepped", "counted", "used", "is_first")
    is_rows = isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "rows"
    return isinstance(called, ast.Attribute) and is_rows and called.attr in ("remove", "change")


def test_d9_nothing_that_is_used_up_is_left_out() -> None:
    known = {place for kind in KINDS.values() for place in kind.by} | set(NO_SECRET)
    assert used_up() | {COUNTED} == known
    verified = {name for kind in KINDS.values() for name in kind.types}
    assert verified == set(verifying.MAILED) | set(verifying._TEXTED)
