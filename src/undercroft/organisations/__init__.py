"""Organisations, who is in them and as what, and invitations: tables of an app that asks for them, with policies."""

from __future__ import annotations

from undercroft.organisations.declarations import OrganisationDeclarations, Organised
from undercroft.organisations.types import Terms

__all__ = ["OrganisationDeclarations", "Organised", "Terms"]
