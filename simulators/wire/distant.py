"""A synthesis line of another process, as the world sees it.

What is in a vial follows from what was done to it, and that stands in the line's journal on disk. Whoever
shares the folder reads on in it whenever a vial is looked into: truth takes no way round over the wire.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from simulators.bench import Line
from simulators.journal import Entry


class DistantLine(Line):
    """Knows what another process does on its line, and cannot be asked to act."""

    def entries(self) -> Iterator[Entry]:
        """Everything that the line was asked for until now, in order."""
        self._read_on()
        return super().entries()

    def actions_on(self, sample: str) -> tuple[Entry, ...]:
        """Everything that was done to a vial until now, in order."""
        self._read_on()
        return super().actions_on(sample)

    def calibrated_before(self, at: datetime) -> Entry | None:
        """The last calibration that had ended at a time."""
        self._read_on()
        return super().calibrated_before(at)

    def _read_on(self) -> None:
        for entry in self.journal.look():
            self._file(entry)
