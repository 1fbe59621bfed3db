"""What a test finds in a mail: its code, and the link that somebody follows."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.api.auth.people import PLACE, Answer, People

FORM = {"content-type": "application/x-www-form-urlencoded"}


class Mail:
    """The newest mail to an address, of several the one of a template."""

    def __init__(self, house: People, to: str, template: str | None = None) -> None:
        found = [mail for mail in house.mails(to) if template is None or mail["template"] == f"auth/{template}"]
        assert found, (to, template)
        self.subject = found[-1]["subject"]
        self.text = found[-1]["text"]
        self.html = found[-1]["html"]
        self.template = found[-1]["template"]

    @property
    def code(self) -> str:
        found = re.search(r"^(\d{6,10})$", self.text, re.MULTILINE)
        assert found is not None, self.text
        return found[1]

    @property
    def link(self) -> str:
        found = re.search(r'href="([^"]+/verify\?[^"]+)"', self.html)
        assert found is not None, self.html
        return html.unescape(found[1])

    @property
    def said(self) -> dict[str, str]:
        """The query of the link."""
        return dict(parse_qsl(urlsplit(self.link).query))


def pressed(house: People, mail: Mail, **headers: str) -> Answer:
    """The link was followed, and the button on its page pressed."""
    assert mail.link.startswith(f"{PLACE}/verify?")
    page = house.ask("GET", mail.link.removeprefix(PLACE))
    assert page.status_code == 200, page.text
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    body = urlencode({name: html.unescape(value) for name, value in form.items()})
    return house.ask("POST", "/verify", body, headers={**FORM, "sec-fetch-site": "same-origin", **headers})


def landed(answer: Answer) -> tuple[str, dict[str, str], dict[str, str]]:
    """Where a browser was sent: the bare address, its query, its fragment."""
    assert answer.status_code in (302, 303), answer.text
    url = urlsplit(answer.headers["location"])
    return f"{url.scheme}://{url.netloc}{url.path}", dict(parse_qsl(url.query)), dict(parse_qsl(url.fragment))


def code_of(answer: Answer) -> str | None:
    """The code of a fault."""
    found: str | None = answer.json().get("error_code")
    return found
