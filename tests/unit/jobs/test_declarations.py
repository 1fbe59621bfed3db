"""What an app file may say of jobs, and what it is told where it is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from undercroft.base.faults import Fault, SetupFault
from undercroft.jobs.declarations import JobDeclarations, read_rate
from undercroft.models.jobs import Rate, span
from undercroft.pipeline.context import Context


class Jobs(JobDeclarations):
    pass


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10/s", Rate(10, 1)),
        ("100/m", Rate(100, 60)),
        ("5/10s", Rate(5, 10)),
        ("1/2h", Rate(1, 7200)),
        ("3/d", Rate(3, 86400)),
    ],
)
def test_a_rate_is_starts_in_a_time(text: str, rate: Rate) -> None:
    assert read_rate(text) == rate


@pytest.mark.parametrize("text", ["10", "0/s", "-1/s", "x/s", "1/", "1/x", "1/-5s", "1.5/s"])
def test_a_wrong_rate_is_told(text: str) -> None:
    with pytest.raises(Fault) as caught:
        read_rate(text)
    assert caught.value.code == "22023"


def test_a_span_is_seconds_a_text_or_a_timedelta() -> None:
    assert [span(each) for each in (1.5, "90", "1m30s", timedelta(minutes=1))] == [1.5, 90, 90, 60]
    for wrong in ("x", -1, "-1", "1 fortnight", float("inf"), float("nan"), "999999999d"):
        with pytest.raises(Fault):
            span(wrong)


async def plain(ctx: Context, one: int, other: str = "x") -> None:
    """Says what it does."""


def test_a_job_knows_its_name_its_arguments_and_where_it_stands() -> None:
    jobs = Jobs()
    job = jobs.job(retries=2, timeout="1m", queue="slow", keep="1h")(plain)
    assert jobs.jobs == [job]
    assert (job.name, job.parameters, job.attempts, job.timeout, job.queue, job.keep) == (
        "plain", ("one", "other"), 3, 60, "slow", 3600,
    )  # fmt: skip
    assert job.doc == "Says what it does."
    assert job.source.endswith(f"{__file__}:{plain.__code__.co_firstlineno}")
    assert job.call(1).arguments == '{"one":1,"other":"x"}'
    assert job.read_arguments('{"one":1}') == {"one": 1, "other": "x"}


@pytest.mark.parametrize("wrong", [{"rate_limit": "fast"}, {"concurrency_key": "{one.real}"}, {"timeout": "long"}])
def test_a_wrong_option_stops_the_start_and_names_the_line(wrong: dict[str, str]) -> None:
    with pytest.raises(SetupFault) as caught:
        Jobs().job(**wrong)(plain)  # type: ignore[arg-type]  # that is what is tested
    assert __file__ in caught.value.message


def test_what_is_no_coroutine_is_no_job() -> None:
    def blocking(ctx: Context) -> None: ...

    with pytest.raises(SetupFault, match="async def"):
        Jobs().job()(blocking)  # type: ignore[arg-type]


def test_options_are_of_a_copy() -> None:
    job = Jobs().job()(plain)
    later = job.options(delay="2h", priority=3, queue="other", unique="k", keep=5)
    assert (later.wishes.delay, later.wishes.priority, later.wishes.queue, later.wishes.unique, later.wishes.keep) == (
        7200, 3, "other", "k", 5,
    )  # fmt: skip
    assert job.wishes.delay == 0
    assert later.options(priority=4).wishes.delay == 7200
    with pytest.raises(Fault, match="zone"):
        job.options(at=datetime(2026, 1, 1))  # noqa: DTZ001  # that is what is tested
    assert job.options(at=datetime(2026, 1, 1, tzinfo=UTC)).wishes.at == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((), {}), (("x",), {}), ((1, "a", 3), {}), ((1,), {"one": 2}), ((1,), {"third": 2})],
    ids=["missing", "of another type", "too many", "twice", "unknown"],
)
def test_arguments_are_checked(args: tuple[object, ...], kwargs: dict[str, object]) -> None:
    with pytest.raises(Fault) as caught:
        Jobs().job()(plain).call(*args, **kwargs)  # type: ignore[arg-type]  # that is what is tested
    assert caught.value.code == "22P02"


def test_no_value_of_an_argument_is_told() -> None:
    with pytest.raises(Fault) as caught:
        Jobs().job()(plain).call("my password")  # type: ignore[arg-type]
    assert "my password" not in f"{caught.value} {caught.value.details}"


def test_unique_keys_are_of_the_arguments() -> None:
    jobs = Jobs()
    same = jobs.job(unique=True)(plain)
    named = jobs.job(unique="n:{one}", name="named")(plain)
    assert same.unique is not None
    assert named.unique is not None
    assert same.unique(one=1, other="x") == same.unique(other="x", one=1) != same.unique(one=2, other="x")
    assert named.unique(one=1, other="x") == "n:1"


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"cron": "* * * * *", "every": "1s"},
        {"cron": "61 * * * *"},
        {"cron": "x"},
        {"every": "0s"},
        {"cron": "* * * * *", "tz": "Mars/Base"},
    ],
)
def test_a_wrong_schedule_stops_the_start(wrong: dict[str, str]) -> None:
    async def tick(ctx: Context) -> None: ...

    with pytest.raises(SetupFault):
        Jobs().schedule(**wrong)(tick)  # type: ignore[arg-type]


def test_a_schedule_calls_without_arguments() -> None:
    with pytest.raises(SetupFault, match="without arguments"):
        Jobs().schedule(every="1s")(plain)  # type: ignore[arg-type]
