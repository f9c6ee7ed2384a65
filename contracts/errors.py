"""What can be wrong with words.

::

    ContractError
    ├── UnknownKindError          no class is filed under this kind
    ├── FutureVersionError        the event was written by a newer Athanor
    ├── MalformedEventError       bytes that are no event
    ├── CatalogueError            two classes claim one kind@version, or a step between versions is missing
    └── InstrumentError           an instrument cannot do what it was asked
        └── InstrumentBusyError   it is doing something else
"""

from __future__ import annotations

from datetime import datetime


class ContractError(Exception):
    """The root of everything that `contracts` raises."""


class UnknownKindError(ContractError):
    """No event class is filed under this kind.

    Attributes:
        kind: the kind that was asked for.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(
            f"Expected a kind of the event catalogue, got {kind!r}. "
            "See `athanor catalogue` for the kinds that this version knows."
        )


class FutureVersionError(ContractError):
    """The event was written by a newer Athanor than the one that reads it.

    Attributes:
        kind: the event's kind.
        version: the version found.
        known: the newest version that this Athanor knows.
    """

    def __init__(self, kind: str, version: int, known: int) -> None:
        self.kind, self.version, self.known = kind, version, known
        super().__init__(
            f"Expected {kind} up to version {known}, got version {version}: it was written by a newer "
            "Athanor. Read it with that version or a later one; nothing was changed."
        )


class MalformedEventError(ContractError):
    """Bytes that should hold an event do not."""


class CatalogueError(ContractError):
    """The catalogue contradicts itself; a mistake of the program, found when it starts."""


class InstrumentError(ContractError):
    """An instrument cannot do what it was asked.

    Attributes:
        instrument: its name.
    """

    def __init__(self, instrument: str, message: str) -> None:
        self.instrument = instrument
        super().__init__(message)


class InstrumentBusyError(InstrumentError):
    """The instrument is doing something else.

    Attributes:
        until: when it expects to be free, on the lab's clock.
    """

    def __init__(self, instrument: str, doing: str, until: datetime) -> None:
        self.until = until
        super().__init__(
            instrument,
            f"Expected {instrument} to be free, got one that is doing {doing} until {until:%F %T}.",
        )
