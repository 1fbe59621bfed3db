"""What every statement tells beside its rows: the status and the headers that functions have chosen for the answer.

Protocol: PostgREST's "transactions" page, `response.headers` and `response.status`.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def chosen_columns() -> list[sa.ColumnElement[Any]]:
    """`response.headers` and `response.status` as the transaction has them; NULL where nobody set them."""
    return [
        sa.literal_column(f"nullif(current_setting('response.{name}', true), '')", sa.Text()).label(f"chosen_{name}")
        for name in ("headers", "status")
    ]
