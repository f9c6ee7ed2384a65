"""An event: a frozen, closed fact with a kind and a version.

The kind is a name in the log (``topic.past_tense_fact``), never a Python path: classes may be renamed,
history may not. A released kind@version never changes; a change of meaning is a new version and an
upcaster (`contracts.upcasters`).
"""

from __future__ import annotations

import re
from string import Formatter
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from contracts.errors import CatalogueError

_KIND = re.compile(r"^[a-z][a-z0-9]*\.[a-z][a-z0-9_]*$")


class Words(BaseModel):
    """A value object: frozen, closed, finite; its field docstrings become schema descriptions."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
    )


class Event(Words):
    """Something that has happened. Subclasses name it: ``class X(Event, kind="topic.fact", version=1)``."""

    kind: ClassVar[str]
    version: ClassVar[int]
    answers: ClassVar[str]
    """The question to the world that it tells the answer of, with its own fields in braces; empty if to none."""

    def __init_subclass__(cls, *, kind: str = "", version: int = 1, answers: str = "", **kwargs: Any) -> None:
        """Keeps pydantic's own keywords; `kind`, `version` and `answers` are read below."""
        super().__init_subclass__(**kwargs)

    @classmethod
    def __pydantic_init_subclass__(cls, *, kind: str = "", version: int = 1, answers: str = "", **kwargs: Any) -> None:
        """Files the class's kind and version, and what it answers, or says what is wrong with them."""
        super().__pydantic_init_subclass__(**kwargs)
        if not _KIND.match(kind) or version < 1:
            raise CatalogueError(
                f"Expected class {cls.__name__}(Event, kind='topic.fact', version>=1), got kind={kind!r}, "
                f"version={version}."
            )
        if unknown := {name for _, name, _, _ in Formatter().parse(answers) if name} - set(cls.model_fields):
            raise CatalogueError(f"Expected fields of {cls.__name__} in answers={answers!r}, got {sorted(unknown)}.")
        cls.kind, cls.version, cls.answers = kind, version, answers

    def answered(self) -> str | None:
        """The question to the world that this event tells the answer of, if it does."""
        return self.answers.format_map(self.__dict__) or None

    @classmethod
    def topic(cls) -> str:
        """The conversation that the event belongs to: the first word of its kind."""
        return cls.kind.partition(".")[0]
