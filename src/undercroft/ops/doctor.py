"""`doctor`: everything that a start can find out about an app before it serves, without asking the database.

Ids are stable: UC101 closed table, UC102 slow policy, UC103 slow foreign key, UC104 weak secret, UC105 unsafe setting,
UC106 guarded SQLite, UC107 role of no token, UC108 personal column open to all, UC109 policy without effect, UC110 rows
that are never found, UC111 no primary key, UC112 open writing function, UC113 mail in the clear, UC114 half a set-up
of mail, UC115 mails that go nowhere, UC116 calls to a cloud's metadata, UC117 events in the clear.
UC118, of GraphQL's names, comes from its room.
"""

from __future__ import annotations

from collections.abc import Iterator

from undercroft.access.actor import AUTHENTICATED, SERVICE_ROLE
from undercroft.auth.checks import check_keys
from undercroft.base.findings import Finding, in_order
from undercroft.engine import SQLiteEngine
from undercroft.mail.checks import check_mail
from undercroft.ops.checks.installation import check_library, check_settings
from undercroft.ops.checks.policies import check_functions, check_policies
from undercroft.ops.checks.tables import check_tables
from undercroft.ops.parts import Parts
from undercroft.outgoing.checks import check_calls
from undercroft.webhooks.checks import check_webhooks


def findings(house: Parts) -> list[Finding]:
    """What there is to say about a built app, the gravest first; the house need not be started."""
    return in_order(list(_all(house)))


def _all(house: Parts) -> Iterator[Finding]:
    catalog, rules = house.pipeline.catalog, house.pipeline.rules
    reflected = all(table.entity is None for table in catalog.tables.values())
    yield from check_tables(catalog, rules)
    yield from check_policies(catalog, rules, _roles(house))
    yield from check_functions(house.caller.functions.values(), rules)
    yield from check_keys(house.keys, house.settings)
    yield from check_settings(house.settings, reflected=reflected)
    yield from check_mail(house.settings)
    yield from check_calls(house.settings)
    yield from check_webhooks(house.settings)
    if isinstance(house.engine, SQLiteEngine):
        yield from check_library(house.engine.library)


def _roles(house: Parts) -> frozenset[str]:
    """The roles that tokens of this installation have."""
    anonymous = house.settings.api.anon_role
    return frozenset({AUTHENTICATED, SERVICE_ROLE, *([anonymous] if anonymous else [])})
