"""Z8: four people who sign up, in and out by every way, refresh, change what they are known by, add and take factors and
passkeys, are banned, and let time pass, in any order and at once, against a model.

After each step D8 and D11 (which sessions live, and at which level), D12 (which identities an account has) and D21 hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.api.auth.authenticator import Authenticator
from tests.api.auth.factoring import Person, claims_of
from tests.api.auth.mailed import Mail
from tests.api.auth.people import Answer
from tests.api.auth.places import Round, fragment, way, who
from undercroft.auth.tables import CREDENTIALS, IDENTITIES, SESSIONS

PASSWORDS = st.sampled_from(["correct horse", "battery staple", "tall giraffe"])
WHO = st.integers(0, 3)
PICKS = st.integers(0, 7)
SETTINGS: dict[str, Any] = {
    "email_enable_confirmations": False, "refresh_token_reuse_interval": 3600, "jwt_expiry": 604800,
}  # fmt: skip


@dataclass
class Session:
    """A device: its refresh tokens, the latest last."""

    tokens: list[str]
    access: str
    alive: bool = True
    aal: str = "aal1"

    @property
    def id(self) -> str:
        found: str = claims_of(self.access)["session_id"]
        return found

    def goes_on(self, told: dict[str, Any]) -> None:
        if told["refresh_token"] != self.tokens[-1]:
            self.tokens.append(told["refresh_token"])
        self.access = told["access_token"]


@dataclass
class Account:
    """Somebody, as the model knows them."""

    id: str
    email: str
    password: str | None
    sessions: list[Session] = field(default_factory=list)
    identities: set[str] = field(default_factory=lambda: {"email"})
    at_place: str = field(default_factory=lambda: str(uuid4()))
    is_shown: bool = False
    """Whether somebody has shown that the address is theirs."""
    is_banned: bool = False
    seed: str = ""
    factor: str = ""
    key: Authenticator | None = None

    def end(self, keep: Session | None = None, *, weak: bool = False) -> None:
        for each in self.sessions:
            each.alive = each.alive and (each is keep or (weak and each.aal == "aal2"))

    def emptied(self) -> None:
        """Whoever shows that the address is theirs finds nothing by which others come in."""
        self.end()
        self.password, self.key, self.is_shown = None, None, True


def opened(answer: Answer) -> Session:
    told = fragment(answer) if answer.status_code == 302 else answer.json()
    return Session([told["refresh_token"]], told["access_token"])


def machine(trip: Round) -> type[RuleBasedStateMachine]:
    """The machine over a house."""
    house = trip.house

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.accounts: dict[int, Account] = {}

        def found(self, who_: int, pick: int) -> tuple[Account, Session] | None:
            account = self.accounts.get(who_)
            if account is None or not account.sessions:
                return None
            alive = [each for each in account.sessions if each.alive]
            chosen = alive if alive and pick % 4 else account.sessions
            return account, chosen[pick % len(chosen)]

        def person(self, account: Account, held: Session) -> Person:
            told = {"access_token": held.access, "refresh_token": held.tokens[-1], "user": {"id": account.id}}
            person = Person(house, told)
            person.seed, person.factor = account.seed, account.factor
            return person

        # --- ways in ---

        @rule(who_=WHO, password=PASSWORDS)
        def sign_up(self, who_: int, password: str) -> None:
            account = self.accounts.get(who_)
            email = account.email if account else house.fresh_email()
            answer = house.ask("POST", "/signup", {"email": email, "password": password})
            assert answer.status_code == (422 if account else 200)
            if account is None:
                made = opened(answer)
                self.accounts[who_] = Account(answer.json()["user"]["id"], email, password, [made])

        @initialize()
        def all_sign_up(self) -> None:
            for who_ in range(4):
                self.sign_up(who_, "correct horse")

        @rule(who_=WHO, password=PASSWORDS, is_right=st.booleans())
        def sign_in(self, who_: int, password: str, is_right: bool) -> None:
            account = self.accounts.get(who_)
            password = account.password if is_right and account and account.password else password
            email = account.email if account else "nobody@example.com"
            answer = house.ask("POST", "/token?grant_type=password", {"email": email, "password": password})
            is_in = account is not None and account.password == password and not account.is_banned
            assert answer.status_code == (200 if is_in else 400), answer.text
            if account is not None and is_in:
                account.sessions.append(opened(answer))

        @rule(who_=WHO)
        def come_by_a_mail(self, who_: int) -> None:
            """D9, D12: the code is good once; the first one leaves nothing that others set."""
            account = self.accounts.get(who_)
            if account is None:
                return
            house.ask("POST", "/recover", {"email": account.email})
            body = {"email": account.email, "token": Mail(house, account.email, "recovery").code, "type": "recovery"}
            answer = house.ask("POST", "/verify", body)
            assert answer.status_code == (400 if account.is_banned else 200), answer.text
            assert account.is_banned or house.ask("POST", "/verify", body).status_code == 403
            if not account.is_banned:
                if not account.is_shown:
                    account.emptied()
                    account.identities = {"email"}
                account.sessions.append(opened(answer))

        @rule(who_=WHO, verified=st.sampled_from([True, True, False]))
        def come_by_a_place(self, who_: int, verified: bool) -> None:
            """D12."""
            account = self.accounts.get(who_)
            if account is None:
                return
            is_known = "keycloak" in account.identities
            answer = trip.go("keycloak", who(account.at_place, account.email, verified))
            is_in = not account.is_banned and (is_known or verified)
            assert ("access_token" in fragment(answer)) == is_in, answer.headers["location"]
            if not is_in:
                return
            if not is_known:
                if not account.is_shown:
                    account.emptied()
                    account.identities, account.factor = set(), ""
                account.identities.add("keycloak")
            account.sessions.append(opened(answer))

        @rule(who_=WHO)
        def come_by_a_passkey(self, who_: int) -> None:
            account = self.accounts.get(who_)
            if account is None or account.key is None:
                return
            asked = house.ask("POST", "/passkeys/authentication/options", {}).json()
            body = {"challenge_id": asked["challenge_id"], "credential": account.key.get(asked["options"])}
            answer = house.ask("POST", "/passkeys/authentication/verify", body)
            assert answer.status_code == (400 if account.is_banned else 200), answer.text
            if not account.is_banned:
                account.sessions.append(opened(answer))

        # --- sessions ---

        @rule(who_=WHO, pick=PICKS, ago=st.integers(0, 2))
        def refresh(self, who_: int, pick: int, ago: int) -> None:
            """D8: with the token in force, its parent within the interval, or an ancestor."""
            found = self.found(who_, pick)
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
                assert ago == 0 or answer.json()["refresh_token"] == held.tokens[-1]
                held.goes_on(answer.json())
                assert claims_of(held.access)["aal"] == held.aal

        @rule()
        def all_refresh_at_once(self) -> None:
            """D8: each of four people three times; each of them gets one child."""
            picked = [
                next(each for each in account.sessions if each.alive)
                for account in self.accounts.values()
                if any(each.alive for each in account.sessions)
            ]
            bodies = [{"refresh_token": each.tokens[-1]} for each in picked for _ in range(3)]
            answers = house.together(
                *(house.asking("POST", "/token?grant_type=refresh_token", body) for body in bodies)
            )
            for place, each in enumerate(picked):
                told = [answer.json() for answer in answers[3 * place : 3 * place + 3]]
                assert len({one["refresh_token"] for one in told}) == 1
                each.goes_on(told[0])

        @rule(who_=WHO, pick=PICKS, scope=st.sampled_from(["global", "local", "others"]))
        def sign_out(self, who_: int, pick: int, scope: str) -> None:
            found = self.found(who_, pick)
            if found is None:
                return
            account, held = found
            answer = house.ask("POST", f"/logout?scope={scope}", token=held.access)
            assert (answer.status_code == 204) == held.alive
            if held.alive:
                for each in account.sessions:
                    each.alive = each.alive and scope != "global" and (each is held) == (scope == "others")

        # --- changes of oneself ---

        @rule(who_=WHO, pick=PICKS, password=PASSWORDS)
        def change_password(self, who_: int, pick: int, password: str) -> None:
            found = self.found(who_, pick)
            if found is None:
                return
            account, held = found
            answer = house.ask("PUT", "/user", {"password": password}, token=held.access)
            is_weak = bool(account.factor) and held.aal == "aal1"
            expected = 403 if not held.alive else 401 if is_weak else 422 if password == account.password else 200
            assert answer.status_code == expected, answer.text
            if expected == 200:
                account.password = password
                account.end(held)

        @rule(who_=WHO, pick=PICKS)
        def change_email(self, who_: int, pick: int) -> None:
            found = self.found(who_, pick)
            if found is None or not found[1].alive or (found[0].factor and found[1].aal == "aal1"):
                return
            account, held = found
            new = house.fresh_email()
            assert house.ask("PUT", "/user", {"email": new}, token=held.access).status_code == 200
            bodies = [
                {"type": "email_change", "email": email, "token": Mail(house, email, "email_change").code}
                for email in (account.email, new)
            ]
            half = house.ask("POST", "/verify", bodies[0]).json()
            assert "access_token" not in half
            answer = house.ask("POST", "/verify", bodies[1])
            assert answer.status_code == 200, answer.text
            account.email, account.is_shown = new, True
            account.identities.add("email")
            account.sessions.append(opened(answer))

        @rule(who_=WHO, pick=PICKS)
        def show_a_second_factor(self, who_: int, pick: int) -> None:
            """A new one, or the one that is there."""
            found = self.found(who_, pick)
            if found is None or not found[1].alive:
                return
            account, held = found
            person = self.person(account, held)
            if not account.factor:
                person.enrolled()
                account.seed, account.factor = person.seed, person.factor
            house.clock.advance(31)
            answer = person.verify()
            assert answer.status_code == 200, answer.text
            held.goes_on(answer.json())
            held.aal = "aal2"
            account.end(held, weak=True)

        @rule(who_=WHO, pick=PICKS)
        def take_the_factor_away(self, who_: int, pick: int) -> None:
            found = self.found(who_, pick)
            if found is None or not found[1].alive or not found[0].factor:
                return
            account, held = found
            answer = house.ask("DELETE", f"/factors/{account.factor}", token=held.access)
            assert answer.status_code == (200 if held.aal == "aal2" else 403), answer.text
            if held.aal == "aal2":
                account.factor = ""
                for each in account.sessions:
                    each.aal = "aal1"

        @rule(who_=WHO, pick=PICKS)
        def add_a_passkey(self, who_: int, pick: int) -> None:
            found = self.found(who_, pick)
            if found is None or not found[1].alive or found[0].key is not None:
                return
            account, held = found
            if account.factor and held.aal == "aal1":
                answer = house.ask("POST", "/passkeys/registration/options", {}, token=held.access)
                assert answer.status_code == 403
                return
            account.key = Authenticator()
            self.person(account, held).passkey(account.key)

        # --- by the service ---

        @rule(who_=WHO, often=st.booleans())
        def ban_or_let_in_again(self, who_: int, often: bool) -> None:
            account = self.accounts.get(who_)
            if account is None or not (account.is_banned or often):
                return
            account.is_banned = not account.is_banned
            body = {"ban_duration": "876000h" if account.is_banned else "none"}
            assert house.ask("PUT", f"/admin/users/{account.id}", body, token=house.service).status_code == 200
            if account.is_banned:
                account.end()

        # --- what holds ---

        @invariant()
        def the_house_is_as_the_model_says(self) -> None:
            for account in self.accounts.values():
                alive = {each.id: each.aal for each in account.sessions if each.alive}
                assert {row["id"]: row["aal"] for row in house.rows(SESSIONS, user_id=account.id)} == alive
                held = {row["provider"] for row in house.rows(IDENTITIES, user_id=account.id)}
                assert held == account.identities
                assert len(house.rows(CREDENTIALS, user_id=account.id)) == (account.key is not None)
                for each in account.sessions[-2:]:
                    answer = house.ask("GET", "/user", token=each.access)
                    assert answer.status_code == (200 if each.alive else 403)

        @invariant()
        def with_one_proof_of_two_nothing_changes(self) -> None:
            """D21."""
            for account in self.accounts.values():
                weak = next((each for each in account.sessions if each.alive and each.aal == "aal1"), None)
                if not account.factor or weak is None:
                    continue
                for method, path, body in (
                    ("PUT", "/user", {"email": "other@example.com"}),
                    ("POST", "/factors", {"factor_type": "totp", "friendly_name": "x"}),
                    ("DELETE", f"/factors/{account.factor}", None),
                    ("POST", "/factors/recovery-codes", {}),
                ):
                    answer = house.ask(method, path, body, token=weak.access)
                    assert answer.json()["error_code"] == "insufficient_aal"

    return Machine


def phases(rounds: Callable[[int, int], int]) -> list[Phase]:
    """To look for the shortest way to a fault takes minutes: the full run does it."""
    return list(Phase) if rounds(0, 1) else [Phase.generate]


def test_z8_the_house_does_as_the_model(tmp_path: Path, rounds: Callable[[int, int], int]) -> None:
    with way(tmp_path, None, **SETTINGS) as trip:
        run_state_machine_as_test(
            machine(trip),
            settings=settings(
                max_examples=rounds(4, 100), stateful_step_count=rounds(40, 50), deadline=None, derandomize=True,
                suppress_health_check=list(HealthCheck), phases=phases(rounds),
            ),
        )  # fmt: skip
