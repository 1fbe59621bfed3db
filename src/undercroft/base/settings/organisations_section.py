"""`[auth.organisations]`: invitations into organisations, and what tokens say of them, in an app that has any."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from undercroft.base.settings.sections import Section
from undercroft.base.settings.units import Seconds

_Most = Annotated[int, Field(ge=0)]


class AuthOrganisations(Section):
    """`[auth.organisations]`: for an app with `app.organisations(…)`."""

    invitation_url: str = "/invitation"
    """Your page that asks whether to join: below `site_url`, or a whole address. `token` in its query is for
    `accept_invitation`."""
    invitation_expiry: Seconds = Field(default=604_800.0, ge=60, le=31_536_000)
    """Seconds for which an invitation is good."""
    invitations_per_hour: _Most = 30
    """That one person may send; 0 for any number."""
    max_per_user: _Most = 100
    """Organisations that one person may make; 0 for any number."""
    claims: bool = False
    """Whether access tokens say in `app_metadata.org_roles` which role somebody has in which organisation. Policies do
    not need it; who reads it elsewhere reads what was true when the token was made."""
    max_claims: Annotated[int, Field(ge=1, le=200)] = 20
    """Organisations that a token names, those joined first; `org_roles_more` beside them says that there are others."""
