"""Values of the database as JSON, and as people read them in a cell."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

ABSENT = "\N{EN DASH}"
"""What stands where there is no value."""


def as_json(value: Any) -> Any:
    """A value as JSON has it; a number that JSON has no word for is none."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return {_key(name): as_json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(inner) for inner in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return _moment(value, "T")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray):
        return value.hex()
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _key(name: Any) -> str:
    plain = as_json(name)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _moment(value: datetime, between: str) -> str:
    """ISO 8601 to the last digit that says something; Z where the zone is known."""
    zone = "Z" if value.tzinfo is not None else ""
    plain = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return plain.isoformat(sep=between) + zone


def as_cell(value: Any, kind: str) -> str:
    """A value in a cell of a table: short numbers, times to the second without their zone, which is always UTC.

    Args:
        value: to be shown.
        kind: its SQL type.
    """
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | Decimal):
        return _number(float(value))
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, str):
        return value if kind != "JSON" else " ".join(value.split())
    if isinstance(value, list | tuple):
        words = [as_cell(inner, "") for inner in value]
        # sentences each have a line of their own, names share one
        return ("\n" if any(" " in word for word in words) else ", ").join(words) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{_key(name)} {as_cell(inner, '')}" for name, inner in value.items()) or "none"
    return str(as_json(value))


def _number(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    text = f"{value:.6g}"
    return text.replace("-", "\N{MINUS SIGN}", 1) if text.startswith("-") else text
