"""A browser without scripts, for tests: it keeps cookies, reads the forms of a page and sends one as people do."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import httpx2

from tests.api.auth.people import People

HERE = "https://api.example.com"
FORM = "application/x-www-form-urlencoded"


class _Forms(HTMLParser):
    """The forms of a page: where each goes, and what it sends."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self.labels: set[str] = set()
        self.inputs: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append({"action": given.get("action") or "", "fields": {}, "buttons": []})
        elif tag == "label":
            self.labels.add(given.get("for") or "")
        elif tag in ("input", "textarea"):
            self.inputs.append(given)
            if self.forms and given.get("name") and given.get("type") not in ("checkbox", "radio"):
                self.forms[-1]["fields"][given["name"]] = given.get("value") or ""
        elif tag == "button" and self.forms and given.get("name"):
            self.forms[-1]["buttons"].append((given["name"], given.get("value") or ""))


class Browser:
    """One browser, at one house."""

    def __init__(self, house: People, here: str = HERE) -> None:
        self.house = house
        self.here = here
        self.cookies: dict[str, str] = {}
        self.set: list[str] = []
        """The `Set-Cookie` of the last answer."""
        self.answer: httpx2.Response = httpx2.Response(200)

    # --- what goes over the wire ---

    async def asking(self, method: str, path: str, *, headers: dict[str, str] | None = None, body: str = "") -> Any:
        """One request with the cookies that are there now; what is set is not kept."""
        sent = {"host": urlsplit(self.here).netloc, **(headers or {})}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if method == "POST":
            sent.setdefault("content-type", FORM)
        transport = httpx2.ASGITransport(app=self.house.house.serve, client=("192.0.2.7", 4321))
        async with httpx2.AsyncClient(transport=transport, base_url=self.here) as client:
            client.cookies.clear()
            return await client.request(method, path, headers=sent, content=body)

    def ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """One request; its cookies are kept."""
        self.answer = self.house.run(self.asking(method, path, **options))
        self.kept(self.answer)
        return self.answer

    def kept(self, answer: httpx2.Response) -> None:
        """Keep the cookies of an answer."""
        self.set = answer.headers.get_list("set-cookie")
        for each in self.set:
            pair, *traits = each.split("; ")
            name, _, value = pair.partition("=")
            if "Max-Age=0" in traits:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value

    # --- what people do ---

    def open(self, path: str, **options: Any) -> httpx2.Response:
        """Go somewhere."""
        return self.ask("GET", path, **options)

    def follow(self) -> httpx2.Response:
        """Go where the last answer leads, as long as it is here."""
        for _ in range(5):
            if self.answer.status_code not in (302, 303):
                break
            to = urljoin(self.here, self.answer.headers["location"])
            if urlsplit(to).netloc != urlsplit(self.here).netloc:
                break
            self.open(to.removeprefix(self.here))
        return self.answer

    @property
    def forms(self) -> list[dict[str, Any]]:
        """The forms of the page that is open."""
        reader = _Forms()
        reader.feed(self.answer.text)
        return reader.forms

    def send(self, action: str, *, headers: dict[str, str] | None = None, **typed: str) -> httpx2.Response:
        """Send the form that goes to this page of ours; the answer, not followed."""
        wanted = action if action.startswith("/") else f"/auth/ui/{action}"
        given = {name.removesuffix("_"): value for name, value in typed.items()}
        for form in self.forms:
            offered = dict(form["fields"])
            known = all(offered[name] == value for name, value in given.items() if name == "id" and name in offered)
            action_there = urljoin(str(self.answer.url), form["action"]).removeprefix(self.here)
            if action_there.partition("?")[0] == wanted and known:
                fields = urlencode({**offered, **given})
                return self.ask("POST", action_there, headers=headers, body=fields)
        raise AssertionError(f"no form goes to {wanted}: {[form['action'] for form in self.forms]}\n{self.answer.text}")

    def sign_in(self, email: str, password: str = "correct horse", to: str = "") -> httpx2.Response:
        """By a password, and on to where that leads."""
        self.open("/auth/ui/sign-in" + (f"?{urlencode({'redirect_to': to})}" if to else ""))
        self.send("sign-in", identifier=email, password=password)
        return self.follow()

    def mailed_code(self, email: str) -> str:
        """The code of the last mail to an address."""
        found = re.search(r"\b\d{6}\b", self.house.mails(email)[-1]["text"])
        assert found is not None
        return found[0]

    def mailed_link(self, email: str) -> str:
        """The link of the last mail to an address."""
        found = re.search(r"https://[^\s)]+/verify[^\s)]+", self.house.mails(email)[-1]["text"])
        assert found is not None
        return found[0]


def unlabelled(page: str) -> list[str | None]:
    """Fields of a page that people see and that no label names."""
    reader = _Forms()
    reader.feed(page)
    seen = [each for each in reader.inputs if each.get("type") != "hidden"]
    return [each.get("name") for each in seen if each.get("id") not in reader.labels and not each.get("aria-label")]
