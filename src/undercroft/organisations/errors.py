"""What this room refuses."""

from __future__ import annotations

from undercroft.base.faults import Fault


class OrganisationFault(Fault):
    """Somebody may not do this, or it cannot be done."""

    default_code = "42501"


def not_permitted() -> OrganisationFault:
    """Also for an organisation that the caller is not in: who may not know of it is told nothing."""
    return OrganisationFault(
        "you may not do this in the organisation",
        hint="It takes a role with the permission, and nobody gives or takes a role that permits more than their own.",
    )


def roles_not_permitted() -> OrganisationFault:
    return OrganisationFault("you may not give or take this role")


def unknown_role(role: str, known: tuple[str, ...]) -> OrganisationFault:
    return OrganisationFault(f'there is no role "{role[:63]}"', code="22023", hint=f"Roles are {', '.join(known)}.")


def no_name() -> OrganisationFault:
    return OrganisationFault("an organisation needs a name of 1 to 200 characters, in one line", code="22023")


def no_slug() -> OrganisationFault:
    return OrganisationFault("a slug is 1 to 63 characters of a-z, 0-9 and dashes between them", code="22023")


def no_address() -> OrganisationFault:
    return OrganisationFault("this is no e-mail address", code="22023")


def invitation_is_off() -> OrganisationFault:
    """The same for each reason, so that nobody learns whom an invitation is for."""
    return OrganisationFault(
        "the invitation is not good",
        code="UC430",
        hint="It may be used, revoked or too old, or be for another address than the confirmed one of this account.",
    )


def last_one(role: str) -> OrganisationFault:
    return OrganisationFault(
        f'an organisation keeps at least one member who is "{role}"',
        code="UC431",
        hint="Give somebody else the role first, or delete the organisation.",
    )


def member_already() -> OrganisationFault:
    return OrganisationFault("a member already", code="UC432", hint="change_member changes the role.")


def too_many(what: str) -> OrganisationFault:
    return OrganisationFault(f"too many {what}", code="UC433")
