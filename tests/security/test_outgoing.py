"""Nothing that a caller writes into a URL makes the server call a machine inside (SSRF): a real server listens on
loopback, and must never see a connection, however it is spelled and whatever the resolver says."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.receiver import Answered, Got, Receiver, listening, receiving
from undercroft.base.clock import SystemClock
from undercroft.outgoing import Client, Http, OutgoingFault, OutgoingSettings, Refused, Resolver, read_inside
from undercroft.outgoing.backends.resolver import THREADS

pytestmark = pytest.mark.anyio


class Names:
    """A resolver of a test: what it answers, one answer after the other, and how often it was asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def calling(port: int, resolve: Resolver | None = None, **settings: Any) -> AsyncIterator[Http]:
    """`ctx.http` where the port of the test's server is as good as 80."""
    given: dict[str, Any] = {} if resolve is None else {"resolve": resolve}
    options = OutgoingSettings(ports=frozenset({80, 443, port}), attempts=1, connect_timeout=2, **settings)
    client = Client(options, SystemClock(), structlog.get_logger(), **given)
    try:
        yield Http(client)
    finally:
        await client.stop()


SPELLINGS = [
    # loopback
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7F.0.0.1",
    "0x7f.1", "017700000001", "0177.0.0.1", "0177.0.0.01", "127.0.0.1.", "0", "0.0.0.0", "0.0.0.0.",
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[64:ff9b:1::127.0.0.1]", "[2002:7f00:1::]", "[2002:7f00:0001::1]", "[2001:0:7f00:1::]", "[fe80::1]",
    "[fe80::1%25lo]", "[::1%25lo]", "[2606:4700::5efe:127.0.0.1]", "[fc00::1]", "[ff02::1]",
    "localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "sub.localhost", "ip6-localhost", "ip6-loopback",
    "127\u30020\u30020\u30021", "\uff11\uff12\uff17.0.0.1", "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460", "%31%32%37.0.0.1",
    "127%2e0%2e0%2e1", "[::1", "::1",
    # names and passwords in front, which readers of URLs disagree about
    "example.com@127.0.0.1", "127.0.0.1:80@127.0.0.1", "a:b@127.0.0.1", "example.com\\@127.0.0.1", "@127.0.0.1",
    # the metadata of clouds
    "169.254.169.254", "169.254.170.2", "2852039166", "0xa9fea9fe", "[::ffff:169.254.169.254]", "[fd00:ec2::254]",
    "[fd20:ce::254]", "metadata.google.internal", "metadata", "100.100.100.200", "192.0.0.192", "168.63.129.16",
    # networks inside
    "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255",
]  # fmt: skip


async def test_spellings_of_addresses_inside() -> None:
    assert len(SPELLINGS) >= 60
    async with receiving() as receiver, calling(receiver.port) as http:
        for scheme in ("http", "https"):
            for host in SPELLINGS:
                for authority in (f"{host}:{receiver.port}", host):
                    with pytest.raises(Refused) as caught:
                        await http.get(f"{scheme}://{authority}/")
                    assert caught.value.code == "UC470", authority
        assert receiver.connections == 0


async def test_the_same_server_is_called_where_it_is_allowed() -> None:
    """The test above would be worth nothing if the server could not be reached at all."""
    async with receiving() as receiver, calling(receiver.port, allow=read_inside(["127.0.0.0/8", "::1"])) as http:
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
            assert (await http.get(f"http://{host}:{receiver.port}/")).ok
        with pytest.raises(Refused):
            await http.get(f"http://10.0.0.1:{receiver.port}/")


@pytest.mark.parametrize(
    "answer",
    [["127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["127.0.0.1", "93.184.216.34"],
     ["169.254.169.254"], ["64:ff9b::7f00:1"], ["fe80::1%1"], ["0.0.0.0"], []],
)  # fmt: skip
async def test_a_public_name_with_an_address_inside(answer: list[str]) -> None:
    async with receiving() as receiver, calling(receiver.port, Names(answer)) as http:
        with pytest.raises(Refused):
            await http.get(f"http://rebind.example.com:{receiver.port}/")
        assert receiver.connections == 0


async def test_a_name_that_changes_its_address_in_between() -> None:
    """DNS rebinding: who is asked twice may answer otherwise. It is asked once for each connection."""
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    async with receiving() as receiver:
        allowed = read_inside([f"127.0.0.1:{receiver.port}"])
        async with calling(receiver.port, names, allow=allowed) as http:
            assert (await http.get(f"http://rebind.example.com:{receiver.port}/")).ok
            assert names.asked == ["rebind.example.com"]
            # The same connection goes on to the address that was judged; a new one is judged anew.
            assert (await http.get(f"http://rebind.example.com:{receiver.port}/")).ok
            assert names.asked == ["rebind.example.com"]
            with pytest.raises(Refused):
                await http.get("http://rebind.example.com/")
        assert receiver.connections == 1
        assert receiver.got[0].headers["host"] == f"rebind.example.com:{receiver.port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    ["http://169.254.169.254/latest/meta-data/", "http://127.1:{port}/", "//localhost:{port}/", "http://[::1]:{port}/",
     "file:///etc/passwd", "gopher://127.0.0.1:{port}/_x", "http://public.example.com:{port}/", "http://a:b@1.1.1.1/"],
)  # fmt: skip
async def test_a_redirect_to_a_machine_inside(status: int, location: str) -> None:
    async with receiving() as inside, receiving() as receiver:
        receiver.handler = lambda got: (status, {"location": location.format(port=inside.port)}, b"")
        allowed = read_inside([f"front.example.com:{receiver.port}"])
        async with calling(inside.port, Names(["127.0.0.1"]), allow=allowed) as http:
            for method in ("GET", "POST"):
                with pytest.raises(Refused):
                    await http.request(method, f"http://front.example.com:{receiver.port}/")
        assert len(receiver.got) == 2
        assert inside.connections == 0


@pytest.mark.parametrize("port", [22, 25, 3306, 5432, 6379, 11211])
async def test_ports_of_other_services(port: int) -> None:
    async with calling(80, Names(["93.184.216.34"])) as http:
        with pytest.raises(Refused):
            await http.get(f"http://example.com:{port}/")


async def test_what_is_told_of_a_refusal_is_the_same_for_every_machine_inside() -> None:
    async with receiving() as receiver, calling(receiver.port, Names(["10.0.0.1"])) as http:
        told = set()
        for url in (
            f"http://127.0.0.1:{receiver.port}/",
            "http://127.0.0.1:81/",
            "http://a.example.com/",
            "http://db/",
        ):
            with pytest.raises(Refused) as caught:
                await http.get(url)
            told.add((caught.value.message, caught.value.details, caught.value.hint))
    assert len(told) == 1


# --- TLS asks for the certificate of the name, not of the address ---


def certificate(folder: Path, name: str) -> Path:
    """A certificate that signed itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


async def test_tls_is_for_the_name(tmp_path: Path) -> None:
    file = certificate(tmp_path, "good.example.com")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    asked: list[str | None] = []
    context.sni_callback = lambda sock, name, given: asked.append(name)
    receiver = Receiver()
    async with listening(receiver.serve, context) as port:
        allowed = read_inside([f"127.0.0.1:{port}"])
        async with calling(port, Names(["127.0.0.1"]), allow=allowed, ca_path=file) as http:
            assert (await http.get(f"https://good.example.com:{port}/")).ok
            with pytest.raises(OutgoingFault) as caught:
                await http.get(f"https://other.example.com:{port}/")
            assert (caught.value.code, caught.value.details) == ("UC502", "TLS")
        async with calling(port, Names(["127.0.0.1"]), allow=allowed) as http:
            with pytest.raises(OutgoingFault):  # nobody vouches for it
                await http.get(f"https://good.example.com:{port}/")
    assert asked[:2] == ["good.example.com", "other.example.com"]
    assert len(receiver.got) == 1


# --- one machine takes nothing from another ---


async def test_a_machine_that_hangs_does_not_take_all_connections() -> None:
    hanging, busy, asked = asyncio.Event(), asyncio.Event(), []

    async def hang(got: Got) -> Answered:
        asked.append(got)
        if len(asked) == 2:
            busy.set()
        await hanging.wait()
        return 200, {}, b""

    names, inside = Names(["127.0.0.1"]), read_inside(["slow.example.com:*", "good.example.org:*"])
    async with receiving(hang) as slow, receiving() as good:
        settings: dict[str, Any] = {"allow": inside, "connections": 4, "breaker_failures": 1, "read_timeout": 30}
        async with calling(slow.port, names, **settings) as http:
            there, here = f"http://slow.example.com:{slow.port}", f"http://good.example.org:{good.port}"
            waiting = [asyncio.create_task(http.get(there)) for _ in range(4)]
            await asyncio.wait_for(busy.wait(), 5)
            for _ in range(4):
                assert (await http.get(here)).ok
            assert len(asked) == 2
            over, _ = await asyncio.wait(waiting, timeout=10, return_when=asyncio.FIRST_COMPLETED)
            assert {getattr(task.exception(), "code", None) for task in over} == {"UC504"}
            hanging.set()
            await asyncio.gather(*waiting, return_exceptions=True)
            assert (await http.get(there)).ok, "whoever found no place says nothing of the machine"


@pytest.mark.parametrize(("domain", "held_up"), [("s{}.slow.example.com", False), ("www.slow{}.example", True)])
async def test_names_that_are_never_resolved(domain: str, held_up: bool) -> None:
    """Those of one domain take a part of the places only. Where those of many took all, others wait, and no breaker
    opens for that."""
    released = asyncio.Event()

    async def resolve(host: str, port: int) -> list[str]:
        if "slow" in host:
            await released.wait()
        return ["127.0.0.1"]

    async with receiving() as good:
        settings: dict[str, Any] = {"allow": read_inside(["good.example.org:*"]), "breaker_failures": 1}
        async with calling(good.port, resolve, **settings) as http:
            here = f"http://good.example.org:{good.port}/"
            urls = [f"http://{domain.format(number)}/" for number in range(THREADS)]
            slow = [asyncio.create_task(http.get(url, attempts=1)) for url in urls]
            await asyncio.sleep(0.1)
            if held_up:
                for timeout in (0.2, 10):
                    with pytest.raises(OutgoingFault) as caught:
                        await http.get(here, timeout=timeout)
                    assert caught.value.code == "UC504"
            else:
                assert (await http.get(here, timeout=1)).ok
            released.set()
            await asyncio.gather(*slow, return_exceptions=True)
            assert (await http.get(here)).ok
