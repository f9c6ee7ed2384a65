"""What an agent remembers: plain values, which can be hashed, stored, compared and set aside."""

from __future__ import annotations

import hashlib
from typing import Any, Self, TypeVar, cast

import orjson
from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class Memory(BaseModel):
    """What an agent remembers. Plain JSON values, so that it can be hashed, stored and compared."""

    model_config = ConfigDict(extra="forbid", validate_assignment=False, ser_json_inf_nan="constants")

    def digest(self) -> str:
        """SHA-256 over canonical JSON (sorted keys); the same in every process."""
        return hashlib.sha256(orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)).hexdigest()

    def fork(self) -> Self:
        """A copy that later folds do not change. What is frozen is shared, so that it costs little."""
        return _forked(self)


def _forked(value: T) -> T:
    copied: Any = value
    if isinstance(value, dict):
        copied = {key: _forked(one) for key, one in value.items()}
    elif isinstance(value, list | tuple | set):
        copied = type(value)(_forked(one) for one in value)
    elif isinstance(value, BaseModel) and not value.model_config.get("frozen"):
        copied = value.model_copy(update={name: _forked(getattr(value, name)) for name in type(value).model_fields})
    return cast("T", copied)
