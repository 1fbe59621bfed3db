"""Responses of identity providers that are not to be believed, and the ways in which one that is may be misused."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from lxml import etree  # type: ignore[import-untyped]

from tests.api.auth import apps
from tests.api.auth.idp import (
    ACS,
    CBC,
    FORM,
    GCM,
    NAMES,
    SP,
    Idp,
    Trip,
    brought,
    encrypted,
    error_of,
    form_of,
    signed_in,
)
from tests.api.auth.people import SITE, People
from tests.api.auth.places import Browser, query
from tests.security.auth.test_places import HOSTILE
from undercroft.auth.parts.saml.documents import Unreadable, parsed_whole
from undercroft.auth.parts.saml.metadata import read as metadata_of
from undercroft.auth.parts.saml.responses import asserted
from undercroft.auth.tables import IDENTITIES, SAML_RELAY_STATES, SESSIONS, USERS
from undercroft.auth.types.saml import Expected

SETTINGS: dict[str, Any] = {"saml_enabled": True, "saml_allow_encrypted_assertions": True}
EVIL = "evil@acme.example.com"


@pytest.fixture(scope="module")
def idp(house: People) -> Idp:
    return Idp("acme", house).added()


def refused_with(house: People, answer: Any) -> str:
    """Why nobody was let in; nobody was."""
    code, words = error_of(answer)
    assert code == "validation_failed", (code, words)
    assert not house.rows(USERS, email=EVIL)
    return words.removeprefix("SAML Assertion is not valid: ")


def tried(idp: Idp, xml: Callable[[Trip], str]) -> str:
    """What comes of a response, in a browser that was sent for one; the control is that a good one is taken."""
    trip = Trip(idp.house, idp)
    trip.begin()
    return refused_with(idp.house, trip.bring(xml(trip)))


# --- who signed ---


def test_nobody_signed_or_somebody_else(house: People, idp: Idp) -> None:
    def by(name: str, signs: str) -> Callable[[Trip], str]:
        def made(trip: Trip) -> str:
            assertion = idp.assertion("x", request_id=trip.request_id)
            if signs == "assertion":
                return idp.wrapped(idp.signed(assertion, name), request_id=trip.request_id)
            return idp.signed(idp.wrapped(assertion, request_id=trip.request_id), name)

        return made

    signed_in(Trip(house, idp).back("control"))
    assert tried(idp, lambda trip: idp.answered(request_id=trip.request_id, signs="")) == "nobody signed it"
    # The stranger's certificate comes along in KeyInfo, and is looked at by nobody.
    for signs in ("assertion", "response"):
        assert "no certificate" in tried(idp, by("stranger", signs))

    def half(trip: Trip) -> str:
        """A good assertion in a response that a stranger signed."""
        good = idp.signed(idp.assertion("x", request_id=trip.request_id))
        return idp.signed(idp.wrapped(good, request_id=trip.request_id), "stranger")

    assert "no certificate" in tried(idp, half)

    def emptied(trip: Trip) -> str:
        xml = idp.answered(request_id=trip.request_id)
        return re.sub(r"<ds:SignatureValue>[^<]*<", "<ds:SignatureValue><", xml)

    assert tried(idp, emptied)

    def changed(trip: Trip) -> str:
        return idp.answered("ada", request_id=trip.request_id).replace(">ada@acme", ">evil@acme")

    assert "no certificate" in tried(idp, changed)


def test_weak_algorithms_are_not_taken(idp: Idp) -> None:
    """What is signed with SHA-1 is not looked at: the very names are refused."""
    rsa, sha = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256"
    weak = "http://www.w3.org/2000/09/xmldsig#"
    for strong, name in ((rsa, f"{weak}rsa-sha1"), (sha, f"{weak}sha1"), (rsa, f"{weak}hmac-sha1"),
                         (rsa, "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")):  # fmt: skip
        assert tried(idp, lambda trip, a=strong, b=name: idp.answered(request_id=trip.request_id).replace(a, b))  # type: ignore[misc]
    for c14n in ("http://www.w3.org/TR/1999/REC-xpath-19991116", "http://www.w3.org/TR/1999/REC-xslt-19991116"):
        exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
        words = tried(idp, lambda trip, a=exclusive, b=c14n: idp.answered(request_id=trip.request_id).replace(a, b))  # type: ignore[misc]
        assert words == "its signature is made in a way that is not taken"


# --- signature wrapping (Somorovsky et al., 2012) ---


def parts(xml: str) -> tuple[Any, Any, Any]:
    root = etree.fromstring(xml)
    assertion = root.find("saml:Assertion", NAMES)
    holder = root if root.find("ds:Signature", NAMES) is not None else assertion
    return root, assertion, holder.find("ds:Signature", NAMES)


def forged(element: Any, *, same_id: bool = False) -> Any:
    """A copy that is somebody else's, without a signature."""
    copy = etree.fromstring(etree.tostring(element).decode().replace(">ada", ">evil"))
    for signature in copy.iter(f"{{{NAMES['ds']}}}Signature"):
        signature.getparent().remove(signature)
    if not same_id:
        copy.set("ID", f"_{uuid4().hex}")
    return copy


def xsw(number: int, xml: str, *, same_id: bool) -> str:
    """The eight ways of SAML Raider's list; 1 and 2 wrap a signed response, the others a signed assertion."""
    root, assertion, signature = parts(xml)
    evil = forged(root if number < 3 else assertion, same_id=same_id)
    original = etree.fromstring(etree.tostring(root if number < 3 else assertion))
    for each in original.findall("ds:Signature", NAMES):
        original.remove(each)
    if number == 1:
        signature.append(original)
        evil.insert(1, signature)
        return str(etree.tostring(evil).decode())
    if number == 2:
        evil.insert(1, original)
        evil.insert(2, signature)
        return str(etree.tostring(evil).decode())
    if number == 3:
        assertion.addprevious(evil)
    elif number == 4:
        evil.append(assertion)
        root.append(evil)
    elif number == 5:
        root.replace(assertion, evil)
        evil.insert(1, signature)
        root.append(original)
    elif number == 6:
        root.replace(assertion, evil)
        evil.insert(1, signature)
        signature.append(original)
    elif number == 7:
        extensions = etree.SubElement(root, f"{{{NAMES['samlp']}}}Extensions")
        extensions.append(evil)
        assertion.addprevious(extensions)
    else:
        root.replace(assertion, evil)
        evil.insert(1, signature)
        etree.SubElement(signature, f"{{{NAMES['ds']}}}Object").append(original)
    return str(etree.tostring(root).decode())


@pytest.mark.parametrize("same_id", [False, True], ids=["new_id", "same_id"])
@pytest.mark.parametrize("number", range(1, 9))
def test_a_signature_wraps_nothing_else(house: People, idp: Idp, number: int, same_id: bool) -> None:
    signs = "response" if number < 3 else "assertion"
    assert tried(idp, lambda trip: xsw(number, idp.answered(request_id=trip.request_id, signs=signs), same_id=same_id))
    assert not house.rows(IDENTITIES, provider_id="evil")


def test_only_what_was_signed_is_read(house: People, idp: Idp) -> None:
    """Attributes of an assertion beside the one that was signed, and elements in an unsigned response, say nothing."""

    def more(trip: Trip) -> str:
        root, assertion, _ = parts(idp.answered("ada", request_id=trip.request_id))
        statement = etree.fromstring(etree.tostring(assertion.find("saml:AttributeStatement", NAMES)))
        root.append(statement)
        return str(etree.tostring(root).decode().replace("</samlp:Response>", f"<x>{EVIL}</x></samlp:Response>"))

    trip = Trip(house, idp)
    trip.begin()
    told = apps.claims_of(signed_in(trip.bring(more(trip)))["access_token"])
    assert told["email"] == "ada@acme.example.com"


JUNK = ["", "x", "ä", "-1", "2026-13-45", "9" * 400, "urn:x", "#", "PT1H"]
TAGS = ["x", f"{{{NAMES['saml']}}}Assertion", f"{{{NAMES['ds']}}}Signature"]


def changed_at_random(xml: str, chance: random.Random) -> bytes:
    """A response in which one to three things are other than they were."""
    root = etree.fromstring(xml)
    for _ in range(chance.randint(1, 3)):
        elements = list(root.iter("*"))
        element, what = chance.choice(elements), chance.randint(0, 5)
        if what == 0 and element.getparent() is not None:
            element.getparent().remove(element)
        elif what == 1 and element.attrib:
            del element.attrib[chance.choice(list(element.attrib))]
        elif what == 2 and element.attrib:
            element.set(chance.choice(list(element.attrib)), chance.choice(JUNK))
        elif what == 3:
            element.text = chance.choice(JUNK)
        elif what == 4:
            element.append(etree.fromstring(etree.tostring(chance.choice(elements))))
        elif what == 5:
            element.tag = chance.choice(TAGS)
    return bytes(etree.tostring(root))


def test_a_response_says_what_was_signed_or_nothing(idp: Idp) -> None:
    """Whatever is changed in it, and nothing but a refusal comes of what cannot be read."""
    chance, known = random.Random(7), metadata_of(idp.metadata().encode())
    expected = Expected(known, SP, ACS, None, idp.house.clock.now())
    taken, tries, good = 0, 400, ""
    for number in range(tries):
        if not number % 20:
            good = idp.answered("ada", signs=chance.choice(["assertion", "response", "both"]))
        try:
            told = asserted(parsed_whole(changed_at_random(good, chance)), expected)
        except Unreadable:
            continue
        taken += 1
        assert (told.name_id, told.attributes) == ("ada", {"mail": ["ada@acme.example.com"]})
    assert 0 < taken < tries


def test_comments_do_not_split_a_text(house: People, idp: Idp) -> None:
    """Canonical XML has no comments: one that is put into a signed NameID breaks no signature, and must cut nothing."""
    trip = Trip(house, idp)
    trip.begin()
    xml = idp.answered("admin.evil", request_id=trip.request_id).replace(">admin.evil<", ">admin<!-- x -->.evil<")
    xml = xml.replace(">admin.evil@acme.example.com<", ">admin<!---->.evil@acme.example.com<")
    told = house.ask("GET", "/user", token=signed_in(trip.bring(xml))["access_token"]).json()
    assert (told["identities"][0]["id"], told["email"]) == ("admin.evil", "admin.evil@acme.example.com")


# --- encrypted ---


def test_what_is_encrypted_is_signed_too(house: People, idp: Idp) -> None:
    """Who can encrypt to us is everybody: our certificate is told to all."""
    signed_in(brought(Browser(house), idp.wrapped(encrypted(idp.signed(idp.assertion("e1")), house))))
    for data in (GCM, CBC):
        whole = idp.signed(idp.wrapped(encrypted(idp.assertion("e2"), house, data)))
        signed_in(brought(Browser(house), whole))
    for signer in ("", "stranger"):
        assertion = idp.assertion("evil")
        sealed = encrypted(idp.signed(assertion, signer) if signer else assertion, house)
        assert refused_with(house, brought(Browser(house), idp.wrapped(sealed)))
    beside = idp.wrapped(idp.assertion("evil") + encrypted(idp.signed(idp.assertion("x")), house))
    assert "one assertion" in refused_with(house, brought(Browser(house), beside))
    within = idp.signed(idp.assertion("x")).replace("<saml:Conditions", f"{idp.assertion('evil')}<saml:Conditions", 1)
    assert refused_with(house, brought(Browser(house), idp.wrapped(encrypted(within, house))))


def test_ciphertexts_tell_nothing(house: People, idp: Idp) -> None:
    """Whatever is wrong with one, the words are the same; without integrity of its own it is not even looked at."""
    good = idp.signed(idp.assertion("x"))
    tries = [
        encrypted(good, house, broken="text"), encrypted(good, house, broken="key"), encrypted("<x/>", house),
        encrypted("no xml", house), encrypted(good, house, CBC), encrypted(good, house, CBC, broken="text"),
        encrypted(good, house).replace("rsa-oaep-mgf1p", "rsa-1_5"),
        encrypted(f"<!DOCTYPE x>{good}", house), re.sub("<ds:KeyInfo.*</ds:KeyInfo>", "", encrypted(good, house)),
    ]  # fmt: skip
    words = {refused_with(house, brought(Browser(house), idp.wrapped(each))) for each in tries}
    assert words == {"it cannot be decrypted"}


# --- for whom, for what, and when ---

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "audience": ({"audience": "https://other.example.com/saml"}, "another audience"),
    "recipient": ({"recipient": f"{ACS}/"}, "another recipient"),
    "destination": ({"response_destination": "https://other.example.com/acs"}, "another destination"),
    "issuer": ({"issuer": "https://other.example.com"}, "another issuer"),
    "issuer of the response": ({"response_issuer": "https://other.example.com"}, "another issuer"),
    "too late": ({"until": -91}, "too old"),
    "too early": ({"since": 91}, "not valid now"),
    "made long ago": ({"issued": -1000}, "made just now"),
    "made in times to come": ({"issued": 91}, "made just now"),
    "session over": ({"session_until": -1}, "session"),
    "another request": ({"request_id": "_other"}, "another request"),
    "no request": ({"request_id": None}, "another request"),
    "response to another request": ({"response_request_id": "_other"}, "another request"),
    "holder of key": ({"confirmed": "holder-of-key"}, "another recipient"),
    "nobody signed in": ({"statement": False}, "signed in"),
    "refused there": ({"response_status": "Requester"}, "let nobody in"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_not_taken(idp: Idp, name: str) -> None:
    said, words = WRONG[name]
    assert words in tried(idp, lambda trip: idp.answered(**{"request_id": trip.request_id, **said}))


def test_a_signed_response_says_where_it_goes(idp: Idp) -> None:
    words = tried(
        idp, lambda trip: idp.answered(request_id=trip.request_id, signs="response", response_destination=None)
    )
    assert "destination" in words


def test_clocks_may_differ_a_little(house: People, idp: Idp) -> None:
    signed_in(Trip(house, idp).back("skew", until=-80, issued=80))
    signed_in(Trip(house, idp).back("skew", since=80))


def test_one_provider_does_not_answer_for_another(house: People, idp: Idp) -> None:
    """The same NameID at two providers is two people; a response of the one to a request at the other is nobody's."""
    other = Idp("mallory", house).added()
    trip = Trip(house, idp)
    trip.begin()
    assert refused_with(house, trip.bring(other.answered("ada", request_id=trip.request_id)))
    ours, theirs = (signed_in(Trip(house, each).back("twin"))["access_token"] for each in (idp, other))
    assert apps.claims_of(ours)["sub"] != apps.claims_of(theirs)["sub"]
    posing = idp.assertion("ada")  # of the one, by its name, signed by the other
    assert "no certificate" in refused_with(house, brought(Browser(house), idp.wrapped(idp.signed(posing, "mallory"))))


# --- once, and in the browser that was sent ---


def test_a_response_is_taken_once(house: People, idp: Idp) -> None:
    trip = Trip(house, idp)
    trip.begin()
    xml, state = idp.answered("replay", request_id=trip.request_id), trip.state
    signed_in(trip.bring(xml))
    assert error_of(trip.bring(xml))[0] == "saml_relay_state_not_found"
    assert "another request" in refused_with(house, trip.bring(xml, ""))
    other = Trip(house, idp)
    other.begin()
    assert "another request" in refused_with(house, other.bring(xml))
    walk_in = idp.answered("replay")
    signed_in(brought(Browser(house), walk_in))
    assert "taken before" in refused_with(house, brought(Browser(house), walk_in))
    wrapped_anew = idp.wrapped(re.findall(r"<saml:Assertion.*</saml:Assertion>", walk_in, re.DOTALL)[0])
    assert "taken before" in refused_with(house, brought(Browser(house), wrapped_anew))
    assert not house.rows(SAML_RELAY_STATES, id=state)


@pytest.mark.parametrize("asked", ["sent", "by itself", "with a code"])
def test_of_64_at_once_one_is_let_in(house: People, idp: Idp, asked: str) -> None:
    trip, name = Trip(house, idp), f"many-{asked.replace(' ', '-')}"
    if asked != "by itself":
        pkce = {"code_challenge": apps.CHALLENGE, "code_challenge_method": "s256"} if asked == "with a code" else {}
        trip.begin(**pkce)
    xml = idp.answered(name, request_id=trip.request_id or None)
    cookies = "; ".join(f"{key}={value}" for key, value in trip.browser.cookies.items())
    headers = {**FORM, **({"cookie": cookies} if cookies else {})}
    form = form_of(xml, trip.state)
    answers = house.together(*(house.asking("POST", "/saml/acs", form, headers=headers) for _ in range(64)))
    inside = [each for each in answers if "error_code" not in query(each)]
    assert len(inside) == 1, [each.headers["location"] for each in answers][:3]
    (identity,) = house.rows(IDENTITIES, provider_id=name)
    sessions = house.rows(SESSIONS, user_id=identity["user_id"])
    assert len(sessions) == (0 if asked == "with a code" else 1)
    assert len(house.rows(USERS, id=identity["user_id"])) == 1


def test_a_way_is_bound_to_the_browser_that_was_sent(house: People, idp: Idp) -> None:
    """D17: what somebody began, and signed in to, is of no use in another's browser."""
    trip = Trip(house, idp)
    trip.begin()
    xml = idp.answered("mallory", request_id=trip.request_id)
    victim = Trip(house, idp)
    victim.begin()
    assert error_of(brought(Browser(house), xml, trip.state))[0] == "saml_relay_state_not_found"
    assert error_of(brought(victim.browser, xml, trip.state))[0] == "saml_relay_state_not_found"
    signed_in(trip.bring(xml))
    answer = victim.back("victim")
    assert signed_in(answer)
    assert any("Max-Age=0" in line for line in victim.browser.set_cookies)


def test_a_way_lasts_ten_minutes(house: People, idp: Idp) -> None:
    trip = Trip(house, idp)
    trip.begin()
    house.clock.advance(601)
    assert error_of(trip.back("late"))[0] == "saml_relay_state_expired"
    asked = house.ask("POST", "/sso", {"provider_id": idp.id, "skip_http_redirect": True}).json()["url"]
    house.clock.advance(601)
    assert Browser(house).go(asked).json()["error_code"] == "flow_state_not_found"


def test_a_provider_that_is_off_lets_nobody_in(house: People) -> None:
    idp = Idp("off", house).added()
    trip = Trip(house, idp)
    trip.begin()
    house.ask("PUT", f"/admin/sso/providers/{idp.id}", {"disabled": True}, token=house.service)
    assert error_of(trip.back("x"))[0] == "sso_provider_not_found"
    assert error_of(brought(Browser(house), idp.answered("x")))[0] == "sso_provider_not_found"


@pytest.mark.parametrize("address", HOSTILE)
def test_d14_nobody_is_sent_elsewhere(house: People, idp: Idp, address: str) -> None:
    """By what is asked for, and by a RelayState of a provider's own; with tokens, and with what went wrong."""
    good = Trip(house, idp)
    good.begin(redirect_to=address)
    for answer in (
        good.back("d14"),
        brought(Browser(house), idp.answered("d14"), address),
        brought(Browser(house), idp.answered("d14", signs=""), address),
    ):
        assert re.match(rf"{re.escape(SITE)}[?#]", answer.headers["location"])
        assert answer.headers["referrer-policy"] == "no-referrer"


# --- documents ---

LAUGHS = "".join('<!ENTITY l%d "%s">' % (step, f"&l{step - 1};" * 10) for step in range(1, 10))  # noqa: UP031
DOCUMENTS = {
    "external entity": '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "external document type": '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><x/>',
    "parameter entity": '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x">%p;]><x/>',
    "billion laughs": f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><x>&l9;</x>',
    "laughs in an attribute": f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><x y="&l9;"/>',
    "other encoding": '<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE x+AD4-<x/>',
    "instructions": "<?xml-stylesheet href='x'?><x/>",
    "deep": "<x>" * 200 + "</x>" * 200,
    "wide": f"<x>{'<y/>' * 6000}</x>",
    "many attributes": "<x " + " ".join(f'a{step}=""' for step in range(200)) + "/>",
    "long": f"<x>{'y' * 300_000}</x>",
    "nothing": "",
    "no response": f'<saml:Assertion xmlns:saml="{NAMES["saml"]}"/>',
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_that_are_not_read(house: People, idp: Idp, name: str) -> None:
    assert refused_with(house, brought(Browser(house), DOCUMENTS[name]))
    body = {"type": "saml", "metadata_xml": DOCUMENTS[name] or " "}
    answer = house.ask("POST", "/admin/sso/providers", body, token=house.service)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed")


def test_a_document_type_before_a_good_response(house: People, idp: Idp) -> None:
    xml = f'<!DOCTYPE x [<!ENTITY e "x">]>{idp.answered("dtd")}'
    assert refused_with(house, brought(Browser(house), xml)) == "it has a document type, or instructions"
    utf16 = idp.answered("dtd").encode("utf-16").decode("latin-1")
    assert refused_with(house, brought(Browser(house), utf16))
