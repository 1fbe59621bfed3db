"""One secret takes another's place."""

from __future__ import annotations

import json

from undercroft.webhooks.parts.rotation import in_force, only, rotated


def test_the_old_ones_end_after_the_overlap_or_before() -> None:
    stored = only("a")
    assert json.loads(stored) == [["a", None]]
    stored = rotated(stored, "b", 100, 50)
    assert json.loads(stored) == [["b", None], ["a", 150]]
    assert json.loads(rotated(stored, "c", 120, 50)) == [["c", None], ["b", 170], ["a", 150]]
    assert json.loads(rotated(stored, "c", 150, 50)) == [["c", None], ["b", 200]]
    assert json.loads(rotated(stored, "c", 120, 0)) == [["c", None]]
    assert in_force(stored) == "b"
