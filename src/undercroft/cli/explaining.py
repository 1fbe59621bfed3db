"""`undercroft explain`: what a request means to somebody, drawn on a terminal or as JSON."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

from undercroft.base.faults import SetupFault
from undercroft.cli.credentials import read_claims
from undercroft.cli.options import Common, open_with_policies, read_settings
from undercroft.cli.telling import say_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from undercroft.access.actor import Actor
    from undercroft.app import House
    from undercroft.ops import Explanation

_ROLES = frozenset({"anon", "authenticated", "service_role"})
_SAID = {True: "[green]true [/]", False: "[red]false[/]", None: "[yellow]NULL [/]"}


def tell_explanation(
    options: Common,
    request: str,
    *,
    user: str,
    claims: Sequence[str],
    row: str | None,
    headers: Sequence[str],
    body: bytes,
    as_json: bool,
) -> None:
    """Explain one request. Raises `SetupFault`, and `Fault` for a row that cannot be one."""
    pairs = [read_header(each) for each in headers]
    found = asyncio.run(_explained(options, request, user, read_claims(claims), row, pairs, body))
    if as_json:
        say_json(found.as_json())
    else:
        _draw(found)


def read_header(text: str) -> tuple[str, str]:
    """`Name: value`. Raises `SetupFault`."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise SetupFault(f"--header: {text!r} is not NAME:VALUE", hint="--header 'Prefer: count=exact'")
    return name.strip(), value.strip()


async def _explained(
    options: Common,
    request: str,
    user: str,
    claims: dict[str, Any],
    row: str | None,
    headers: Sequence[tuple[str, str]],
    body: bytes,
) -> Explanation:
    from undercroft.app import build
    from undercroft.ops import explain

    opened = open_with_policies(options, read_settings(options))
    opened.app.migrations = opened.migrations
    house = build(opened.app, opened.settings, dev=True)
    house.running.clear()  # whoever asks what a request means does not want jobs to run
    await house.start()
    try:
        return await explain(house, request, actor_of(user, claims, house), headers=headers, body=body, row=row)
    finally:
        await house.close()


def actor_of(user: str, claims: dict[str, Any], house: House) -> Actor:
    """Whom `--as` means: a role, a user's id, `role:id`, or the bearer of a token. Raises `Fault` for a bad token."""
    from undercroft.access.actor import Actor
    from undercroft.auth import identity
    from undercroft.base.clock import SystemClock

    if user.count(".") == 2:
        return identity(house.keys, house.settings, SystemClock())(f"Bearer {user}", None)
    role, colon, uid = user.partition(":")
    if not colon and role not in _ROLES and (_is_id(role) or not role.isidentifier()):
        role, uid = "authenticated", user
    said = {"role": role, **({"sub": uid} if uid else {}), **claims}
    return Actor(role, uid or None, said)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return text.isdigit()
    return True


def _draw(found: Explanation) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    who = f"{found.role} {found.uid}" if found.uid else found.role
    console.print(f"[bold]{_plain(found.request)}[/] as [bold]{_plain(who)}[/]")
    _section(console, "Asked", found.asked)
    if found.refusal is not None:
        console.print(f"\n[red]Refused[/] {found.refusal.code}: {_plain(found.refusal.message)}")
        _lines(console, ((found.refusal.hint,) if found.refusal.hint else ()) + found.refusal.why)
    if found.nodes:
        _nodes(console, found)
    if found.row is not None:
        _row(console, found)
    _statements(console, found)
    if found.microseconds is not None:
        total = f" of {found.total}" if found.total is not None and found.total >= 0 else ""
        times, rows = f"{found.microseconds:.0f} µs", f"{found.rows} rows{total}"
        console.print(f"\n[bold]Time[/] {times} in {len(found.statements)} statement(s), {rows}")
    _section(console, "By index", found.indexes)
    _section(console, "From end to end", found.scans)
    _section(console, "Notes", found.notes)


def _nodes(console: Console, found: Explanation) -> None:
    console.print("\n[bold]Policies[/]")
    for node in found.nodes:
        rows = {"all": "[green]all rows[/]", "some": "[yellow]some rows[/]", "none": "[red]no rows[/]"}[node.rows]
        joined = f" [dim]{_plain(node.joined)}[/]" if node.joined else ""
        console.print(f"  [cyan]{_plain(node.path)}[/] {rows}{joined}")
        for policy in node.policies:
            source = f" [dim]{_plain(policy.source)}[/]" if policy.source else ""
            console.print(f"    {policy.command}: [bold]{_plain(policy.name)}[/]{source}")
            if policy.reason:
                _lines(console, policy.reason.splitlines(), "      ")
            _lines(console, [f"where {policy.condition}"], "      ")
        for word, names in (("hidden", node.hidden), ("read-only", node.read_only), ("preset", node.preset)):
            if names:
                _lines(console, [f"{word}: {', '.join(names)}"], "    ")


def _row(console: Console, found: Explanation) -> None:
    row = found.row
    assert row is not None  # noqa: S101  # asked by the caller
    seen = "[green]shown[/]" if row.shown else "[red]hidden[/]" if row.exists else "[red]not there[/]"
    console.print(f"\n[bold]Row[/] {_plain(row.row)}: {seen}")
    for verdict in row.verdicts:
        reason = f" [dim]{_plain(verdict.reason)}[/]" if verdict.reason else ""
        console.print(f"  {_SAID[verdict.holds]} {verdict.kind} {_plain(verdict.what)}{reason}")


def _statements(console: Console, found: Explanation) -> None:
    for statement in found.statements:
        console.print(f"\n[bold]SQL[/] ({_plain(statement.title)})")
        _lines(console, statement.sql.splitlines())
        for number, parameter in enumerate(statement.parameters, start=1):
            console.print(f"  [dim]{number}[/] {_plain(parameter.origin)} = {_plain(parameter.value)}")
        _lines(console, statement.query_plan, "  [dim]│[/] ")


def _section(console: Console, title: str, lines: Sequence[str]) -> None:
    if lines:
        console.print(f"\n[bold]{title}[/]")
        _lines(console, lines)


def _lines(console: Console, lines: Sequence[str], indent: str = "  ") -> None:
    for line in lines:
        console.print(f"{indent}{_plain(line)}")


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
