"""A table of a file that is read key by key, and in the end says which keys nobody knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from ops.mistakes import in_words, instead

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class Mistakes:
    """What is wrong with a file, one sentence each, in the order in which it was found."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def add(self, where: str, what: str) -> None:
        """Notes one, with the key where it stands."""
        self.told.append(f"{where}: {what}" if where else what)

    def __bool__(self) -> bool:
        return bool(self.told)


class Page:
    """One table of a file.

    Attributes:
        where: its place in the file, dotted.
        mistakes: where its mistakes are noted.
    """

    def __init__(self, table: Any, where: str, mistakes: Mistakes) -> None:
        self.where, self.mistakes = where, mistakes
        self._known: list[str] = []
        self._left: dict[str, Any] = {}
        if isinstance(table, Mapping):
            self._left = dict(table)
        elif table is not None:
            self.wrong("", f"expected a table of keys and values, got {brief(table)}")

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def at(self, key: str) -> str:
        """A key with its place."""
        return f"{self.where}.{key}".strip(".")

    def wrong(self, key: str, what: str) -> None:
        """Notes a mistake."""
        self.mistakes.add(self.at(key), what)

    def take(self, key: str, default: Any = None) -> Any:
        """The value of a key, whatever it is; the default where it is not written."""
        self._known.append(key)
        return self._left.pop(key, default)

    def of(self, key: str, kind: Callable[[Any], T | None], expected: str, default: T) -> T:
        """The value of a key, if it is of a kind.

        Args:
            key: which.
            kind: gives the value, or none if it is of another kind.
            expected: what is said then.
            default: where it is not written, or wrong.
        """
        value = self.take(key)
        if value is None:
            return default
        if (found := kind(value)) is None:
            self.wrong(key, f"expected {expected}, got {brief(value)}")
            return default
        return found

    def text(self, key: str, default: str = "") -> str:
        """A text."""
        return self.of(key, lambda v: v if isinstance(v, str) else None, "a text in quotes", default)

    def number(self, key: str) -> float | None:
        """A number, if it is written."""
        return self.of(key, as_number, "a number", None)

    def whole(self, key: str, default: int) -> int:
        """A whole number."""
        return self.of(key, lambda v: v if type(v) is int else None, "a whole number", default)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """True or false."""
        return self.of(key, lambda v: v if isinstance(v, bool) else None, "true or false", default)

    def words(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        return self.of(key, as_words, "a list of texts in quotes", ())

    def page(self, key: str) -> Page:
        """A table inside; an empty one where it is not written."""
        return Page(self.take(key), self.at(key), self.mistakes)

    def names(self) -> tuple[str, ...]:
        """Keys that have not been taken."""
        return tuple(self._left)

    def rest(self) -> Iterator[tuple[str, Any]]:
        """What has not been taken: names that people gave."""
        while self._left:
            key = next(iter(self._left))
            yield key, self._left.pop(key)

    def done(self) -> None:
        """Says which keys nobody knows, with the known ones beside them."""
        for key in self._left:
            self.wrong(key, f"an unknown key ({instead(key, sorted(set(self._known)))})")
        self._left.clear()

    def built(self, key: str, shape: TypeAdapter[T], document: Any) -> T | None:
        """One of several shapes, built of values that were read."""
        return self._tried(key, lambda: shape.validate_python(document))

    def made(self, key: str, make: Callable[[], M]) -> M | None:
        """What is built of values that were read; none, and a mistake, where they do not go together."""
        return self._tried(key, make)

    def _tried(self, key: str, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except ValidationError as error:
            for mistake in error.errors():
                inside = ".".join(str(part) for part in mistake["loc"])
                self.wrong(f"{key}.{inside}".strip("."), in_words(mistake))
            return None


def as_number(value: Any) -> float | None:
    """A number that is neither a truth value nor infinite."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
    return float(value) if good else None


def as_words(value: Any) -> tuple[str, ...] | None:
    """A list of texts."""
    return tuple(value) if isinstance(value, list) and all(isinstance(v, str) for v in value) else None


def brief(value: Any) -> str:
    """A value of a file, for a sentence."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
