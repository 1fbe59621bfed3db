"""Who may do what in the world of this ring, written down by hand: the table that every entry point must agree with.

For each table and persona: the keys of the rows that may be read, updated and deleted, the columns that may be read,
inserted and updated, and which of the example rows may be inserted. Whoever adds a table, a column or a persona to the world
must write it down here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.security.world import BEA_ID, CARL_ID, PERSONAS, mark

Key = int | str
NOTE_COLUMNS = [
    "id",
    "slug",
    "title",
    "body",
    "rating",
    "mood",
    "meta",
    "seen_at",
    "is_public",
    "owner_id",
    "team_id",
    "parent_id",
    "stamp",
]
REMARK_COLUMNS = ["id", "note_id", "text", "stamp", "owner_id", "edited_by"]


@dataclass(frozen=True)
class May:
    """What one persona may do with one table."""

    select: frozenset[Key] = frozenset()
    update: frozenset[Key] = frozenset()
    delete: frozenset[Key] = frozenset()
    reads: tuple[str, ...] = ()
    inserts: tuple[str, ...] = ()
    updates: tuple[str, ...] = ()
    new: Mapping[str, bool] = field(default_factory=dict)
    """Example rows (of `EXAMPLES`) by name: whether they may be inserted; those not named may not."""
    known: bool = True
    """The table exists for them at all."""


NOTHING = May(known=False)


def may(select: Any = (), update: Any = (), delete: Any = (), **more: Any) -> May:
    return May(frozenset(select), frozenset(update), frozenset(delete), **more)


KEY: Mapping[str, str] = {"members": "duty", "note_labels": "label_id", "codes": "label"}
"""What names a row in this table of expectations, where it is not `id`; unique enough in the world's rows."""

EXAMPLES: Mapping[str, Mapping[str, dict[str, Any]]] = {
    "teams": {"any": {"name": "x"}},
    "members": {
        "mine": {"team_id": 2, "user_id": BEA_ID, "duty": "mate"},
        "in own team": {"team_id": 1, "user_id": CARL_ID},
    },
    "seats": {"in own team": {"team_id": 1, "user_id": CARL_ID}, "elsewhere": {"team_id": 2, "user_id": BEA_ID}},
    "notes": {
        "by bea": {"title": "x", "owner_id": BEA_ID},
        "by carl": {"title": "x", "owner_id": CARL_ID},
        "by nobody": {"title": "x", "owner_id": None},
        "by whoever asks": {"title": "x"},
    },
    "tokens": {"any": {"note_id": 10, "token": "x"}},
    "vaults": {"any": {"name": "x"}},
    "labels": {"open": {"name": "x", "is_open": True}},
    "note_labels": {
        "on bea's note": {"note_id": 20, "label_id": 3, "is_shown": True},
        "on carl's note": {"note_id": 40, "label_id": 3, "is_shown": True},
        "on nobody's note": {"note_id": 10, "label_id": 900, "is_shown": True},
    },
    "remarks": {"any": {"text": "x"}},
    "codes": {"without its key": {"label": "x"}},
    "inbox": {"any": {"text": "x"}},
    "audit": {"any": {"text": "x"}},
    "users": {"any": {"email": "x@example.org"}},
}

ALL_NOTES = frozenset({10, 20, 30, 40, 50, 60, 70, 80, 90, 900})
TEAM_COLUMNS = ("id", "name", "rank")
MEMBER_COLUMNS = ("team_id", "user_id", "duty")
VAULT_COLUMNS = ("id", "token_id", "note_id", "name")
LABEL_COLUMNS = ("id", "name", "is_open")
LINK_COLUMNS = ("note_id", "label_id", "is_shown")
WRITABLE_NOTE = tuple(column for column in NOTE_COLUMNS if column != "stamp")
WRITABLE_REMARK = ("id", "note_id", "text")


def _public() -> dict[str, May]:
    """What everybody may do, with or without a token."""
    return {
        "teams": NOTHING,
        "members": NOTHING,
        "seats": NOTHING,
        "notes": may({10, 70, 900}, reads=tuple(NOTE_COLUMNS)),
        "tokens": NOTHING,
        "vaults": may({10, 20, 30, 900}, reads=VAULT_COLUMNS),
        "labels": may({1, 3, 900}, reads=LABEL_COLUMNS),
        "note_labels": may({1, 2}, reads=LINK_COLUMNS),
        "remarks": NOTHING,
        "codes": may({"label 1", "label 2"}, reads=("label",)),
        "inbox": may(reads=("id", "text"), inserts=("id", "text"), new={"any": True}),
        "audit": NOTHING,
        "users": NOTHING,
    }


def _signed_in() -> dict[str, May]:
    """What everybody may do who is signed in."""
    return _public() | {
        "teams": may(reads=TEAM_COLUMNS),
        "members": may(reads=MEMBER_COLUMNS, updates=MEMBER_COLUMNS),
        "seats": may(
            reads=("id", "team_id", "user_id"),
            inserts=("id", "team_id", "user_id"),
            updates=("id", "team_id", "user_id"),
        ),
        "notes": may({10, 70, 900}, reads=tuple(NOTE_COLUMNS), inserts=WRITABLE_NOTE, updates=WRITABLE_NOTE),
        "note_labels": may({1, 2}, reads=LINK_COLUMNS, inserts=LINK_COLUMNS),
        "remarks": may(
            reads=tuple(REMARK_COLUMNS), inserts=WRITABLE_REMARK, updates=WRITABLE_REMARK, new={"any": False}
        ),
        "codes": may(
            {"label 1", "label 2"}, {"label 1", "label 2"}, reads=("label",), inserts=("label",), updates=("label",)
        ),
    }


def _with(base: dict[str, May], **tables: May) -> dict[str, May]:
    """Some tables otherwise, with the columns of `base`."""
    return base | {
        name: May(
            each.select,
            each.update,
            each.delete,
            base[name].reads,
            base[name].inserts,
            base[name].updates,
            each.new,
            each.known,
        )
        for name, each in tables.items()
    }


MATRIX: Mapping[str, Mapping[str, May]] = {
    "a": _public(),
    "x": _public(),
    "n": _signed_in(),
    "r": _public() | {"teams": may({1, 900}, reads=TEAM_COLUMNS)} | {"teams": may(reads=TEAM_COLUMNS, select={1, 900})},
    "b": _with(
        _signed_in(),
        teams=may({1, 900}),
        members=may(
            {"chief", mark("bs", "duty1"), "mate"}, {"chief", mark("bs", "duty1")}, {"chief", mark("bs", "duty1")}
        ),
        seats=may({10, 20, 900}, {10, 20, 900}, {10, 20, 900}, new={"in own team": True}),
        notes=may({10, 20, 40, 70, 90, 900}, {20, 70, 90}, {20, 70, 90}, new={"by bea": True, "by whoever asks": True}),
        note_labels=may({1, 2}, (), {1}, new={"on bea's note": True}),
        remarks=may({10, 900}, {10, 900}, {10, 900}, new={"any": True}),
    ),
    "c": _with(
        _signed_in(),
        teams=may({2}),
        members=may({"mate"}),
        seats=may({30}, {30}, {30}, new={"elsewhere": True}),
        notes=may(
            {10, 30, 40, 50, 70, 80, 900}, {30, 40, 50}, {30, 40, 50}, new={"by carl": True, "by whoever asks": True}
        ),
        note_labels=may({1, 2}, (), {1}, new={"on carl's note": True}),
        remarks=may({20}, {20}, {20}, new={"any": True}),
    ),
    "s": {
        "teams": may(*[{1, 2, 3, 900}] * 3, new={"any": True}),
        "members": may(
            *[{"chief", mark("bs", "duty1"), "mate", mark("s", "duty3")}] * 3, new={"mine": True, "in own team": True}
        ),
        "seats": may(*[{10, 20, 30, 900}] * 3, new={"in own team": True, "elsewhere": True}),
        "notes": may(*[ALL_NOTES] * 3, new=dict.fromkeys(EXAMPLES["notes"], True)),
        "tokens": may(*[{10, 20, 30, 900}] * 3, new={"any": True}),
        "vaults": may(*[{10, 20, 30, 900}] * 3, new={"any": True}),
        "labels": may(*[{1, 2, 3, 900}] * 3, new={"open": True}),
        "note_labels": may(*[{1, 2, 3}] * 3, new=dict.fromkeys(EXAMPLES["note_labels"], True)),
        "remarks": may(*[{10, 20, 30, 900}] * 3, new={"any": True}),
        "codes": may(*[{"label 1", "label 2"}] * 3),
        "inbox": may(*[{10, 900}] * 3, new={"any": True}),
        "audit": NOTHING,
        "users": NOTHING,
    },
}
"""By the persona's letter and the table's name. The service's columns are all columns."""

FUNCTIONS: Mapping[str, str] = {
    "all_notes": "abcnrxs",
    "handed_out": "abcnrxs",
    "one_note": "abcnrxs",
    "note_ids": "abcnrxs",
    "given_keys": "abcnrxs",
    "write_note": "bcns",
    "retitle": "bcns",
    "drop_note": "bcns",
    "take_seat": "bcns",
    "move_seat": "bcns",
    "for_auditors": "rs",
    "for_the_service": "s",
}
"""Functions, and the letters of those who may call them."""

assert set(MATRIX) == set(PERSONAS)
