"""An identity provider for tests: it signs what a test wants it to say, right or wrong."""

from __future__ import annotations

import base64
import os
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC as CBC_MODE
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree  # type: ignore[import-untyped]
from signxml.signer import XMLSigner

from tests.api.auth.people import PLACE, SITE, Answer, People
from tests.api.auth.places import Browser, fragment

SP = f"{PLACE}/saml/metadata"
ACS = f"{PLACE}/saml/acs"
FORM = {"content-type": "application/x-www-form-urlencoded"}
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
NAMES = {
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol", "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}  # fmt: skip
_PLACEHOLDER = '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="placeholder"/>'


@cache
def key_pair(name: str) -> tuple[Any, Any]:
    """A key and its certificate, one for each name."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    since = datetime(2026, 1, 1, tzinfo=UTC)
    builder = builder.serial_number(7).not_valid_before(since).not_valid_after(since + timedelta(days=3650))
    return key, builder.sign(key, SHA256())


def metadata(entity_id: str, certificate: str, services: str, more: str = "") -> str:
    """What a provider says of itself."""
    return (
        f'<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity_id}" {more}>'
        '<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
        '<KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>'
        f"<ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>"
        f"{services}</IDPSSODescriptor></EntityDescriptor>"
    )


def service(binding: str, location: str) -> str:
    """Where people are sent to."""
    return f'<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:{binding}" Location="{location}"/>'


@dataclass
class Idp:
    """One of them; `said` is what its next responses say other than usual."""

    name: str
    house: People
    bindings: tuple[str, ...] = ("HTTP-Redirect",)
    more: dict[str, Any] = field(default_factory=dict)
    id: str = ""

    @property
    def entity_id(self) -> str:
        return f"https://{self.name}.example.com/metadata"

    @property
    def location(self) -> str:
        return f"https://{self.name}.example.com/sso"

    @property
    def certificate(self) -> str:
        return base64.b64encode(key_pair(self.name)[1].public_bytes(Encoding.DER)).decode()

    def metadata(self, more: str = "") -> str:
        services = "".join(service(each, self.location) for each in self.bindings)
        return metadata(self.entity_id, self.certificate, services, more)

    def added(self, **more: Any) -> Idp:
        """Made known to the house."""
        body = {"type": "saml", "metadata_xml": self.metadata(), "domains": [f"{self.name}.example.com"], **more}
        answer = self.house.ask("POST", "/admin/sso/providers", body, token=self.house.service)
        assert answer.status_code == 200, answer.text
        self.id = answer.json()["id"]
        return self

    # --- what it answers ---

    def assertion(self, name_id: str = "ada", **said: Any) -> str:
        """An assertion, unsigned."""
        now = self.house.clock.now()
        given: dict[str, Any] = {
            "id": f"_{uuid4().hex}", "issuer": self.entity_id, "format": PERSISTENT, "audience": SP, "recipient": ACS,
            "request_id": None, "issued": 0, "since": -60, "until": 300, "session_until": None,
            "attributes": {"mail": [f"{name_id}@{self.name}.example.com"]}, "confirmed": "bearer", "statement": True,
        } | said  # fmt: skip

        def at(seconds: float) -> str:
            return (now + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

        answers = f' InResponseTo="{given["request_id"]}"' if given["request_id"] else ""
        ends = f' SessionNotOnOrAfter="{at(given["session_until"])}"' if given["session_until"] else ""
        values = "".join(
            f'<saml:Attribute Name="{name}">'
            + "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in held)
            + "</saml:Attribute>"
            for name, held in given["attributes"].items()
        )
        return (
            f'<saml:Assertion xmlns:saml="{NAMES["saml"]}" ID="{given["id"]}" Version="2.0" '
            f'IssueInstant="{at(given["issued"])}"><saml:Issuer>{given["issuer"]}</saml:Issuer>'
            f'<saml:Subject><saml:NameID Format="{given["format"]}">{name_id}</saml:NameID>'
            f'<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:{given["confirmed"]}">'
            f'<saml:SubjectConfirmationData Recipient="{given["recipient"]}" '
            f'NotOnOrAfter="{at(given["until"])}"{answers}/>'
            "</saml:SubjectConfirmation></saml:Subject>"
            f'<saml:Conditions NotBefore="{at(given["since"])}" NotOnOrAfter="{at(given["until"])}">'
            f"<saml:AudienceRestriction><saml:Audience>{given['audience']}</saml:Audience></saml:AudienceRestriction>"
            "</saml:Conditions>"
            + (f'<saml:AuthnStatement AuthnInstant="{at(0)}"{ends}/>' if given["statement"] else "")
            + f"<saml:AttributeStatement>{values}</saml:AttributeStatement></saml:Assertion>"
        )

    def wrapped(self, assertions: str, **said: Any) -> str:
        """A response around assertions, unsigned."""
        given: dict[str, Any] = {"destination": ACS, "request_id": None, "issuer": self.entity_id,
                                 "status": "Success"} | said  # fmt: skip
        answers = f' InResponseTo="{given["request_id"]}"' if given["request_id"] else ""
        goes = f' Destination="{given["destination"]}"' if given["destination"] else ""
        now = self.house.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        return (
            f'<samlp:Response xmlns:samlp="{NAMES["samlp"]}" xmlns:saml="{NAMES["saml"]}" ID="_{uuid4().hex}" '
            f'Version="2.0" IssueInstant="{now}"{goes}{answers}><saml:Issuer>{given["issuer"]}</saml:Issuer>'
            f'<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{given["status"]}"/>'
            f"</samlp:Status>{assertions}</samlp:Response>"
        )

    def signed(self, xml: str, by: str | None = None, **how: Any) -> str:
        """An assertion or a response with a signature right behind its issuer."""
        key, certificate = key_pair(by or self.name)
        placed = xml.replace("</saml:Issuer>", f"</saml:Issuer>{_PLACEHOLDER}", 1)
        root = etree.fromstring(placed)
        signer = XMLSigner(
            c14n_algorithm=how.get("c14n", "http://www.w3.org/2001/10/xml-exc-c14n#"),
            signature_algorithm=how.get("signature", "rsa-sha256"), digest_algorithm=how.get("digest", "sha256"),
        )  # fmt: skip
        pem = certificate.public_bytes(Encoding.PEM).decode()
        made = signer.sign(root, key=key, cert=pem, reference_uri=root.get("ID"))
        return etree.tostring(made).decode()  # type: ignore[no-any-return]

    def answered(
        self, name_id: str = "ada", *, request_id: str | None = None, signs: str = "assertion", **said: Any
    ) -> str:
        """A response as it should be, but for what `said` says."""
        of_response = {name[9:]: said.pop(name) for name in list(said) if name.startswith("response_")}
        assertion = self.assertion(name_id, **{"request_id": request_id, **said})
        if signs in ("assertion", "both"):
            assertion = self.signed(assertion)
        response = self.wrapped(assertion, **{"request_id": request_id, **of_response})
        return self.signed(response) if signs in ("response", "both") else response


@dataclass
class Trip:
    """Somebody's way to a provider and back, in one browser."""

    house: People
    idp: Idp
    browser: Browser = field(init=False)
    state: str = ""
    request_id: str = ""

    def __post_init__(self) -> None:
        self.browser = Browser(self.house)

    def begin(self, **asked: Any) -> Answer:
        """The app asks where to go; the browser goes there."""
        body = {"provider_id": self.idp.id, "skip_http_redirect": True, "redirect_to": f"{SITE}/welcome", **asked}
        answer = self.house.ask("POST", "/sso", body)
        assert answer.status_code == 200, answer.text
        left = self.browser.go(answer.json()["url"])
        if left.status_code == 302:
            said = parse_qs(urlsplit(left.headers["location"]).query)
            raw = zlib.decompress(base64.b64decode(said["SAMLRequest"][0]), -15)
            self.request_id, self.state = etree.fromstring(raw).get("ID"), said["RelayState"][0]
        return left

    def bring(self, xml: str, state: str | None = None) -> Answer:
        """The browser brings a response."""
        return brought(self.browser, xml, self.state if state is None else state)

    def back(self, name_id: str = "ada", **said: Any) -> Answer:
        """There and back."""
        if not self.request_id:
            self.begin()
        return self.bring(self.idp.answered(name_id, **{"request_id": self.request_id, **said}))


def form_of(xml: str, state: str) -> str:
    """What a browser posts."""
    return urlencode({"SAMLResponse": base64.b64encode(xml.encode()).decode(), "RelayState": state})


def brought(browser: Browser, xml: str, state: str = "") -> Answer:
    """A browser brings a response to the house."""
    return browser.go("/saml/acs", "POST", form_of(xml, state), **FORM)


def signed_in(answer: Answer) -> dict[str, str]:
    """The tokens that an app reads off its address."""
    told = fragment(answer)
    assert "access_token" in told, answer.headers.get("location", answer.text)
    return told


def error_of(answer: Answer) -> tuple[str, str]:
    """The code and the words of a refusal that an app is told."""
    assert answer.status_code == 302, answer.text
    told = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert "access_token" not in answer.headers["location"]
    assert "code" not in told
    return told["error_code"], told["error_description"]


XENC = "http://www.w3.org/2001/04/xmlenc#"
GCM, CBC = "http://www.w3.org/2009/xmlenc11#aes256-gcm", f"{XENC}aes256-cbc"


def encrypted(xml: str, house: People, data: str = GCM, *, broken: str = "") -> str:
    """An assertion, encrypted to the house; `broken` is how it is not: its text, its key."""
    root = etree.fromstring(house.ask("GET", "/saml/metadata").content)
    ours = x509.load_der_x509_certificate(base64.b64decode(root.findtext(".//{*}X509Certificate"))).public_key()
    secret, nonce = os.urandom(32), os.urandom(12 if data == GCM else 16)
    if data == GCM:
        sealed = nonce + AESGCM(secret).encrypt(nonce, xml.encode(), None)
    else:
        text = xml.encode()
        count = 16 - len(text) % 16
        closer = Cipher(AES(secret), CBC_MODE(nonce)).encryptor()
        sealed = nonce + closer.update(text + bytes(count - 1) + bytes([count])) + closer.finalize()
    if broken == "text":
        sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    public: Any = key_pair("stranger")[0].public_key() if broken == "key" else ours
    wrapped = public.encrypt(secret, OAEP(MGF1(SHA1()), SHA1(), None))  # as providers do
    ds = NAMES["ds"]
    return (
        f'<saml:EncryptedAssertion><xenc:EncryptedData xmlns:xenc="{XENC}"><xenc:EncryptionMethod Algorithm="{data}"/>'
        f'<ds:KeyInfo xmlns:ds="{ds}"><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="{XENC}rsa-oaep-mgf1p"/>'
        f"<xenc:CipherData><xenc:CipherValue>{base64.b64encode(wrapped).decode()}</xenc:CipherValue></xenc:CipherData>"
        "</xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>"
        f"{base64.b64encode(sealed).decode()}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>"
        "</saml:EncryptedAssertion>"
    )
