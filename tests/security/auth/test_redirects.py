"""D14: people are sent to the app and nowhere else, by whichever spelling somebody asks for it.

What is let pass is compared with how browsers read it, where Node.js is there to say so.
"""

from __future__ import annotations

import json
import subprocess
from urllib.parse import urlencode, urlsplit

import pytest

from tests.api.auth.mailed import FORM, Mail, landed
from tests.api.auth.people import SITE, People
from undercroft.auth.parts.redirects import allowed_redirect, is_allowed

MORE = (
    "https://*.preview.example.com/**", "https://partner.example.org/auth/*", "myapp://login-callback/**",
    "com.example.app:/back", "http://localhost:*/**", "https://exact.example.net/cb?a=1", "https://deep.example.org/auth/**",
)  # fmt: skip
SETTINGS = {"additional_redirect_urls": ",".join(MORE), "email_enable_confirmations": "true"}

HOSTILE = [
    "https://deep.example.org/auth/../evil", "https://deep.example.org/auth/%2e%2E/evil", "https://deep.example.org/auth/..",
    "https://deep.example.org/auth/a/.%2e/../evil", "https://deep.example.org/auth/./../../evil",
    "https://deep.example.org/auth/..?x", "https://deep.example.org/auth/..#x",
    "https://evil.example", "//evil.example", "///evil.example", "\\\\evil.example", "/\\evil.example", "/evil",
    "https:evil.example", "https:/evil.example", "https:///evil.example", "https:\\\\evil.example", "http:evil.example",
    "https://app.example.com@evil.example", "https://app.example.com:x@evil.example", "https://evil.example@app.example.com",
    "https://app.example.com:443@evil.example/", "https://app.example.com%40evil.example", "https://@evil.example",
    "https://app.example.com\\@evil.example", "https://evil.example\\@app.example.com", "https://evil.example\\.app.example.com",
    "https://app.example.com.evil.example", "https://app.example.comevil.example", "https://evilapp.example.com",
    "https://xapp.example.com", "https://app.example.com.", "https://app.example.com..", "https://.app.example.com",
    "https://app.example.com%2eevil.example", "https://app.example.com%2f.evil.example", "https://app.example.com%00.evil.example",
    "https://app.example.com%09.evil.example", "https://evil.example#@app.example.com", "https://evil.example?app.example.com",
    "https://evil.example/https://app.example.com", "https://evil.example#https://app.example.com/",
    "https://evil.example;app.example.com", "https://evil.example,app.example.com", "https://app.example.com\t.evil.example",
    "ht\ntps://evil.example", "\thttps://evil.example", " https://evil.example", "https://ev\ril.example",
    "https://app.example.com\r\nSet-Cookie: x=y", "https://app.example.com/\r\n", "https://app.example.com/ x",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "javascript://app.example.com/%0aalert(1)", "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>", "vbscript:msgbox(1)", "file:///etc/passwd", "blob:https://app.example.com/x",
    "view-source:https://app.example.com", "about:blank", "intent://app.example.com#Intent;scheme=https;end",
    "ftp://app.example.com", "http://app.example.com", "https://app.example.com:8443", "https://app.example.com:80",
    "https://app.example.com:", "https://app.example.com:99999", "https://app.example.com:-1", "https://app.example.com:x",
    "https://APP.EXAMPLE.COM.EVIL.EXAMPLE", "https://аpp.example.com", "https://app。example.com", "https://ａpp.example.com",
    "https://app.example.com／evil", "https://app.example.com／.evil.example", "https://xn--pp-6kc.example.com",
    "https://2130706433", "https://0x7f.1", "https://0177.0.0.1", "https://[::ffff:127.0.0.1]", "https://127.0.0.1",
    "https://169.254.169.254/", "https://[::1", "https://[evil]", "https://[::1]@evil.example",
    "https://preview.example.com/", "https://a.b.preview.example.com/", "https://evil.example/.preview.example.com/",
    "https://evil.example?.preview.example.com/", "https://evil.example#.preview.example.com/",
    "https://evil.example%2f.preview.example.com/", "https://evil.example\\.preview.example.com/",
    "https://evil%2eexample.preview.example.com/", "https://a.preview.example.com.evil.example/",
    "https://a@evil.preview.example.com/", "https://a.preview.example.com:8443/", "http://a.preview.example.com/",
    "https://partner.example.org/auth/../evil", "https://partner.example.org/auth/%2e%2e/evil",
    "https://partner.example.org/auth/.%2E/evil", "https://partner.example.org/auth/x/y", "https://partner.example.org/",
    "https://partner.example.org/authx", "https://partner.example.org/auth/..", "https://partner.example.org//auth/x",
    "myapp://evil/", "myapp:login-callback", "myapp:/login-callback/x", "myapp:////login-callback/",
    "myapp://login-callback.evil/", "myapp://x@login-callback/", "xmyapp://login-callback/", "com.example.app:/other",
    "com.example.app://back", "com.example.app:back", "http://localhost.evil.example:3000/", "http://localhost:x/",
    "http://localhost:3000@evil.example/", "http://localhost:@evil.example/", "http://localhost:3000.evil.example/",
    "https://exact.example.net/cb?a=2", "https://exact.example.net/cb?a=1&b=2", "", "?", "#", ":", "://", "https://", "x" * 3000,
    "https://app.example.com/" + "x" * 3000, "https://booK.example.com", "//app.example.com", "app.example.com",
]  # fmt: skip
GOOD = [
    "https://deep.example.org/auth/a.b/c..d?next=/../x",
    SITE, f"{SITE}/", f"{SITE}/welcome?a=1#/route", "https://APP.example.com/x", "https://a.preview.example.com/x/y?z=1",
    "https://partner.example.org/auth/cb", "myapp://login-callback/", "myapp://login-callback/a/b?c=d",
    "com.example.app:/back", "http://localhost:5173/x", "https://exact.example.net/cb?a=1",
]  # fmt: skip


@pytest.mark.parametrize("asked", HOSTILE)
def test_a_hostile_address_is_the_site(asked: str) -> None:
    assert not is_allowed(asked, SITE, MORE)
    assert allowed_redirect(asked, SITE, MORE) == SITE


@pytest.mark.parametrize("asked", GOOD)
def test_what_the_settings_name_is_let_pass(asked: str) -> None:
    assert allowed_redirect(asked, SITE, MORE) == asked


def test_a_site_takes_no_other_by_a_pattern() -> None:
    for pattern in ("**", "*", "*://**", "https://**", "https:", "http*://app.example.com/**", "", "/**"):
        assert not is_allowed("javascript:alert(1)", SITE, (pattern,)), pattern
        assert not is_allowed("http://evil.example/", SITE, (pattern,)), pattern


BROWSER = """
let text = ''; process.stdin.on('data', part => text += part).on('end', () => {
  console.log(JSON.stringify(JSON.parse(text).map(asked => {
    try { const url = new URL(asked); return [url.protocol, url.host, url.pathname] } catch { return null } })))})
"""


@pytest.mark.needs("node")
def test_browsers_read_what_is_let_pass_as_we_do() -> None:
    """Every address, and a thousand made of their parts."""
    parts = [
        "https://",
        "app.example.com",
        "evil.example",
        "@",
        "\\",
        "/",
        "..",
        "%2e",
        ":",
        "?",
        "#",
        ".preview.example.com",
    ]
    made = [
        "".join(parts[(seed // len(parts) ** place) % len(parts)] for place in range(5))
        for seed in range(0, 12**5, 239)
    ]
    asked = [each for each in [*HOSTILE, *GOOD, *made] if len(each) < 2500 and is_allowed(each, SITE, MORE)]
    answer = subprocess.run(
        ["node", "-e", BROWSER], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    for address, read in zip(asked, json.loads(answer.stdout), strict=True):
        ours = urlsplit(address)
        assert read is not None, address
        protocol, host, path = read
        assert protocol == f"{ours.scheme}:", address
        assert host == ours.netloc.lower(), address
        assert path.rstrip("/") == ours.path.rstrip("/"), address


@pytest.mark.parametrize("asked", HOSTILE[::4])
def test_links_and_faults_lead_to_the_site(house: People, asked: str) -> None:
    """On the way to a mail, on the page, and where a link is good or is not."""
    email = house.fresh_email()
    where = urlencode({"redirect_to": asked})
    answer = house.ask("POST", f"/signup?{where}", {"email": email, "password": "correct horse"})
    assert answer.status_code == 200, answer.text
    mail = Mail(house, email)
    assert mail.said["redirect_to"] == SITE
    page = house.ask("GET", f"/verify?token=x&type=signup&{where}")
    assert f'name="redirect_to" value="{SITE}"' in page.text
    form = {"token": mail.said["token"], "type": "signup", "redirect_to": asked}
    for expected in ("access_token", "error"):
        place, query, fragment = landed(house.ask("POST", "/verify", urlencode(form), headers=FORM))
        assert (place, query, expected in fragment) == (SITE, {}, True)


def test_a_pattern_of_a_mail_is_the_one_of_the_settings(house: People) -> None:
    email = house.fresh_email()
    where = urlencode({"redirect_to": "myapp://login-callback/x?y=1#old"})
    house.ask("POST", f"/signup?{where}", {"email": email, "password": "correct horse"})
    said = Mail(house, email).said
    place, query, fragment = landed(house.ask("POST", "/verify", urlencode(said), headers=FORM))
    assert (place, query) == ("myapp://login-callback/x", {"y": "1"})
    assert "access_token" in fragment
