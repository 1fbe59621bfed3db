"""Mail in the transaction of the data, on both engines: one for each key, in the end sent or said why not."""

# ruff: noqa: PT012
# The whole of a transaction is what raises here.

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest
import structlog

from tests.api.mail_house import Scripted, mail_house
from undercroft import Attachment, Fault
from undercroft.base.clock import ManualClock
from undercroft.jobs.service.tidying import Tidying
from undercroft.mail.backends.local import CaughtBackend
from undercroft.mail.errors import NotNow, Refused

pytestmark = pytest.mark.anyio
Server = str | None


async def test_what_commits_is_sent_and_what_is_undone_is_not(tmp_path: Path, server: Server) -> None:
    async with mail_house(tmp_path, server) as house:
        with pytest.raises(ZeroDivisionError):
            async with house.calling() as ctx:
                await ctx.mail("welcome", "eve@example.com", name="Eve")
                raise ZeroDivisionError
        assert await house.rows("mails", "id") == []
        assert await house.rows("jobs", "id") == []
        async with house.calling() as ctx:
            file = Attachment("a.pdf", "application/pdf", b"%PDF")
            await ctx.mail("welcome", "Ada <ada@example.com>", name="Ada", attachments=[file], reply_to="b@example.com")
        await house.settled()
        (mail,) = house.mailer.outbox
        assert (mail["Subject"], mail["To"]) == ("Welcome, Ada", "Ada <ada@example.com>")
        assert (mail["From"], mail["Reply-To"]) == ("Feast <feast@example.com>", "b@example.com")
        assert [part.get_content() for part in mail.iter_attachments()] == [b"%PDF"]


async def test_a_hook_s_mail_goes_with_its_row(tmp_path: Path, server: Server) -> None:
    async with mail_house(tmp_path, server) as house:
        refused = await house.post("/guests", {"address": "eve@example.com", "seats": 0})
        assert (refused.status_code, refused.json()["code"]) == (400, "23514")
        wrong = await house.post("/guests", {"address": "no address", "seats": 1})
        assert (wrong.status_code, wrong.json()["code"]) == (400, "22023")
        assert await house.rows("mails", "id") == []
        assert (await house.post("/guests", {"address": "ada@example.com", "seats": 1})).status_code == 201
        await house.settled()
        assert [mail["To"] for mail in house.mailer.outbox] == ["ada@example.com"]
        hidden = await house.post("/mails", {})
        assert hidden.status_code == 404


async def test_of_one_key_one_mail_is_sent(tmp_path: Path, server: Server) -> None:
    async with mail_house(tmp_path, server) as house:
        ids = await asyncio.gather(*(house.mail(key="one", name=str(each)) for each in range(20)))
        assert len(set(ids)) == 1
        await house.settled()
        assert await house.mail(key="one") == ids[0]
        assert await house.mail(key="two") != ids[0]
        await house.settled()
        assert len(house.mailer.outbox) == 2


async def test_a_key_of_an_undone_transaction_is_free(tmp_path: Path, server: Server) -> None:
    async with mail_house(tmp_path, server) as house:
        with pytest.raises(ZeroDivisionError):
            async with house.calling() as ctx:
                await ctx.mail("welcome", "eve@example.com", name="Eve", key="k")
                raise ZeroDivisionError
        await house.mail(key="k")
        await house.settled()
        assert [mail["To"] for mail in house.mailer.outbox] == ["ada@example.com"]


async def test_what_was_sent_is_forgotten_and_what_was_caught_is_kept(tmp_path: Path, server: Server) -> None:
    async with mail_house(tmp_path, server, jobs_enabled=False) as house:
        sent = await house.mail()
        assert await house.mailer.deliver(sent) is None
        house.mailer.backend = CaughtBackend()
        caught = await house.mail()
        assert await house.mailer.deliver(caught) is None
        assert [bool(html) for _, html in await house.rows("mails", "id, html")] == [False, True]
        assert set((await house.states()).values()) == {"sent"}


async def test_nothing_is_sent_to_a_suppressed_address(tmp_path: Path, server: Server) -> None:
    async with mail_house(tmp_path, server) as house:
        async with house.calling() as ctx:
            await ctx.suppress("Ada <ADA@example.com>", "complaint")
            await ctx.suppress("ada@example.com", "twice is once")
        first = await house.mail()
        await house.settled()
        assert await house.states() == {first: "suppressed"}
        assert await house.rows("mails", "html, text") == [("", "")]
        async with house.calling() as ctx:
            assert await ctx.unsuppress("ada@example.com")
            assert not await ctx.unsuppress("ada@example.com")
        await house.mail()
        await house.settled()
        assert len(house.mailer.outbox) == 1


async def test_an_address_that_does_not_exist_is_not_written_to_again(tmp_path: Path, server: Server) -> None:
    async with mail_house(tmp_path, server) as house:
        backend = house.mailer.backend = Scripted(
            Refused("550 5.1.1 no such user", bounce=True), Refused("554 5.7.1 spam")
        )
        first = await house.mail()
        await house.settled()
        second = await house.mail()
        third = await house.mail("bob@example.com")
        await house.settled()
        fourth = await house.mail("bob@example.com")
        await house.settled()
        assert await house.states() == {first: "failed", second: "suppressed", third: "failed", fourth: "sent"}
        assert len(backend.sent) == 3
        ((address, reason, detail),) = await house.rows("mail_suppressions", "address, reason, detail")
        assert (address, reason, detail) == ("ada@example.com", "bounce", "550 5.1.1 no such user")


async def test_more_than_a_recipient_may_get_waits(tmp_path: Path, server: Server) -> None:
    clock = ManualClock()
    async with mail_house(tmp_path, server, clock=clock, jobs_enabled=False, recipient_limit=2) as house:
        deliver = house.mailer.deliver
        one, two, three = [await house.mail() for _ in range(3)]
        other = await house.mail("bob@example.com")
        assert await deliver(one) is None
        clock.advance(600)
        assert await deliver(two) is None
        assert await deliver(three) == pytest.approx(3000)
        assert await deliver(other) is None
        clock.advance(2999)
        assert await deliver(three) == pytest.approx(1)
        clock.advance(1.1)
        assert await deliver(three) is None
        assert len(house.mailer.outbox) == 4


async def test_a_mail_over_the_limit_is_not_lost(tmp_path: Path, server: Server) -> None:
    async with mail_house(tmp_path, server, recipient_limit=1, recipient_period="1s") as house:
        for _ in range(3):
            await house.mail()
        await house.settled()
        assert len(house.mailer.outbox) == 3


async def test_what_no_server_takes_is_asked_again_and_given_up_in_the_end(tmp_path: Path, server: Server) -> None:
    clock = ManualClock()
    async with mail_house(tmp_path, server, clock=clock, jobs_enabled=False, give_up="1h") as house:
        backend = house.mailer.backend = Scripted(
            *[NotNow("421 later")] * 2, NotNow("421 later", after=500), *[NotNow("421 x")] * 9
        )
        mail = await house.mail()
        waits = [await house.mailer.deliver(mail) for _ in range(3)]
        assert [wait and round(wait / (1 + mail % 16 / 64)) for wait in waits] == [15, 30, 500]
        assert await house.rows("mails", "state, attempts, answer") == [("waiting", 3, "421 later")]
        clock.advance(3601)
        assert await house.mailer.deliver(mail) is None
        assert await house.mailer.deliver(mail) is None, "it is over"
        assert await house.rows("mails", "state, attempts, answer") == [("failed", 4, "421 x")]
        assert len({message.content for message in backend.sent}) == 1, "each try is the same message"


async def test_what_waited_long_is_not_given_up_at_its_first_try(tmp_path: Path, server: Server) -> None:
    clock = ManualClock()
    async with mail_house(tmp_path, server, clock=clock, jobs_enabled=False, give_up="1h", recipient_limit=1) as house:
        backend = house.mailer.backend = Scripted()
        first, limited = await house.mail(), await house.mail()
        later = await house.mail("bob@example.com", delay="72h")
        assert await house.mailer.deliver(first) is None
        assert await house.mailer.deliver(limited) is not None
        clock.advance(72 * 3600)
        backend.answers = [NotNow("421 later"), NotNow("421 later")]
        for mail in (limited, later):
            assert await house.mailer.deliver(mail) is not None
            assert (await house.states())[mail] == "waiting"
            clock.advance(3601)
            backend.answers.append(NotNow("421 later"))
            backend.answers.reverse()
            await house.mailer.deliver(mail)
            assert (await house.states())[mail] == "failed"
        # A mail is dated as of when it was to be sent: what comes with a date of days ago is thought to be spam.
        assert b"Date: Sun, 04 Jan 2026 00:00:00 +0000" in backend.sent[-1].content


async def test_a_worker_asks_again_by_itself(tmp_path: Path, server: Server) -> None:
    async with mail_house(tmp_path, server) as house:
        house.mailer.backend = Scripted(NotNow("421 later"))
        mail = await house.mail()

        async def has_been_tried() -> bool:
            return await house.rows("mails", "state, attempts") == [("waiting", 1)]

        async def is_planned() -> bool:
            return [state for (state,) in await house.rows("jobs", "state")] == ["later"]

        await house.until(has_been_tried)
        await house.until(is_planned)
        assert await house.mailer.deliver(mail) is None
        assert await house.states() == {mail: "sent"}


async def test_a_mail_is_one_worker_s_until_its_lease_ends(tmp_path: Path, server: Server) -> None:
    clock = ManualClock()
    async with mail_house(tmp_path, server, clock=clock, jobs_enabled=False) as house:
        backend = house.mailer.backend = Scripted()
        backend.gate = asyncio.Event()
        mail = await house.mail()
        lost = asyncio.create_task(house.mailer.deliver(mail))
        await house.until(lambda: asyncio.sleep(0, backend.sent))
        lost.cancel()  # as if its process had been killed: nothing was written down
        await asyncio.gather(lost, return_exceptions=True)
        assert await house.states() == {mail: "sending"}
        backend.gate.set()
        assert await house.mailer.deliver(mail) == pytest.approx(120, abs=1)
        assert len(backend.sent) == 1
        clock.advance(121)
        assert await house.mailer.deliver(mail) is None
        assert await house.states() == {mail: "sent"}
        assert len({message.content for message in backend.sent}) == 1, "the copies can be told by their Message-ID"


async def test_a_server_that_is_slower_than_the_lease_is_given_up(tmp_path: Path, server: Server) -> None:
    async with mail_house(tmp_path, server, jobs_enabled=False, timeout="50ms") as house:
        backend = house.mailer.backend = Scripted()
        backend.gate = asyncio.Event()
        mail = await house.mail()
        wait = await house.mailer.deliver(mail)
        assert wait is not None
        assert wait >= 15
        assert await house.rows("mails", "state, answer") == [("waiting", "the hand-over took too long")]


async def test_who_comes_back_late_writes_nothing_down(tmp_path: Path, server: Server) -> None:
    clock = ManualClock()
    async with mail_house(tmp_path, server, clock=clock, jobs_enabled=False) as house:
        backend = house.mailer.backend = Scripted()
        backend.gate = asyncio.Event()
        mail = await house.mail()
        late = asyncio.create_task(house.mailer.deliver(mail))
        await house.until(lambda: asyncio.sleep(0, backend.sent))
        clock.advance(121)
        backend.answers = [Refused("550 5.1.1 late", bounce=True)]
        house.mailer.backend = Scripted()
        assert await house.mailer.deliver(mail) is None
        backend.gate.set()
        await late
        assert await house.states() == {mail: "sent"}
        assert await house.rows("mail_suppressions", "address") == []


async def test_many_who_try_at_once_send_once(tmp_path: Path, server: Server) -> None:
    async with mail_house(tmp_path, server, jobs_enabled=False) as house:
        mail = await house.mail()
        await asyncio.gather(*(house.mailer.deliver(mail) for _ in range(20)))
        assert len(house.mailer.outbox) == 1


async def test_mails_of_lists_let_others_pass(tmp_path: Path, server: Server) -> None:
    async with mail_house(tmp_path, server, jobs_enabled=False) as house:
        await house.mail(unsubscribe="https://example.com/leave")
        await house.mail("bob@example.com")
        assert await house.rows("jobs", "id, queue, priority") == [(1, "mail", -10), (2, "mail", 0)]


async def test_a_mail_may_wait_for_its_moment(tmp_path: Path, server: Server) -> None:
    async with mail_house(tmp_path, server, jobs_enabled=False) as house:
        await house.mail(delay="1h")
        assert [state for (state,) in await house.rows("jobs", "state")] == ["later"]


@pytest.mark.parametrize(
    ("template", "to", "given", "code"),
    [
        ("welcome", "nobody", {"name": "x"}, "22023"),
        ("welcome", "a@example.com\r\nBcc: b@example.com", {"name": "x"}, "22023"),
        ("welcome", "a@example.com", {}, "UC550"),
        ("missing", "a@example.com", {}, "UC550"),
        ("welcome", "a@example.com", {"name": "x", "subject": "a\nb"}, "22023"),
        ("welcome", "a@example.com", {"name": "x", "reply_to": "b"}, "22023"),
        ("welcome", "a@example.com", {"name": "x", "at": datetime(2026, 1, 1)}, "22023"),  # noqa: DTZ001  # no zone
        ("welcome", "a@example.com", {"name": "x", "delay": "soon"}, "22023"),
        ("welcome", "a@example.com", {"name": "x", "unsubscribe": "http://x.com"}, "22023"),
        ("welcome", "a@example.com", {"name": "x", "attachments": [Attachment("a/b", "text/plain", b"")]}, "22023"),
        ("welcome", "a@example.com", {"name": "x", "attachments": [Attachment("a", "a/b", b"x" * 20_000)]}, "54000"),
    ],
)
async def test_what_is_wrong_is_said_where_it_is_asked_for(
    tmp_path: Path, server: Server, template: str, to: str, given: dict[str, object], code: str
) -> None:
    async with mail_house(tmp_path, server, jobs_enabled=False, size_limit=10_000) as house:
        async with house.calling() as ctx:
            with pytest.raises(Fault) as caught:
                await ctx.mail(template, to, **given)  # type: ignore[arg-type]
            assert caught.value.code == code
        assert await house.rows("mails", "id") == []


async def test_a_nul_is_the_same_on_both_engines(tmp_path: Path, server: Server) -> None:
    async with mail_house(tmp_path, server) as house:
        for kind in ("html", "txt"):
            (tmp_path / "templates" / f"nul.{kind}").write_text("{% block subject %}s{% endblock %}<p>{{ name }}</p>")
        async with house.calling() as ctx:
            await ctx.mail("nul", "ada@example.com", name="a\x00b")
            for given in ({"key": "a\x00b"}, {"reply_to": "a\x00@example.com"}):
                with pytest.raises(Fault) as caught:
                    await ctx.mail("nul", "ada@example.com", name="x", **given)  # type: ignore[arg-type]
                assert caught.value.code == "22023"
            with pytest.raises(Fault):
                await ctx.suppress("ada@example.com", "a\x00b")
        await house.settled()
        (mail,) = house.mailer.outbox
        text = mail.get_body(("plain",))
        assert text is not None
        assert "a\ufffdb" in text.get_content()


async def test_whatever_a_server_says_is_written_down(tmp_path: Path, server: Server) -> None:
    said = "250 \x00 \ud800 \x1b[2J " + "x" * 5000
    async with mail_house(tmp_path, server, jobs_enabled=False) as house:
        backend = house.mailer.backend = Scripted(NotNow(said), Refused(said))
        for expected in ("waiting", "failed", "sent"):
            backend.says = said
            mail = await house.mail()
            await house.mailer.deliver(mail)
            ((state, answer),) = await house.rows("mails", "state, answer", f"WHERE id = {mail}")
            assert (state, len(answer)) == (expected, 500)
            assert answer.isprintable()


async def test_without_a_server_it_is_said(tmp_path: Path, server: Server) -> None:
    async with mail_house(tmp_path, server, backend="auto") as house:
        with pytest.raises(Fault, match=r"^no mail server is set: \[mail\] servers$") as caught:
            await house.mail()
        assert caught.value.code == "UC551"
        answer = await house.post("/guests", {"address": "ada@example.com", "seats": 1})
        assert (answer.status_code, answer.json()["code"]) == (500, "UC551")
        assert "mail server" not in answer.text


async def test_old_mails_are_forgotten_though_none_is_sent(tmp_path: Path, server: Server) -> None:
    clock = ManualClock()
    async with mail_house(tmp_path, server, clock=clock, jobs_enabled=False, keep="1d") as house:
        (tidying,) = [part for part in house.house.running if isinstance(part, Tidying)]
        await tidying.stop()
        await house.mailer.deliver(await house.mail())
        tidying.first = tidying.every = 0.02
        await tidying.start()
        await asyncio.sleep(0.1)
        assert len(await house.states()) == 1
        clock.advance(86_401)

        async def are_gone() -> bool:
            return not await house.states()

        await house.until(are_gone)


async def test_more_than_one_statement_removes(tmp_path: Path, server: Server) -> None:
    clock = ManualClock()
    async with mail_house(tmp_path, server, clock=clock, jobs_enabled=False, keep="1d") as house:
        async with house.calling() as ctx:
            for number in range(501):
                await ctx.mail("welcome", f"{number}@example.com", name="Ada")
        table = '"undercroft.mails"' if server is None else "undercroft.mails"
        over = f"UPDATE {table} SET state = 'failed', finished = created"
        await house.house.engine.write(lambda cursor: cursor.all(over))
        clock.advance(86_401)
        await house.mailer.tidy()
        assert await house.states() == {}


async def test_logs_are_told_codes_and_no_addresses(tmp_path: Path, server: Server) -> None:
    said = "550 5.1.1 <ada@example.com> is unknown here"
    async with mail_house(tmp_path, server, jobs_enabled=False) as house:
        house.mailer.backend = Scripted(NotNow(said, brief="mx: 450 4.2.0"), Refused(said, brief="mx: 550 5.1.1"))
        with structlog.testing.capture_logs() as logs:
            for expected in ("waiting", "failed"):
                mail = await house.mail()
                await house.mailer.deliver(mail)
                assert await house.rows("mails", "state, answer", f"WHERE id = {mail}") == [(expected, said)]
        assert [(each["event"], each["answer"]) for each in logs] == [
            ("mail not taken", "mx: 450 4.2.0"), ("mail refused", "mx: 550 5.1.1")
        ]  # fmt: skip
        assert "ada@" not in repr(logs)


async def test_old_mails_are_forgotten_with_their_keys(tmp_path: Path, server: Server) -> None:
    clock = ManualClock()
    async with mail_house(tmp_path, server, clock=clock, jobs_enabled=False, keep="1d", recipient_limit=0) as house:
        first = await house.mail(key="k")
        await house.mailer.deliver(first)
        waiting = await house.mail()
        clock.advance(86_399)
        await house.mailer.tidy()
        assert first in await house.states()
        clock.advance(2)
        await house.mailer.tidy()
        assert first not in await house.states()
        assert waiting in await house.states()
        assert await house.mail(key="k") != first
