"""What can be wrong with a question to the log.

::

    OpsError
    └── AskError                a question that cannot be answered
        ├── StatementError      no statement that only reads
        ├── NameUnknownError    there is no view, column, sample or candidate of that name
        ├── HalfLogError        the log can be read up to a place, and no further
        └── ExportError         the log cannot be written there
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from ops.errors import OpsError

SUGGESTIONS = 4
"""Names that are offered in place of one that does not exist."""


class AskError(OpsError):
    """A question that cannot be answered."""


class StatementError(AskError):
    """No statement that only reads, or one that SQL does not understand."""


class NameUnknownError(AskError):
    """There is nothing of that name.

    Attributes:
        name: what was asked for.
        nearest: names that exist and look like it.
    """

    def __init__(self, what: str, name: str, known: Iterable[str], advice: str) -> None:
        self.name = name
        self.nearest = nearest(name, known)
        offer = f" Nearest: {', '.join(self.nearest)}." if self.nearest else ""
        super().__init__(f"Expected the name of {what}, got {name!r}, which there is not.{offer} {advice}")


class HalfLogError(AskError):
    """The log can be read up to a place and no further: half an answer would be none.

    Attributes:
        last: the last sequence that can be read.
    """

    def __init__(self, last: int, reason: str) -> None:
        self.last = last
        advice = f" Up to sequence {last} it can be asked: give --until {last}." if last else ""
        super().__init__(f"{reason}{advice}")


class ExportError(AskError):
    """The log cannot be written there."""


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Names that look like `name`, the likeliest first."""
    names = {known_name.casefold(): known_name for known_name in known}
    return [names[found] for found in get_close_matches(name.casefold(), names, SUGGESTIONS, 0.5)]
