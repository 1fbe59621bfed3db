"""The select parameter: what it names, and where it goes wrong."""

from __future__ import annotations

import pytest

from tests.unit.rest.reading import ask, refused
from undercroft.query.ask import Ask, EmbedAsk, Field, JsonStep, SelectField, SelectStar
from undercroft.rest.parts.limits import Limits

STAR = SelectStar()


def column(name: str, *steps: JsonStep, **more: object) -> SelectField:
    return SelectField(Field(name, steps), **more)  # type: ignore[arg-type]  # the fields of SelectField by name


def embed(relation: str, *items: SelectField | SelectStar | EmbedAsk, **more: object) -> EmbedAsk:
    return EmbedAsk(relation, Ask(items), **more)  # type: ignore[arg-type]  # the fields of EmbedAsk by name


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("*", [STAR]),
        ("", []),
        ("id,title", [column("id"), column("title")]),
        ("id,%20title%20,%20*", [column("id"), column("title"), STAR]),
        ("t:title", [column("title", alias="t")]),
        ("id::text", [column("id", cast="text")]),
        ("at::timestamp with time zone", [column("at", cast="timestamp with time zone")]),
        ("t:id::text", [column("id", alias="t", cast="text")]),
        ("Just A Model", [column("Just A Model")]),
        ("field-with_sep", [column("field-with_sep")]),
        ("名前", [column("名前")]),
        ('"a.b,c(d)"', [column("a.b,c(d)")]),
        (r'"say \"hi\" \\ there"', [column('say "hi" \\ there')]),
        ('"al:ias":"a:b"', [column("a:b", alias="al:ias")]),
        ("data->a->>b", [column("data", JsonStep("a", False), JsonStep("b", True))]),
        ("data->0->>-1", [column("data", JsonStep(0, False), JsonStep(-1, True))]),
        ("data->0xy1->23-xy-45", [column("data", JsonStep("0xy1", False), JsonStep("23-xy-45", False))]),
        ("d:data->>0::int", [column("data", JsonStep(0, True), alias="d", cast="int")]),
        ('data->"a.b"', [column("data", JsonStep("a.b", False))]),
        ("data->!@#$^*_d", [column("data", JsonStep("!@#$^*_d", False))]),
        ("price.sum()", [column("price", aggregate="sum")]),
        ("s:price.avg()::int", [column("price", alias="s", aggregate="avg", aggregate_cast="int")]),
        (
            "data->>k::int.max()::text",
            [column("data", JsonStep("k", True), cast="int", aggregate="max", aggregate_cast="text")],
        ),
        ("count()", [SelectField(None, aggregate="count")]),
        ("c:count()::text", [SelectField(None, "c", None, "count", "text")]),
        ("count", [column("count")]),
        ("author(name)", [embed("author", column("name"))]),
        ("author(*),id", [embed("author", STAR), column("id")]),
        ("author()", [embed("author")]),
        ("author( )", [embed("author")]),
        ("a:author(b:name)", [embed("author", column("name", alias="b"), alias="a")]),
        ("author!fk(name)", [embed("author", column("name"), hint="fk")]),
        ("author!inner(name)", [embed("author", column("name"), join="inner")]),
        ("author!left!fk()", [embed("author", hint="fk", join="left")]),
        ("author!fk!inner()", [embed("author", hint="fk", join="inner")]),
        ("...author(name)", [embed("author", column("name"), spread=True)]),
        (
            "id, tasks(id, users(id)), x(y(),z)",
            [
                column("id"),
                embed("tasks", column("id"), embed("users", column("id"))),
                embed("x", embed("y"), column("z")),
            ],
        ),
        ('"odd rel"!"odd hint"(a)', [embed("odd rel", column("a"), hint="odd hint")]),
    ],
)
def test_a_select_is_read(text: str, items: list[object]) -> None:
    assert list(ask("select=" + text.replace("#", "%23").replace("+", "%2B")).select) == items


def test_without_select_all_columns_are_meant() -> None:
    assert ask("").select == (STAR,)


@pytest.mark.parametrize(
    ("text", "column", "found"),
    [
        (",", 1, '","'),
        ("id,", 4, "end of input"),
        ("id,,name", 4, '","'),
        ("author(name", 12, "end of input"),
        ("author(name))", 13, '")"'),
        ("(id)", 1, '"("'),
        ("a:", 3, "end of input"),
        ("id::", 5, "end of input"),
        ("id.total()", 3, '"."'),
        ("id.sum(", 3, '"."'),
        ("author!inner!left!fk(id)", 18, '"!"'),
        ("author!inner", 13, "end of input"),
        ("...author", 10, "end of input"),
        ("data->", 7, "end of input"),
        ("data->a:b", 8, '":"'),
        ('"open', 6, "end of input"),
        ("id;drop", 3, '";"'),
        ("%27", 1, '"\'"'),
        ("%F0%9F%98%80", 1, '"\\128512"'),
        ("id%22", 3, '"\\""'),
    ],
)
def test_a_malformed_select_is_told_with_its_place(text: str, column: int, found: str) -> None:
    told = refused("select=" + text.replace(";", "%3B"))
    assert told.code == "PGRST100"
    assert told.message.startswith('"failed to parse select parameter (')
    assert told.message.endswith(f')" (line 1, column {column})'), told.message
    assert str(told.details).startswith(f"unexpected {found}"), told.details


def test_the_place_counts_lines() -> None:
    assert refused('select=id,"a%0Ab";').message.endswith("(line 2, column 3)")


def test_depth_and_number_are_bounded() -> None:
    limits = Limits(select_depth=3, select_items=5)
    assert refused("select=a(b(c(d(e))))", limits=limits).message == "Relations may be embedded at most 3 deep"
    assert "at most 5 columns" in refused("select=a,b,c,d,e,f", limits=limits).message
    assert "at most 2 relations" in refused("select=a(),b(),c()", limits=Limits(embeds=2)).message
    assert ask("select=a" + "->b" * 64).select
    assert refused("select=a" + "->b" * 65).message == "A JSON path may have at most 64 arrows"
