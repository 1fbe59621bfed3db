"""The section of pages."""

from __future__ import annotations

from pydantic import Field

from undercroft.base.settings.sections import Section
from undercroft.base.settings.units import Seconds

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


class Pages(Section):
    """`[pages]`: pages that the app renders."""

    content_security_policy: str = Field(default=CONTENT_SECURITY_POLICY, pattern=r"^[\t\x20-\x7e]*$")
    """What a browser may load into them; nonces are added where a template asks for one."""
    form_lifetime: Seconds = Field(default=12 * 3600.0, gt=0)
    """Seconds for which a form that was shown may be sent."""
