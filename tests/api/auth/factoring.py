"""Somebody with a second factor, in a few words: what several tests begin with."""

from __future__ import annotations

import base64
import json
from typing import Any

import pyotp

from tests.api.auth.authenticator import Authenticator
from tests.api.auth.people import Answer, People


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token, unchecked."""
    part = token.split(".")[1]
    told: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return told


def error_of(answer: Answer) -> tuple[int, str]:
    """Status and code."""
    return answer.status_code, answer.json().get("error_code")


class Person:
    """Somebody in a session."""

    def __init__(self, house: People, told: dict[str, Any] | None = None, **columns: Any) -> None:
        self.house = house
        self.told = told or house.signed_up(**columns)
        self.seed = ""
        self.factor = ""

    @property
    def token(self) -> str:
        """The access token in force."""
        found: str = self.told["access_token"]
        return found

    @property
    def id(self) -> str:
        """The account."""
        found: str = self.told["user"]["id"]
        return found

    @property
    def aal(self) -> str:
        """What the token says."""
        found: str = claims_of(self.token)["aal"]
        return found

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """A request in the session."""
        return self.house.ask(method, path, body, token=self.token, **options)

    def enrolled(self, name: str = "", **more: Any) -> dict[str, Any]:
        """A TOTP factor that is not verified yet."""
        answer = self.ask("POST", "/factors", {"factor_type": "totp", "friendly_name": name, **more})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        self.seed, self.factor = told["totp"]["secret"], told["id"]
        return told

    def code(self, steps: int = 0) -> str:
        """The code of now, or of some steps away."""
        return str(pyotp.TOTP(self.seed).at(int(self.house.clock.timestamp()) + 30 * steps))

    def challenged(self, factor: str | None = None, body: Any = None) -> dict[str, Any]:
        """A challenge."""
        answer = self.ask("POST", f"/factors/{factor or self.factor}/challenge", body or {})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def verify(self, code: str | None = None, challenge: str | None = None, **options: Any) -> Answer:
        """Answer a challenge with a code; where it is right, the tokens are those of now."""
        body = {"challenge_id": challenge or self.challenged()["id"], "code": code or self.code()}
        answer = self.ask("POST", f"/factors/{self.factor}/verify", body, **options)
        if answer.status_code == 200:
            self.told = answer.json()
        return answer

    def secured(self) -> Person:
        """With a verified TOTP factor, at `aal2`."""
        self.enrolled()
        answer = self.verify()
        assert answer.status_code == 200, answer.text
        self.house.clock.advance(60)
        return self

    def again(self, password: str = "correct horse") -> Person:
        """The same one, signed in anew by password."""
        body = {"email": self.told["user"]["email"], "password": password}
        answer = self.house.ask("POST", "/token?grant_type=password", body)
        assert answer.status_code == 200, answer.text
        other = Person(self.house, answer.json())
        other.seed, other.factor = self.seed, self.factor
        return other

    def refreshed(self) -> Person:
        """After a refresh."""
        body = {"refresh_token": self.told["refresh_token"]}
        answer = self.house.ask("POST", "/token?grant_type=refresh_token", body)
        assert answer.status_code == 200, answer.text
        self.told = answer.json()
        return self

    def keyed(self, key: Authenticator, name: str = "key") -> str:
        """With a verified security key; its factor."""
        factor = self.ask("POST", "/factors", {"factor_type": "webauthn", "friendly_name": name}).json()["id"]
        asked = self.challenged(factor)
        made = key.create(asked["webauthn"]["credential_options"]["publicKey"])
        answer = self.ask("POST", f"/factors/{factor}/verify", self.proof(asked, "create", made))
        assert answer.status_code == 200, answer.text
        self.told = answer.json()
        return str(factor)

    def proof(self, asked: dict[str, Any], kind: str, answer: dict[str, Any]) -> dict[str, Any]:
        """The body that auth-js sends."""
        told = {"type": kind, "rpId": "app.example.com", "rpOrigins": ["https://app.example.com"]}
        return {"challenge_id": asked["id"], "webauthn": {**told, "credential_response": answer}}

    def passkey(self, key: Authenticator) -> dict[str, Any]:
        """With a passkey."""
        asked = self.ask("POST", "/passkeys/registration/options", {}).json()
        body = {"challenge_id": asked["challenge_id"], "credential": key.create(asked["options"])}
        answer = self.ask("POST", "/passkeys/registration/verify", body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told
