"""`[auth.email]` and `[auth.sms]`: signing in by an address, and what is sent to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field, create_model

from undercroft.base.secret import Secret
from undercroft.base.settings.auth_factors_section import OtpLength
from undercroft.base.settings.sections import Port, Section
from undercroft.base.settings.units import Seconds, read_table

S = TypeVar("S", bound=Section)

Expiry = Annotated[Seconds, Field(ge=1, le=86_400)]


def _with_pass(section: type[S]) -> type[S]:
    """The section with its setting `pass`: no class can be written with one, for Python has the word for itself."""
    named: dict[str, object] = {"pass": (Secret | None, None)}
    made: type[S] = create_model(section.__name__, __base__=section, __module__=section.__module__, **named)  # type: ignore[call-overload]  # a field by name
    return made


@_with_pass
class AuthEmailSmtp(Section):
    """`[auth.email.smtp]`: a mail server, as Supabase CLI's file names it. It comes before `[mail] servers`."""

    enabled: bool = False
    """Whether it is used."""
    host: str = ""
    port: Port = 587
    """465 is spoken to with TLS from the first byte, any other with STARTTLS, a loopback address in the clear."""
    user: str = ""
    admin_email: str = ""
    """The sender of mails, where `[mail] sender` is not set."""
    sender_name: str = ""
    """The name beside it."""


class AuthEmailTemplate(Section):
    """`[auth.email.template.<name>]`: a mail in words of your own, with the variables that Supabase has."""

    subject: str | None = None
    """Its subject."""
    content_path: Path | None = None
    """The HTML, with `{{ .ConfirmationURL }}`, `{{ .Token }}` and the like."""


class AuthEmailTemplates(Section):
    """`[auth.email.template]`: the mails."""

    confirmation: AuthEmailTemplate = AuthEmailTemplate()
    recovery: AuthEmailTemplate = AuthEmailTemplate()
    magic_link: AuthEmailTemplate = AuthEmailTemplate()
    invite: AuthEmailTemplate = AuthEmailTemplate()
    email_change: AuthEmailTemplate = AuthEmailTemplate()
    reauthentication: AuthEmailTemplate = AuthEmailTemplate()


class AuthEmail(Section):
    """`[auth.email]`: signing in by e-mail."""

    enable_signup: bool = True
    """Whether an address may be signed up, and signed in with."""
    double_confirm_changes: bool = True
    """Whether a new address has to be confirmed at the old one, too."""
    enable_confirmations: bool = False
    """Whether an address has to be confirmed before somebody can sign in with it."""
    secure_password_change: bool = False
    """Whether a new password asks for a code from a mail, unless somebody signed in within the last day."""
    max_frequency: Seconds = Field(default=1.0, ge=0)
    """Seconds between two mails to one address."""
    otp_length: OtpLength = 6
    """Digits of a code in a mail."""
    otp_expiry: Expiry = 3600.0
    """Seconds for which the code and the link of a mail are good."""
    smtp: AuthEmailSmtp = AuthEmailSmtp()
    template: AuthEmailTemplates = AuthEmailTemplates()
    verify_by_get: bool = False
    """Whether opening the link of a mail is enough, without a button. Programs that look through mails open links, too:
    they would use them up, and be signed in."""


class AuthSmsTwilio(Section):
    """`[auth.sms.twilio]`: messages by Twilio, or by who speaks as it does."""

    enabled: bool = False
    """Whether it is used."""
    account_sid: str = ""
    """The account there."""
    message_service_sid: str = ""
    """The messaging service (`MG…`) that messages come from, or a number."""
    auth_token: Secret | None = None
    """The account's token."""
    url: str = "https://api.twilio.com"
    """Where it is called."""


class AuthSms(Section):
    """`[auth.sms]`: signing in by phone."""

    enable_signup: bool = False
    """Whether a phone number may be signed up, and signed in with."""
    enable_confirmations: bool = False
    """Whether a number has to be confirmed before somebody can sign in with it."""
    template: str = "Your code is {{ .Code }}"
    """The text of a message."""
    max_frequency: Seconds = Field(default=5.0, ge=0)
    """Seconds between two messages to one number."""
    otp_length: OtpLength = 6
    """Digits of a code in a message."""
    otp_expiry: Expiry = 60.0
    """Seconds for which it is good."""
    test_otp: Annotated[dict[str, str], BeforeValidator(read_table)] = Field(default_factory=dict)
    """Numbers to which nothing is sent, and the code that is good for each: for tests and for reviews of app stores."""
    twilio: AuthSmsTwilio = AuthSmsTwilio()
