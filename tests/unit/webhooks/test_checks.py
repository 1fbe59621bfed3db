"""What `doctor` says of webhooks."""

from __future__ import annotations

from undercroft.base.settings import Settings
from undercroft.webhooks.checks import check_webhooks


def test_events_in_the_clear() -> None:
    assert list(check_webhooks(Settings())) == []
    settings = Settings.model_validate({"webhooks": {"https_only": False}})
    assert [each.id for each in check_webhooks(settings)] == ["UC117"]
