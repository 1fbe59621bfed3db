"""A newsletter: lists, readers who confirm and leave, and campaigns that each reader gets once.

`undercroft dev` in this folder shows its mails at /mail: docs/mail.md goes through it. In earnest, `undercroft.toml`
names mail servers, and SITE is the site that the links in the mails lead to: its pages call `confirm` and `leave`.
"""

import os
from secrets import token_urlsafe

from sqlalchemy import ForeignKey, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from undercroft import App, Context, Fault, Model

SITE = os.environ.get("SITE", "https://news.example.com")
AT_ONCE = 100  # readers that one job writes to, in one transaction
app = App(title="Newsletter")


class MailingList(Model):
    __tablename__ = "mailing_lists"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class Reader(Model):
    __tablename__ = "mailing_readers"
    __table_args__ = (UniqueConstraint("list_id", "address"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey(MailingList.id, ondelete="CASCADE"))
    address: Mapped[str]
    name: Mapped[str]
    token: Mapped[str] = mapped_column(default=token_urlsafe, unique=True)
    confirmed: Mapped[bool] = mapped_column(default=False)


class Campaign(Model):
    __tablename__ = "mailing_campaigns"
    __table_args__ = ({"sqlite_autoincrement": True},)  # keys of mails are made of its ids: none is given again
    id: Mapped[int] = mapped_column(primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey(MailingList.id), index=True)
    subject: Mapped[str]
    text: Mapped[str]


# No table has a policy: editors work with the service key, and readers through the functions below.
@app.function(public=True)
async def join(ctx: Context, list_id: int, address: str, name: str) -> None:
    """The answer is the same for those who read already: nobody learns who does."""
    address = address.strip().lower()
    with ctx.as_service():
        if (reader := await ctx.session.scalar(select(Reader).filter_by(list_id=list_id, address=address))) is None:
            ctx.session.add(reader := Reader(list_id=list_id, address=address, name=name))
            await ctx.session.flush()
    if not reader.confirmed:
        token = reader.token
        await ctx.mail("confirm", address, key=f"confirm:{token}", name=name, link=f"{SITE}/confirm#{token}")


@app.function(public=True)
async def confirm(ctx: Context, token: str) -> None:
    with ctx.as_service():
        (await reader_of(ctx, token)).confirmed = True
        await ctx.session.flush()


@app.function(public=True)
async def leave(ctx: Context, token: str) -> None:
    """One click in the mail program. By POST only: programs follow links before people do."""
    with ctx.as_service():
        await ctx.session.delete(await reader_of(ctx, token))
        await ctx.session.flush()


async def reader_of(ctx: Context, token: str) -> Reader:
    if (reader := await ctx.session.scalar(select(Reader).where(Reader.token == token))) is None:
        raise Fault("no such reader", code="PT404")
    return reader


@app.function(to="service_role")
async def send(ctx: Context, campaign: int) -> None:
    if await ctx.session.get(Campaign, campaign) is None:
        raise Fault("no such campaign", code="PT404")
    await ctx.enqueue(write_to_readers, campaign)


@app.job()
async def write_to_readers(ctx: Context, campaign: int, after: int = 0) -> None:
    """Some readers at a time. A key for each makes one mail of it, however often this is run."""
    letter = await ctx.session.get_one(Campaign, campaign)
    some = select(Reader).where(Reader.list_id == letter.list_id, Reader.confirmed, Reader.id > after)
    readers = (await ctx.session.scalars(some.order_by(Reader.id).limit(AT_ONCE))).all()
    for reader in readers:
        await ctx.mail("campaign", reader.address, key=f"{campaign}:{reader.token}", subject=letter.subject,
                       text=letter.text, name=reader.name, link=f"{SITE}/leave#{reader.token}",
                       unsubscribe=f"{SITE}/functions/v1/leave?token={reader.token}")  # fmt: skip
    if len(readers) == AT_ONCE:
        await ctx.enqueue(write_to_readers, campaign, readers[-1].id)
