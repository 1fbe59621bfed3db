"""A contact form, as a page and as a table that anybody may insert into and nobody may read.

`undercroft dev` in this folder, then http://127.0.0.1:8000/contact; the mails are shown at /mail, and go nowhere. In
earnest, OWNER is you, and `undercroft.toml` names the mail server.
"""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError
from sqlalchemy.orm import Mapped, mapped_column

from undercroft import App, Context, Fault, FormErrors, Model, Page, Redirect

OWNER = "owner@example.com"
MOST_LINKS = 2
ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)

app = App(title="Contact form")
app.static("/assets", "static")


class Message(Model):
    """What somebody wrote. Who is no service may not read it, not even his own."""

    __tablename__ = "contact_messages"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    text: Mapped[str]
    website: Mapped[str | None]  # the trap: people do not see this field of the form, programs fill it in
    spam: Mapped[bool] = mapped_column(default=False)
    sent_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))


@app.policy(Message, "insert")
def anybody_writes(message: type[Message]) -> bool:
    """Anybody may write to us; without a policy for select, nobody reads."""
    return True


app.read_only(Message.spam, Message.sent_at)


@app.before_insert(Message)
async def judge(ctx: Context, message: Message) -> None:
    message.text = (message.text or "").strip()
    if not message.text or len(message.text) > 5_000:
        raise Fault("a message has 1 to 5,000 characters", code="22023")
    message.spam = bool(message.website) or message.text.lower().count("http") > MOST_LINKS


@app.after_insert(Message)
async def tell_owner(ctx: Context, message: Message) -> None:
    """In the transaction of the row: no row, no mail. Spam is kept for a look, and nobody is disturbed."""
    if not message.spam:
        await ctx.mail("contact", OWNER, reply_to=message.email, name=message.name, text=message.text)


def an_address(text: str) -> str:
    if not ADDRESS.fullmatch(text):
        raise PydanticCustomError("address", "This is no e-mail address")
    return text


class ContactForm(BaseModel, str_strip_whitespace=True):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    email: Annotated[str, Field(max_length=254), AfterValidator(an_address)]
    text: Annotated[str, Field(min_length=1, max_length=5_000)]
    website: str = ""


@app.page("/contact", methods=("GET", "POST"), public=True)
async def contact(ctx: Context, form: ContactForm | None, errors: FormErrors) -> Page | Redirect:
    if form is None or errors:
        return Page("contact.html", status=422 if errors else 200, errors=errors)
    message = Message(**form.model_dump())
    await judge(ctx, message)  # hooks are run for requests to the table: what code writes itself runs none
    ctx.session.add(message)
    await ctx.session.flush()
    await tell_owner(ctx, message)
    return Redirect("/thanks")


@app.page("/thanks", public=True)
async def thanks(ctx: Context) -> Page:
    return Page("thanks.html")
