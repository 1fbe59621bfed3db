"""`auth.aal` in a policy: what somebody reaches only after a second factor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.api.auth.factoring import Person
from tests.api.auth.people import People, people
from undercroft import App, Uuid, auth
from undercroft.models.base import NAMES


def made_app() -> App:
    class Base(DeclarativeBase):
        metadata = sa.MetaData(naming_convention=NAMES)

    class Payslip(Base):
        __tablename__ = "payslips"
        id: Mapped[int] = mapped_column(primary_key=True)
        owner_id: Mapped[str] = mapped_column(Uuid, default=auth.uid)
        amount: Mapped[int]

    class Door(Base):
        __tablename__ = "doors"
        id: Mapped[int] = mapped_column(primary_key=True)
        level: Mapped[str | None] = mapped_column(default=auth.aal)

    app = App(Base, title="Pay")

    @app.policy(Payslip, "select", "insert", to="authenticated")
    def own_and_sure(payslip: Any) -> Any:
        return (payslip.owner_id == auth.uid) & (auth.aal == "aal2")

    @app.policy(Door, "select", "insert")
    def everybody(door: Any) -> bool:
        return True

    return app


@pytest.fixture(scope="module")
def house(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with people(tmp_path_factory.mktemp("pay"), server, made_app()) as made:
        yield made


def added(house: People, table: str, token: str | None, **row: Any) -> Any:
    headers = {"prefer": "return=representation"}
    return house.ask("POST", f"/rest/v1/{table}", row, token=token, headers=headers)


def test_a_row_is_reached_after_a_second_factor(house: People) -> None:
    person = Person(house)
    assert added(house, "payslips", person.token, amount=5).json()["code"] == "42501"
    person.secured()
    assert added(house, "payslips", person.token, amount=7).status_code == 201
    weak = person.again()
    assert weak.ask("GET", "/rest/v1/payslips").json() == []
    assert [each["amount"] for each in person.ask("GET", "/rest/v1/payslips").json()] == [7]
    assert Person(house).secured().ask("GET", "/rest/v1/payslips").json() == []
    person.ask("DELETE", f"/factors/{person.factor}")
    assert person.refreshed().ask("GET", "/rest/v1/payslips").json() == []


def test_the_level_of_nobody_is_null(house: People) -> None:
    person = Person(house)
    told = [added(house, "doors", token, id=number).json() for number, token in ((1, None), (2, person.token))]
    assert [each[0]["level"] for each in told] == [None, "aal1"]
