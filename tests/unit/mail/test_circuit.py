"""A server that failed rests, is tried by one first, and is used again when it is well."""

from __future__ import annotations

from undercroft.mail.parts.circuit import MOST, Circuit


def test_a_failed_server_rests_and_the_others_do_not() -> None:
    circuit = Circuit(2, rest=10)
    assert circuit.takes(0, 0)
    assert circuit.failed(0, 0) == 10
    assert [circuit.takes(index, 5) for index in (0, 1)] == [False, True]
    assert circuit.wait(5) == 0


def test_after_its_rest_one_tries_it_for_all() -> None:
    circuit = Circuit(1, rest=10)
    circuit.failed(0, 0)
    assert circuit.wait(4) == 6
    assert circuit.takes(0, 10)
    assert not circuit.takes(0, 10)
    circuit.served(0)
    assert circuit.takes(0, 10)
    assert circuit.takes(0, 10)


def test_a_probe_that_never_came_back_does_not_close_it_for_good() -> None:
    circuit = Circuit(1, rest=10)
    circuit.failed(0, 0)
    assert circuit.takes(0, 10)
    assert circuit.takes(0, 20)


def test_the_rest_grows_to_a_bound() -> None:
    circuit = Circuit(1, rest=10)
    now, rests = 0.0, []
    for _ in range(40):
        assert circuit.takes(0, now)
        rests.append(circuit.failed(0, now))
        now += rests[-1]
    assert rests[:4] == [10, 20, 40, 80]
    assert max(rests) == MOST


def test_those_who_fail_together_count_once() -> None:
    circuit = Circuit(1, rest=10)
    assert [circuit.failed(0, 0) for _ in range(5)] == [10] * 5
    assert circuit.wait(0) == 10


def test_without_servers_there_is_nothing_to_wait_for() -> None:
    assert Circuit(0, rest=10).wait(3) == 0
