"""What `doctor` says of calls."""

from __future__ import annotations

import pytest

from undercroft.base.settings import Settings
from undercroft.outgoing.checks import check_calls


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("10.0.0.0/8", False), ("billing.internal", False), ("127.0.0.1:*", False), ("169.254.1.1", False),
        ("0.0.0.0/0", True), ("169.254.0.0/16", True), ("169.254.169.254:80", True), ("::/0", True), ("fc00::/7", True),
    ],
)  # fmt: skip
def test_where_a_cloud_hands_out_credentials(entry: str, found: bool) -> None:
    settings = Settings.model_validate({"outgoing": {"allow": [entry]}})
    assert [(each.id, each.subject) for each in check_calls(settings)] == [
        ("UC116", f"[outgoing] allow {entry}")
    ] * found
