"""Z8: people who sign up, in and out, refresh, change passwords and let time pass, in any order, against a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.api.auth.people import Answer, People, people

PASSWORDS = st.sampled_from(["correct horse", "battery staple", "tall giraffe"])
PEOPLE = st.integers(0, 2)
PICKS = st.integers(0, 7)


@dataclass
class Session:
    """A device: its refresh tokens, the latest last."""

    tokens: list[str]
    access: str
    alive: bool = True


@dataclass
class Account:
    """Somebody, as the model knows them."""

    email: str
    password: str
    sessions: list[Session] = field(default_factory=list)


def machine(house: People) -> type[RuleBasedStateMachine]:
    """The machine over a house."""

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.accounts: dict[int, Account] = {}

        def session(self, who: int, pick: int) -> tuple[Account, Session] | None:
            account = self.accounts.get(who)
            if account is None:
                return None
            return account, account.sessions[pick % len(account.sessions)]

        @rule(who=PEOPLE, password=PASSWORDS)
        def sign_up(self, who: int, password: str) -> None:
            account = self.accounts.get(who)
            email = account.email if account else house.fresh_email()
            answer = house.ask("POST", "/signup", {"email": email, "password": password})
            assert answer.status_code == (422 if account else 200)
            if account is None:
                self.accounts[who] = Account(email, password, [opened(answer)])

        @rule(who=PEOPLE, password=PASSWORDS)
        def sign_in(self, who: int, password: str) -> None:
            account = self.accounts.get(who)
            email = account.email if account else "nobody@example.com"
            answer = house.ask("POST", "/token?grant_type=password", {"email": email, "password": password})
            is_right = account is not None and account.password == password
            assert answer.status_code == (200 if is_right else 400)
            if account is not None and is_right:
                account.sessions.append(opened(answer))

        @rule(who=PEOPLE, pick=PICKS, ago=st.integers(0, 2))
        def refresh(self, who: int, pick: int, ago: int) -> None:
            """With the token in force, its parent within the interval, or an ancestor."""
            found = self.session(who, pick)
            if found is None or ago >= len(found[1].tokens):
                return
            held = found[1]
            house.clock.advance(1 if ago == 0 else 0)
            token = held.tokens[-1 - ago]
            answer = house.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": token})
            if ago == 2:
                held.alive = False
            assert answer.status_code == (200 if held.alive else 400), answer.text
            if held.alive:
                told = answer.json()
                if ago == 0:
                    held.tokens.append(told["refresh_token"])
                held.access = told["access_token"]
                assert told["refresh_token"] == held.tokens[-1]

        @rule(who=PEOPLE, pick=PICKS, scope=st.sampled_from(["global", "local", "others"]))
        def sign_out(self, who: int, pick: int, scope: str) -> None:
            found = self.session(who, pick)
            if found is None:
                return
            account, held = found
            answer = house.ask("POST", f"/logout?scope={scope}", token=held.access)
            assert (answer.status_code == 204) == held.alive
            if held.alive:
                for each in account.sessions:
                    each.alive = each.alive and scope != "global" and (each is held) == (scope == "others")

        @rule(who=PEOPLE, pick=PICKS, password=PASSWORDS)
        def change_password(self, who: int, pick: int, password: str) -> None:
            found = self.session(who, pick)
            if found is None:
                return
            account, held = found
            answer = house.ask("PUT", "/user", {"password": password}, token=held.access)
            assert answer.status_code == (403 if not held.alive else 422 if password == account.password else 200)
            if answer.status_code == 200:
                account.password = password
                for each in account.sessions:
                    each.alive = each is held and each.alive

        @invariant()
        def access_is_as_the_model_says(self) -> None:
            for account in self.accounts.values():
                for each in account.sessions[-3:]:
                    answer = house.ask("GET", "/user", token=each.access)
                    assert answer.status_code == (200 if each.alive else 403)

    return Machine


def opened(answer: Answer) -> Session:
    told: dict[str, Any] = answer.json()
    return Session([told["refresh_token"]], told["access_token"])


def test_z8_the_house_does_as_the_model(tmp_path: Path, rounds: Callable[[int, int], int]) -> None:
    with people(tmp_path, None, refresh_token_reuse_interval=3600, jwt_expiry=604800) as house:
        run_state_machine_as_test(
            machine(house),
            settings=settings(
                max_examples=rounds(4, 150), stateful_step_count=15, deadline=None, derandomize=True,
                suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip
