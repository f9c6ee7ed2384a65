"""Values as JSON and in cells."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from ops.asking.values import as_cell, as_json

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), None),
        (float("inf"), None),
        (Decimal("1.50"), 1.5),
        (Decimal(3), 3),
        (NOON, "2026-01-05T12:00:00Z"),
        (NOON.astimezone(timezone(timedelta(hours=2))), "2026-01-05T12:00:00Z"),
        (NOON.replace(tzinfo=None), "2026-01-05T12:00:00"),
        (timedelta(hours=1), 3600.0),
        (b"\x01\xff", "01ff"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (date(2026, 1, 5), "2026-01-05"),
        (time(10), "10:00:00"),
        ({"a": [NOON]}, {"a": ["2026-01-05T12:00:00Z"]}),
        ({1: 2}, {"1": 2}),
        (2**100, 2**100),
        (True, True),
    ],
)
def test_whatever_the_database_gives_is_json(value: Any, told: Any) -> None:
    """Moments, digits, bytes and nested values; a number that JSON lacks is none."""
    assert as_json(value) == told
    json.dumps(as_json(value), allow_nan=False)


@pytest.mark.parametrize(
    ("value", "kind", "told"),
    [
        (None, "VARCHAR", "–"),
        (True, "BOOLEAN", "yes"),
        (4.115234567, "DOUBLE", "4.11523"),
        (-0.5, "DOUBLE", "−0.5"),
        (123456789, "BIGINT", "123456789"),
        (NOON, "TIMESTAMPTZ", "2026-01-05 12:00:00"),
        (["a", "b"], "VARCHAR[]", "a, b"),
        (["a b", "c"], "VARCHAR[]", "a b\nc"),
        ([], "VARCHAR[]", "none"),
        ({"x": 1.0, "y": None}, "MAP", "x 1, y –"),
        ('{"a":\n 1}', "JSON", '{"a": 1}'),
        (float("nan"), "DOUBLE", "nan"),
    ],
)
def test_cells_are_short(value: Any, kind: str, told: str) -> None:
    """Six digits, a true minus, a dash for nothing, a line for each sentence."""
    assert as_cell(value, kind) == told
