"""Encrypted columns: sealed in the database, plain in Python, out of reach for the data API; and another key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql.operators import eq, ilike_op, lt

from tests.api.auth.people import People, people
from undercroft import App, Context, Encrypted, blind
from undercroft.app.rotating import rotated
from undercroft.auth import add_sealing_key
from undercroft.base.faults import SetupFault
from undercroft.base.sealing import SealedFault, SealingRing
from undercroft.base.secret import Secret
from undercroft.models.base import NAMES


def made_app() -> App:
    class Base(DeclarativeBase):
        metadata = sa.MetaData(naming_convention=NAMES)

    class Member(Base):
        __tablename__ = "members"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        note: Mapped[str | None] = mapped_column(Encrypted(str))
        tax_id: Mapped[str | None] = mapped_column(Encrypted(str, index=True))
        born: Mapped[date | None] = mapped_column(Encrypted(date))
        more: Mapped[dict[str, Any] | None] = mapped_column(Encrypted(dict))
        __table_args__ = (sa.Index("members_tax_id_idx", blind(tax_id)),)

    app = App(Base, title="Members")

    @app.policy(Member, "select", "insert", "update")
    def everybody(member: Any) -> bool:
        return True

    @app.before_insert(Member)
    async def noted(ctx: Context, member: Any) -> None:
        member.note = f"by a hook: {member.name}"

    @app.function()
    async def add(ctx: Context, name: str, tax_id: str) -> int:
        member = Member(name=name, note="plain words", tax_id=tax_id, born=date(1990, 5, 1), more={"a": [1, None, "ä"]})
        ctx.session.add(member)
        await ctx.session.flush()
        return member.id

    @app.function()
    async def find(ctx: Context, tax_id: str) -> list[dict[str, Any]]:
        found = await ctx.session.scalars(sa.select(Member).where(Member.tax_id == tax_id))
        return [{"name": each.name, "note": each.note, "born": str(each.born), "more": each.more} for each in found]

    @app.function()
    async def change(ctx: Context, tax_id: str, to: str) -> int:
        changed = sa.update(Member).where(Member.tax_id == tax_id).values(tax_id=to).returning(Member.id)
        return len((await ctx.session.scalars(changed)).all())

    @app.function()
    async def compare(ctx: Context) -> list[str]:
        told = []
        for column, operator, value in (("note", eq, "x"), ("tax_id", ilike_op, "x%"), ("tax_id", lt, "x")):
            try:
                operator(getattr(Member, column), value)
            except sa.exc.InvalidRequestError as error:
                told.append(str(error))
        none = await ctx.session.scalar(sa.select(sa.func.count()).where(Member.note.is_(None)))
        two = await ctx.session.scalar(sa.select(sa.func.count()).where(Member.tax_id.in_(["T-1", "T-none"])))
        return [*told, str(none), str(two)]

    return app


@pytest.fixture(scope="module")
def house(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with people(tmp_path_factory.mktemp("members"), server, made_app()) as made:
        yield made


def call(house: People, function: str, /, **arguments: Any) -> Any:
    answer = house.ask("POST", f"/functions/v1/{function}?{urlencode(arguments)}", token=house.service)
    assert answer.status_code == 200, answer.text
    return answer.json()


def stored(house: People) -> list[tuple[Any, ...]]:
    statement = "SELECT id, note, tax_id, born, more FROM members ORDER BY id"
    found: list[tuple[Any, ...]] = house.run(house.house.engine.write(lambda cursor: cursor.all(statement, ())))
    return found


def test_a_value_is_sealed_below_and_plain_above(house: People) -> None:
    call(house, "add", name="Ada", tax_id="T-1")
    assert call(house, "find", tax_id="T-1") == [
        {"name": "Ada", "note": "plain words", "born": "1990-05-01", "more": {"a": [1, None, "ä"]}}
    ]
    assert call(house, "find", tax_id="T-2") == []
    words = str(stored(house))
    assert not [word for word in ("plain", "T-1", "1990", "ä") if word in words]


def test_equal_values_are_sealed_unlike_and_indexed_alike(house: People) -> None:
    call(house, "add", name="One", tax_id="T-7")
    call(house, "add", name="Two", tax_id="T-7")
    one, two = stored(house)[-2:]
    assert one[2][:32] == two[2][:32]
    assert one[2][32:] != two[2][32:]
    assert one[1] != two[1]
    assert [each["name"] for each in call(house, "find", tax_id="T-7")] == ["One", "Two"]
    assert call(house, "change", tax_id="T-7", to="T-8") == 2
    assert len(call(house, "find", tax_id="T-8")) == 2


def test_nothing_else_compares(house: People) -> None:
    call(house, "add", name="Ada", tax_id="T-1")
    told = call(house, "compare")
    assert "members.note is encrypted without an index" in told[0]
    assert ["cannot compare" in each for each in told[1:3]] == [True, True]
    assert told[3] == "0"
    assert int(told[4]) >= 1


@pytest.mark.parametrize(
    "query",
    ["note=eq.x", "select=note", "order=tax_id", "tax_id=is.null", "or=(note.eq.x,id.eq.1)", "select=id,t:tax_id"],
)  # fmt: skip
def test_the_data_api_refuses_it_by_name(house: People, query: str) -> None:
    answer = house.ask("GET", f"/rest/v1/members?{query}", token=house.service)
    assert answer.status_code >= 400
    told = answer.json()
    assert told["code"] == "0A000"
    assert "is encrypted: the data API neither shows, takes nor compares it" in told["message"]


def test_the_data_api_does_not_see_it(house: People) -> None:
    call(house, "add", name="Ada", tax_id="T-1")
    answer = house.ask("GET", "/rest/v1/members?limit=1", token=house.service)
    assert set(answer.json()[0]) == {"id", "name"}
    for method, path in (("POST", ""), ("PATCH", "?id=eq.1")):
        written = house.ask(method, f"/rest/v1/members{path}", {"name": "x", "note": "plain"}, token=house.service)
        assert written.json()["code"] == "0A000", written.text
    described = house.ask("GET", "/rest/v1/", token=house.service).text
    assert "tax_id" not in described


def test_a_hook_fills_it_in(house: People) -> None:
    answer = house.ask(
        "POST", "/rest/v1/members", {"name": "Hooked"}, token=house.service, headers={"prefer": "return=representation"}
    )
    assert answer.status_code == 201, answer.text
    row = next(each for each in stored(house) if each[0] == answer.json()[0]["id"])
    assert row[1] is not None
    assert "hook" not in row[1]


def test_another_key(house: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("undercroft.engine.resealing.BATCH", 3)
    for number in range(8):
        call(house, "add", name=f"Many {number}", tax_id=f"K-{number}")
    person = house.signed_up()["access_token"]
    house.ask("POST", "/factors", {"factor_type": "totp"}, token=person)
    before = stored(house)
    add_sealing_key(house.house.settings.database.data)

    async def run() -> list[Any]:
        return [each async for each in rotated(house.house)]

    # What was sealed before is found and opened before it is sealed anew, and so is what is sealed meanwhile.
    assert call(house, "find", tax_id="K-3")[0]["note"] == "plain words"
    told = house.run(run())
    last = {each.column: each for each in told}
    filled = [row for row in before if row[2] is not None]
    assert (last["members.tax_id"].changed, last["members.tax_id"].shut) == (len(filled), 0)
    assert last["auth.mfa_factors.secret"].changed >= 1
    assert len([each for each in told if each.column == "members.tax_id"]) > 2
    assert all(one[2] != two[2] for one, two in zip(before, stored(house), strict=True) if one[2])
    assert call(house, "find", tax_id="K-3")[0]["more"] == {"a": [1, None, "ä"]}
    assert {each.changed for each in house.run(run())} == {0}


def test_a_value_opens_at_its_place_alone() -> None:
    ring = SealingRing([Secret("k" * 40)])
    sealed = ring.seal("words", "members", "note", "1")
    assert ring.open(sealed, "members", "note", "1") == "words"
    for place in (("members", "note", "2"), ("members", "tax_id", "1"), ("members", "not", "e1"), ("members", "note")):
        with pytest.raises(SealedFault):
            ring.open(sealed, *place)
    for at in range(len(sealed) - 1):  # bits of the last letter may say nothing
        other = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
        with pytest.raises(SealedFault):
            ring.open(other, "members", "note", "1")
    for text in ("", "words", "AAAA", "ä" * 60):
        with pytest.raises(SealedFault):
            ring.open(text, "members", "note", "1")
    with pytest.raises(SetupFault):
        SealingRing([Secret("short")])
    older = SealingRing([Secret("n" * 40), Secret("k" * 40)])
    assert older.open(sealed, "members", "note", "1") == "words"
    assert not older.is_current(sealed)


def test_a_kind_is_held() -> None:
    with pytest.raises(SetupFault):
        Encrypted(set)
    with pytest.raises(SetupFault, match="type of a table's column"):
        Encrypted(str).place  # noqa: B018
