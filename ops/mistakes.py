"""What is wrong with a file, in words that need no Python: expected, got, and what is known."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails


def mistakes(
    error: ValidationError,
    model: type[BaseModel],
    typed: Mapping[tuple[str | int, ...], str] = MappingProxyType({}),
) -> str:
    """All mistakes in one sentence.

    Args:
        error: what was found wrong.
        model: with what; it knows the keys that may be written.
        typed: place of what was typed on the command line → the option.
    """
    told = []
    for mistake in error.errors():
        place = mistake["loc"]
        where = typed.get(place) or ".".join(map(str, place)) or "the file"
        if mistake["type"] == "extra_forbidden":
            told.append(f"an unknown key {where} ({instead(str(place[-1]), _keys_at(model, place[:-1]))})")
        elif mistake["type"] == "missing":
            told.append(f"no value for {where} (add it)")
        else:
            got = mistake["input"]
            value = "" if isinstance(got, dict | list) else f" = {got!r}"
            told.append(f"{where}{value}: {in_words(mistake)}")
    return "; ".join(told[:8]) + (f"; and {len(told) - 8} more" if len(told) > 8 else "")


def in_words(mistake: ErrorDetails) -> str:
    """What is wrong, in words that need no Python."""
    context = mistake.get("ctx", {})
    match mistake["type"]:
        case "too_short":
            return f"expected {context['min_length']} or more, got {context['actual_length'] or 'none'}"
        case "too_long":
            return f"expected {context['max_length']} at most, got {context['actual_length']}"
        case "string_pattern_mismatch":
            return f"expected {PATTERNS.get(context['pattern'], 'another form')}"
        case "tuple_type" | "list_type":
            return "expected a list in square brackets"
        case "model_type" | "dict_type":
            return "expected a table of keys and values"
    message = mistake["msg"].removeprefix("Value error, ")
    return f"{message[0].lower()}{message[1:]}"


PATTERNS = {
    r"^[A-Z][a-z]?$": "the symbol of an element, such as Ba",
    r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$": "a name of 1 to 64 letters, digits, - and _",
}
"""Pattern of a text → what it stands for."""


def _keys_at(model: type[BaseModel], place: tuple[str | int, ...]) -> list[str]:
    """The keys that may be written at a place of a file."""
    for part in place:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        inner = list(_models_in(field.annotation)) if field else []
        if len(inner) != 1:
            return []
        [model] = inner
    return list(model.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The tables that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def instead(key: str, known: list[str]) -> str:
    """What may have been meant by an unknown key."""
    if alike := difflib.get_close_matches(key, known, 1):
        return f"did you mean {alike[0]}?"
    return f"known here: {', '.join(known)}" if known else "remove it"
