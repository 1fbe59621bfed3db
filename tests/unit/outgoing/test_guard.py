"""Machines and addresses, judged."""

from __future__ import annotations

import pytest

from undercroft.outgoing.errors import Refused
from undercroft.outgoing.parts.guard import Guard
from undercroft.outgoing.parts.urls import read_url
from undercroft.outgoing.settings import OutgoingSettings, read_inside


def guard(*allow: str, ports: tuple[int, ...] = (80, 443)) -> Guard:
    return Guard(OutgoingSettings(allow=read_inside(allow), ports=frozenset(ports)))


def judged(rule: Guard, url: str, *addresses: str) -> bool:
    target = read_url(url)
    try:
        rule.check_target(target)
        if target.address is None:
            rule.check_addresses(target.host, target.port, addresses)
    except Refused as refused:
        return bool(refused.details) or not refused.reason  # an address inside is named to the log, and to nobody else
    return True


@pytest.mark.parametrize(
    "url",
    ["http://localhost/", "http://LOCALHOST./", "http://a.localhost/", "http://db/", "http://x.internal/",
     "http://metadata.google.internal/", "http://printer.local/", "http://nas.home.arpa/", "http://x.lan/"],
)  # fmt: skip
def test_names_that_mean_a_machine_inside(url: str) -> None:
    assert not judged(guard(), url, "93.184.216.34")


def test_public_machines() -> None:
    assert judged(guard(), "https://example.com/", "93.184.216.34", "2606:4700::1")
    assert judged(guard(), "http://93.184.216.34/")


def test_one_bad_address_spoils_all() -> None:
    for bad in ("127.0.0.1", "::1", "169.254.169.254", "fe80::1%2", "nonsense"):
        assert not judged(guard(), "https://example.com/", "93.184.216.34", bad)
        assert not judged(guard(), "https://example.com/", bad, "93.184.216.34")
    assert not judged(guard(), "https://example.com/")


def test_ports() -> None:
    for port in (22, 25, 3306, 5432, 6379, 8080, 11211):
        assert not judged(guard(), f"http://example.com:{port}/", "93.184.216.34")
        assert not judged(guard(), f"http://93.184.216.34:{port}/")
    assert judged(guard(ports=(8080,)), "http://example.com:8080/", "93.184.216.34")
    assert not judged(guard(ports=(8080,)), "http://example.com/", "93.184.216.34")


def test_a_network_inside() -> None:
    rule = guard("10.1.0.0/16", "127.0.0.1:9000", "[::1]:*")
    assert judged(rule, "http://10.1.2.3/")
    assert judged(rule, "http://billing/", "10.1.2.3")
    assert judged(rule, "http://billing/", "::ffff:10.1.2.3")
    assert not judged(rule, "http://10.1.2.3:8080/")
    assert not judged(rule, "http://10.2.2.3/")
    assert not judged(rule, "http://billing/", "10.1.2.3", "10.2.2.3")
    assert judged(rule, "http://127.0.0.1:9000/")
    assert judged(rule, "http://localhost:9000/", "127.0.0.1")
    assert not judged(rule, "http://127.0.0.1/")
    assert judged(rule, "http://[::1]:1234/")
    assert not judged(rule, "http://example.com:9000/", "93.184.216.34")


def test_a_name_inside() -> None:
    rule = guard("billing.internal:8080", "db", "any.test:*")
    assert judged(rule, "http://billing.internal:8080/", "10.0.0.1")
    assert not judged(rule, "http://billing.internal/", "10.0.0.1")
    assert not judged(rule, "http://other.internal:8080/", "10.0.0.1")
    assert judged(rule, "http://db/", "10.0.0.1")
    assert not judged(rule, "http://db:8080/", "10.0.0.1")
    assert judged(rule, "http://any.test:1/", "127.0.0.1")
    assert not judged(rule, "http://10.0.0.1/")
