"""Moments as they are stored and told: in fewer steps than SQLAlchemy's and Python's own, in the same letters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from undercroft.auth.parts.shapes import told_moment
from undercroft.models.base import Timestamp, stored_moment

DIALECT = sqlite.dialect()
KIND: Any = Timestamp().dialect_impl(DIALECT)
MOMENTS = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001  # the zones are chosen beside it
    max_value=datetime(9998, 12, 31),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(-timedelta(hours=5, minutes=30))]),
)


@given(moment=MOMENTS, digits=st.sampled_from([1, 1000, 1_000_000]))
def test_a_moment_is_stored_as_sqlalchemy_stores_it(moment: datetime, digits: int) -> None:
    moment = moment.replace(microsecond=moment.microsecond // digits * digits)
    usual: Any = sa.TypeDecorator.bind_processor(KIND, DIALECT)
    own = KIND.bind_processor(DIALECT)
    assert own is stored_moment
    assert own(moment) == usual(moment)
    assert told_moment(moment) == moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def test_a_moment_without_a_zone_is_none() -> None:
    assert stored_moment(None) is None
    with pytest.raises(ValueError, match="needs a zone"):
        stored_moment(datetime(2026, 6, 1))  # noqa: DTZ001  # that is what it is about
