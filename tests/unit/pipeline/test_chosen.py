"""What functions of the database choose for an answer, and errors that they raise with a status of their own."""

from __future__ import annotations

import pytest

from undercroft.base.faults import Fault
from undercroft.pipeline.chosen import NOTHING, RaisedFault, chosen_of, raised


def test_nothing_chosen() -> None:
    assert chosen_of(None, None) is NOTHING


def test_status_and_headers() -> None:
    found = chosen_of('[{"Cache-Control": "public"}, {"Cache-Control": "max-age=5"}]', "418")
    assert found.status == 418
    assert found.headers == (("Cache-Control", "public"), ("Cache-Control", "max-age=5"))


@pytest.mark.parametrize("text", ["{}", '{"a": "b"}', '[{"a": "b", "c": "d"}]', '[{"a": 1}]', "x", '["a"]'])
def test_headers_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(Fault) as caught:
        chosen_of(text, None)
    assert caught.value.code == "PGRST111"


@pytest.mark.parametrize("text", ["", "abc", "20", "-200", "2000", "２００", "101", "199", "600", "999"])
def test_a_status_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Fault) as caught:
        chosen_of(None, text)
    assert caught.value.code == "PGRST112"


def test_an_error_with_status_and_headers() -> None:
    told = '{"code": "123", "message": "Payment Required", "details": "Quota", "hint": "Upgrade"}'
    fault = raised(Fault(told, code="PGRST", details='{"status": 402, "headers": {"X-Powered-By": "Rage"}}'))
    assert isinstance(fault, RaisedFault)
    assert (fault.status, fault.headers) == (402, (("X-Powered-By", "Rage"),))
    assert (fault.code, fault.message, fault.details, fault.hint) == ("123", "Payment Required", "Quota", "Upgrade")


@pytest.mark.parametrize(
    ("message", "details"),
    [("x", "{}"), ('{"code": "1", "message": "m"}', None), ('{"code": "1"}', '{"status": 402, "headers": {}}')],
)
def test_an_error_that_cannot_be_read_says_so(message: str, details: str | None) -> None:
    assert raised(Fault(message, code="PGRST", details=details)).code == "PGRST121"


def test_other_errors_stay_as_they_are() -> None:
    fault = Fault("x", code="P0001")
    assert raised(fault) is fault
